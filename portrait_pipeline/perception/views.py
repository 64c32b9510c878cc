"""Turned, stretched and enlarged views of an image, and the way back from a view to the image."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class AffineView:
    """An affine view of an image.

    Attributes:
        matrix: (2, 3) float64, maps continuous image pixels to continuous view pixels.
        size: height and width of the view in pixels.
    """

    matrix: np.ndarray
    size: tuple[int, int]

    @property
    def scale(self) -> float:
        """Mean enlargement: square root of the change of area."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:, :2]))))

    def warp(self, image: np.ndarray) -> np.ndarray:
        """The view's pixels; places outside the image repeat its border.

        Args:
            image: (H, W) or (H, W, 3) uint8.

        Returns:
            ``size`` uint8, antialiased where the view is smaller than the image.
        """
        if self.scale < 1:
            image = cv2.GaussianBlur(image, (0, 0), 0.4 * (1 / self.scale - 1) + 1e-3)
        # OpenCV's coordinates are pixel indices: a pixel's centre is its index, not index + 0.5.
        linear = self.matrix[:, :2]
        shift = linear @ np.array([0.5, 0.5]) + self.matrix[:, 2] - 0.5
        height, width = self.size
        return cv2.warpAffine(
            image,
            np.column_stack([linear, shift]),
            (width, height),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )

    def to_view(self, points: np.ndarray) -> np.ndarray:
        """(N, 2) image pixels to view pixels."""
        return points @ self.matrix[:, :2].T + self.matrix[:, 2]

    def to_image(self, points: np.ndarray) -> np.ndarray:
        """(N, 2) view pixels to image pixels."""
        return (points - self.matrix[:, 2]) @ np.linalg.inv(self.matrix[:, :2]).T


def turned(
    size: tuple[int, int], side: float, degrees: float = 0.0, stretch: float = 1.0, margin: float = 0.0
) -> AffineView:
    """The whole image, scaled, turned about its centre and stretched upwards.

    Args:
        size: height and width of the image.
        side: pixels that the image's longer side shall have in the view.
        degrees: turn, positive counter-clockwise as seen.
        stretch: factor on the vertical after the turn.
        margin: border around the image on each side, as a share of it; leaves room for cut-off and turned
            heads.
    """
    height, width = size
    scale = side / max(size)
    linear = np.diag([1.0, stretch]) @ _turn(degrees) * scale
    room = scale * (1 + 2 * margin)
    shape = (max(1, round(height * room * stretch)), max(1, round(width * room)))
    shift = np.array([shape[1], shape[0]]) / 2 - linear @ np.array([width, height]) / 2
    return AffineView(np.column_stack([linear, shift]), shape)


def around(
    view: AffineView, box: np.ndarray, side: int, room: float, degrees: float = 0.0, stretch: float = 1.0
) -> AffineView:
    """A square view with a box of ``view`` in its middle, turned and stretched further.

    Args:
        view: where the box was found.
        box: (4,) left, top, right, bottom in pixels of ``view``.
        side: pixels of the box's side in the new view, before stretching.
        room: side of the new view in sides of the box.
        degrees: further turn, positive counter-clockwise as seen.
        stretch: further factor on the vertical, after the turn.
    """
    factor = side / ((box[2] - box[0] + box[3] - box[1]) / 2)
    linear = np.diag([1.0, stretch]) @ _turn(degrees) * factor
    whole = round(side * room)
    shift = linear @ (view.matrix[:, 2] - (box[:2] + box[2:]) / 2) + whole / 2
    return AffineView(np.column_stack([linear @ view.matrix[:, :2], shift]), (whole, whole))


def _turn(degrees: float) -> np.ndarray:
    """(2, 2) rotation that looks counter-clockwise with y down."""
    angle = np.deg2rad(degrees)
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
