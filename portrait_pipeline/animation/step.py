"""From a finished texture to a head that moves: the functions of the stage ``animation`` (7.1)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..base.numerics import one_blas_thread
from ..fit.record import FittedPair
from ..head.model import FaceModel
from ..photo_texture.record import PhotoTexture
from ..shell.record import Shell
from ..texture.record import StylisedTexture
from .build import build_rig
from .params import AnimationParams
from .rig import SHELL, Part, Rig


@one_blas_thread
def animate_pair(
    model: FaceModel, fitted: FittedPair, stylised: StylisedTexture, shell: Shell, params: AnimationParams
) -> Rig:
    """Carry the model's expressions into the stylised head; no optimisation is needed to pose it later (7.1)."""
    rig = build_rig(
        model, fitted.vertices, stylised.vertices, fitted.expression, stylised.texture, params, fitted.identity
    )
    return with_shell(rig, shell, stylised.shell_vertices, stylised.shell_texture)


def with_shell(rig: Rig, shell: Shell, vertices: np.ndarray, texture: np.ndarray) -> Rig:
    """The rig with hair, hat and shoulders as a stiff part, if there are any: they stay with the skull.

    Args:
        vertices: (V, 3) of the shell, head space, cm. texture: (S, S, 3) uint8 RGB.
    """
    if not shell.exists:
        return rig
    none = np.zeros((0, *vertices.shape), np.float32)
    part = Part(SHELL, shell.mesh(vertices), texture, none, np.zeros(3), np.ones(3), shell.labels)
    return replace(rig, parts=(*rig.parts, part))


@one_blas_thread
def animate_photo(
    model: FaceModel, fitted: FittedPair, photo: PhotoTexture, shell: Shell, params: AnimationParams
) -> Rig:
    """The fitted head with the photo's texture, made in the same way, to compare with the stylised one.

    It is shown as the photo shows it, so it has only the expressions that the photo shows.
    """
    shown = np.asarray(fitted.expression) != 0
    shown |= np.array(model.expression_names) == "jawOpen"  # what closes lips is told from what parts them
    few = replace(
        model,
        expression_basis=model.expression_basis[shown],
        expression_names=tuple(np.array(model.expression_names)[shown].tolist()),
        expression_low=model.expression_low[shown],
        expression_high=model.expression_high[shown],
        expression_spread=model.expression_spread[shown],
        cross_basis=None if model.cross_basis is None else model.cross_basis[:, shown],
    )
    expression = np.asarray(fitted.expression)[shown]
    rig = build_rig(few, fitted.vertices, fitted.vertices, expression, photo.texture, params, fitted.identity)
    return with_shell(rig, shell, shell.vertices, shell.texture)
