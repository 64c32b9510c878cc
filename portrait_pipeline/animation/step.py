"""From a finished texture to a head that moves: the functions of the stage ``animation`` (7.1)."""

from __future__ import annotations

from ..fit.record import FittedPair
from ..head.model import FaceModel
from ..photo_texture.record import PhotoTexture
from ..texture.record import StylisedTexture
from .build import build_rig
from .params import AnimationParams
from .rig import Rig


def animate_pair(model: FaceModel, fitted: FittedPair, stylised: StylisedTexture, params: AnimationParams) -> Rig:
    """Carry the model's expressions into the stylised head; no optimisation is needed to pose it later (7.1)."""
    return build_rig(
        model, fitted.vertices, stylised.vertices, fitted.expression, stylised.texture, params, fitted.identity
    )


def animate_photo(model: FaceModel, fitted: FittedPair, photo: PhotoTexture, params: AnimationParams) -> Rig:
    """The fitted head with the photo's texture, made ready in the same way, to compare with the stylised one."""
    return build_rig(model, fitted.vertices, fitted.vertices, fitted.expression, photo.texture, params, fitted.identity)
