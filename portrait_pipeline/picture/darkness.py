"""Surroundings that are dark as a whole stay dark: the artwork's own, which they are painted after, may be light."""

from __future__ import annotations

import cv2
import numpy as np

from ..base.filters import weighted_mean
from ..base.images import LUMINANCE

_LARGE = 1 / 32  # of the longer side: what is finer is strokes
_DARK = (0.12, 0.3)  # luminance (sRGB, 0 to 1) up to which surroundings count as dark, and from which they do not
_KEEP = 0.75  # of the ratio between photo and picture
_WHOLE = (0.4, 0.7)  # share of the surroundings that is dark: from where they count as dark, and fully
_LEAST = 0.02  # luminance below which black is black


def as_dark(picture: np.ndarray, photo: np.ndarray, around: np.ndarray) -> np.ndarray:
    """The picture with surroundings about as dark as the photo's where those are dark; strokes and hues stay.

    A dark flag in a light room is left to the artwork: beside light paper it would be a smudge.

    Args:
        picture, photo: (H, W, 3) uint8 RGB. around: (H, W) bool, the surroundings of the person.

    Returns:
        (H, W, 3) uint8.
    """
    sigma = _LARGE * max(around.shape)
    share = around.astype(np.float32)

    def large(image: np.ndarray) -> np.ndarray:
        """Luminance of the surroundings alone, without strokes."""
        light = (image @ np.array(LUMINANCE) / 255).astype(np.float32)
        return np.maximum(weighted_mean(light, share, sigma, 1e-3), _LEAST)

    wanted, found = large(photo), large(picture)
    low, high = _DARK
    dark = np.clip((high - wanted) / (high - low), 0, 1)
    whole = np.clip((dark[around].mean() - _WHOLE[0]) / (_WHOLE[1] - _WHOLE[0]), 0, 1) if around.any() else 0.0
    factor = np.minimum(wanted / found, 1) ** (_KEEP * whole * dark * dark * (3 - 2 * dark))
    edge = cv2.GaussianBlur(share, (0, 0), max(0.5, sigma / 12))
    return np.rint(picture * (1 - edge * (1 - factor))[..., None]).astype(np.uint8)
