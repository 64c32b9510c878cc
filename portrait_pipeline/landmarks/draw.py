"""Landmarks drawn over their image, for a person to judge."""

from __future__ import annotations

import cv2
import numpy as np

from ..head.points import BROWS, EYES, JAW, MOUTH, NOSE, POLYLINES, face_size

COLOURS = (
    (JAW, (64, 224, 255)),
    (BROWS, (255, 210, 64)),
    (NOSE, (120, 255, 120)),
    (EYES, (255, 110, 110)),
    (MOUTH, (255, 120, 255)),
)
SURE, UNSURE = 0.02, 0.10
"""Expected error as a share of half the face's size at which a dot is green, and at which it is red."""
_SHIFT = 4  # fractional bits of OpenCV's fixed-point drawing coordinates
_FACE_SIDE = 320  # pixels that the 68 points should extend over
_LONGEST_SIDE = 2000  # of an enlarged drawing
_DARK = (24, 24, 24)


def draw(image: np.ndarray, points: np.ndarray, errors: np.ndarray | None = None) -> np.ndarray:
    """Draw the 68 points and the lines between them, in one colour a group with a dark rim.

    Dots tell how sure each point is: green, yellow, red.

    A small picture, or one with a small face, is enlarged first, so that the points stay apart; line width
    and dots follow the size of the face.

    Args:
        image: (H, W, 3) uint8 RGB.
        points: (68, 2) pixels of ``image``; points outside are allowed.
        errors: (68,) pixels that each point may be off; None: 0.

    Returns:
        (H', W', 3) uint8 RGB; H' is H times a whole factor, 1 for large faces.
    """
    extent = max(float(np.ptp(points, axis=0).max()), 1.0)
    factor = int(max(1, min(-(-_FACE_SIDE // extent), _LONGEST_SIDE // max(image.shape[:2]))))
    canvas = (
        cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC) if factor > 1 else image.copy()
    )
    points = np.asarray(points, dtype=np.float64) * factor
    errors = np.zeros(len(points)) if errors is None else errors
    line = max(1.0, 0.005 * extent * factor)
    colours = np.zeros((len(points), 3), dtype=np.int64)
    for group, colour in COLOURS:
        colours[group] = colour
    for rim in (True, False):
        for ids, closed in POLYLINES:
            colour = _DARK if rim else tuple(int(value) for value in colours[ids[0]])
            width = round(line * 2 + 1) if rim else max(1, round(line))
            cv2.polylines(canvas, [_fixed(points[list(ids)])], closed, colour, width, cv2.LINE_AA, _SHIFT)
    for centre, colour in zip(
        _fixed(points), confidence_colours(errors / (face_size(points) / factor / 2)), strict=True
    ):
        for radius, fill in ((1.8 * line + 1, _DARK), (1.8 * line, tuple(int(value) for value in colour))):
            cv2.circle(
                canvas,
                tuple(int(value) for value in centre),
                round(radius * 2**_SHIFT),
                fill,
                -1,
                cv2.LINE_AA,
                _SHIFT,
            )
    return canvas


def confidence_colours(errors: np.ndarray) -> np.ndarray:
    """(N, 3) RGB in [0, 255] from green over yellow to red, of errors (N,) as shares of half the face's size."""
    doubt = np.clip((np.asarray(errors) - SURE) / (UNSURE - SURE), 0, 1)
    return np.stack([255 * np.clip(2 * doubt, 0, 1), 220 * np.clip(2 - 2 * doubt, 0, 1), 60 * (1 - doubt)], axis=1)


def _fixed(points: np.ndarray) -> np.ndarray:
    """Continuous pixels to OpenCV's fixed-point pixel indices (a pixel's centre is its index)."""
    limit = 2**15  # keeps far outliers within OpenCV's integer range
    return np.rint((np.clip(points, -limit, limit) - 0.5) * 2**_SHIFT).astype(np.int32)
