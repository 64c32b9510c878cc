"""Training of one column of Table 1."""

from __future__ import annotations

from pathlib import Path

import torch

from ...base.progress import Progress, silent
from ...shapes.space import ShapeSet, ShapeSpace
from ...translation.data import TrainingData
from ...translation.method import Method
from ...translation.networks import Autoencoder
from ...translation.params import LossWeights, Schedule
from ...translation.trainer import History, train
from ...translation.training import train_exemplar
from .methods import MODELS, RIVALS


def train_model(
    name: str,
    autoencoder: Autoencoder,
    space: ShapeSpace,
    shapes: ShapeSet,
    schedule: Schedule,
    weights: LossWeights,
    rival_learning_rate: float,
    seed: int,
    progress: Progress = silent,
    checkpoint: Path | None = None,
    device: str | torch.device = "cpu",
) -> tuple[Method, History]:
    """Train one column of Table 1 with the schedule of stage two.

    Args:
        name: one of ``MODELS``. autoencoder: stage one, which ours needs.
        schedule: of stage two, for all methods, but rivals learn at their own rate. weights: of ours.
        seed: in place of the schedule's.
        Others and raises: as :func:`train_autoencoder`.

    Returns:
        the method, on the CPU, and one dict of losses an epoch.
    """
    data = TrainingData.of(space, shapes, device)
    schedule = schedule.model_copy(update={"seed": seed})
    if name in RIVALS:
        schedule = schedule.model_copy(update={"learning_rate": rival_learning_rate})
        model = RIVALS[name](space.size, torch.Generator().manual_seed(seed))
        history = train(model, data, schedule, progress, checkpoint)
    elif name in MODELS:
        if name == "ours_without_class_loss":
            weights = weights.model_copy(update={"weight_class": 0.0, "weight_class_adversarial": 0.0})
        model, history = train_exemplar(autoencoder, data, space.classes, schedule, weights, progress, checkpoint)
    else:
        raise ValueError(f"unknown model {name!r}; known: {', '.join(MODELS)}")
    return model.cpu(), history
