"""Packing of charts into the unit square by their bitmaps, with quarter turns and a gutter."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from scipy.signal import fftconvolve

_GRID = 160  # cells of the unit square a side
_HALVINGS = 9  # of the interval in which the largest scale is sought


class _Place(NamedTuple):
    """Where a chart lies, in cells: its bitmap's corner, whether it is turned; the bitmap's origin and width."""

    turned: bool
    left: int
    bottom: int
    origin: np.ndarray
    width: int


def pack(flat: np.ndarray, chart: np.ndarray, gutter: float) -> np.ndarray:
    """Corners (F, 3, 2) in the unit square: all charts at one scale, as large as they fit.

    Args:
        flat: (F, 3, 2) corners of the faces in their charts' planes, any unit.
        chart: (F,) chart of each face, 0 to N - 1. gutter: free border about every chart, in the square's units.
    """
    count = int(chart.max()) + 1
    one, other = flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]
    area = np.bincount(chart, np.abs(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]) / 2, count)
    order = np.argsort(-area, kind="stable")
    groups = [flat[chart == index] for index in range(count)]
    high = 1 / np.sqrt(area.sum())
    low, best = 0.0, None
    for turn in range(40):
        scale = 0.6 * high if turn == 0 else (low + high) / 2
        places = _arranged(groups, order, scale, gutter)
        if places is None:
            high = scale
        else:
            low, best = scale, (scale, places)
        if best is not None and turn >= _HALVINGS:
            break
    if best is None:
        raise ValueError("charts do not fit into the square at any scale")
    scale, places = best
    result = np.empty_like(flat, float)
    for index, place in enumerate(places):
        cells = groups[index] * scale * _GRID - place.origin
        if place.turned:
            cells = np.stack([cells[..., 1], place.width - cells[..., 0]], axis=-1)
        result[chart == index] = (cells + [place.left, place.bottom]) / _GRID
    return result


def _arranged(groups: list[np.ndarray], order: np.ndarray, scale: float, gutter: float) -> list[_Place] | None:
    """A place for every chart at one scale, or None: each goes as far down and left as it can, the largest first."""
    taken = np.zeros((_GRID, _GRID), np.float32)
    places: list[_Place | None] = [None] * len(groups)
    for index in order:
        bitmap, origin = _bitmap(groups[index] * scale * _GRID, int(np.ceil(gutter * _GRID)))
        for turned in (False, True):
            shape = np.rot90(bitmap) if turned else bitmap
            corner = _free_corner(taken, shape)
            if corner is not None:
                bottom, left = corner
                taken[bottom : bottom + shape.shape[0], left : left + shape.shape[1]] += shape
                places[index] = _Place(turned, left, bottom, origin, bitmap.shape[1])
                break
        else:
            return None
    return places


def _bitmap(cells: np.ndarray, gutter: int) -> tuple[np.ndarray, np.ndarray]:
    """Cells that a chart's faces (F, 3, 2) and its gutter touch, and the position of the bitmap's corner."""
    low, high = cells.reshape(-1, 2).min(axis=0), cells.reshape(-1, 2).max(axis=0)
    margin = gutter + 1
    width, height = (int(value) + 1 + 2 * margin for value in np.ceil(high - low))
    origin = low - margin
    bitmap = np.zeros((height, width), np.uint8)
    local = cells - origin
    column, row = np.floor(local.reshape(-1, 2)).astype(int).T
    bitmap[row, column] = 1
    large = np.ptp(local, axis=1).max(axis=1) >= 1  # of smaller ones the corners say it all
    for face in np.rint((local[large] - 0.5) * 16).astype(np.int32):  # a cell is a pixel, its centre at + 0.5
        cv2.fillConvexPoly(bitmap, face, 1, shift=4)
    # Dilated by one cell more than the gutter, it holds whatever a face only touches.
    side = 2 * margin + 1
    return cv2.dilate(bitmap, np.ones((side, side), np.uint8)), origin


def _free_corner(taken: np.ndarray, shape: np.ndarray) -> tuple[int, int] | None:
    """Row and column where a bitmap touches nothing, near the lower left corner and in a square; None if nowhere."""
    height, width = shape.shape
    if max(height, width) > _GRID:
        return None
    hits = fftconvolve(taken, shape[::-1, ::-1].astype(np.float32), mode="valid")
    rows, columns = np.nonzero(hits < 0.5)
    if not len(rows):
        return None
    top, right = rows + height, columns + width
    best = np.argmin(top + 0.35 * right + 0.5 * np.maximum(top, right))
    return int(rows[best]), int(columns[best])
