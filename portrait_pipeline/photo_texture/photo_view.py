"""One photo in the texture layout: each texel's place in the photo, its colour and how far it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np

from ..head.camera import AnyCamera
from ..head.model import FaceModel
from ..head.parts import regions_with_whole_ears
from ..mesh.mesh import Mesh
from ..mesh.texels import TexelMap
from ..regions.labels import disc
from .sampling import bilinear, pixels_per_texel, sample_photo
from .segmentation import person_mask
from .skin import skin_distance, to_lab
from .visibility import clear_of_outlines, facing, silhouette, unhidden

_EAR = 0.8  # least share of an ear's seen texels that are skin


class Shot(NamedTuple):
    """A head as one photo shows it: vertices (V, 3) in head space, camera, image (H, W, 3) uint8 RGB."""

    vertices: np.ndarray
    camera: AnyCamera
    image: np.ndarray


@dataclass(frozen=True)
class PhotoView:
    """What one photo says of each texel.

    Attributes:
        position: (S, S, 2) photo position, px. colour: (S, S, 3) float32 in [0, 255].
        weight: (S, S) in [0, 1], how far the texel is seen in the photo.
        detail: (S, S) photo pixels per texel: how finely it is seen.
    """

    position: np.ndarray
    colour: np.ndarray
    weight: np.ndarray
    detail: np.ndarray


def view_photo(model: FaceModel, texels: TexelMap, shot: Shot) -> PhotoView:
    """Carry one photo into the layout of ``texels``.

    A texel is seen where :func:`geometry_view` says so, on the person (not on background or clothes).
    """
    view = geometry_view(model, texels, shot)
    mesh = model.mesh(np.asarray(shot.vertices, float))
    projected = shot.camera.project(mesh.vertices)
    head = silhouette(mesh, projected, shot.image.shape[:2])
    person = person_mask(shot.image, head, projected[model.landmarks, :2])
    weight = view.weight * bilinear(person[..., None], view.position)[..., 0]
    weight = weight * _plausible_skin(model, texels, mesh, view.colour, weight)
    return replace(view, weight=feathered(weight))


def geometry_view(model: FaceModel, texels: TexelMap, shot: Shot) -> PhotoView:
    """What the fitted head alone says is seen, whatever the photo shows there; weights not feathered.

    A texel is seen where its surface point faces the camera, is not hidden by the head, keeps clear of the outlines of
    nearer parts and lies inside the photo.
    """
    mesh = model.mesh(np.asarray(shot.vertices, float))
    height, width = shot.image.shape[:2]
    projected = shot.camera.project(mesh.vertices)
    position = texels.interpolate(mesh.triangles, projected[:, :2])
    detail = pixels_per_texel(mesh, projected, texels)
    inside = np.minimum(position, (width, height) - position).min(axis=-1)
    weight = facing(mesh, texels, shot.camera)
    weight = weight * unhidden(mesh, texels, shot.camera, weight > 0)
    ends = projected[model.landmarks[[0, 16]], :2]
    weight = weight * clear_of_outlines(mesh, projected, position, float(np.linalg.norm(ends[1] - ends[0])))
    weight = weight * np.clip(inside - 1.0, 0, 1)
    return PhotoView(position, sample_photo(shot.image, position, detail), weight, detail)


def feathered(weight: np.ndarray) -> np.ndarray:
    """Weights (S, S) that fall off smoothly inwards, so that no hard edge and no outline pixel survives."""
    radius = max(1, weight.shape[0] // 170)
    small = cv2.erode(weight.astype(np.float32), disc(radius))
    soft = cv2.GaussianBlur(small, (0, 0), 1.2 * radius)
    return np.minimum(soft, weight).astype(float)


def _plausible_skin(
    model: FaceModel, texels: TexelMap, mesh: Mesh, colour: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """(S, S) 1, or 0 on texels of ears and neck whose colour is not the face's skin (hair, collar, background)."""
    lab = to_lab(colour)
    region = regions_with_whole_ears(model)[mesh.triangles[texels.triangle]].max(axis=-1)
    ear, neck = (region == FaceModel.REGIONS.index(name) for name in ("ear", "neck"))
    face = (region == FaceModel.REGIONS.index("face")) & (weight > 0.8)
    guarded = ear | neck
    if face.sum() < 50:
        return 1.0 - guarded
    likely = np.clip(np.where(ear, 3.5, 4.0) - skin_distance(lab, lab[face]), 0, 1)
    smooth = cv2.GaussianBlur(likely.astype(np.float32), (0, 0), texels.triangle.shape[0] / 128)
    for side in (slice(None, ear.shape[1] // 2), slice(ear.shape[1] // 2, None)):
        part = ear[:, side] & (weight[:, side] > 0.5)
        if not part.any() or (likely[:, side][part] > 0).mean() < _EAR:  # a hidden or misplaced ear: none of it
            smooth[:, side][ear[:, side]] = 0.0
    return np.where(guarded, np.clip((smooth - 0.5) * 2.5, 0, 1), 1.0)
