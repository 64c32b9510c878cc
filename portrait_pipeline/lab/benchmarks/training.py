"""How long the landmark networks take, to train and at work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import torch

from ...base.device import one_thread
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
from ...translation.trainer import Trainer, capture
from ...translation.translator import Translator
from ..table1.methods import RIVALS

WARM_UP = 3
PAPER_SAMPLES, PAPER_NORMAL, PAPER_EPOCHS, PAPER_BATCH = 11415, 6269, 800, 68


def measure(params: Params, device: torch.device, steps: int = 30, samples: int = 2000) -> pd.DataFrame:
    """Time a training step of every network and one translation of one pair, on generated faces.

    Args:
        params: schedules and sizes. device: where to train; a GPU replays a CUDA graph.
        steps: timed steps a row. samples: faces of each domain; the time of a step does not depend on them.

    Returns:
        A row a network and batch size (the project's and the paper's): median milliseconds of a step, seconds of the
        project's schedule and, at the paper's batch size, of the paper's.
    """
    model, rng = load_bundled_model(), np.random.default_rng(0)
    normal, art = generate_normal(model, samples, rng), generate_art(model, samples, rng)
    space, shapes = build_shape_space(normal, art, params.shape_space)
    data, rows = TrainingData.of(space, shapes, device), []
    for name, make, schedule, of_art in _trainings(params, space):
        count = params.landmark_sets.art_count if of_art else params.landmark_sets.normal_count
        count -= round(count * params.shape_space.held_out)
        for asked in dict.fromkeys((schedule.batch_size, PAPER_BATCH)):
            trainer = Trainer(make(), data, schedule.model_copy(update={"batch_size": asked}), art_passes=of_art)
            row = {"network": name, "device": device.type, "batch": trainer.batch, "ms": _step(trainer, steps)}
            row["default_s"] = round(row["ms"] * (count // trainer.batch) * schedule.epochs / 1000, 1)
            if trainer.batch == PAPER_BATCH:
                paper = (PAPER_SAMPLES if of_art else PAPER_NORMAL) // PAPER_BATCH * PAPER_EPOCHS
                row["paper_s"] = round(row["ms"] * paper / 1000, 1)
            rows.append(row)
    rows.append({"network": "one translation", "device": "cpu", "batch": 1, "ms": _translation(space, shapes, steps)})
    return pd.DataFrame(rows)


def _trainings(params: Params, space: ShapeSpace) -> Iterator[tuple[str, Callable[[], Trainable], Schedule, bool]]:
    def seeded() -> torch.Generator:
        return torch.Generator().manual_seed(0)

    def exemplar() -> Exemplar:
        return Exemplar(Autoencoder(space.size), critic(space.size, space.classes), weights, seeded())

    schedule, weights = params.translation.schedule(), params.translation.weights()
    yield "stage one", lambda: AutoencoderTraining(space.size, seeded()), params.autoencoder.schedule(), False
    yield "stage two", exemplar, schedule, True
    for name, kind in RIVALS.items():
        yield name, lambda kind=kind: kind(space.size, seeded()), schedule, True


def _median(run: Callable[[int], object], steps: int, device: torch.device) -> float:
    """Milliseconds of a call, the first few left out; a GPU is waited for before and after each."""
    times = []
    with one_thread():  # as in training
        for index in range(WARM_UP + steps):
            start = time.perf_counter()
            run(index)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            times.append(time.perf_counter() - start)
    return round(1000 * float(np.median(times[WARM_UP:])), 3)


def _step(trainer: Trainer, steps: int) -> float:
    trainer.state()  # the optimisers' first use costs more than the others
    graph = capture(trainer) if trainer.data.device.type == "cuda" else None
    trainer.start_epoch(0)

    def run(index: int) -> None:
        trainer.step_of_epoch.fill_(index % trainer.steps)
        graph.replay() if graph else trainer.step()

    return _median(run, steps, trainer.data.device)


def _translation(space: ShapeSpace, shapes: ShapeSet, steps: int) -> float:
    """From two sets of 68 points to the translated 68 points; weights do not change the time."""
    networks = Autoencoder(space.size), ArtBranch(space.size), critic(space.size, space.classes)
    for network in networks:
        initialise(network, torch.Generator().manual_seed(0))
        network.eval().requires_grad_(False)
    translator = Translator(*networks)
    content, style = space.decode(shapes.normal[0]), space.decode(shapes.art[0])
    return _median(lambda index: translate(translator, space, content, style), steps, torch.device("cpu"))
