"""Which pictures are one picture: copies, other cuts and sizes, other compression.

A second cut of the right photo or artwork is no wrong answer, so it must not stand among the choices.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ...perception.views import AffineView

SAME = 0.94
"""Least correlation of two cuts of one picture. Of 124 artworks and 11 photos the one double of each had 0.975 and
0.993, the most similar different pictures 0.895 and 0.711."""
_SIDE = 48
_EXTENT = 4.4  # standard deviations of the points that the side spans


def fingerprint(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The face in a frame made from its own points: a unit vector, the same for every cut, size and roll-free stretch.

    Args:
        image: (H, W, 3) uint8 RGB. points: (68, 2) px; their mean and covariance give the frame.
    """
    middle = points.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(points.T))
    linear = vectors @ np.diag(np.maximum(values, 1e-9) ** -0.5) @ vectors.T * (_SIDE / _EXTENT)
    square = AffineView(np.column_stack([linear, _SIDE / 2 - linear @ middle]), (_SIDE, _SIDE)).warp(image)
    lab = cv2.cvtColor(square, cv2.COLOR_RGB2LAB).astype(np.float64)
    lab = cv2.GaussianBlur(lab - lab.mean(axis=(0, 1)), (0, 0), 1.0).ravel()
    return lab / max(float(np.linalg.norm(lab)), 1e-9)


def same_pictures(pictures: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """(N, N) bool, symmetric and true on the diagonal, for N pairs of image and points."""
    prints = np.stack([fingerprint(*picture) for picture in pictures])
    return (prints @ prints.T > SAME) | np.eye(len(prints), dtype=bool)
