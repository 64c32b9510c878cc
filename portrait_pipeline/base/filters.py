"""Filters of pictures that leave out what does not count."""

from __future__ import annotations

import cv2
import numpy as np


def weighted_mean(image: np.ndarray, weight: np.ndarray, sigma: float, least: float = 1e-4) -> np.ndarray:
    """Gaussian mean of an image (H, W[, C]) under weights (H, W), of which none outside counts; float32.

    Args:
        sigma: px. least: mass of the weights below which the mean fades to zero.
    """
    mass = np.maximum(cv2.GaussianBlur(weight.astype(np.float32), (0, 0), sigma), least)
    factor = weight if image.ndim == 2 else weight[..., None]
    mean = cv2.GaussianBlur((image * factor).astype(np.float32), (0, 0), sigma)
    return mean / (mass if image.ndim == 2 else mass[..., None])
