"""Colour grading: the regions of the finished texture get the mean and spread of colours that the artwork has there.

The optimisation brings strokes and hues, but the content's own light and dark hold back how far colours spread. A
linear map of colours, the optimal transport between two Gaussians (Pitie and Kokaram 2007), closes what is left.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from ..base.device import on_device
from ..regions.clothes import clothes_example
from ..regions.labels import CLOTHES, EYES, HAIR, LIPS, OUTER, SKIN, SURROUNDINGS
from .part import Part

# Regions of the head that are graded as one, the artwork's regions they are graded to, and the limits of gain along
# each axis of the map: neither noise may be blown up nor drawing flattened. Neck and ears have less to draw than faces.
_FACE = (SKIN, LIPS, EYES)
_LIKE = (
    (_FACE, _FACE, (0.6, 1.5)),
    ((OUTER,), (SKIN,), (0.6, 1.1)),
    ((HAIR,), (HAIR,), (0.6, 1.5)),
    ((CLOTHES,), (CLOTHES,), (0.6, 1.5)),
    ((SURROUNDINGS,), (SURROUNDINGS,), (0.6, 1.5)),
)
_SOFT, _SKIN_SOFT = 1 / 160, 1 / 24  # of the side: over which regions pass into one another, and face into neck
_LEAST = 50  # pixels or texels; fewer say nothing about a distribution
_ENOUGH = 40000  # colours that a distribution is measured on
_NOISE = 4e-4  # variance that is taken for granted


class Grading:
    """Regions of a subject with the artwork's colours for each.

    Args:
        parts: head, and what is about it: a region is one over all of them.
        art: (H, W, 3) uint8 RGB. art_labels: (H, W) regions of the artwork; clothes have their own rule, see
            :func:`portrait_pipeline.regions.clothes.clothes_example`.
    """

    def __init__(self, parts: Sequence[Part], art: np.ndarray, art_labels: np.ndarray) -> None:
        self._regions = []
        for ours, like, gain in _LIKE:
            example = clothes_example(art_labels) if ours == (CLOTHES,) else np.isin(art_labels, like)
            masks = [np.isin(part.labels, ours) for part in parts]
            shown = [
                mask if part.covered is None else mask & part.covered for mask, part in zip(masks, parts, strict=True)
            ]
            found = np.cumsum([0, *(mask.sum() for mask in shown)])
            if min(found[-1], example.sum()) < _LEAST:
                continue
            every = max(1, int(found[-1]) // _ENOUGH)
            inside = [np.flatnonzero(mask)[-start % every :: every] for mask, start in zip(shown, found, strict=False)]
            shares = [region_share(part.labels, ours) for part in parts]
            self._regions.append((shares, inside, _some(art[example]) / 255.0, gain))

    def apply(self, textures: Sequence[torch.Tensor], strength: float) -> list[torch.Tensor]:
        """The textures (3, S, S) of all parts in [0, 1], each region moved to the artwork's colours for it.

        Args:
            strength: 0 leaves the textures as they are, 1 is the whole map.

        Returns:
            (3, S, S) of each part in [0, 1]; regions pass softly into one another, those without a counterpart in the
            artwork stay.
        """
        own = [texture.clamp(0, 1) for texture in textures]
        changes = [torch.zeros_like(texture) for texture in own]
        for shares, inside, target, gain in self._regions:
            source = [
                texture.flatten(1)[:, on_device(some, texture.device, np.int64)].T.cpu().numpy()
                for texture, some in zip(own, inside, strict=True)
            ]
            map_ = colour_map(np.concatenate(source), target, gain)
            for texture, change, share in zip(own, changes, shares, strict=True):
                matrix, offset = (on_device(part, texture.device).to(texture.dtype) for part in map_)
                moved = (matrix @ texture.flatten(1) + offset[:, None]).view_as(texture)
                change += on_device(share, texture.device) * (moved - texture)
        return [(texture + strength * change).clamp(0, 1) for texture, change in zip(own, changes, strict=True)]


def region_share(labels: np.ndarray, ours: tuple[int, ...]) -> np.ndarray:
    """(S, S) float32 of a region's map in each texel of ``labels`` (S, S).

    Face and neck are one skin: where they meet, two maps that differ would draw the edge of a mask.
    """
    skin = (*_FACE, OUTER)
    whole = skin if set(ours) <= set(skin) else ours
    mask, inside = (np.isin(labels, members).astype(np.float32) for members in (whole, ours))
    share = cv2.GaussianBlur(mask, (0, 0), _SOFT * len(labels))
    if whole is skin:
        part, total = (cv2.GaussianBlur(field, (0, 0), _SKIN_SOFT * len(labels)) for field in (inside, mask))
        share *= part / np.maximum(total, 1e-6)
    return share


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
