"""How far colours lie from a face's skin."""

from __future__ import annotations

import cv2
import numpy as np


def to_lab(colour: np.ndarray) -> np.ndarray:
    """CIE Lab float32 of colours (H, W, 3) in [0, 255]."""
    return cv2.cvtColor((colour / 255.0).clip(0, 1).astype(np.float32), cv2.COLOR_RGB2LAB)


def skin_distance(lab: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """Robust distance of Lab colours (..., 3) from the skin's (N, 3): about 1 within it, above 4 outside."""
    middle = np.median(skin, axis=0)
    spread = np.clip(1.4826 * np.median(np.abs(skin - middle), axis=0), (6.0, 3.0, 3.0), (12.0, 8.0, 8.0))
    return np.sqrt((((lab - middle) / spread) ** 2 * (0.5, 1.0, 1.0)).sum(axis=-1))
