"""Which positions of a view or of the artwork enter the losses."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .exemplar import EYES, LIPS

# Share of the samples given to eyes and lips when they are visible: both are small and carry the likeness.
_SHARES = {EYES: 0.10, LIPS: 0.06}


@dataclass(frozen=True)
class Samples:
    """Positions in an image and what is known about them.

    Attributes:
        points: (N, 2) float32 x and y in [0, 1] of width and height.
        region: (N,) uint8 labels of ``exemplar``.
        position: (N, 2) float32, place on the frontal face in face widths.
    """

    points: np.ndarray
    region: np.ndarray
    position: np.ndarray

    def take(self, index: np.ndarray) -> Samples:
        """The samples at ``index``."""
        return Samples(self.points[index], self.region[index], self.position[index])


def draw_pixels(
    mask: np.ndarray, labels: np.ndarray, count: int, rng: np.random.Generator, guided: bool
) -> np.ndarray:
    """Flat indices (count,) of pixels inside ``mask``; with ``guided``, eyes and lips get their share.

    Pixels are drawn without replacement while there are enough, else with repetition.
    """
    inside = np.flatnonzero(mask)
    if not guided:
        return _draw(inside, count, rng)
    kinds = labels.ravel()[inside]
    parts, left = [], count
    for label, share in _SHARES.items():
        members = inside[kinds == label]
        if len(members) >= 4:
            number = max(int(count * share), int(round(count * len(members) / len(inside))))
            parts.append(_draw(members, min(number, left), rng))
            left -= len(parts[-1])
    rest = inside[~np.isin(kinds, tuple(_SHARES))]
    parts.append(_draw(rest if len(rest) else inside, left, rng))
    return rng.permutation(np.concatenate(parts))


def _draw(members: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    return rng.choice(members, size=count, replace=count > len(members))


def pixel_points(index: np.ndarray, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Positions (N, 2) in [0, 1] of flat pixel indices, jittered inside their pixels."""
    rows, columns = np.unravel_index(index, shape)
    jitter = rng.uniform(-0.4, 0.4, size=(len(index), 2)) + 0.5
    return np.stack([(columns + jitter[:, 0]) / shape[1], (rows + jitter[:, 1]) / shape[0]], 1).astype(np.float32)


def inner(mask: np.ndarray, pixels: int) -> np.ndarray:
    """The (H, W) bool mask drawn in by ``pixels``; the image's border does not count as an outline.

    The whole mask comes back if nothing would be left.
    """
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    smaller = cv2.erode(mask.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=1).astype(bool)
    return smaller if smaller.any() else mask
