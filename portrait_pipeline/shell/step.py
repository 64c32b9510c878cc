"""From photo, parts and fitted head to the shell: the function of the stage ``shell`` (7.2)."""

from __future__ import annotations

from ..fit.record import FittedPair
from ..head.model import FaceModel
from ..landmarks.record import LocatedPair
from .build import build_shell
from .params import ShellParams
from .record import Shell


def shell_pair(model: FaceModel, pair: LocatedPair, fitted: FittedPair, params: ShellParams) -> Shell:
    """Hair, hat, clothes and shoulders about the fitted head; :meth:`Shell.none` with the reason where there are none."""
    probabilities = pair.photo_map.pictures(pair.photo.shape[:2])
    return build_shell(
        model, pair.photo, pair.photo_points, probabilities, fitted.vertices, fitted.camera, params, pair.photo_mask
    )
