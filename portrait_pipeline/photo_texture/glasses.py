"""Glasses in a photo: their frame hides the face, their lenses may show it."""

from __future__ import annotations

import cv2
import numpy as np

from ..base.filters import weighted_mean
from ..regions.labels import disc
from .hair import to_lab

_AROUND = 1.2  # cm, over which the skin's own lightness is taken
_BESIDE = 0.16  # cm about the frame that it darkens
_DARK, _GLARE = 30.0, 15.0  # L by which frames and dark lenses lie below the skin about them, and glare above
_PRESENT = 0.25  # probability of glasses
_SHARE = 0.4  # of a dark patch that lies at the glasses if it is their frame; brows above them are not


def frame_share(
    colour: np.ndarray, glasses: np.ndarray, skin: np.ndarray, eyes: np.ndarray, texel: float
) -> np.ndarray:
    """(S, S) in [0, 1]: what of the glasses is not a clear lens before skin, with a margin; zeros where there are none.

    Args:
        colour: (S, S, 3) in [0, 255], the photo in the layout. glasses, skin: (S, S) probabilities that it shows them.
        eyes: (S, S) bool, where the head has its eyes. texel: side of a texel, cm.
    """
    reach = disc(_BESIDE / texel)
    near = cv2.dilate((glasses > _PRESENT).astype(np.uint8), reach) > 0
    known = ((skin > 0.8) & ~near).astype(np.float32)
    if not near.any() or not known.any():
        return np.zeros(glasses.shape)
    light, sigma = to_lab(colour)[..., 0], max(1.0, _AROUND / texel)
    mass = cv2.GaussianBlur(known, (0, 0), sigma)
    usual = weighted_mean(light, known, sigma)
    looked_at = ~(cv2.dilate(eyes.astype(np.uint8), reach) > 0)
    dark = looked_at & ((light < usual - _DARK) | ((mass < 1e-3) & near))
    _, patch = cv2.connectedComponents(dark.astype(np.uint8))
    sizes, within = np.bincount(patch.ravel()), np.bincount(patch[near], minlength=patch.max() + 1)
    frame = (within >= _SHARE * sizes)[patch] & dark | near & looked_at & (light > usual + _GLARE)
    wide = cv2.dilate(frame.astype(np.float32), reach) * looked_at
    return cv2.GaussianBlur(wide, (0, 0), max(0.5, 0.3 * _BESIDE / texel)).astype(float)
