"""What the room ``landmarks`` leaves for those after it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import numpy as np

from ..base.artifacts import Record
from ..base.layout import Array
from ..perception.part_map import PartMap
from ..perception.parts import NAMES


@dataclass(frozen=True)
class LocatedPair(Record):
    """Both pictures, upright and reduced, with their 68 points (px) and what they show where.

    Attributes:
        photo, art: (H, W, 3) uint8 RGB.
        photo_points, art_points: (68, 2). photo_errors, art_errors: (68,) px that each point may be off; 0 by hand.
        photo_doubt, art_doubt: the network's doubt of the face; above -3.75 look before use.
        photo_source, art_source: detector or file the points come from.
        photo_turn, art_turn: degrees clockwise by which the file's picture was turned.
        photo_parts, art_parts: (14, h, w) float16, and photo_grid, art_grid: (2, 3), see :class:`.part_map.PartMap`.
        photo_matte: (H, W) uint8, how far a pixel is the person, where a mask or an alpha channel says so; else (0, 0).
        art_opacity: (H, W) uint8; (0, 0) where nothing of the artwork is transparent.
        more_photos: further photos of the same person, each (H, W, 3) uint8 RGB; more_points, more_errors, more_parts,
            more_grids: as the photo's, one each.
    """

    kind: ClassVar[str] = "landmarks"
    photo: Annotated[np.ndarray, Array("uint8", "H", "W", 3)]
    art: Annotated[np.ndarray, Array("uint8", "H2", "W2", 3)]
    photo_points: Annotated[np.ndarray, Array("f", 68, 2)]
    art_points: Annotated[np.ndarray, Array("f", 68, 2)]
    photo_errors: Annotated[np.ndarray, Array("f", 68)]
    art_errors: Annotated[np.ndarray, Array("f", 68)]
    photo_doubt: float
    art_doubt: float
    photo_source: str
    art_source: str
    photo_turn: int
    art_turn: int
    photo_parts: Annotated[np.ndarray, Array("f", len(NAMES), "h", "w")]
    art_parts: Annotated[np.ndarray, Array("f", len(NAMES), "h2", "w2")]
    photo_grid: Annotated[np.ndarray, Array("f", 2, 3)]
    art_grid: Annotated[np.ndarray, Array("f", 2, 3)]
    photo_matte: Annotated[np.ndarray, Array("uint8", "MH", "MW")] = field(
        default_factory=lambda: np.zeros((0, 0), np.uint8)
    )
    art_opacity: Annotated[np.ndarray, Array("uint8", "OH", "OW")] = field(
        default_factory=lambda: np.zeros((0, 0), np.uint8)
    )
    more_photos: tuple[Annotated[np.ndarray, Array("uint8", "H", "W", 3)], ...] = ()
    more_points: tuple[Annotated[np.ndarray, Array("f", 68, 2)], ...] = ()
    more_errors: tuple[Annotated[np.ndarray, Array("f", 68)], ...] = ()
    more_parts: tuple[Annotated[np.ndarray, Array("f", len(NAMES), "h", "w")], ...] = ()
    more_grids: tuple[Annotated[np.ndarray, Array("f", 2, 3)], ...] = ()

    def flaw(self) -> str | None:
        """See :meth:`portrait_pipeline.base.artifacts.Record.flaw`."""
        for name, picture in (("photo_matte", self.photo), ("art_opacity", self.art)):
            mask = getattr(self, name)
            if mask.size and mask.shape != picture.shape[:2]:
                return f"'{name}' has shape {mask.shape}, expected {picture.shape[:2]} as the picture, or (0, 0)"
        lists = (self.more_photos, self.more_points, self.more_errors, self.more_parts, self.more_grids)
        if len({len(items) for items in lists}) > 1:
            return "it has not as many points, errors and parts as further photos"
        return next(
            ("a picture is empty" for picture in (self.photo, self.art, *self.more_photos) if not picture.size), None
        )

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
