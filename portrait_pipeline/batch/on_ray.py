"""The rows of a batch on Ray: actors that hold the networks, on one machine or many.

Without a GPU every actor makes whole rows. With GPUs, actors on CPUs draft and finish, and one actor a GPU paints
several heads at once. The driver hands a row to an actor only when one is free, and no new row while enough drafts
wait for a GPU, so that memory stays bounded however long the table is. An actor that dies (killed, out of memory, its
machine gone) is replaced, and its rows start again, as often as is allowed; what it had written lies in a work folder
of its own and never takes the row's place. A row that took its place before its actor died is found made.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from ..base.errors import MissingDependencyError, OutputError, ParameterError
from ..base.progress import Notify
from .maker import Maker, Plan, Sketch
from .table import Failure, Row

if TYPE_CHECKING:
    from .run import Outcome

_AHEAD = 2  # groups of drafts that wait for each GPU


@dataclass
class Job:
    """A row on its way. draft, stylised: references to what was made of it so far."""

    row: Row
    deaths: int = 0
    sketch: Sketch | None = None
    draft: Any = None
    stylised: Any = None


@dataclass
class Task:
    """What an actor is doing: one job, or a group that is painted."""

    actor: Any
    step: str
    jobs: list[Job]
    references: list[Any]


@dataclass
class Crew:
    """Actors of one kind; free ones wait to be given work."""

    new: Callable[[], Any]
    size: int
    free: list[Any] = field(default_factory=list)

    def hire(self) -> None:
        """A new actor, at first or for one that died."""
        self.free.append(self.new())


def run_on_ray(
    rows: Sequence[Row], plan: Plan, together: int, address: str, retries: int, notify: Notify
) -> Iterator[Outcome]:
    """Make the rows on a Ray cluster; the folder must be at the same path on all its machines.

    Args:
        together: heads painted at once on a GPU. address: ``local`` starts a cluster on this machine.
        retries: of a row whose actor died.

    Raises:
        MissingDependencyError: Ray is not installed. ParameterError: no cluster at the address.
        OutputError: a machine cannot write the folder.
    """
    try:
        import ray
    except ImportError:
        raise MissingDependencyError(
            'Ray is not installed; run `pip install -e ".[ray]"`, or leave --ray out'
        ) from None
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    started = not ray.is_initialized()
    if started:
        try:
            where = None if address == "local" else address
            ray.init(where, log_to_driver=False, include_dashboard=False, logging_level=logging.ERROR)
        except (ConnectionError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ParameterError(
                f"--ray {address}: no cluster answers ({reason}); start one with `ray start`"
            ) from error
    try:
        yield from _Driver(ray, rows, plan, together, retries, notify).run()
    finally:
        if started:
            ray.shutdown()


class _Driver:
    def __init__(self, ray: Any, rows: Sequence[Row], plan: Plan, together: int, retries: int, notify: Notify) -> None:
        self.ray, self.together, self.retries, self.notify = ray, together, retries, notify
        resources = ray.cluster_resources()
        wanted = plan.hardware is None or plan.hardware.device != "cpu"
        gpus = int(resources.get("GPU", 0)) if wanted else 0
        cpus = max(1, int(resources.get("CPU", 1)) - gpus)
        actor = ray.remote(max_restarts=0, max_task_retries=0)(Worker)
        self.makers = Crew(partial(actor.options(num_cpus=1).remote, plan), min(cpus, len(rows)))
        self.painters = Crew(partial(actor.options(num_cpus=1, num_gpus=1).remote, plan), gpus)
        for crew in (self.makers, self.painters):
            for _ in range(crew.size):
                crew.hire()
        self.waiting = deque(Job(row) for row in rows)
        self.drafts: dict[str, list[Job]] = {}
        self.painted: deque[Job] = deque()
        self.tasks: list[Task] = []
        notify(f"on Ray: {self.makers.size} actors on CPUs, {gpus} on GPUs")

    def run(self) -> Iterator[Outcome]:
        while self.waiting or self.drafts or self.painted or self.tasks:
            self._give()
            ready, _ = self.ray.wait([task.references[0] for task in self.tasks], num_returns=1)
            task = next(task for task in self.tasks if task.references[0] == ready[0])
            self.tasks.remove(task)
            yield from self._take(task)

    def _give(self) -> None:
        """Hand work to every free actor, what is nearest its end first."""
        while self.painters.free and (kind := self._fullest()) is not None:
            group, rest = self.drafts[kind][: self.together], self.drafts[kind][self.together :]
            self.drafts = {key: jobs for key, jobs in self.drafts.items() if key != kind} | (
                {kind: rest} if rest else {}
            )
            self._start(self.painters, "paint", group)
        while self.makers.free:
            if self.painted:
                self._start(self.makers, "finish", [self.painted.popleft()])
            elif self.waiting and not self._enough():
                self._start(self.makers, "draft" if self.painters.size else "make", [self.waiting.popleft()])
            else:
                return

    def _fullest(self) -> str | None:
        """The kind of drafts that are painted next: a full group, or what there is when no further drafts come."""
        if not self.drafts:
            return None
        kind = max(self.drafts, key=lambda key: len(self.drafts[key]))
        more = (self.waiting and not self._enough()) or any(task.step == "draft" for task in self.tasks)
        return kind if len(self.drafts[kind]) >= self.together or not more else None

    def _enough(self) -> bool:
        drafted = sum(map(len, self.drafts.values())) + sum(task.step == "draft" for task in self.tasks)
        return bool(self.painters.size) and drafted >= _AHEAD * self.together * self.painters.size

    def _start(self, crew: Crew, step: str, jobs: list[Job]) -> None:
        actor, job = crew.free.pop(), jobs[0]
        if step == "make":
            references = [actor.make.remote(job.row)]
        elif step == "draft":
            references = actor.draft.options(num_returns=2).remote(job.row)
        elif step == "paint":
            call = actor.paint.options(num_returns=len(jobs) + 1)
            references = call.remote([item.sketch for item in jobs], *(item.draft for item in jobs))
        else:
            references = [actor.finish.remote(job.sketch, job.draft, job.stylised)]
        self.tasks.append(Task(actor, step, jobs, references))

    def _take(self, task: Task) -> Iterator[Outcome]:
        """What a task has brought: an outcome, or a job that goes on, or is begun again."""
        crew = self.painters if task.step == "paint" else self.makers
        try:
            result = self.ray.get(task.references[0])
        except (self.ray.exceptions.RayTaskError, self.ray.exceptions.RayError) as error:
            if isinstance(error, self.ray.exceptions.RayTaskError) and isinstance(error.cause, OutputError):
                raise OutputError(str(error.cause)) from None
            self.ray.kill(task.actor)
            crew.hire()
            yield from self._again(task.jobs, type(error).__name__)
            return
        crew.free.append(task.actor)
        if task.step in ("make", "finish"):
            yield result
        elif task.step == "draft":
            (job,) = task.jobs
            if not isinstance(result, Sketch):
                yield result
                return
            job.sketch, job.draft = result, task.references[1]
            self.drafts.setdefault(result.kind, []).append(job)
        else:
            for job, reference in zip(task.jobs, task.references[1:], strict=True):
                job.stylised = reference
                self.painted.append(job)

    def _again(self, jobs: list[Job], reason: str) -> Iterator[Outcome]:
        for job in jobs:
            deaths, row = job.deaths + 1, job.row
            if deaths > self.retries:
                often = f" {deaths} times" if deaths > 1 else ""
                message = f"its process died{often} ({reason}); is there enough memory?"
                yield Failure(row.number, row.name, row.photo, row.art, message)
            else:
                self.notify(f"row {row.number}, {row.name}: its process died ({reason}), it starts again")
                self.waiting.appendleft(Job(row, deaths))


class Worker:
    """An actor: a :class:`Maker` whose results travel as objects of their own."""

    def __init__(self, plan: Plan) -> None:
        self.maker = Maker(plan)

    def make(self, row: Row) -> Outcome:
        return self.maker.make(row)

    def draft(self, row: Row) -> tuple[Any, Any]:
        return self.maker.draft(row)

    def paint(self, sketches: Sequence[Sketch], *drafts: Any) -> list[Any]:
        return [None, *self.maker.paint(sketches, drafts)]

    def finish(self, sketch: Sketch, draft: Any, painted: tuple[Any, float]) -> Outcome:
        return self.maker.finish(sketch, draft, *painted)
