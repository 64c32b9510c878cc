"""The parts of a picture on a grid of its own, and their probabilities at any place of the picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import map_coordinates

from .crops import Frame, to_indices
from .parts import NAMES, Part, named

_FINEST = 480  # cells of the longer side of a grid over a whole picture


@dataclass(frozen=True)
class PartMap:
    """What a picture shows where.

    Attributes:
        probabilities: (14, h, w) float16 in the order of :class:`.parts.Part`, summing to one.
        grid: (2, 3) float64 map from continuous pixels of the picture to continuous cells of the grid.
    """

    probabilities: np.ndarray
    grid: np.ndarray

    @classmethod
    def of_crop(cls, probabilities: np.ndarray, frame: Frame) -> PartMap:
        """The network's parts (14, S, S) over a crop."""
        return cls(probabilities.astype(np.float16), frame.map(probabilities.shape[1]))

    @classmethod
    def of_labels(cls, labels: np.ndarray) -> PartMap:
        """A drawn mask (H, W) of :class:`.parts.Part` over the whole picture; reduced to 480 cells a side."""
        size, grid = _whole(labels.shape)
        shares = [cv2.resize((labels == part).astype(np.float32), size, interpolation=cv2.INTER_AREA) for part in Part]
        return cls(np.stack(shares).astype(np.float16), grid)

    def at(self, positions: np.ndarray, names: str | Iterable[str]) -> np.ndarray:
        """(...,) float32 probability that the picture shows one of the named parts or groups at (..., 2) pixels.

        Bilinear between the cells' middles; outside the grid everything is background.
        """
        chosen = named(names)
        share = self.probabilities[list(chosen)].astype(np.float32).sum(axis=0)
        cells = np.asarray(positions, float) @ self.grid[:, :2].T + self.grid[:, 2]
        flat = cells.reshape(-1, 2).T[::-1] - 0.5
        found = map_coordinates(share, flat, order=1, mode="nearest").reshape(cells.shape[:-1])
        inside = ((cells >= 0) & (cells <= np.array(share.shape[::-1]))).all(axis=-1)
        return np.where(inside, found, float(Part.BACKGROUND in chosen)).astype(np.float32)

    def picture(self, shape: tuple[int, int], names: str | Iterable[str]) -> np.ndarray:
        """(H, W) float32, :meth:`at` the middle of each pixel."""
        rows, columns = np.indices(shape)
        return self.at(np.stack([columns, rows], axis=-1) + 0.5, names)

    def pictures(self, shape: tuple[int, int]) -> np.ndarray:
        """(14, H, W) float32, all parts at the middle of each pixel; outside the grid everything is background."""
        matrix = to_indices(self.grid)
        outside = np.eye(len(NAMES), dtype=float)[Part.BACKGROUND]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.stack(
            [
                cv2.warpAffine(
                    share.astype(np.float32),
                    matrix,
                    shape[::-1],
                    flags=flags,
                    borderMode=cv2.BORDER_CONSTANT,
                    borderValue=value,
                )
                for share, value in zip(self.probabilities, outside.tolist(), strict=True)
            ]
        )

    def labels(self, shape: tuple[int, int]) -> np.ndarray:
        """(H, W) uint8 most probable part of each pixel."""
        each = np.stack([self.picture(shape, name) for name in NAMES])
        return each.argmax(axis=0).astype(np.uint8)

    def within(self, alpha: np.ndarray) -> PartMap:
        """The map on a grid over the whole picture, where transparent pixels of alpha (H, W) uint8 are background."""
        size, grid = _whole(alpha.shape)
        opaque = cv2.resize(alpha.astype(np.float32) / 255.0, size, interpolation=cv2.INTER_AREA)
        cells = np.stack(np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5), axis=-1)
        places = cells * np.array([alpha.shape[1], alpha.shape[0]]) / size
        shares = np.stack([self.at(places, name) for name in NAMES]) * opaque
        shares[Part.BACKGROUND] += 1 - shares.sum(axis=0)
        return PartMap(shares.astype(np.float16), grid)


def _whole(shape: tuple[int, ...]) -> tuple[tuple[int, int], np.ndarray]:
    """Width and height of a grid over a picture of ``shape`` (height, width), and the map to it."""
    height, width = shape
    factor = min(1.0, _FINEST / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return size, np.array([[size[0] / width, 0.0, 0.0], [0.0, size[1] / height, 0.0]])
