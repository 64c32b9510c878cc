"""Colours for pixels that have none: the nearest known ones, or the smoothest field between them."""

from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage

_ROUNDS = ((3, 4), (8, 12), (18, 28), (36, 60))  # blur of the copy (px) by the distance to what is known (px)


def spread(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Nearest known colours (H, W, 3) float32, the farther the smoother."""
    distance, (rows, columns) = ndimage.distance_transform_edt(~known, return_indices=True)
    nearest = image[rows, columns].astype(np.float32)
    result = np.where(known[..., None], image, nearest).astype(np.float32)
    for sigma, start in _ROUNDS:
        share = np.clip((distance - start) / start, 0, 1).astype(np.float32)[..., None]
        if share.any():
            result = result * (1 - share) + cv2.GaussianBlur(nearest, (0, 0), sigma) * share
    return result


def mirrored(image: np.ndarray, known: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Known colours (H, W, 3) mirrored at their border, and (H, W) bool where there are some, at most ``reach`` px
    off."""
    distance, nearest = ndimage.distance_transform_edt(~known, return_indices=True)
    source = 2 * nearest - np.indices(known.shape)
    inside = ((source >= 0) & (source < np.reshape(known.shape, (2, 1, 1)))).all(axis=0)
    rows, columns = np.where(inside, source, nearest)
    return image[rows, columns], ~known & inside & known[rows, columns] & (distance <= reach)


def smooth_fill(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """A smooth field (H, W, 3) float32 that meets the known pixels, by pulling and pushing through a pyramid."""
    weight = known.astype(np.float32)
    levels = [(image.astype(np.float32) * weight[..., None], weight)]
    while min(levels[-1][1].shape) > 4:
        levels.append(
            tuple(cv2.resize(part, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for part in levels[-1])
        )
    colour, weight = levels[-1]
    result = colour / np.maximum(weight, 1e-4)[..., None]
    for colour, weight in levels[-2::-1]:
        result = cv2.resize(result, weight.shape[::-1], interpolation=cv2.INTER_LINEAR)
        share = np.clip(weight * 4, 0, 1)[..., None]
        result = share * colour / np.maximum(weight, 1e-4)[..., None] + (1 - share) * result
    return result
