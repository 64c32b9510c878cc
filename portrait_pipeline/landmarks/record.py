"""What the room ``landmarks`` leaves for those after it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from ..base.artifacts import Record
from ..perception.part_map import PartMap


@dataclass(frozen=True)
class LocatedPair(Record):
    """Both pictures, upright and reduced, with their 68 points (px) and what they show where.

    Attributes:
        photo, art: (H, W, 3) uint8 RGB.
        photo_points, art_points: (68, 2). photo_errors, art_errors: (68,) px that each point may be off; 0 by hand.
        photo_doubt, art_doubt: the network's doubt of the face; above -3.5 look before use.
        photo_source, art_source: detector or file the points come from.
        photo_turn, art_turn: degrees clockwise by which the file's picture was turned.
        photo_parts, art_parts: (14, h, w) float16, and photo_grid, art_grid: (2, 3), see :class:`.part_map.PartMap`.
        photo_matte: (H, W) uint8, how far a pixel is the person, where a mask or an alpha channel says so; else (0, 0).
        art_opacity: (H, W) uint8; (0, 0) where nothing of the artwork is transparent.
        more_photos: further photos of the same person, each (H, W, 3) uint8 RGB; more_points, more_errors, more_parts,
            more_grids: as the photo's, one each.
    """

    kind: ClassVar[str] = "landmarks"
    photo: np.ndarray
    art: np.ndarray
    photo_points: np.ndarray
    art_points: np.ndarray
    photo_errors: np.ndarray
    art_errors: np.ndarray
    photo_doubt: float
    art_doubt: float
    photo_source: str
    art_source: str
    photo_turn: int
    art_turn: int
    photo_parts: np.ndarray
    art_parts: np.ndarray
    photo_grid: np.ndarray
    art_grid: np.ndarray
    photo_matte: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.uint8))
    art_opacity: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.uint8))
    more_photos: tuple[np.ndarray, ...] = ()
    more_points: tuple[np.ndarray, ...] = ()
    more_errors: tuple[np.ndarray, ...] = ()
    more_parts: tuple[np.ndarray, ...] = ()
    more_grids: tuple[np.ndarray, ...] = ()

    @property
    def photo_map(self) -> PartMap:
        """What the photo shows at any of its pixels."""
        return PartMap(self.photo_parts, self.photo_grid)

    @property
    def art_map(self) -> PartMap:
        """What the artwork shows at any of its pixels."""
        return PartMap(self.art_parts, self.art_grid)

    @property
    def more_maps(self) -> list[PartMap]:
        """What each further photo shows."""
        return [PartMap(*parts) for parts in zip(self.more_parts, self.more_grids, strict=True)]
