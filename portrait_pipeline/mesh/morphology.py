"""The structuring element of erosions and dilations of masks."""

from __future__ import annotations

import cv2
import numpy as np


def disc(radius: float) -> np.ndarray:
    """(2 r + 1, 2 r + 1) uint8 disc, r the radius in px rounded, at least 1."""
    width = max(1, round(radius))
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 1, 2 * width + 1))
