"""One photo in the texture layout: each texel's place in the photo, its colour and how far it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np

from ..head.camera import AnyCamera
from ..head.model import FaceModel
from ..mesh.texels import TexelMap
from ..perception.part_map import PartMap
from ..regions.hair_flow import texel_size
from ..regions.head import landmarks_in_layout, scalp_share
from ..regions.labels import EYES, disc, region_map
from .glasses import frame_share
from .sampling import pixels_per_texel, sample_photo
from .visibility import clear_of_outlines, facing, unhidden

SHOWN = ("face", "neck", "ears")
"""Parts of a photo that are the head itself; beards are among them, hair lies in front of it or above."""
FEATURES = ("eyes", "brows", "nose", "mouth")
"""Parts that are seen up to the hair: what is dark about them is no shadow."""
_SHADOW = 0.35  # cm about hair before the face, where it darkens the skin
_MARGIN = 0.02  # of the face's width, from the background
_DOUBT, _SURE = 0.6, 0.9  # probabilities at which a texel begins to count, and at which it counts in full


class Shot(NamedTuple):
    """A head as one photo shows it: vertices (V, 3) in head space, camera, image (H, W, 3) uint8 RGB, and its parts."""

    vertices: np.ndarray
    camera: AnyCamera
    image: np.ndarray
    parts: PartMap


@dataclass(frozen=True)
class PhotoView:
    """What one photo says of each texel.

    Attributes:
        position: (S, S, 2) photo position, px. colour: (S, S, 3) float32 in [0, 255].
        weight: (S, S) in [0, 1], how far the texel is seen in the photo.
        detail: (S, S) photo pixels per texel: how finely it is seen.
        hair: (S, S) probability that the photo shows hair there.
    """

    position: np.ndarray
    colour: np.ndarray
    weight: np.ndarray
    detail: np.ndarray
    hair: np.ndarray


def view_photo(model: FaceModel, texels: TexelMap, shot: Shot) -> PhotoView:
    """Carry one photo into the layout of ``texels``.

    A texel is seen where :func:`geometry_view` says so and the photo shows the head itself there: bare skin, and hair
    on the scalp, and what clear glasses show of eyes and skin. Hair before the face with its shadow, hats, frames of
    glasses, clothes and background are not seen.
    """
    view = geometry_view(model, texels, shot)
    mesh = model.mesh(np.asarray(shot.vertices, float))
    scalp = np.clip(2 * scalp_share(model, mesh, texels, view.hair), 0, 1)
    shown = shot.parts.at(view.position, SHOWN)
    features = shot.parts.at(view.position, FEATURES)
    texel = texel_size(mesh, texels)
    glasses = shot.parts.at(view.position, "glasses")
    places, _ = landmarks_in_layout(mesh, model.landmarks)
    size = len(shown)
    eyes = region_map(places * size, (size, size), teeth=False) == EYES
    frame = frame_share(view.colour, glasses, shown * view.weight, eyes, texel)
    shown = np.maximum(features, (shown + glasses) * (1 - _shadow(view.hair * (1 - scalp), texel))) * (1 - frame)
    shown += view.hair * scalp
    shown[eyes] += glasses[eyes]
    ends = shot.camera.project(mesh.vertices[model.landmarks[[0, 16]]])[:, :2]
    shown = np.minimum(shown, 1 - _nearby(shot.parts, view.position, _MARGIN * np.linalg.norm(ends[1] - ends[0])))
    clear = np.clip((shown - _DOUBT) / (_SURE - _DOUBT), 0, 1)
    return replace(view, weight=feathered(view.weight * clear))


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
    colour, hair = sample_photo(shot.image, position, detail), shot.parts.at(position, "hair")
    return PhotoView(position, colour, weight, detail, hair)


def _nearby(parts: PartMap, position: np.ndarray, distance: float) -> np.ndarray:
    """(S, S) largest probability of background within ``distance`` px: fits are a little off, and borders mixed."""
    turns = np.arange(8) * np.pi / 4
    around = distance * np.stack([np.cos(turns), np.sin(turns)], axis=-1)
    return np.max([parts.at(position + step, "background") for step in around], axis=0)


def _shadow(hair: np.ndarray, texel: float) -> np.ndarray:
    """(S, S) in [0, 1]: hair before the face (S, S) and a margin about it, soft. texel: side of a texel, cm."""
    wide = cv2.dilate((hair > 0.5).astype(np.float32), disc(_SHADOW / texel))
    return cv2.GaussianBlur(wide, (0, 0), max(0.5, 0.25 * _SHADOW / texel))


def feathered(weight: np.ndarray) -> np.ndarray:
    """Weights (S, S) that fall off smoothly inwards, so that no hard edge and no outline pixel survives."""
    radius = max(1, weight.shape[0] // 170)
    small = cv2.erode(weight.astype(np.float32), disc(radius))
    soft = cv2.GaussianBlur(small, (0, 0), 1.2 * radius)
    return np.minimum(soft, weight).astype(float)
