"""Similarities in space, and the best one between corresponding points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Similarity:
    """``p -> scale * rotation @ p + translation``."""

    scale: float
    rotation: np.ndarray
    translation: np.ndarray

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3)."""
        return self.scale * np.asarray(points, float) @ self.rotation.T + self.translation

    def after(self, first: Similarity) -> Similarity:
        """The map that applies ``first`` and then this one."""
        return Similarity(self.scale * first.scale, self.rotation @ first.rotation, self.apply(first.translation))

    def inverse(self) -> Similarity:
        """The map back."""
        rotation = self.rotation.T
        return Similarity(1.0 / self.scale, rotation, -rotation @ self.translation / self.scale)


def fit_similarity(
    source: np.ndarray, target: np.ndarray, weights: np.ndarray | None = None, scale: bool = True
) -> Similarity:
    """The least-squares similarity that takes ``source`` (N, 3) to ``target`` (N, 3), no reflection (Umeyama 1991).

    Args:
        source, target: corresponding points.
        weights: (N,) of the squared distances; 1 each if not given.
        scale: whether the size may change; otherwise it is 1.
    """
    weights = np.ones(len(source)) if weights is None else weights
    total = weights.sum()
    middle, centre = weights @ source / total, weights @ target / total
    a, b = source - middle, target - centre
    left, singular, right = np.linalg.svd((b * weights[:, None]).T @ a)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    rotation = (left * sign) @ right
    size = float(singular @ sign / max(weights @ (a**2).sum(axis=1), 1e-300)) if scale else 1.0
    return Similarity(size, rotation, centre - size * rotation @ middle)
