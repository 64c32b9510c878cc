"""Dark surroundings stay dark: the artwork's own, which they are painted after, may be light."""

from __future__ import annotations

import cv2
import numpy as np

from ..base.images import LUMINANCE

_LARGE = 1 / 32  # of the longer side: what is finer is strokes
_DARK = (0.12, 0.3)  # luminance (sRGB, 0 to 1) up to which surroundings count as dark, and from which they do not
_KEEP = 0.75  # of the ratio between photo and picture
_LEAST = 0.02  # luminance below which black is black


def as_dark(picture: np.ndarray, photo: np.ndarray, around: np.ndarray) -> np.ndarray:
    """The picture with surroundings about as dark as the photo's where those are dark; strokes and hues stay.

    Args:
        picture, photo: (H, W, 3) uint8 RGB. around: (H, W) bool, the surroundings of the person.

    Returns:
        (H, W, 3) uint8.
    """
    sigma = _LARGE * max(around.shape)
    share = around.astype(np.float32)
    soft = np.maximum(cv2.GaussianBlur(share, (0, 0), sigma), 1e-3)

    def large(image: np.ndarray) -> np.ndarray:
        """Luminance of the surroundings alone, without strokes."""
        light = (image @ np.array(LUMINANCE) / 255).astype(np.float32)
        return np.maximum(cv2.GaussianBlur(light * share, (0, 0), sigma) / soft, _LEAST)

    wanted, found = large(photo), large(picture)
    low, high = _DARK
    dark = np.clip((high - wanted) / (high - low), 0, 1)
    factor = np.minimum(wanted / found, 1) ** (_KEEP * dark * dark * (3 - 2 * dark))
    edge = cv2.GaussianBlur(share, (0, 0), max(0.5, sigma / 12))
    return np.rint(picture * (1 - edge * (1 - factor))[..., None]).astype(np.uint8)
