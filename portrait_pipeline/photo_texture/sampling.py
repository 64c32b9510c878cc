"""Colours of a photo at positions that fall between its pixels, averaged over what a texel covers."""

from __future__ import annotations

import cv2
import numpy as np

from ..mesh.geometry import double_area
from ..mesh.mesh import Mesh
from ..mesh.texels import TexelMap


def bilinear(image: np.ndarray, position: np.ndarray) -> np.ndarray:
    """(S, S, C) bilinear samples of (H, W, C) at px positions (S, S, 2); the border is repeated outwards.

    Pixel (row r, column c) is the point (c + 0.5, r + 0.5).
    """
    where = np.clip(position - 0.5, -1, np.array(image.shape[1::-1])).astype(np.float32)
    image = np.ascontiguousarray(image, np.float32)
    sampled = cv2.remap(image, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return sampled.reshape(*position.shape[:2], image.shape[2])


def sample_photo(image: np.ndarray, position: np.ndarray, stretch: np.ndarray) -> np.ndarray:
    """(S, S, 3) colours at photo positions, area-averaged over ``stretch`` pixels (trilinear pyramid).

    Args:
        image: (H, W, 3) uint8. position: (S, S, 2) px. stretch: (S, S) photo px per texel.
    """
    level = np.clip(np.log2(np.maximum(stretch, 1.0)), 0, 8).astype(np.float32)
    current, index = image.astype(np.float32), 0
    result, total = np.zeros((*position.shape[:2], 3), np.float32), np.zeros(level.shape, np.float32)
    while True:
        share = np.clip(1 - np.abs(level - index), 0, 1)
        if share.any():
            scale = np.array([current.shape[1] / image.shape[1], current.shape[0] / image.shape[0]])
            result += share[..., None] * bilinear(current, position * scale)
            total += share
        if index >= level.max() or min(current.shape[:2]) < 2:
            break
        current = cv2.resize(
            current, (max(1, current.shape[1] // 2), max(1, current.shape[0] // 2)), interpolation=cv2.INTER_AREA
        )
        index += 1
    return result / np.maximum(total, 1e-6)[..., None]


def pixels_per_texel(mesh: Mesh, projected: np.ndarray, texels: TexelMap) -> np.ndarray:
    """(S, S) photo pixels per texel: square root of the area ratio.

    Args:
        projected: (V, 2 or more) the vertices in the photo, px.
    """
    image, layout = projected[mesh.triangles][..., :2], mesh.uv[mesh.uv_triangles] * texels.triangle.shape[0]
    areas = [np.abs(double_area(corners)) for corners in (image, layout)]
    return np.sqrt(areas[0] / np.maximum(areas[1], 1e-9))[texels.triangle]
