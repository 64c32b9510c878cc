"""Crops of a picture as the network wants them, and the ways there and back.

All coordinates are continuous pixels: the middle of the first pixel is (0.5, 0.5), a picture of width W reaches from
0 to W. OpenCV counts the middle of the first pixel as (0, 0); the half pixel between the two is dealt with here and
nowhere else in the room.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from threading import Lock

import cv2
import numpy as np

from ..head.points import LEFT_EYE, RIGHT_EYE, face_size

SIZE = 192
"""Side of a crop, pixels."""
RATIO = 1.75
"""Side of the crop over the face's size (the longer side of the points' box)."""
LIFT = -0.06
"""The crop's middle below the middle of the points' box, in face sizes: negative is above."""
STEEPEST = 1.2
"""Roll (radians, 69 degrees) beyond which points are taken for wrong, and the crop is not turned after them."""
BOX_SHIFT, BOX_FACTOR = 0.04, 1.04
"""A detector's box (brows to chin, as dlib draws it): the face's middle lies lower by this share, its size is this
many sides of the box."""

_SHARP = 0.6  # crops reduced further than this are smoothed first
_SMOOTHING = 0.35  # Gaussian, in pixels of the crop
_ROOM = 4  # pixels around what a crop shows, for smoothing


@dataclass(frozen=True)
class Frame:
    """A square of the picture that becomes a crop.

    Attributes:
        x, y: its middle, pixels of the picture.
        side: pixels of the picture.
        angle: radians by which it is turned, clockwise as seen.
    """

    x: float
    y: float
    side: float
    angle: float = 0.0

    def map(self, size: int = SIZE) -> np.ndarray:
        """(2, 3) map from the picture's pixels to those of a crop of ``size`` pixels."""
        scale = size / self.side
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        linear = scale * np.array([[cosine, sine], [-sine, cosine]])
        return np.column_stack([linear, size / 2 - linear @ np.array([self.x, self.y])])

    def to_crop(self, points: np.ndarray, size: int = SIZE) -> np.ndarray:
        """(..., 2) pixels of the picture to pixels of the crop."""
        matrix = self.map(size)
        return points @ matrix[:, :2].T + matrix[:, 2]

    def to_picture(self, points: np.ndarray, size: int = SIZE) -> np.ndarray:
        """(..., 2) pixels of the crop to pixels of the picture."""
        matrix = self.map(size)
        return (points - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T

    def turned(self, radians: float) -> Frame:
        """The same square turned further about its middle."""
        return replace(self, angle=self.angle + radians)


def roll_of(points: np.ndarray) -> float:
    """Radians by which the line through the eyes is turned clockwise, in (-pi, pi].

    Args:
        points: (68, 2) pixels.
    """
    right, down = points[RIGHT_EYE].mean(axis=0) - points[LEFT_EYE].mean(axis=0)
    return float(np.arctan2(down, right))


def around_points(points: np.ndarray, ratio: float = RATIO, base: float | None = None, lift: float = LIFT) -> Frame:
    """The frame that shows a face with level eyes and at the size the network knows.

    Args:
        points: (68, 2) pixels.
        ratio: side over the face's size.
        base: radians by which the picture as a whole is turned, if the points are a first guess: when they are turned
            much further they are taken for wrong, and the frame keeps this angle. None trusts the points.
        lift: middle of the frame below the middle of the points' box, in face sizes.
    """
    angle = roll_of(points)
    if base is not None and abs(np.remainder(angle - base + np.pi, 2 * np.pi) - np.pi) > STEEPEST:
        angle = base
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    levelled = points @ turn
    size = max(face_size(levelled), 1e-3)
    middle = (levelled.min(axis=0) + levelled.max(axis=0)) / 2 + np.array([0.0, lift * size])
    x, y = turn @ middle
    return Frame(float(x), float(y), ratio * size, angle)


def around_box(box: np.ndarray, ratio: float = RATIO) -> Frame:
    """The frame for a detector's box.

    Args:
        box: (4,) left, top, right, bottom in pixels of the picture.
        ratio: side over the face's size.
    """
    left, top, right, bottom = (float(value) for value in box)
    side = max(right - left, bottom - top)
    return Frame((left + right) / 2, (top + bottom) / 2 + (BOX_SHIFT + LIFT) * side, ratio * BOX_FACTOR * side)


class Picture:
    """A picture with its halves, quarters, ... made when they are wanted, so that crops of large pictures are cheap.

    Args:
        pixels: (H, W, 3) uint8 RGB.
    """

    def __init__(self, pixels: np.ndarray) -> None:
        self.height, self.width = pixels.shape[:2]
        self._levels = [np.ascontiguousarray(pixels)]
        self._growing = Lock()  # crops are cut side by side: without it two threads would both add the same level

    def cut(self, frame: Frame, size: int = SIZE) -> np.ndarray:
        """(size, size, 3) uint8 crop, antialiased; places outside the picture repeat its border."""
        level = max(0, int(np.floor(np.log2(frame.side / size) + 1e-9)))
        pixels = self._level(level)
        # Halving keeps continuous coordinates in proportion, which pixel indices would not be.
        shrink = 0.5 ** min(level, len(self._levels) - 1)
        reduced = replace(frame, x=frame.x * shrink, y=frame.y * shrink, side=frame.side * shrink)
        return _warp(pixels, reduced.map(size), (size, size))

    def window(self, scale: float, shape: tuple[int, int]) -> np.ndarray:
        """The whole picture scaled, its middle in the middle of ``shape`` (height, width); its border is repeated."""
        height, width = shape
        level = max(0, int(np.floor(-np.log2(scale) + 1e-9)))
        pixels = self._level(level)
        shrink = 0.5 ** min(level, len(self._levels) - 1)
        linear = np.eye(2) * scale
        shift = np.array([width, height]) / 2 - linear @ np.array([self.width, self.height]) / 2
        return _warp(pixels, np.column_stack([linear / shrink, shift]), shape)

    def _level(self, level: int) -> np.ndarray:
        with self._growing:
            while len(self._levels) <= level and min(self._levels[-1].shape[:2]) > 1:
                self._levels.append(_halved(self._levels[-1]))
        return self._levels[min(level, len(self._levels) - 1)]


def _halved(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    if height % 2 or width % 2:
        pixels = cv2.copyMakeBorder(pixels, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    return cv2.resize(pixels, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)


def _warp(pixels: np.ndarray, matrix: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """``shape`` (height, width) pixels through a (2, 3) map from ``pixels`` to the result."""
    pixels, matrix = _needed(pixels, matrix, shape)
    scale = float(np.hypot(*matrix[:, 0]))
    if scale < _SHARP:
        pixels = cv2.GaussianBlur(pixels, (0, 0), _SMOOTHING / scale)
    return cv2.warpAffine(
        pixels, to_indices(matrix), shape[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _needed(pixels: np.ndarray, matrix: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The piece of a picture that a map shows, with some room, and the map from that piece."""
    height, width = shape
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float64)
    corners = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    limits = np.array(pixels.shape[1::-1])
    # A crop wholly outside still needs the nearest pixel of the border.
    low = np.clip(np.floor(corners.min(axis=0)).astype(int) - _ROOM, 0, limits - 1)
    high = np.clip(np.ceil(corners.max(axis=0)).astype(int) + _ROOM, low + 1, limits)
    moved = np.column_stack([matrix[:, :2], matrix[:, 2] + matrix[:, :2] @ low])
    return pixels[low[1] : high[1], low[0] : high[0]], moved


def to_indices(matrix: np.ndarray) -> np.ndarray:
    """OpenCV's form of a (2, 3) map between continuous pixels: one between pixel indices."""
    linear = matrix[:, :2]
    shift = matrix[:, 2] + linear @ np.array([0.5, 0.5]) - 0.5
    return np.column_stack([linear, shift])


def spread(maps: np.ndarray, frame: Frame, shape: tuple[int, int], outside: np.ndarray) -> np.ndarray:
    """Maps of a crop laid back onto the picture.

    Args:
        maps: (C, S, S) float32 over the crop.
        frame: where the crop was taken.
        shape: height and width of the result, pixels of the picture.
        outside: (C,) value where the picture lies outside the crop.

    Returns:
        (C, H, W) float32, bilinear between the cells' middles.
    """
    size = maps.shape[1]
    # Repeating the border by one cell keeps the rim of the crop from fading into the outside value.
    matrix = to_indices(frame.map(size)) + np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    result = np.empty((len(maps), *shape), dtype=np.float32)
    for index, values in enumerate(maps):
        padded = cv2.copyMakeBorder(values, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
        result[index] = cv2.warpAffine(
            padded,
            matrix,
            shape[::-1],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=float(outside[index]),
        )
    return result
