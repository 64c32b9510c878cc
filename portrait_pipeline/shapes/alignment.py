"""Three-point alignment of landmarks to the average face, and its inverse (section 4.1, "Training Data").

The aligned canvas is a 512 x 512 image, y down, mapped to [-1, 1] by ``v = 2 * pixel / 512 - 1``. The target
positions are the fixed points of the authors' two mean faces.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..base.errors import LandmarkError
from .points import anchors

CANVAS = 512.0
TARGETS = np.array([[196.0128, 233.6], [315.9872, 233.6], [256.0, 366.4448]]) / CANVAS * 2 - 1
"""(3, 2) image-left eye, image-right eye and mouth of the average face on the [-1, 1] canvas."""

Alignment = Literal["similarity", "affine"]


def align(landmarks: np.ndarray, mode: Alignment = "similarity") -> tuple[np.ndarray, np.ndarray]:
    """Bring the centres of both eyes and of the mouth to their places in the average face.

    Args:
        landmarks: (N, 68, 2) or (68, 2) pixels, each face in its own frame, y down.
        mode: ``similarity`` is the least-squares rotation, scale and shift on the three points and keeps the
            proportions of the face, which are part of an artwork's style; ``affine`` is the paper's letter:
            exact on the three points, and it removes the ratio of eye distance to face height.

    Returns:
        aligned (N, 68, 2) on the [-1, 1] canvas and transforms (N, 2, 3) with ``aligned = points @ A.T + b``
        for ``transform = [A | b]``; without the leading axis for one face.

    Raises:
        LandmarkError: a number is not finite, or eyes and mouth coincide (or lie on a line, for ``affine``).
    """
    points = np.asarray(landmarks, float)
    if points.shape[-2:] != (68, 2) or points.ndim not in (2, 3):
        raise LandmarkError(f"landmarks have shape {points.shape}, expected (68, 2) or (N, 68, 2)")
    if not np.isfinite(points).all():
        raise LandmarkError("landmarks hold a number that is not finite; place the 68 points again")
    transforms = _similarity(anchors(points)) if mode == "similarity" else _affine(anchors(points))
    return apply(transforms, points), transforms


def _similarity(source: np.ndarray) -> np.ndarray:
    """Least squares over a complex factor and shift: minimise |m * z + t - w|^2 over the three points."""
    z, w = _complex(source), _complex(TARGETS)
    z_mean = z.mean(-1, keepdims=True)
    z, w_mean = z - z_mean, w.mean()
    power = (np.abs(z) ** 2).sum(-1)
    if (power < 1e-12).any():
        raise LandmarkError("the eyes and the mouth are at one place: no face to align; place the 68 points again")
    factor = (np.conj(z) * (w - w_mean)).sum(-1) / power
    shift = w_mean - factor * z_mean[..., 0]
    rows = np.stack([factor.real, -factor.imag, shift.real, factor.imag, factor.real, shift.imag], axis=-1)
    return rows.reshape(*source.shape[:-2], 2, 3)


def _affine(source: np.ndarray) -> np.ndarray:
    matrix = np.concatenate([source, np.ones((*source.shape[:-1], 1))], axis=-1)
    area = np.abs(np.linalg.det(matrix))
    size = (np.ptp(source, axis=-2) ** 2).sum(-1)
    if (area < 1e-6 * np.maximum(size, 1e-12)).any():
        raise LandmarkError("the eyes and the mouth lie on one line: no affine alignment; use alignment: similarity")
    return np.swapaxes(np.linalg.solve(matrix, np.broadcast_to(TARGETS, source.shape)), -1, -2)


def _complex(points: np.ndarray) -> np.ndarray:
    return points[..., 0] + 1j * points[..., 1]


def apply(transforms: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Apply (..., 2, 3) transforms to (..., P, 2) points."""
    return points @ np.swapaxes(transforms[..., :2], -1, -2) + transforms[..., None, :, 2]


def invert(transforms: np.ndarray) -> np.ndarray:
    """The exact inverse (..., 2, 3) of (..., 2, 3) transforms: from the canvas back to each face's own
    frame.
    """
    linear = np.linalg.inv(transforms[..., :2])
    return np.concatenate([linear, -linear @ transforms[..., 2:]], axis=-1)
