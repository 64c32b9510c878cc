"""From photo, parts and fitted head to the shell: the function of the stage ``shell`` (7.2)."""

from __future__ import annotations

import numpy as np

from ..base.numerics import one_blas_thread
from ..fit.record import FittedPair
from ..head.model import FaceModel
from ..landmarks.record import LocatedPair
from .build import build_shell
from .params import ShellParams
from .record import Shell


@one_blas_thread
def shell_pair(model: FaceModel, pair: LocatedPair, fitted: FittedPair, params: ShellParams) -> Shell:
    """Hair, hat, clothes and shoulders about the fitted head; :meth:`Shell.none` with a reason where there are none."""
    probabilities = pair.photo_map.pictures(pair.photo.shape[:2])
    matte = pair.photo_matte / np.float32(255) if pair.photo_matte.size else None
    return build_shell(
        model, pair.photo, pair.photo_points, probabilities, fitted.vertices, fitted.camera, params, matte
    )
