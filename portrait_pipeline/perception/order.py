"""The order of the 68 points (iBUG) as far as this room needs it: groups, mirroring, and the size of a face.

Points are (68, 2) in continuous pixels: x to the right, y down, the pixel in row r and column c has its middle at
(c + 0.5, r + 0.5). Left and right are those of the picture, not of the person.
"""

from __future__ import annotations

import numpy as np

COUNT = 68

LEFT_EYE = slice(36, 42)
RIGHT_EYE = slice(42, 48)
OUTER_EYE_CORNERS = (36, 45)
MOUTH_CORNERS = (48, 54)

# Runs of points that a mirror turns round; what is left over stays where it is.
_REVERSED_RUNS = ((0, 16), (17, 26), (31, 35), (48, 54), (55, 59), (60, 64), (65, 67))
_SWAPPED_PAIRS = ((36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46))


def _mirror() -> np.ndarray:
    order = np.arange(COUNT)
    for first, last in _REVERSED_RUNS:
        order[first : last + 1] = np.arange(last, first - 1, -1)
    for left, right in _SWAPPED_PAIRS:
        order[left], order[right] = right, left
    order.setflags(write=False)
    return order


MIRROR = _mirror()
"""(68,) permutation: ``points[MIRROR]`` with x negated is the face in a mirror; it is its own inverse."""


def face_size(points: np.ndarray) -> float:
    """Side of the points' box in pixels: the longer of its two sides.

    Args:
        points: (68, 2) pixels.
    """
    return float(np.ptp(points, axis=0).max())


def eye_distance(points: np.ndarray) -> float:
    """Distance of the outer eye corners, the unit in which errors on data sets are told.

    Args:
        points: (68, 2) pixels.
    """
    left, right = OUTER_EYE_CORNERS
    return float(np.linalg.norm(points[right] - points[left]))


def upright(points: np.ndarray) -> bool:
    """Whether the eyes stand above the mouth and left is left: a face as a picture shows it, rolled by any angle.

    Args:
        points: (68, 2) pixels.
    """
    left, right = OUTER_EYE_CORNERS
    across = points[right] - points[left]
    down = points[list(MOUTH_CORNERS)].mean(axis=0) - points[list(OUTER_EYE_CORNERS)].mean(axis=0)
    return bool(across[0] * down[1] - across[1] * down[0] > 0)
