"""What a turned head hides: the shell of the seen side, mirrored, behind what the photo shows."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import ndimage

from .canvas import FACE_WIDTH as FW
from .canvas import Canvas
from .depth import Sheets
from .layers import Layers, mouth_room
from .masks import erode
from .surface import Volume

_EDGE = 20.0  # f per px at the borders of what is added: as steep as the sheets are at their outlines
_REACH = 1.35 * FW  # from the skull's middle
_NONE = -1e3


def with_far_side(
    volume: Volume,
    canvas: Canvas,
    layers: Layers,
    sheets: Sheets,
    bare: np.ndarray,
    mask: np.ndarray,
    skull: np.ndarray,
    long_hair: bool,
) -> Volume:
    """Union of the volume with its mirror image in the head's own plane, near the skull and behind the front sheet.

    Args:
        bare, mask: (rows, columns) bool, bare skin and domain. skull: (3,) the scalp's middle, canvas space.
    """
    lowest = canvas.chin[1] + (0.7 if long_hair else -0.05) * FW
    rows = volume.heights().min(axis=1) < lowest  # shoulders do not turn with the head
    heights = volume.heights()[rows]
    shape = (*heights.shape, len(volume.z))
    points = np.empty((*shape, 3), np.float32)
    points[..., 0], points[..., 1], points[..., 2] = volume.x[:, None], heights[..., None], volume.z
    mirrored = canvas.to_canvas(canvas.to_head(points) * [-1, 1, 1])
    x = mirrored[..., 0]
    places = [
        (mirrored[..., 1] + np.interp(x, volume.x, volume.bend) - volume.row[0]) / volume.voxel,
        (x - volume.x[0]) / volume.voxel,
        (mirrored[..., 2] - volume.z[0]) / volume.voxel,
    ]
    other = ndimage.map_coordinates(volume.value, places, order=1, mode="constant", cval=_NONE)
    behind = (volume.sample(_front(canvas, layers, sheets, bare, mask))[rows][..., None] - volume.z) * _EDGE
    above = ((lowest - heights) * _EDGE)[..., None]
    near = (_REACH - np.linalg.norm(points - skull.astype(np.float32), axis=-1)) * _EDGE
    added = np.minimum(np.minimum(other, behind), np.minimum(above, near))
    value = volume.value.copy()
    value[rows] = np.maximum(value[rows], added)
    return dataclasses.replace(volume, value=value)


def _front(canvas: Canvas, layers: Layers, sheets: Sheets, bare: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Depth (rows, columns) behind which something may be added without being seen in the photo."""
    sheet = np.where(mask, sheets.plane + np.sqrt(sheets.front) - 0.1 * canvas.cm, _NONE)
    front = np.where(bare, layers.front - 0.6 * canvas.cm, sheet)
    front = np.where(erode(mask | bare, 0.02 * FW), front, _NONE)
    return np.minimum(ndimage.minimum_filter(front, 3), mouth_room(canvas))
