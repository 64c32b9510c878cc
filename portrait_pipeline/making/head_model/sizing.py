"""Wanted edge lengths: fine at eyes, mouth and nose, coarse on scalp and neck."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from .source import Source
from .surface import HalfSurface

# (edge length there in cm, growth of the length per cm of distance)
EYE, MOUTH, NOSE, BROW, EAR = (0.09, 0.10), (0.13, 0.08), (0.19, 0.08), (0.28, 0.08), (0.24, 0.10)
LONGEST = 0.66


def wanted_length(half: HalfSurface, source: Source) -> np.ndarray:
    """(M,) edge length in cm at every vertex of the closed half head."""
    neutral = half.neutral(source)
    landmarks = source.vertices[source.landmarks]
    places = (
        (neutral[np.r_[half.eye.upper_arc, half.eye.lower_arc]], EYE),
        (neutral[np.r_[half.mouth.upper_arc, half.mouth.lower_arc]], MOUTH),
        (landmarks[[30, 33, 34, 35]], NOSE),
        (landmarks[22:27], BROW),
        (ear_points(neutral), EAR),
    )
    length = np.full(len(neutral), LONGEST)
    for points, (least, growth) in places:
        length = np.minimum(length, least + growth * cKDTree(points).query(neutral)[0])
    for patch, least in ((half.eye, EYE[0]), (half.mouth, MOUTH[0])):
        length[patch.ids] = np.minimum(length[patch.ids], 1.5 * least)
    return length


def ear_points(neutral: np.ndarray) -> np.ndarray:
    """The vertices of the ear, by its place on the head (cm)."""
    return neutral[ear_mask(neutral)]


def ear_mask(vertices: np.ndarray) -> np.ndarray:
    """(n,) bool: on an ear, that is beside the skull and behind the jaw's joint."""
    x, y, z = np.abs(vertices[:, 0]), vertices[:, 1], vertices[:, 2]
    return (x > 7.9) & (y > -2.6) & (y < 4.2) & (z < 2.6) & (z > -3.5)
