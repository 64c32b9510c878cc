"""From deformed head, photo texture and artwork to the stylised texture: the function of the stage ``texture`` (5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..base.device import Hardware
from ..base.numerics import one_blas_thread
from ..base.progress import Progress, silent
from ..deform.record import DeformedHead
from ..head.model import FaceModel
from ..landmarks.record import LocatedPair
from ..photo_texture.record import PhotoTexture
from ..regions.artwork import portrait_regions
from ..shell.record import Shell
from .optimise import History, TextureRun
from .params import TextureParams
from .record import StylisedTexture
from .result import run_method
from .shell_part import shell_part
from .subject import Subject


@one_blas_thread
def stylise_pair(
    model: FaceModel,
    pair: LocatedPair,
    head: DeformedHead,
    photo: PhotoTexture,
    params: TextureParams,
    progress: Progress = silent,
    shell: Shell | None = None,
    shell_vertices: np.ndarray | None = None,
    *,
    seed: int = 0,
    hardware: Hardware | None = None,
    work: Callable[..., TextureRun] | None = None,
) -> tuple[StylisedTexture, History]:
    """Stylise the textures of head and shell together (section 5); also returns the losses of every step.

    Args:
        shell: hair, hat and shoulders, if there are any. shell_vertices: (V2, 3) the shell on the deformed head, head
            space, of :func:`portrait_pipeline.shell.carry.carry_shell`.
        work: see :func:`.optimise.stylise_together`.
    """
    subject = clothed_subject(model, pair, head, photo, params.regions, shell, shell_vertices)
    result = run_method(subject, params, progress, work, seed=seed, hardware=hardware)
    return stylised_record(head, result.textures, result.history, shell_vertices), result.history


def stylised_record(
    head: DeformedHead, textures: Sequence[np.ndarray], history: History, shell_vertices: np.ndarray | None
) -> StylisedTexture:
    """What the optimisation of one subject leaves, as the stage's record."""
    worn = {}
    if len(textures) > 1:
        worn = {"shell_texture": textures[1], "shell_vertices": np.asarray(shell_vertices, np.float32)}
    return StylisedTexture(textures[0], head.vertices, *_last_losses(history), steps=len(history), **worn)


def clothed_subject(
    model: FaceModel,
    pair: LocatedPair,
    head: DeformedHead,
    photo: PhotoTexture,
    regions: bool = True,
    shell: Shell | None = None,
    shell_vertices: np.ndarray | None = None,
) -> Subject:
    """The head of :func:`subject_of` and its shell, if there is one."""
    subject = subject_of(model, pair, head, photo, regions)
    if shell is None or not shell.exists:
        return subject
    chin = float(head.vertices[model.landmarks[8], 1])
    return subject.joined_by(shell_part(shell, shell_vertices, chin))


def subject_of(
    model: FaceModel, pair: LocatedPair, head: DeformedHead, photo: PhotoTexture, regions: bool = True
) -> Subject:
    """The head with its photo texture and artwork, regions and all."""
    art_labels = portrait_regions(pair.art, pair.art_points, pair.art_map, pair.art_opacity)
    drawn = pair.art, pair.art_points, art_labels
    return Subject.of(model, head.vertices, photo.texture, photo.seen, photo.labels, *drawn, regions)


def _last_losses(history: History) -> tuple[float, float]:
    """Means of the style and content losses over the last tenth of the steps; zeros if none was taken."""
    tail = history[-max(1, len(history) // 10) :]
    if not tail:
        return 0.0, 0.0
    style = np.mean([row["emd"] + row["moments"] + row["colour"] for row in tail])
    return float(style), float(np.mean([row["content"] for row in tail]))
