"""Both stages of the translation network's training, and that of the methods it is compared with."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from ..params import AutoencoderParams, Params, TranslationParams
from ..progress import Progress, silent
from ..shapes import ShapeSet, ShapeSpace
from .data import TrainingData
from .exemplar import AutoencoderTraining, ClassifierTraining, Exemplar
from .method import Method
from .methods import MODELS, RIVALS, rival
from .networks import Autoencoder
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
) -> tuple[Autoencoder, History]:
    """Stage one: E_X and G_X by eq. 1.

    Args:
        space, shapes: from :func:`portrait_pipeline.shapes.build_shape_space`; held-out samples are not used.
        params: schedule and seed.
        progress: called once an epoch with the mean loss.
        checkpoint: file for the training state, read if there, removed at the end.
        device: where to train; on the CPU the result depends on nothing but the data and the parameters.

    Returns:
        the autoencoder, on the CPU, and one dict of losses an epoch.

    Raises:
        TrainingError: a loss is not finite; the message names it and the step.
    """
    model = AutoencoderTraining(space.size, torch.Generator().manual_seed(params.seed))
    history = train(model, TrainingData.of(space, shapes, device), params, progress, checkpoint, art_passes=False)
    return model.autoencoder.cpu(), history


def train_classifier(data: TrainingData, classes: int, params: TranslationParams) -> nn.Module:
    """The classifier of eq. 4, on the training's art faces."""
    model = ClassifierTraining(data.art.shape[1], classes, torch.Generator().manual_seed(params.seed))
    schedule = params.model_copy(update={"epochs": min(params.epochs, CLASSIFIER_EPOCHS_AT_MOST)})
    train(model, data, schedule)
    return model.classifier


def train_translation(
    autoencoder: Autoencoder,
    space: ShapeSpace,
    shapes: ShapeSet,
    params: TranslationParams,
    progress: Progress = silent,
    checkpoint: Path | None = None,
    device: str | torch.device = "cpu",
) -> tuple[Translator, History]:
    """Stage two: E_Y^C, E_Y^S, G_Y and D_Y by eqs. 2-7, with E_X and G_X fixed.

    The classifier is trained first and then frozen. ``autoencoder`` is not changed.

    Args, raises: as :func:`train_autoencoder`.

    Returns:
        the translator, on the CPU, and one dict of losses an epoch.
    """
    data = TrainingData.of(space, shapes, device)
    model, history = _train_exemplar(autoencoder, data, space.classes, params, progress, checkpoint)
    return Translator(model.autoencoder.cpu(), model.translator.cpu(), model.classifier.cpu()), history


def _train_exemplar(
    autoencoder: Autoencoder,
    data: TrainingData,
    classes: int,
    params: TranslationParams,
    progress: Progress,
    checkpoint: Path | None,
) -> tuple[Exemplar, History]:
    classifier = train_classifier(data, classes, params)
    model = Exemplar(autoencoder, classifier, params, torch.Generator().manual_seed(params.seed))
    return model, train(model, data, params, progress, checkpoint)


def train_model(
    name: str,
    autoencoder: Autoencoder,
    space: ShapeSpace,
    shapes: ShapeSet,
    params: Params,
    seed: int,
    progress: Progress = silent,
    checkpoint: Path | None = None,
    device: str | torch.device = "cpu",
) -> tuple[Method, History]:
    """Train one column of Table 1 with the schedule of stage two.

    Args:
        name: one of ``MODELS``. autoencoder: stage one, which ours needs.
        params: ``translation`` gives the schedule to all methods, ``cyclegan``, ``munit`` and ``drit`` their learning
            rates and weights.
        seed: in place of ``translation.seed``.
        Others and raises: as :func:`train_autoencoder`.

    Returns:
        the method, on the CPU, and one dict of losses an epoch.
    """
    data = TrainingData.of(space, shapes, device)
    schedule = params.translation.model_copy(update={"seed": seed})
    if name in RIVALS:
        own = getattr(params, name)
        schedule = schedule.model_copy(update={"learning_rate": own.learning_rate})
        model = rival(name, space.size, own, torch.Generator().manual_seed(seed))
        history = train(model, data, schedule, progress, checkpoint)
    elif name in MODELS:
        if name == "ours_without_class_loss":
            schedule = schedule.model_copy(update={"weight_class": 0.0, "weight_class_adversarial": 0.0})
        model, history = _train_exemplar(autoencoder, data, space.classes, schedule, progress, checkpoint)
    else:
        raise ValueError(f"unknown model {name!r}; known: {', '.join(MODELS)}")
    return model.cpu(), history
