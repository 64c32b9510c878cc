"""Bend a picture so that given points land on others, smoothly and without folds."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.interpolate import RBFInterpolator

from ..base.errors import LandmarkError

STEPS = 8
"""A change goes in this many small steps; each is a thin-plate spline too weak to fold."""
GRID = 160
"""The flow is followed at this many places along the frame's longer side, and is linear between them."""
SMOOTHING = 1e-4
"""Of the splines: points that meet or part (a mouth that opens) would tear the picture otherwise."""
BORDER = 12
"""Fixed points on each side of the frame."""
REACH = (0.35, 1.0)
"""The frame is the picture's border, but lies at least and at most this many face sizes outside the face."""


def warp_image(image: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Bend a picture so that ``source`` landmarks land on ``target`` landmarks; see :func:`face_flow`.

    Args:
        image: (H, W, 3) uint8.
        source, target: (68, 2) continuous pixels of ``image`` (the middle of the first pixel is (0.5, 0.5)), y down.

    Returns:
        (H, W, 3) uint8; what the picture does not hold is mirrored at its border.

    Raises:
        LandmarkError: points of another shape or that are not finite.
    """
    return read_at(image, face_flow(image.shape[:2], source, target))


def face_flow(size: tuple[int, int], source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """:func:`backward_flow` of landmarks (68, 2); the skull, on which there are none, goes along (:func:`skull`).

    Raises:
        LandmarkError: points of another shape or that are not finite.
    """
    source, target = _checked(source), _checked(target)
    around = (np.concatenate([points, skull(points)]) for points in (source, target))
    return backward_flow(size, *around, _face_size(source))


def read_at(image: np.ndarray, places: np.ndarray, how: int = cv2.INTER_CUBIC) -> np.ndarray:
    """Values of an image (H, W[, C]) at continuous pixels (h, w, 2); mirrored at its border."""
    maps = (np.asarray(places, np.float32) - 0.5).transpose(2, 0, 1)
    return cv2.remap(image, maps[0], maps[1], how, borderMode=cv2.BORDER_REFLECT_101)


def backward_flow(size: tuple[int, int], source: np.ndarray, target: np.ndarray, unit: float) -> np.ndarray:
    """Where each pixel of the bent picture comes from.

    The picture flows from ``source`` to ``target`` in small steps, each a thin-plate spline through points on a
    straight way and through fixed points on a frame around them: a composition of small steps does not fold. Nothing
    moves outside the frame.

    Args:
        size: height and width of the picture.
        source, target: (N, 2) continuous pixels, y down.
        unit: size of the face in the picture, px.

    Returns:
        (H, W, 2) float32 continuous pixels x, y.
    """
    height, width = size
    x, y = np.meshgrid(np.arange(width, dtype=np.float32) + 0.5, np.arange(height, dtype=np.float32) + 0.5)
    if np.array_equal(source, target):
        return np.stack([x, y], axis=-1)
    low, high = _frame(size, np.concatenate([source, target]), unit)
    spacing = float((high - low).max()) / GRID
    columns, rows = (int(np.ceil(side / spacing)) + 1 for side in high - low)
    axes = np.linspace(low[0], high[0], columns), np.linspace(low[1], high[1], rows)
    grid = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    move = (_flow(grid, low, high, source, target, unit) - grid).reshape(rows, columns, 2)
    # From grid to pixels; moves, not places, because OpenCV rounds positions between grid points.
    at = (
        np.float32((columns - 1) / (high[0] - low[0])) * (x - np.float32(low[0])),
        np.float32((rows - 1) / (high[1] - low[1])) * (y - np.float32(low[1])),
    )
    fine = cv2.remap(move.astype(np.float32), *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.stack([x, y], axis=-1) + fine


def _checked(points: np.ndarray) -> np.ndarray:
    points = np.asarray(points, float)
    if points.shape != (68, 2) or not np.isfinite(points).all():
        raise LandmarkError(f"points to warp: shape {points.shape}, expected 68 finite points x y")
    return points


def _flow(
    places: np.ndarray, low: np.ndarray, high: np.ndarray, source: np.ndarray, target: np.ndarray, unit: float
) -> np.ndarray:
    """Carry places (n, 2) of the bent picture back to the picture, step by step with the points."""
    points = target
    fixed = low + _ring() * (high - low)
    for step in range(STEPS):
        # Aimed anew at each step, so that what the smoothing left behind is made up for.
        move = np.concatenate([(source - points) / (STEPS - step), np.zeros_like(fixed)])
        spline = RBFInterpolator(np.concatenate([points, fixed]) / unit, move / unit, smoothing=SMOOTHING)
        fade = _fade(places, low, high, REACH[0] * unit / 2)[:, None]
        places, points = places + fade * unit * spline(places / unit), points + unit * spline(points / unit)
    return places


def _fade(places: np.ndarray, low: np.ndarray, high: np.ndarray, width: float) -> np.ndarray:
    """Weights (n,) of places inside a box: 0 on its border, smoothly 1 from ``width`` inside it."""
    depth = np.minimum(places - low, high - places).min(1)
    share = np.clip(depth / width, 0.0, 1.0)
    return share**2 * (3 - 2 * share)


def skull(points: np.ndarray) -> np.ndarray:
    """Seven points (7, 2) on the upper half of a head: an arc from temple to temple over the brows.

    Its width is that of the face at the temples, its height goes half with the width and half with the length of the
    face, so that the head grows with the face.
    """
    left, right, chin = points[0], points[16], points[8]
    middle, half = (left + right) / 2, (right - left) / 2
    width, length = np.linalg.norm(half), np.linalg.norm(chin - middle)
    up = np.array([half[1], -half[0]]) / max(width, 1e-9)
    if (chin - middle) @ up > 0:
        up = -up
    angle = np.linspace(0, np.pi, 11)[2:-2, None]
    return middle - np.cos(angle) * half * 1.05 + np.sin(angle) * up * (0.7 * width + 0.5 * length)


def _face_size(points: np.ndarray) -> float:
    return max(float(np.ptp(points, axis=0).max()), 1e-9)


def _frame(size: tuple[int, int], points: np.ndarray, unit: float) -> tuple[np.ndarray, np.ndarray]:
    """Upper left and lower right corner (2,) of the frame about points (N, 2) outside which nothing moves."""
    near, far = (reach * unit for reach in REACH)
    low = points.min(0) - np.clip(points.min(0), near, far)
    high = points.max(0) + np.clip(np.array(size[::-1]) - points.max(0), near, far)
    return low, high


def _ring() -> np.ndarray:
    """Evenly spaced points on the border of the unit square."""
    share = np.linspace(0, 1, BORDER + 1)[:-1, None]
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    return np.concatenate([corners[k] * (1 - share) + corners[(k + 1) % 4] * share for k in range(4)])
