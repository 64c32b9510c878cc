"""How long the landmark networks take, to train and at work: a table, so that faster never means worse unseen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from ...head.model import load_bundled_model
from ...pipeline.params import Params
from ...shapes.generate import generate_art, generate_normal
from ...shapes.space import ShapeSet, ShapeSpace, build_shape_space
from ...translation.data import TrainingData
from ...translation.delivery import translate
from ...translation.exemplar import AutoencoderTraining, Exemplar
from ...translation.method import Trainable
from ...translation.networks import ArtBranch, Autoencoder, critic, initialise
from ...translation.params import Schedule
from ...translation.trainer import Trainer, capture, one_thread
from ...translation.translator import Translator
from ..params import LabParams
from ..table1.methods import MODELS, RIVALS, rival

WARM_UP = 3
PAPER_SAMPLES, PAPER_NORMAL, PAPER_EPOCHS, PAPER_BATCH = 11415, 6269, 800, 68


@dataclass(frozen=True)
class Timing:
    """One row.

    Attributes:
        what: model or task. device: where. batch: samples a step. milliseconds: of one step, median.
        steps: of the default schedule on the samples at hand (1 for a task without a schedule).
        paper_steps: of the paper's schedule (800 epochs), for rows with the paper's batch size.
    """

    what: str
    device: str
    batch: int
    milliseconds: float
    steps: int = 1
    paper_steps: int | None = None

    @property
    def seconds(self) -> float:
        """Of the default schedule."""
        return self.milliseconds * self.steps / 1000

    @property
    def paper_seconds(self) -> float | None:
        """Of the paper's schedule."""
        return None if self.paper_steps is None else self.milliseconds * self.paper_steps / 1000


def benchmark(params: Params, device: torch.device, steps: int = 30, samples: int = 2000) -> Iterator[Timing]:
    """Time a training step of every network and one translation of one pair, on generated faces.

    Args:
        params: schedules and sizes. device: where to train; a GPU replays a CUDA graph.
        steps: timed steps a row. samples: faces of each domain; the time of a step does not depend on them.
    """
    space, shapes = small_space(params, samples)
    data = TrainingData.of(space, shapes, device)
    for name, model, schedule, art_passes in _trainings(params, space):
        for asked in dict.fromkeys((schedule.batch_size, PAPER_BATCH)):
            trainer = Trainer(model(), data, schedule.model_copy(update={"batch_size": asked}), art_passes=art_passes)
            batch = trainer.batch  # at most the samples that are there
            count = params.landmark_sets.art_count if art_passes else params.landmark_sets.normal_count
            train_count = count - round(count * params.shape_space.held_out)
            paper = (PAPER_SAMPLES if art_passes else PAPER_NORMAL) // PAPER_BATCH * PAPER_EPOCHS
            yield Timing(
                name,
                device.type,
                batch,
                _median_step(trainer, steps),
                train_count // batch * schedule.epochs,
                paper if batch == PAPER_BATCH else None,
            )
    yield Timing("one translation of one pair", "cpu", 1, _time_translation(space, shapes, steps))


def small_space(params: Params, samples: int) -> tuple[ShapeSpace, ShapeSet]:
    """A shape space of a few generated faces, with the project's sizes."""
    model, rng = load_bundled_model(), np.random.default_rng(0)
    normal, art = generate_normal(model, samples, rng), generate_art(model, samples, rng)
    return build_shape_space(normal, art, params.shape_space)


def _trainings(params: Params, space: ShapeSpace) -> Iterator[tuple[str, Callable[[], Trainable], Schedule, bool]]:
    def seeded() -> torch.Generator:
        return torch.Generator().manual_seed(0)

    def exemplar() -> Exemplar:
        return Exemplar(Autoencoder(space.size), critic(space.size, space.classes), weights, seeded())

    schedule, weights = params.translation.schedule(), params.translation.weights()
    yield "stage one", lambda: AutoencoderTraining(space.size, seeded()), params.autoencoder.schedule(), False
    yield "stage two", exemplar, schedule, True
    for name in MODELS:
        if name in RIVALS:
            yield name, lambda name=name: rival(name, space.size, getattr(LabParams(), name), seeded()), schedule, True


def _median_step(trainer: Trainer, steps: int) -> float:
    """Milliseconds of a step; a GPU is waited for after each."""
    with one_thread():  # as in training
        return _median(trainer, steps)


def _median(trainer: Trainer, steps: int) -> float:
    trainer.state()  # the optimisers' first use costs more than the others
    graph = capture(trainer) if trainer.data.device.type == "cuda" else None
    trainer.start_epoch(0)
    times = []
    for index in range(WARM_UP + steps):
        trainer.step_of_epoch.fill_(index % trainer.steps)
        _wait(trainer.data.device)
        start = time.perf_counter()
        graph.replay() if graph else trainer.step()
        _wait(trainer.data.device)
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times[WARM_UP:]))


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _time_translation(space: ShapeSpace, shapes: ShapeSet, steps: int) -> float:
    """Milliseconds from two sets of 68 points to the translated 68 points; weights do not change the time."""
    networks = Autoencoder(space.size), ArtBranch(space.size), critic(space.size, space.classes)
    for network in networks:
        initialise(network, torch.Generator().manual_seed(0))
        network.eval().requires_grad_(False)
    translator = Translator(*networks)
    content, style = space.decode(shapes.normal[0]), space.decode(shapes.art[0])
    times = []
    with one_thread():
        for _ in range(WARM_UP + steps):
            start = time.perf_counter()
            translate(translator, space, content, style)
            times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times[WARM_UP:]))


def table(rows: list[Timing]) -> str:
    """The rows as text."""
    lines = [f"{'':28s}{'device':>8s}{'batch':>7s}{'ms a step':>11s}{'default':>10s}{'paper':>10s}"]
    for row in rows:
        default = f"{row.seconds:.0f} s" if row.steps > 1 else ""
        paper = "" if row.paper_seconds is None else f"{row.paper_seconds:.0f} s"
        lines.append(f"{row.what:28s}{row.device:>8s}{row.batch:7d}{row.milliseconds:11.2f}{default:>10s}{paper:>10s}")
    return "\n".join(lines)
