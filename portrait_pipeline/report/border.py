"""Whether head and shell look like one painting: the step of colour where one ends and the other begins."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ..mesh.mesh import join
from ..mesh.rays import RayScene
from ..mesh.render import View, embree_view, frame_head, rasterise, sample_texture
from ..regions.labels import EYES, LIPS, OUTER, SKIN, TEETH
from ..texture.part import Part

_VIEWS = tuple(View(azimuth, elevation) for azimuth in (-60.0, -30.0, 0.0, 30.0, 60.0) for elevation in (-10.0, 15.0))
_APART = 4  # px, some texels: nearer ones on one texture are interpolated from the same texels
_NEAR = 8  # px beside the border within which neighbours are compared with it
_SAME = 10.0  # Lab units within which two places have one colour in the photo
_LEAST_STEP = 0.25  # Lab units: a border in plain colour should not be judged by rounding


def border_ratio(parts: Sequence[Part], textures: Sequence[np.ndarray], size: int = 512) -> float:
    """Mean Lab step across the border of two parts over that between places as far apart beside it; 1 is no border.

    Only places of one kind and of much the same colour in the photo count on both sides (skin beside skin, hair beside
    hair): that hair ends at the face is no seam. Views are some as a person would take them, from the front to 60
    degrees.

    Args:
        parts: head and shell; see :class:`..texture.part.Part`. textures: (S, S, 3) uint8 RGB of each.
        size: side of the views, pixels.

    Returns:
        A number >= 0; 1 where no such pixels meet.
    """
    meshes = [part.mesh for part in parts]
    whole, ends = join(meshes), np.cumsum([len(mesh.triangles) for mesh in meshes])
    framing = frame_head(parts[0].mesh.vertices)
    scene = RayScene(whole.vertices, whole.triangles)
    across, beside = [], []
    for view in _VIEWS:
        fragments = rasterise(whole, view, framing, size, embree_view(scene, view, framing))
        owner = np.where(fragments.mask, np.searchsorted(ends, fragments.triangle, side="right"), -1)
        kind = np.full((size, size), -1)
        shown = np.zeros((2, size, size, 3), np.uint8)
        for number, part in enumerate(parts):
            here = owner == number
            kind[here] = _kinds(part, fragments.uv[here])
            for picture, texture in zip(shown, (part.photo, textures[number]), strict=True):
                picture[here] = np.rint(sample_texture(texture, fragments.uv[here], fragments.footprint[here]))
        photo, lab = map(_lab, shown)
        for axis in (0, 1):
            a, b = ([slice(None)] * 2 for _ in range(2))
            a[axis], b[axis] = slice(None, -_APART), slice(_APART, None)
            a, b = tuple(a), tuple(b)
            step = np.linalg.norm(lab[a] - lab[b], axis=-1)
            alike = (kind[a] == kind[b]) & (kind[a] >= 0) & (np.linalg.norm(photo[a] - photo[b], axis=-1) < _SAME)
            border = alike & (owner[a] != owner[b])
            near = cv2.dilate(border.astype(np.uint8), np.ones((2 * _NEAR + 1,) * 2, np.uint8)) > 0
            across.append(step[border])
            beside.append(step[alike & near & (owner[a] == owner[b])])
    across, beside = np.concatenate(across), np.concatenate(beside)
    if not len(across) or not len(beside):
        return 1.0
    return float(max(across.mean(), _LEAST_STEP) / max(beside.mean(), _LEAST_STEP))


def _lab(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def _kinds(part: Part, uv: np.ndarray) -> np.ndarray:
    """(N,) labels at texture coordinates (N, 2), all of the head's skin as one."""
    size = part.size
    column = np.clip((uv[:, 0] * size).astype(int), 0, size - 1)
    row = np.clip(((1 - uv[:, 1]) * size).astype(int), 0, size - 1)
    label = part.labels[row, column].astype(int)
    return np.where(np.isin(label, (SKIN, OUTER, EYES, LIPS, TEETH)), SKIN, label)
