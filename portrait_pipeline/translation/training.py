"""Both stages of the translation network's training."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from ..base.progress import Progress, silent
from ..shapes.space import ShapeSet, ShapeSpace
from .data import TrainingData
from .exemplar import AutoencoderTraining, ClassifierTraining, Exemplar
from .networks import Autoencoder
from .params import AutoencoderParams, LossWeights, Schedule, TranslationParams
from .trainer import History, train
from .translator import Translator

CLASSIFIER_EPOCHS_AT_MOST = 15


def train_autoencoder(
    space: ShapeSpace,
    shapes: ShapeSet,
    params: AutoencoderParams,
    progress: Progress = silent,
    checkpoint: Path | None = None,
    device: str | torch.device = "cpu",
    seed: int = 0,
) -> tuple[Autoencoder, History]:
    """Stage one: E_X and G_X by eq. 1.

    Args:
        space, shapes: from :func:`portrait_pipeline.shapes.space.build_shape_space`; held-out samples are not used.
        params: schedule.
        progress: called once an epoch with the mean loss.
        checkpoint: file for the training state, read if there, removed at the end.
        device: where to train; on the CPU the result depends on nothing but the data, the parameters
            and the seed.
        seed: of initial weights, batches and random codes.

    Returns:
        the autoencoder, on the CPU, and one dict of losses an epoch.

    Raises:
        TrainingError: a loss is not finite; the message names it and the step.
    """
    schedule = params.schedule(seed)
    model = AutoencoderTraining(space.size, torch.Generator().manual_seed(seed))
    history = train(model, TrainingData.of(space, shapes, device), schedule, progress, checkpoint, art_passes=False)
    return model.autoencoder.cpu(), history


def train_classifier(data: TrainingData, classes: int, schedule: Schedule) -> nn.Module:
    """The classifier of eq. 4, on the training's art faces."""
    model = ClassifierTraining(data.art.shape[1], classes, torch.Generator().manual_seed(schedule.seed))
    train(model, data, schedule.model_copy(update={"epochs": min(schedule.epochs, CLASSIFIER_EPOCHS_AT_MOST)}))
    return model.classifier


def train_translation(
    autoencoder: Autoencoder,
    space: ShapeSpace,
    shapes: ShapeSet,
    params: TranslationParams,
    progress: Progress = silent,
    checkpoint: Path | None = None,
    device: str | torch.device = "cpu",
    seed: int = 0,
) -> tuple[Translator, History]:
    """Stage two: E_Y^C, E_Y^S, G_Y and D_Y by eqs. 2-7, with E_X and G_X fixed.

    The classifier is trained first and then frozen. ``autoencoder`` is not changed.

    Args, raises: as :func:`train_autoencoder`.

    Returns:
        the translator, on the CPU, and one dict of losses an epoch.
    """
    data = TrainingData.of(space, shapes, device)
    model, history = train_exemplar(
        autoencoder, data, space.classes, params.schedule(seed), params.weights(), progress, checkpoint
    )
    return Translator(model.autoencoder.cpu(), model.translator.cpu(), model.classifier.cpu()), history


def train_exemplar(
    autoencoder: Autoencoder,
    data: TrainingData,
    classes: int,
    schedule: Schedule,
    weights: LossWeights,
    progress: Progress,
    checkpoint: Path | None,
) -> tuple[Exemplar, History]:
    """Stage two on ``data`` with ``classes`` style classes, with all its networks; see :func:`train_translation`."""
    classifier = train_classifier(data, classes, schedule)
    model = Exemplar(autoencoder, classifier, weights, torch.Generator().manual_seed(schedule.seed))
    return model, train(model, data, schedule, progress, checkpoint)
