"""Colour grading: the regions of the finished texture get the mean and spread of colours that the artwork has there.

The optimisation brings strokes and hues, but the content's own light and dark hold back how far colours spread. A
linear map of colours, the optimal transport between two Gaussians (Pitie and Kokaram 2007), closes what is left.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch

from ..base.device import on_device
from ..regions.labels import EYES, HAIR, LIPS, OUTER, SKIN

# Regions of the head that are graded as one, the artwork's regions they are graded to, and the limits of gain along
# each axis of the map: neither noise may be blown up nor drawing flattened. Neck and ears have less to draw than faces.
_LIKE = (
    ((SKIN, LIPS, EYES), (SKIN, LIPS, EYES), (0.6, 1.5)),
    ((OUTER,), (SKIN,), (0.6, 1.1)),
    ((HAIR,), (HAIR,), (0.6, 1.5)),
)
_LEAST = 50  # pixels or texels; fewer say nothing about a distribution
_ENOUGH = 40000  # colours that a distribution is measured on
_NOISE = 4e-4  # variance that is taken for granted


class Grading:
    """Regions of a head with the artwork's colours for each.

    Args:
        labels: (S, S) regions of the head. art: (H, W, 3) uint8 RGB. art_labels: (H, W) regions of the artwork.
    """

    def __init__(self, labels: np.ndarray, art: np.ndarray, art_labels: np.ndarray) -> None:
        self._parts = []
        for ours, like, gain in _LIKE:
            inside, example = np.isin(labels, ours), np.isin(art_labels, like)
            if min(inside.sum(), example.sum()) >= _LEAST:
                share = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), len(labels) / 160)
                self._parts.append((share, _some(np.flatnonzero(inside)), _some(art[example]) / 255.0, gain))

    def apply(self, texture: torch.Tensor, strength: float) -> torch.Tensor:
        """The texture (3, S, S) in [0, 1] with skin, neck and ears, and hair moved to the artwork's colours.

        Args:
            strength: 0 leaves the texture as it is, 1 is the whole map.

        Returns:
            (3, S, S) in [0, 1]; regions pass softly into one another, those without a counterpart in the artwork stay.
        """
        own = texture.clamp(0, 1)
        flat, change = own.flatten(1), torch.zeros_like(own)
        for share, inside, target, gain in self._parts:
            source = flat[:, on_device(inside, own.device, np.int64)].T.cpu().numpy()
            matrix, offset = (on_device(part, own.device).to(own.dtype) for part in colour_map(source, target, gain))
            moved = (matrix @ flat + offset[:, None]).view_as(own)
            change += on_device(share, own.device) * (moved - own)
        return (own + strength * change).clamp(0, 1)


def _some(rows: np.ndarray) -> np.ndarray:
    return rows[:: max(1, len(rows) // _ENOUGH)]


def colour_map(source: np.ndarray, target: np.ndarray, gain: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """The linear map (3, 3) and offset (3,) that take the mean and, within limits, the covariance of (N, 3) to (M, 3).

    T = A^-1/2 (A^1/2 B A^1/2)^1/2 A^-1/2 for covariances A and B, its eigenvalues clipped to ``gain``.
    """
    mean, wanted = source.mean(axis=0), target.mean(axis=0)
    a, b = (np.cov(part.T.astype(float)) + _NOISE * np.eye(3) for part in (source, target))
    root = _square_root(a)
    inverse = np.linalg.inv(root)
    values, axes = np.linalg.eigh(inverse @ _square_root(root @ b @ root) @ inverse)
    matrix = (axes * np.clip(values, *gain)) @ axes.T
    return matrix, wanted - matrix @ mean


def _square_root(matrix: np.ndarray) -> np.ndarray:
    values, axes = np.linalg.eigh(matrix)
    return (axes * np.sqrt(np.maximum(values, 1e-12))) @ axes.T
