"""Similarities in space: the best one between corresponding points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation


@dataclass(frozen=True)
class Similarity:
    """``y = scale * rotation @ x + shift``; rotation (3, 3) proper, shift (3,)."""

    scale: float
    rotation: np.ndarray
    shift: np.ndarray

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Move (..., 3) points."""
        return self.scale * np.asarray(points) @ self.rotation.T + self.shift


def best_fit(moving: np.ndarray, fixed: np.ndarray, scale: bool = True) -> Similarity:
    """The least-squares similarity that takes (N, 3) points ``moving`` to ``fixed``, without reflection (Umeyama 1991).

    Args:
        moving, fixed: corresponding points.
        scale: whether the size may change; otherwise it is 1.
    """
    middle, target = np.mean(moving, axis=0), np.mean(fixed, axis=0)
    # The best rotation does not depend on the size (Umeyama, eq. 40); the size then is a one-dimensional fit.
    rotation = Rotation.align_vectors(fixed - target, moving - middle)[0].as_matrix()
    turned = (moving - middle) @ rotation.T
    size = float((turned * (fixed - target)).sum() / (turned**2).sum()) if scale else 1.0
    return Similarity(size, rotation, target - size * rotation @ middle)
