"""Feature lines of the half head, the base vertices of its landmarks, and wanted edge lengths."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.spatial import cKDTree

from .disk import split_loop
from .source import Source
from .surface import HalfSurface

HALF_LANDMARKS = (*range(8, 17), *range(22, 31), 33, 34, 35, *range(42, 48), *range(51, 58), *range(62, 67))
UPPER_LID, LOWER_LID, UPPER_LIP, LOWER_LIP = (43, 44, 45), (46, 47), (62, 63, 64), (65, 66)

# The measured points sit on features of their mesh. People who mark photographs place some elsewhere: the
# jaw points more evenly, the inner brow further out, the nostril points further out and up. JAW_SPACING holds
# fractions of the jaw line from the chin to the ear, SHIFT (right, up) in cm; means over frontal faces.
JAW_SPACING = (0.0, 0.129, 0.25, 0.368, 0.485, 0.602, 0.716, 0.837, 0.965)
SHIFT = {
    22: (0.43, -0.30), 23: (0.33, -0.25), 24: (0.20, -0.20), 25: (0.17, -0.20), 26: (0.17, -0.12),
    34: (0.20, 0.10), 35: (0.28, 0.20),
}  # fmt: skip
# (edge length there in cm, growth of the length per cm of distance)
EYE, MOUTH, NOSE, BROW, EAR = (0.09, 0.10), (0.13, 0.08), (0.19, 0.08), (0.28, 0.08), (0.24, 0.10)
LONGEST = 0.66


def half_features(half: HalfSurface, source: Source) -> tuple[list[np.ndarray], np.ndarray, dict[int, int]]:
    """Feature chains of the half x >= 0.

    Returns:
        chains of base vertices (symmetry plane, neck edge, lids, lip line); fixed base vertices; landmark
        number -> base vertex for the landmarks with x >= 0.
    """
    landmarks = half_landmarks(half, source)
    lids = [half.eye.upper_arc, half.eye.lower_arc]
    lips = [half.mouth.upper_arc, half.mouth.lower_arc]
    fixed = np.unique(np.r_[list(landmarks.values()), [arc[k] for arc in (*lids, *lips) for k in (0, -1)]])
    return [*boundary_chains(half), *lids, *lips], fixed, landmarks


def boundary_chains(half: HalfSurface) -> list[np.ndarray]:
    """The symmetry line from the neck's back over the crown to its front, and the neck edge."""
    loop, count = split_loop(half.triangles, np.abs(half.meshing[:, 0]) < 1e-9)
    return [loop[:count], np.r_[loop[count - 1 :], loop[:1]]]


def half_landmarks(half: HalfSurface, source: Source) -> dict[int, int]:
    """Nearest base vertex to every measured landmark with x >= 0; lid and lip points on their arcs."""
    neutral = half.neutral(source)
    measured = marked_points(source.vertices[source.landmarks])
    skin = np.setdiff1d(np.arange(len(neutral)), np.r_[half.eye.ids, half.mouth.ids])
    allowed = dict.fromkeys(HALF_LANDMARKS, skin)
    allowed |= dict.fromkeys(UPPER_LID, half.eye.upper_arc) | dict.fromkeys(LOWER_LID, half.eye.lower_arc)
    allowed |= dict.fromkeys(UPPER_LIP, half.mouth.upper_arc) | dict.fromkeys(LOWER_LIP, half.mouth.lower_arc)
    result = {}
    for number in HALF_LANDMARKS:
        ids = allowed[number]
        result[number] = int(ids[np.argmin(np.linalg.norm(neutral[ids] - measured[number], axis=1))])
    result[64] = int(half.mouth.upper_arc[0])
    result[62], result[66] = int(half.mouth.upper_arc[-1]), int(half.mouth.lower_arc[-1])
    return result


def marked_points(measured: np.ndarray) -> np.ndarray:
    """(68, 3) points where people would mark them; only those with x >= 0 are changed."""
    points = measured.copy()
    jaw = measured[8:17]
    length = np.r_[0, np.cumsum(np.linalg.norm(np.diff(jaw, axis=0), axis=1))]
    points[8:17] = PchipInterpolator(length / length[-1], jaw)(JAW_SPACING)
    for number, (right, up) in SHIFT.items():
        points[number, :2] += right, up
    return points


def wanted_length(half: HalfSurface, source: Source) -> np.ndarray:
    """(M,) edge length in cm at every vertex of the closed half head."""
    neutral = half.neutral(source)
    landmarks = source.vertices[source.landmarks]
    places = (
        (neutral[np.r_[half.eye.upper_arc, half.eye.lower_arc]], EYE),
        (neutral[np.r_[half.mouth.upper_arc, half.mouth.lower_arc]], MOUTH),
        (landmarks[[30, 33, 34, 35]], NOSE),
        (landmarks[22:27], BROW),
        (neutral[ear_mask(neutral)], EAR),
    )
    length = np.full(len(neutral), LONGEST)
    for points, (least, growth) in places:
        length = np.minimum(length, least + growth * cKDTree(points).query(neutral)[0])
    for patch, least in ((half.eye, EYE[0]), (half.mouth, MOUTH[0])):
        length[patch.ids] = np.minimum(length[patch.ids], 1.5 * least)
    return length


def ear_mask(vertices: np.ndarray) -> np.ndarray:
    """(n,) bool: on an ear, that is beside the skull and behind the jaw's joint."""
    x, y, z = np.abs(vertices[:, 0]), vertices[:, 1], vertices[:, 2]
    return (x > 7.9) & (y > -2.6) & (y < 4.2) & (z < 2.6) & (z > -3.5)
