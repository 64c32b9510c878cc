"""The matte continued beyond the photo's borders: shoulders run on down their slope, cut hair closes in a curve."""

from __future__ import annotations

import cv2
import numpy as np

from .canvas import FACE_WIDTH as FW
from .canvas import Canvas
from .layers import Layers
from .masks import closed, component_at, dilate, opened, smoothed

_BELL = np.array(
    [
        [0.0, 0.12, 0.26, 0.38, 0.50, 0.70, 1.0, 1.6],
        [0.36, 0.40, 0.60, 0.84, 1.02, 1.18, 1.28, 1.33],
    ]
)  # half widths of neck and shoulders by the distance below the chin, in face widths
_BULGE = 0.26 * FW  # at most so far does cut hair go on,
_CROWN = 0.12 * FW  # above the photo to so far over the skull,
_LEAST = 0.10 * FW  # and at least so far: hair does not end in a straight line
_WIDEST = 1.5 * FW  # of the shoulders on either side


def body_middle(canvas: Canvas, neck: np.ndarray) -> float:
    """x of the body's axis on the canvas: between the jaw's middle and the neck's.

    Args:
        neck: (N, 3) the neck's vertices, canvas space.
    """
    jaw = canvas.landmarks[[0, 16]]
    turned = abs(jaw[1, 2] - jaw[0, 2]) > 0.35 * FW
    middle = neck[:, 0].mean()
    return float(middle if turned else (jaw[:, 0].mean() + middle) / 2)


def extend_matte(
    matte: np.ndarray, worn: np.ndarray, inside: np.ndarray, canvas: Canvas, layers: Layers, middle: float
) -> np.ndarray:
    """(rows, columns) bool: the matte inside the photo, and what it would be outside.

    Args:
        matte, inside: (rows, columns) bool, the person and the photo.
        worn: (rows, columns) bool, hair and clothes as far as known: only they go on beyond the photo's sides.
        middle: x of the body's axis.
    """
    y, x = canvas.grid()
    chin, outside = canvas.chin[1], ~inside
    below = (y - chin) / FW
    result = matte | _shoulders(matte, inside, canvas, middle)
    if not inside.all():
        result = _past_the_borders(result, matte & worn, inside, canvas, layers.covered)
    result = closed(result, 0.06 * FW)
    low = below > -0.05
    result = np.where(below > 0.25, result | closed(result, 0.22 * FW), result)
    result = np.where(low, result & (opened(result, 0.10 * FW) | (np.abs(x - middle) < 0.45 * FW)), result)
    result |= _gaps_outside(result, outside, canvas.landmarks[27, 1])
    result = np.where(dilate(outside, 0.05 * FW), smoothed(result, 0.05 * FW), result)
    return component_at(result, canvas.landmarks[30])


def _shoulders(matte: np.ndarray, inside: np.ndarray, canvas: Canvas, middle: float) -> np.ndarray:
    """Neck and shoulders below the photo: a bell, as wide as the matte where the photo ends."""
    y, x = canvas.grid()
    below = (y - canvas.chin[1]) / FW
    bell = np.interp(below, *_BELL) * FW
    bottom = np.flatnonzero(inside.any(axis=1))[-1]
    at = np.interp((bottom + 0.5 - canvas.chin[1]) / FW, *_BELL) * FW
    run = next(((a, b) for a, b in _runs(matte[bottom - 1]) if a <= middle < b), (middle, middle))
    left, right = (
        np.minimum(bell + max(0.0, reach - at), np.maximum(bell, _WIDEST))
        for reach in (middle - run[0], run[1] - middle)
    )
    wide = (x > middle - left) & (x < middle + right)
    return wide & ~inside & (below > 0.05)


def _past_the_borders(
    result: np.ndarray, matte: np.ndarray, inside: np.ndarray, canvas: Canvas, head: np.ndarray
) -> np.ndarray:
    """Every run of the matte along the photo's top, left and right border goes on outside."""
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    y, x = canvas.grid()
    chin = canvas.chin[1]
    crown = top - np.flatnonzero(head.any(axis=1))[0] + _CROWN
    borders = (
        (matte[top + 1], x, top - y, None, float(np.clip(crown, _LEAST, _BULGE))),
        (matte[:, left + 1], y, left - x, bottom, _BULGE),
        (matte[:, right - 2], y, x - right, bottom, _BULGE),
    )
    for line, along, away, floor, most in borders:
        for start, stop in _runs(line):
            if stop - start < 0.06 * FW:
                continue
            if floor is not None and start > chin - 0.45 * FW:  # a shoulder
                result = result | ((away >= 0) & (y > start + 0.45 * away + away**2 / (0.45 * FW)))
                continue
            half, centre = (stop - start) / 2, (start + stop) / 2
            if floor is not None and stop >= floor - 2:  # cut at the corner: grows on downwards
                half, centre = floor - start, floor
            height = min(0.42 * half, most)
            result = result | ((((along - centre) / half) ** 2 + (away / height) ** 2 < 1) & (away >= 0))
    return result


def _runs(line: np.ndarray) -> list[tuple[int, int]]:
    """Start and stop of every run of true values."""
    steps = np.flatnonzero(np.diff(np.r_[False, line, False].astype(int)))
    return [(int(a), int(b)) for a, b in zip(steps[::2], steps[1::2], strict=True)]


def _gaps_outside(mask: np.ndarray, outside: np.ndarray, top: float) -> np.ndarray:
    """Closed gaps below ``top`` that reach beyond the photo: no background is seen there."""
    count, labels, boxes, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8))
    gaps = np.zeros_like(mask)
    height, width = mask.shape
    for i in range(1, count):
        left, up, wide, tall = boxes[i, :4]
        closed_in = left > 0 and up > 0 and left + wide < width and up + tall < height
        if closed_in and up > top and (outside & (labels == i)).any():
            gaps |= labels == i
    return gaps
