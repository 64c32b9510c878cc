"""A batch from its table to its folder: in this process, or on Ray."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..base.device import Hardware
from ..base.progress import Notify
from ..export.formats import FORMATS
from ..pipeline.params import project_params
from ..texture.optimise import check_ready
from .folder import Output
from .maker import Made, Maker, Plan
from .report import write_report
from .table import Failure, Row, read_table

TOGETHER = 8
"""Heads that a GPU paints at once. On an H200 one alone takes 1.65 s, of sixteen each 0.46 s."""
_EVERY = 20.0  # seconds between reports on the way

Outcome = Made | Failure


def run_batch(
    table: Path,
    output: Path,
    project: Path = Path("."),
    overrides: Sequence[str] = (),
    formats: Sequence[str] = FORMATS,
    device: str | None = None,
    together: int = TOGETHER,
    ray: str | None = None,
    retries: int = 2,
    notify: Notify = lambda line: None,
) -> tuple[int, int]:
    """Make every row of a table that is not made yet.

    Args:
        table: see :func:`.table.read_table`. output: folder; see README.md of this room.
        project: with params.yaml and networks of its own, if it has them. overrides: of all rows.
        together: heads painted at once on a GPU.
        ray: None for this process alone; ``local`` for a cluster on this machine; or the address of one.
        retries: of a row whose process died, on Ray.
        notify: receives a line a row.

    Returns:
        How many rows are made, and how many failed.

    Raises:
        PortraitError: nothing can be made at all, or the disk is full.
    """
    hardware = Hardware.wanted(device)
    params = project_params(project, overrides)
    check_ready(params.texture, hardware)
    rows, failures = read_table(table, params)
    plan = Plan(Output(output.resolve()), project.resolve(), tuple(formats), hardware if device else None)
    for failure in failures:
        notify(f"row {failure.number}: {failure.message}")
    made: dict[str, Made] = {}
    total, begun, told = len(rows) + len(failures), time.perf_counter(), time.perf_counter()
    with plan.output.opened():
        if ray is None:
            outcomes = run_here(rows, Maker(plan), together)
        else:
            from .on_ray import run_on_ray

            outcomes = run_on_ray(rows, plan, together, ray, retries, notify)
        try:
            for outcome in outcomes:
                if isinstance(outcome, Failure):
                    failures.append(outcome)
                    notify(f"row {outcome.number}, {outcome.name}: {outcome.message}")
                else:
                    made[outcome.row.name] = outcome
                    if outcome.fresh:
                        seconds = sum(outcome.record["seconds"].values())
                        count = len(made) + len(failures)
                        notify(f"[{count}/{total}] {outcome.row.name}: {seconds:.0f} s, {_left(begun, count, total)}")
                if time.perf_counter() - told > _EVERY:
                    told = time.perf_counter()
                    write_report(output, rows, made.values(), failures)
        finally:
            write_report(output, rows, made.values(), failures)
    return len(made), len(failures)


def run_here(rows: Iterable[Row], maker: Maker, together: int) -> Iterator[Outcome]:
    """The rows in this process: one after the other, or on a GPU painted ``together``."""
    limit = together if maker.uses_gpu() else 1
    waiting: dict[str, list] = {}
    for row in rows:
        sketch, draft = maker.draft(row)
        if draft is None:
            yield sketch
            continue
        group = waiting.setdefault(sketch.kind, [])
        group.append((sketch, draft))
        if len(group) >= limit:
            yield from _painted(maker, waiting.pop(sketch.kind))
        elif sum(map(len, waiting.values())) >= 2 * limit:  # many kinds: memory is finite
            yield from _painted(maker, waiting.pop(max(waiting, key=lambda kind: len(waiting[kind]))))
    for group in waiting.values():
        yield from _painted(maker, group)


def _painted(maker: Maker, group: list) -> Iterator[Outcome]:
    results = maker.paint([sketch for sketch, _ in group], [draft for _, draft in group])
    for (sketch, draft), (stylised, seconds) in zip(group, results, strict=True):
        yield maker.finish(sketch, draft, stylised, seconds)


def _left(begun: float, count: int, total: int) -> str:
    minutes = (time.perf_counter() - begun) / count * (total - count) / 60
    return f"about {minutes:.0f} min left" if minutes >= 1 else "nearly done"
