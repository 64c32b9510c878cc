"""The training loop of every network here: batches, steps, running average, checkpoints, CUDA graphs.

Everything a step reads or writes lies in tensors that stay in place: weights and moments as flat vectors, the
epoch's order of samples, counters and sums of the losses. So a step is a fixed list of kernels that a GPU repeats
from a CUDA graph without the host; the same list runs eagerly on a CPU.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..base.checkpoint import fingerprint, load_state, save_state
from ..base.device import one_thread
from ..base.errors import TrainingError
from ..base.progress import Progress, silent
from .data import TrainingData
from .flat import FlatAdam, flatten
from .method import Batch, Trainable
from .params import Schedule

CHECKPOINT_EVERY = 10  # epochs
MOMENTS = (0.5, 0.999)
NEVER = 2**62
History = list[dict[str, float]]


class Trainer:
    """Steps of one training, with all of their state.

    Args:
        model: networks and losses; moved to the device of ``data``, its weights become views of flat vectors.
        data: training samples. schedule: epochs, batch size, learning rate, decay, average, seed.
        art_passes: an epoch is one pass over the larger domain; else over the normal faces.
    """

    def __init__(self, model: Trainable, data: TrainingData, schedule: Schedule, *, art_passes: bool = True) -> None:
        self.model, self.data, self.schedule = model.to(data.device), data, schedule
        device = data.device
        counts = (len(data.normal), len(data.art))
        self.length = max(counts) if art_passes else counts[0]
        self.batch = min(schedule.batch_size, self.length)
        self.steps = self.length // self.batch
        self.weights, self.judges = flatten(model.trained), flatten(model.judges)
        self.average = self.weights.clone()
        self.adam = FlatAdam(self.weights, schedule.learning_rate, MOMENTS)
        self.judge_adam = FlatAdam(self.judges, schedule.learning_rate, MOMENTS) if len(self.judges) else None
        self.shuffler = torch.Generator().manual_seed(schedule.seed)
        self.generator = torch.Generator(device).manual_seed(schedule.seed)
        self.orders = torch.zeros(2, self.steps, self.batch, dtype=torch.int64, device=device)
        self.step_of_epoch = torch.zeros(1, dtype=torch.int64, device=device)
        self.steps_done = torch.zeros((), device=device)
        self.names: list[str] = []
        self.sums = self.first_bad = torch.empty(0, device=device)

    def batch_of_step(self) -> Batch:
        """The samples that the counter points to, each reflected with probability one half."""
        rows_x, rows_y = self.orders.index_select(1, self.step_of_epoch)[:, 0]
        x, _ = self.data.flip(self.data.normal[rows_x], self.generator)
        y, flags = self.data.flip(self.data.art[rows_y], self.generator)
        labels = torch.where(flags, self.data.mirrored_labels[rows_y], self.data.labels[rows_y])
        return Batch(x, y, labels, self.generator)

    def step(self) -> None:
        """One step: judges first, then the trained networks, then their average."""
        batch = self.batch_of_step()
        made = self.model.make(batch)
        judged = self.model.judge_terms(batch, made)
        if self.judge_adam:
            self.judge_adam.descend(sum(judged.values()), list(self.model.judges.parameters()))
        terms = self.model.terms(batch, made)
        weights = self.model.weights()
        loss = sum(weights[name] * value for name, value in terms.items())
        self.adam.descend(loss, list(self.model.trained.parameters()))
        self._follow()
        self._record(terms | judged)

    @torch.no_grad()
    def _follow(self) -> None:
        """Exponential average of the weights; the first steps count less, so that the start is forgotten."""
        self.steps_done += 1
        share = torch.clamp(9 / (10 + self.steps_done), min=1 - self.schedule.average_decay)
        self.average.lerp_(self.weights, share)

    @torch.no_grad()
    def _record(self, terms: dict[str, Tensor]) -> None:
        if not self.names:
            self.names = list(terms)
            self.sums = torch.zeros(len(terms), device=self.data.device)
            self.first_bad = torch.full((len(terms),), NEVER, device=self.data.device)
        values = torch.stack([value.detach() for value in terms.values()])
        self.sums += values
        bad = torch.where(torch.isfinite(values), NEVER, self.step_of_epoch)
        torch.minimum(self.first_bad, bad, out=self.first_bad)
        self.step_of_epoch += 1

    def start_epoch(self, epoch: int) -> None:
        """New order of the samples, counters and sums at zero, learning rate of the epoch."""
        for row, count in enumerate((len(self.data.normal), len(self.data.art))):
            order = draw_order(count, self.steps * self.batch, self.shuffler)
            self.orders[row] = order.view(self.steps, self.batch).to(self.orders.device)
        self.step_of_epoch.zero_()
        self.sums.zero_()
        self.first_bad.fill_(NEVER)
        for adam in filter(None, (self.adam, self.judge_adam)):
            adam.rate.fill_(learning_rate(self.schedule, epoch))

    def finish_epoch(self, epoch: int) -> dict[str, float]:
        """Mean of every term over the epoch.

        Raises:
            TrainingError: a term was not finite; the first one is named, with its step.
        """
        first = self.first_bad.tolist()
        if min(first) < NEVER:
            name, rate = self.names[first.index(min(first))], self.schedule.learning_rate
            raise TrainingError(
                f"{self.model.name}: the loss term '{name}' is not a finite number at epoch {epoch + 1}, step "
                f"{min(first) + 1}; lower {self.model.section}.learning_rate (now {rate:g}) or the term's weight"
            )
        return {name: value / self.steps for name, value in zip(self.names, self.sums.tolist(), strict=True)}

    def state(self) -> dict[str, Tensor]:
        """Every tensor that a step changes, by name; the tensors themselves, not copies."""
        state = {"weights": self.weights, "judges": self.judges, "average": self.average, "steps": self.steps_done}
        state |= {f"adam/{name}": value for name, value in self.adam.state().items()}
        if self.judge_adam:
            state |= {f"judge/{name}": value for name, value in self.judge_adam.state().items()}
        return state

    def snapshot(self) -> dict[str, Tensor]:
        """Copies of :meth:`state` and of the generators' states."""
        copies = {name: value.detach().clone() for name, value in self.state().items()}
        return copies | {"generator": self.generator.get_state(), "shuffler": self.shuffler.get_state()}

    @torch.no_grad()
    def restore(self, snapshot: dict[str, Tensor]) -> None:
        """Back to a snapshot, in place."""
        for name, value in self.state().items():
            value.copy_(snapshot[name])
        self.generator.set_state(snapshot["generator"].cpu())
        self.shuffler.set_state(snapshot["shuffler"].cpu())

    def averaged(self) -> None:
        """Put the running average in the place of the weights: the training's result."""
        with torch.no_grad():
            self.weights.copy_(self.average)


