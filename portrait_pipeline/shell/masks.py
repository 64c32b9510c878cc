"""Small operations on masks (H, W) bool; radii in px. Beyond the picture a mask goes on as at its border."""

from __future__ import annotations

import cv2
import numpy as np


def dilate(mask: np.ndarray, radius: float) -> np.ndarray:
    """Grown by a disc."""
    if not mask.any():
        return np.zeros(mask.shape, bool)
    # One distance transform costs the same for every radius; a large structuring element costs seconds.
    distance = cv2.distanceTransform((~mask.astype(bool)).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return distance < max(radius, 1.0) + 0.5


def erode(mask: np.ndarray, radius: float) -> np.ndarray:
    """Shrunk by a disc; the picture's border is no outline."""
    return ~dilate(~mask.astype(bool), radius)


def opened(mask: np.ndarray, radius: float) -> np.ndarray:
    """Without what is thinner than a disc."""
    return dilate(erode(mask, radius), radius) & mask


def closed(mask: np.ndarray, radius: float) -> np.ndarray:
    """With the gaps that are thinner than a disc."""
    return erode(dilate(mask, radius), radius) | mask


def smoothed(mask: np.ndarray, sigma: float) -> np.ndarray:
    """With a rounder outline."""
    return cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma) > 0.5


def without_small(mask: np.ndarray, area: float) -> np.ndarray:
    """Without components of fewer than ``area`` px."""
    _, labels, sizes, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    keep = sizes[:, cv2.CC_STAT_AREA] >= area
    keep[0] = False
    return keep[labels]


def filled(mask: np.ndarray, area: float) -> np.ndarray:
    """Without holes of fewer than ``area`` px; what touches the picture's border is none."""
    open_to_all = np.pad(~mask.astype(bool), 1, constant_values=True)
    return ~without_small(open_to_all, area)[1:-1, 1:-1]


def component_at(mask: np.ndarray, point: np.ndarray) -> np.ndarray:
    """The component that holds a point px (x, y first), or the mask itself where the point lies outside of it."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8))
    column, row = (int(np.clip(value, 0, limit - 1)) for value, limit in zip(point[:2], mask.shape[::-1], strict=True))
    label = labels[row, column]
    return labels == label if label else mask


def polygon(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The convex hull of points (N, 2) px."""
    canvas = np.zeros(shape, np.uint8)
    hull = cv2.convexHull(np.asarray(points, np.float32))[:, 0]
    cv2.fillConvexPoly(canvas, np.rint(hull - 0.5).astype(np.int32), 1)
    return canvas > 0


def smoothstep(value: np.ndarray) -> np.ndarray:
    """0 below 0, 1 above 1, smooth between."""
    value = np.clip(value, 0, 1)
    return value * value * (3 - 2 * value)
