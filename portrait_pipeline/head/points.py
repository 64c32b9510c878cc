"""The 68 points of the iBUG convention: groups, mirroring and sizes.

Points are (68, 2) float64 in continuous image pixels: x to the right, y down, the pixel in row r and column c
has its centre at (c + 0.5, r + 0.5). Left and right are those of the image, not of the person.
"""

from __future__ import annotations

import numpy as np

COUNT = 68

JAW = slice(0, 17)
BROWS = slice(17, 27)
NOSE = slice(27, 36)
EYES = slice(36, 48)
MOUTH = slice(48, 68)

LEFT_EYE = slice(36, 42)
RIGHT_EYE = slice(42, 48)
OUTER_EYE_CORNERS = (36, 45)
MOUTH_CORNERS = (48, 54)

POLYLINES: tuple[tuple[tuple[int, ...], bool], ...] = (
    (tuple(range(0, 17)), False),
    (tuple(range(17, 22)), False),
    (tuple(range(22, 27)), False),
    (tuple(range(27, 31)), False),
    (tuple(range(31, 36)), False),
    (tuple(range(36, 42)), True),
    (tuple(range(42, 48)), True),
    (tuple(range(48, 60)), True),
    (tuple(range(60, 68)), True),
)
"""Point ids of the drawn lines, and whether each is closed."""

# fmt: off
MIRROR = np.array([
    16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 27, 28, 29, 30,
    35, 34, 33, 32, 31, 45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40, 54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55,
    64, 63, 62, 61, 60, 67, 66, 65,
])
# fmt: on
"""(68,) permutation: ``points[MIRROR]`` with x negated is the face seen in a mirror; it is its own
inverse."""
MIRROR.setflags(write=False)


def face_size(points: np.ndarray) -> float:
    """Side of the points' box, the longer of its two sides, in the unit of ``points``.

    Args:
        points: (68, 2) or (68, 3).
    """
    return float(np.ptp(points, axis=0).max())


def eye_distance(points: np.ndarray) -> float:
    """Distance of the outer eye corners (points 36 and 45), in the unit of ``points``.

    Args:
        points: (68, 2) or (68, 3).
    """
    left, right = OUTER_EYE_CORNERS
    return float(np.linalg.norm(points[right] - points[left]))


def mirrored(points: np.ndarray, width: float) -> np.ndarray:
    """The points of the horizontally flipped image.

    Args:
        points: (68, 2) pixels.
        width: width of the image in pixels.

    Returns:
        (68, 2) pixels, in iBUG order again.
    """
    return np.stack([width - points[MIRROR, 0], points[MIRROR, 1]], axis=1)


def handedness(points: np.ndarray) -> float:
    """Positive for a face with y down and iBUG order, negative for a mirrored one or y up, whatever its roll.

    It is the cross product of the vectors from eye to eye and from the eyes to the mouth corners, in squared
    outer eye distances; about 0.6 for a common face.

    Args:
        points: (68, 2) pixels, outer eye corners apart.
    """
    left, right = OUTER_EYE_CORNERS
    across = points[right] - points[left]
    down = points[list(MOUTH_CORNERS)].mean(axis=0) - points[list(OUTER_EYE_CORNERS)].mean(axis=0)
    return float((across[0] * down[1] - across[1] * down[0]) / max(float(across @ across), 1e-12))
