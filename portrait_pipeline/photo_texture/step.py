"""From photo and fitted head to its texture: the function of the stage ``photo_texture`` (5)."""

from __future__ import annotations

from ..base.numerics import one_blas_thread
from ..fit.record import FittedPair
from ..head.model import FaceModel
from ..landmarks.record import LocatedPair
from .params import PhotoTextureParams
from .projection import project_photo
from .record import PhotoTexture


@one_blas_thread
def project_pair(model: FaceModel, pair: LocatedPair, fitted: FittedPair, params: PhotoTextureParams) -> PhotoTexture:
    """Carry the photo, and the further photos of the same person, into the canonical texture (section 5)."""
    more = list(zip(fitted.more_vertices, fitted.more_cameras, pair.more_photos, pair.more_maps, strict=False))
    return project_photo(model, fitted.vertices, fitted.camera, pair.photo, pair.photo_map, params, more)
