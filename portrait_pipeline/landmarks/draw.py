"""Landmarks drawn over their image, for a person to judge."""

from __future__ import annotations

import cv2
import numpy as np

from .points import BROWS, EYES, JAW, MOUTH, NOSE, POLYLINES

COLOURS = ((JAW, (64, 224, 255)), (BROWS, (255, 210, 64)), (NOSE, (120, 255, 120)), (EYES, (255, 110, 110)),
           (MOUTH, (255, 120, 255)))
_SHIFT = 4  # fractional bits of OpenCV's fixed-point drawing coordinates
_DARK = (24, 24, 24)


def draw(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Draw the 68 points and the lines between them, in one colour a group with a dark rim.

    Line width and dots follow the size of the face and of the image, so that the drawing can be read on a thumbnail and
    on a large photo; an image under 256 pixels is enlarged first.

    Args:
        image: (H, W, 3) uint8 RGB.
        points: (68, 2) pixels of ``image``; points outside are allowed.

    Returns:
        (H', W', 3) uint8 RGB; H' = H unless the image was enlarged by a whole factor.
    """
    factor = max(1, -(-256 // max(image.shape[:2])))
    canvas = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC) if factor > 1 else image.copy()
    points = np.asarray(points, dtype=np.float64) * factor
    extent = float(np.ptp(points, axis=0).max())
    line = max(1.0, 0.006 * extent, 0.0015 * max(canvas.shape[:2]))
    colours = np.zeros((len(points), 3), dtype=np.int64)
    for group, colour in COLOURS:
        colours[group] = colour
    for rim in (True, False):
        for ids, closed in POLYLINES:
            colour = _DARK if rim else tuple(int(value) for value in colours[ids[0]])
            width = round(line * 2 + 1) if rim else max(1, round(line))
            cv2.polylines(canvas, [_fixed(points[list(ids)])], closed, colour, width, cv2.LINE_AA, _SHIFT)
    for centre, colour in zip(_fixed(points), colours, strict=True):
        for radius, fill in ((1.9 * line + 1, _DARK), (1.9 * line, tuple(int(value) for value in colour))):
            cv2.circle(canvas, tuple(int(value) for value in centre), round(radius * 2**_SHIFT), fill, -1, cv2.LINE_AA,
                       _SHIFT)
    return canvas


def _fixed(points: np.ndarray) -> np.ndarray:
    """Continuous pixels to OpenCV's fixed-point pixel indices (a pixel's centre is its index)."""
    limit = 2**15  # keeps far outliers within OpenCV's integer range
    return np.rint((np.clip(points, -limit, limit) - 0.5) * 2**_SHIFT).astype(np.int32)
