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
_EVERY = 4  # voxels between the places whose mirror image is found exactly
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
    other = ndimage.map_coordinates(
        volume.value, _mirrored(volume, canvas, int(rows.sum())), order=1, mode="constant", cval=-_DEEP
    )
    depth, inside = (volume.sample(field)[rows] for field in _hidden(canvas, layers, sheets, bare, mask))
    behind = (depth[..., None] - volume.z.astype(np.float32)) * np.float32(EDGE)
    edge = np.maximum((heights - lowest) / _TAPER + 1, 0) ** 2 + np.maximum(1 - inside / _RIM, 0) ** 2
    aside = ((volume.x - skull[0]) ** 2 + (heights - skull[1]) ** 2).astype(np.float32)
    far = np.sqrt(aside[..., None] + ((volume.z - skull[2]) ** 2).astype(np.float32))
    far = np.maximum((far - np.float32(_REACH)) / np.float32(_TAPER), 0)
    added = np.minimum(other, behind) - np.float32(_DEEP) * (edge[..., None].astype(np.float32) + far * far)
    value = volume.value.copy()
    value[rows] = blended(value[rows], added)
    return dataclasses.replace(volume, value=value)


def _mirrored(volume: Volume, canvas: Canvas, rows: int) -> np.ndarray:
    """(3, rows, X, Z) float32: row, column and layer, in voxels, of the mirror images of the first ``rows`` rows.

    Found for every fourth voxel: in between, camera and foot bend the space by some hundredths of a voxel.
    """
    knots = [np.unique(np.r_[0:count:_EVERY, count - 1]) for count in (rows, len(volume.x), len(volume.z))]
    y = volume.heights()[np.ix_(knots[0], knots[1])]
    points = np.stack(np.broadcast_arrays(volume.x[knots[1], None], y[..., None], volume.z[knots[2]]), axis=-1)
    x, y, z = np.moveaxis(canvas.to_canvas(canvas.to_head(points) * [-1, 1, 1]), -1, 0)
    y = y + np.interp(x, volume.x, volume.bend) - volume.row[0]
    places = (np.stack([y, x - volume.x[0], z - volume.z[0]]) / volume.voxel).astype(np.float32)
    places = places @ _between(knots[2]).T
    places = np.moveaxis(np.moveaxis(places, 2, 3) @ _between(knots[1]).T, 3, 2)
    return np.tensordot(_between(knots[0]), places, axes=(1, 1)).swapaxes(0, 1)


def _between(knots: np.ndarray) -> np.ndarray:
    """(N, K) float32 weights of the linear interpolation from values at ``knots`` (K,) to 0, 1, ... up to the last."""
    return np.stack([np.interp(np.arange(knots[-1] + 1), knots, unit) for unit in np.eye(len(knots))], axis=1).astype(
        np.float32
    )


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