def draw_order(count: int, length: int, generator: torch.Generator) -> Tensor:
    """(length,) row numbers below ``count``, each as often as the others up to one."""
    rounds = -(-length // count)
    return torch.cat([torch.randperm(count, generator=generator) for _ in range(rounds)])[:length]


def learning_rate(schedule: Schedule, epoch: int) -> float:
    """Constant until ``decay_from`` of the epochs, then linear to a tenth."""
    start = schedule.decay_from * schedule.epochs
    share = 0.0 if epoch < start else (epoch - start) / max(schedule.epochs - start, 1)
    return schedule.learning_rate * (1 - 0.9 * share)


def capture(trainer: Trainer) -> torch.cuda.CUDAGraph:
    """Record one step of a trainer on a GPU as a CUDA graph; the trainer's state is as before.

    The warm-up steps that recording needs are taken back.
    """
    before = trainer.snapshot()
    trainer.start_epoch(0)
    stream = torch.cuda.Stream()  # its own: cuBLAS keeps scratch memory a stream, which running graphs must not share
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            trainer.step_of_epoch.zero_()
            trainer.step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    graph.register_generator_state(trainer.generator)
    trainer.step_of_epoch.zero_()
    with torch.cuda.graph(graph, stream=stream):
        trainer.step()
    trainer.restore(before)
    return graph


@one_thread()
def train(
    model: Trainable,
    data: TrainingData,
    schedule: Schedule,
    progress: Progress = silent,
    checkpoint: Path | None = None,
    *,
    art_passes: bool = True,
) -> History:
    """Train ``model`` in place; on the CPU the result depends on nothing but data, schedule and initial weights.

    Args:
        model, data, schedule, art_passes: as of :class:`Trainer`.
        progress: called once an epoch with the mean of every term.
        checkpoint: file for the training state: read if it is there, written every few epochs, removed at the end.

    Returns:
        one dict of mean losses an epoch. ``model`` is frozen and holds the running average.

    Raises:
        TrainingError: a loss is not finite; the message names the term and the step.
    """
    before = {name: value.detach().clone() for name, value in model.state_dict().items()}
    trainer = Trainer(model, data, schedule, art_passes=art_passes)
    key = fingerprint(_configuration(model, data, schedule), data.tensors() | before) if checkpoint else ""
    history: History = []
    saved = load_state(checkpoint, key) if checkpoint else None
    graph = capture(trainer) if data.device.type == "cuda" else None
    if saved:
        trainer.restore(saved[0])
        history = saved[1]
    for epoch in range(len(history), schedule.epochs):
        trainer.start_epoch(epoch)
        for _ in range(trainer.steps):
            graph.replay() if graph else trainer.step()
        history.append(trainer.finish_epoch(epoch))
        progress(epoch + 1, schedule.epochs, history[-1])
        done = epoch + 1
        if checkpoint and done < schedule.epochs and done % CHECKPOINT_EVERY == 0:
            save_state(checkpoint, trainer.snapshot(), history, key)
    if checkpoint:
        checkpoint.unlink(missing_ok=True)
    trainer.averaged()
    release(model)
    return history


def _configuration(model: Trainable, data: TrainingData, schedule: Schedule) -> dict[str, Any]:
    """All that decides a training beside its tensors; the state of one device means nothing to another."""
    return {
        "model": model.name,
        "device": data.device.type,
        "schedule": schedule.model_dump(),
        "weights": model.weights(),
    }


def release(model: Trainable) -> None:
    """Freeze a model and give each parameter its own memory again."""
    for parameter in model.parameters():
        parameter.data = parameter.detach().clone()
    model.eval().requires_grad_(False)
