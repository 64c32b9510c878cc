"""The square in which a picture is painted: the picture itself, larger by a margin that is mirrored and cut off again.

What lies at a picture's border is seen by the network as everything else then. The picture lies at the upper left; what
it leaves of the square is not painted.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

_MARGIN = 1 / 32  # of the picture's longer side
_LEAST = 8  # px
_COARSEST = 60  # px of the smallest scale's square
_HALVINGS = 16  # the square's side is a multiple of this, so that scales are halves of each other


@dataclass(frozen=True)
class Canvas:
    """Sizes in pixels.

    Attributes:
        height, width: of the picture. factor: its pixels per pixel of the photo. margin: on each of its sides.
        side: of the square.
    """

    height: int
    width: int
    factor: float
    margin: int
    side: int

    @classmethod
    def of(cls, shape: tuple[int, ...], size: int) -> Canvas:
        """For a photo (height, width, ...), ``size`` being the longer side of the picture."""
        factor = size / max(shape[:2])
        height, width = (max(32, round(factor * side)) for side in shape[:2])
        margin = max(_LEAST, round(_MARGIN * size))
        whole = max(height, width) + 2 * margin
        return cls(height, width, factor, margin, -(-whole // _HALVINGS) * _HALVINGS)

    @property
    def corner(self) -> np.ndarray:
        """(2,) px of the photo at the square's top left."""
        return np.full(2, -self.margin / self.factor)

    @property
    def extent(self) -> np.ndarray:
        """(2,) width and height of what is painted."""
        return np.array([self.width, self.height]) + 2 * self.margin

    @property
    def scales(self) -> list[int]:
        """Sides of the square from coarse to fine."""
        sides = [self.side]
        while sides[0] // 2 >= _COARSEST:
            sides.insert(0, sides[0] // 2)
        return sides

    def painted(self) -> np.ndarray:
        """(S, S) bool, picture and margin."""
        mask = np.zeros((self.side, self.side), bool)
        mask[: self.extent[1], : self.extent[0]] = True
        return mask

    def resized(self, photo: np.ndarray) -> np.ndarray:
        """(height, width[, C]) a photo at the picture's size."""
        how = cv2.INTER_AREA if self.factor < 1 else cv2.INTER_CUBIC
        return cv2.resize(photo, (self.width, self.height), interpolation=how)

    def within(self, picture: np.ndarray) -> np.ndarray:
        """(S, S[, C]) the square of a picture (height, width[, C])."""
        below, right = (self.side - side - self.margin for side in (self.height, self.width))
        return cv2.copyMakeBorder(picture, self.margin, below, self.margin, right, cv2.BORDER_REFLECT_101)

    def cut(self, square: np.ndarray) -> np.ndarray:
        """(height, width[, C]) the picture of a square."""
        return square[self.margin : self.margin + self.height, self.margin : self.margin + self.width]
