"""The photo in the UV layout: seen texels from the photo, the rest from the mirrored side and a smooth fill."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from ..base.errors import InputFileError, ParameterError
from ..head.camera import AnyCamera
from ..head.model import FaceModel
from ..mesh.laplacian import surface_laplacian
from ..mesh.mesh import Mesh
from ..mesh.texels import TexelMap, texel_map
from ..regions.head import head_regions, landmarks_in_layout
from .bleeding import hair_likeness, with_likely_hair, without_bleeding, without_locks
from .merging import merged_photos, mirrored_side, with_other_side
from .params import PhotoTextureParams
from .photo_view import Shot, view_photo
from .unseen import fill_by_region, plain_fill

_LEAST = 0.02  # share of the texture that has to be seen


def project_photo(
    model: FaceModel,
    vertices: np.ndarray,
    camera: AnyCamera,
    image: np.ndarray,
    params: PhotoTextureParams,
    more: Sequence[Shot] = (),
) -> tuple[np.ndarray, np.ndarray]:
    """Carry one or several photos of a person into the canonical texture.

    A texel is seen where :func:`.photo_view.view_photo` says so; its colour is an area average of the photo. Several
    photos are brought to the first one's light and laid into each other. Unseen texels take the other side's colour in
    this side's light. What neither side shows is skin and hair of the seen colours, parted by a hairline; the hair has
    strands (see :mod:`.unseen`).

    Args:
        model: topology, UV (symmetric about u = 0.5), regions and landmarks.
        vertices: (V, 3) fitted head, head space.
        camera: head space to the photo's pixels.
        image: (H, W, 3) uint8 RGB.
        params: section ``photo_texture``.
        more: further photos, each with the head as it looks in it (vertices, camera, image).

    Returns:
        (S, S, 3) uint8 RGB texture and (S, S) bool, true where a photo itself is seen.

    Raises:
        ParameterError: an image is not uint8 RGB. InputFileError: the fitted head lies outside the first photo.
    """
    shots = [Shot(vertices, camera, image), *(Shot(*shot) for shot in more)]
    for shot in shots:
        _check(shot.image)
    mesh = model.mesh(np.asarray(vertices, float))
    texels, laplacian = texel_map(mesh, params.size), surface_laplacian(mesh)
    views = [view_photo(model, texels, shot) for shot in shots]
    if (views[0].weight > 0.5).sum() < _LEAST * params.size**2:
        raise InputFileError("photo: the fitted head is hardly visible in it; check the landmarks of the photo")
    colour, weight = merged_photos(mesh, laplacian, texels, views)
    texture, kept = completed(model, mesh, laplacian, texels, colour, weight)
    return texture, kept > 0.5


def completed(
    model: FaceModel, mesh: Mesh, laplacian: sparse.csr_matrix, texels: TexelMap, colour: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What the photos show (colours (S, S, 3) and weights (S, S)) made a whole texture.

    Returns:
        (S, S, 3) uint8 and the weights (S, S) of :func:`kept_and_labelled`.
    """
    kept, labels = kept_and_labelled(model, mesh, laplacian, texels, colour, weight)
    mirrored = mirrored_side(mesh, laplacian, texels, colour, kept)
    full, known = with_other_side(mesh, laplacian, texels, colour, kept, mirrored)
    return rounded(fill_by_region(model, mesh, laplacian, texels, full, known, labels)), kept


def kept_and_labelled(
    model: FaceModel, mesh: Mesh, laplacian: sparse.csr_matrix, texels: TexelMap, colour: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (S, S) without hair and background in front of the skin, and labels (S, S) of the whole head."""
    mirrored = mirrored_side(mesh, laplacian, texels, colour, weight)
    full, known = with_other_side(mesh, laplacian, texels, colour, weight, mirrored)
    plain = rounded(plain_fill(model, mesh, laplacian, texels, full, known))
    labels = head_regions(model, mesh, plain, seen=known > 0.5)
    places = landmarks_in_layout(mesh, model.landmarks)[0]
    hairlike = hair_likeness(colour, weight, labels, places)
    labels = with_likely_hair(labels, weight, hairlike, places)
    kept = without_bleeding(model, mesh, texels, colour, weight, labels, hairlike)
    return without_locks(model, mesh, texels, kept, labels, hairlike), labels


def _check(image: np.ndarray) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ParameterError(f"photo is {image.dtype} of shape {image.shape}: it must be a uint8 RGB image")


def rounded(texture: np.ndarray) -> np.ndarray:
    """Colours in [0, 255] as uint8."""
    return np.clip(np.rint(texture), 0, 255).astype(np.uint8)
