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
from ..perception.part_map import PartMap
from ..regions.head import head_regions, landmarks_in_layout
from .merging import merged_photos, mirrored_side, with_other_side
from .params import PhotoTextureParams
from .photo_view import Shot, view_photo
from .record import PhotoTexture
from .rim import rim_trust
from .unseen import fill_by_region

_LEAST = 0.02  # share of the texture that has to be seen
_HAIR, _FEW = 0.8, 100  # probability of sure hair, and pixels of it that tell its colour


def project_photo(
    model: FaceModel,
    vertices: np.ndarray,
    camera: AnyCamera,
    image: np.ndarray,
    parts: PartMap,
    params: PhotoTextureParams,
    more: Sequence[Shot] = (),
) -> PhotoTexture:
    """Carry one or several photos of a person into the canonical texture.

    A texel is seen where :func:`.photo_view.view_photo` says so; its colour is an area average of the photo. Several
    photos are brought to the first one's light and laid into each other. Unseen texels take the other side's colour in
    this side's light. What neither side shows is skin and hair of the seen colours, parted by a hairline; the hair has
    strands (see :mod:`.unseen`). Hair before the face is taken off: what lies under it is skin.

    Args:
        model: topology, UV (symmetric about u = 0.5), regions and landmarks.
        vertices: (V, 3) fitted head, head space.
        camera: head space to the photo's pixels.
        image: (H, W, 3) uint8 RGB. parts: what it shows where.
        params: section ``photo_texture``.
        more: further photos, each with the head as it looks in it (vertices, camera, image, parts).

    Raises:
        ParameterError: an image is not uint8 RGB. InputFileError: the fitted head lies outside the first photo.
    """
    shots = [Shot(vertices, camera, image, parts), *(Shot(*shot) for shot in more)]
    for shot in shots:
        _check(shot.image)
    mesh = model.mesh(np.asarray(vertices, float))
    texels, laplacian = texel_map(mesh, params.size), surface_laplacian(mesh)
    views = [view_photo(model, texels, shot) for shot in shots]
    if (views[0].weight > 0.5).sum() < _LEAST * params.size**2:
        raise InputFileError("photo: the fitted head is hardly visible in it; check the landmarks of the photo")
    colour, weight, hair = merged_photos(mesh, laplacian, texels, views)
    fallback = hair_colour(image, parts)
    texture, labels, kept = completed(model, mesh, laplacian, texels, colour, weight, hair, fallback)
    return PhotoTexture(texture, kept > 0.5, labels)


def completed(
    model: FaceModel,
    mesh: Mesh,
    laplacian: sparse.csr_matrix,
    texels: TexelMap,
    colour: np.ndarray,
    weight: np.ndarray,
    hair: np.ndarray,
    fallback: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the photos show made a whole texture.

    Args:
        colour: (S, S, 3). weight: (S, S), how far each texel is seen. hair: (S, S), probability that it shows hair.
        fallback: (3,) colour of the hair where none is seen on the scalp.

    Returns:
        (S, S, 3) uint8, the labels (S, S) of the head, and the weights (S, S) of what the photos themselves show in it.
    """
    mirrored = mirrored_side(mesh, laplacian, texels, colour, weight)
    full, known = with_other_side(mesh, laplacian, texels, colour, weight, mirrored)
    hair = np.where(weight >= weight[:, ::-1], hair, hair[:, ::-1])
    labels = head_regions(model, mesh, len(hair), hair, known > 0.5, texels)
    trust = rim_trust(full, known, labels, landmarks_in_layout(mesh, model.landmarks)[0])
    texture = fill_by_region(model, mesh, laplacian, texels, full, known * trust, labels, fallback)
    return rounded(texture), labels, weight * trust


def hair_colour(image: np.ndarray, parts: PartMap) -> np.ndarray | None:
    """(3,) median colour in [0, 255] of what is surely hair anywhere in a photo (H, W, 3), or None."""
    hair = parts.picture(image.shape[:2], "hair") > _HAIR
    return np.median(image[hair], axis=0) if hair.sum() >= _FEW else None


def _check(image: np.ndarray) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ParameterError(f"photo is {image.dtype} of shape {image.shape}: it must be a uint8 RGB image")


def rounded(texture: np.ndarray) -> np.ndarray:
    """Colours in [0, 255] as uint8."""
    return np.clip(np.rint(texture), 0, 255).astype(np.uint8)
