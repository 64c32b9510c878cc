"""What a turned head hides: the shell of the seen side, mirrored, behind what the photo shows."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from scipy import ndimage

from .canvas import FACE_WIDTH as FW
from .canvas import Canvas
from .depth import Sheets
from .layers import Layers, mouth_room
from .surface import EDGE, STAIRS, Volume, blended

_REACH, _TAPER = 1.0 * FW, 0.35 * FW  # from the skull's middle, and over so far beyond it dwindles to nothing
_RIM = 0.15 * FW  # inside the photo's outline over which it dwindles as well
_DEEP = 4000.0  # f of the deepest places


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
    other = ndimage.map_coordinates(volume.value, places, order=1, mode="constant", cval=-_DEEP)
    depth, inside = (volume.sample(field)[rows] for field in _hidden(canvas, layers, sheets, bare, mask))
    behind = (depth[..., None] - volume.z.astype(np.float32)) * np.float32(EDGE)
    edge = np.maximum((heights - lowest) / _TAPER + 1, 0) ** 2 + np.maximum(1 - inside / _RIM, 0) ** 2
    far = np.maximum(np.linalg.norm(points - skull.astype(np.float32), axis=-1) / _TAPER - _REACH / _TAPER, 0)
    added = np.minimum(other, behind) - np.float32(_DEEP) * (edge[..., None].astype(np.float32) + far * far)
    value = volume.value.copy()
    value[rows] = blended(value[rows], added)
    return dataclasses.replace(volume, value=value)


def _hidden(
    canvas: Canvas, layers: Layers, sheets: Sheets, bare: np.ndarray, mask: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where something may be added without being seen in the photo: behind a depth (rows, columns), px, and so far
    inside an outline (rows, columns), px, < 0 outside."""
    covered = mask | bare
    sheet = sheets.plane + np.sqrt(sheets.front) - 0.1 * canvas.cm
    front = np.where(bare, layers.front - 0.6 * canvas.cm, sheet)
    rows, columns = ndimage.distance_transform_edt(~covered, return_distances=False, return_indices=True)
    depth = np.minimum(ndimage.minimum_filter(front[rows, columns], 3), mouth_room(canvas))
    inner, outer = (cv2.distanceTransform(part.astype(np.uint8), cv2.DIST_L2, 5) for part in (covered, ~covered))
    return depth, cv2.GaussianBlur(inner - outer, (0, 0), STAIRS)
