"""Names of the groups of the 68 iBUG points, and their left-right reflection."""

from __future__ import annotations

import numpy as np

from ..head.points import MIRROR, POLYLINES

JAW = np.arange(0, 17)
BROW_LEFT, BROW_RIGHT = np.arange(17, 22), np.arange(22, 27)
NOSE_BRIDGE, NOSE_BASE = np.arange(27, 31), np.arange(31, 36)
EYE_LEFT, EYE_RIGHT = np.arange(36, 42), np.arange(42, 48)
LIP_OUTER, LIP_INNER = np.arange(48, 60), np.arange(60, 68)
MOUTH = np.arange(48, 68)

# Columns of points that face each other across an opening: upper, lower.
LIDS = np.array([[37, 41], [38, 40], [43, 47], [44, 46]])
INNER_LIPS = np.array([[61, 67], [62, 66], [63, 65]])
UPPER_LIPS = np.array([[50, 61], [51, 62], [52, 63]])
LOWER_LIPS = np.array([[67, 58], [66, 57], [65, 56]])

STROKES = tuple(np.array(ids + ids[:1] if closed else ids) for ids, closed in POLYLINES)
"""The drawn lines; a closed one ends with the point that it begins with."""


def mirror(points: np.ndarray, axis: float = 0.0) -> np.ndarray:
    """Reflect faces (..., 68, 2) at the vertical line x = ``axis``, rows renamed so that left stays image
    left.
    """
    reflected = np.asarray(points, float)[..., MIRROR, :].copy()
    reflected[..., 0] = 2 * axis - reflected[..., 0]
    return reflected


def anchors(points: np.ndarray) -> np.ndarray:
    """The three points of the alignment, (..., 3, 2): image-left eye, image-right eye, mouth.

    Eye centres are the means of rows 36-41 and 42-47, the mouth is the mid-point of its corners 48 and 54.
    """
    points = np.asarray(points, float)
    return np.stack(
        [points[..., 36:42, :].mean(-2), points[..., 42:48, :].mean(-2), points[..., [48, 54], :].mean(-2)],
        axis=-2,
    )
