"""The rim of the seen face: where a photo shows skin, but in the shade and reflections of what surrounds it.

Cheeks that turn away and temples under hair are seen in another light than the face. Carried on over all that is not
seen, that light would make the face a mask with dark borders.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..regions.labels import SKIN, head_polygon
from .hair import to_lab

_INNER = 0.86  # of the way from the face's middle to its outline, that is face whatever its light
_SMOOTH, _BORDER = 0.015, 0.02  # of the layout's side: of the colours compared, and of the inner face's edge
_LIGHT, _HUE = 0.30, 12.0  # share of L, and units of a and b, by which skin may differ
_FEWEST = 200  # texels


def rim_trust(colour: np.ndarray, weight: np.ndarray, labels: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(S, S) in [0, 1]: 0 for skin outside the inner face whose broad colour is far from the inner face's.

    Args:
        colour: (S, S, 3) in [0, 255]. weight: (S, S) in [0, 1]. labels: (S, S) of :func:`.regions.head.head_regions`.
        places: (68, 2) landmarks in the layout, in [0, 1].
    """
    size = len(weight)
    inner = _inner_face(places, size)
    sure = (inner > 0.5) & (labels == SKIN) & (weight > 0.9)
    if sure.sum() < _FEWEST:
        return np.ones_like(weight)
    lab, skin = to_lab(colour), labels == SKIN
    middle = np.median(lab[sure], axis=0)
    mass = (weight * skin).astype(np.float32)
    sigma = (0, 0), _SMOOTH * size
    broad = (
        cv2.GaussianBlur(lab * mass[..., None], *sigma) / np.maximum(cv2.GaussianBlur(mass, *sigma), 1e-3)[..., None]
    )
    away = (broad - middle) / [_LIGHT * middle[0], _HUE, _HUE]
    alike = np.clip(1.6 - np.linalg.norm(away, axis=-1), 0, 1)
    return np.where(skin, np.maximum(alike, inner), 1.0)


def _inner_face(places: np.ndarray, size: int) -> np.ndarray:
    """(S, S) in [0, 1], soft: inside the outline of jaw and forehead, drawn in a little."""
    outline = head_polygon(places)
    middle = outline.mean(axis=0)
    hull = (middle + _INNER * (outline - middle)) * size
    mask = np.zeros((size, size), np.float32)
    cv2.fillPoly(mask, [np.rint((hull - 0.5) * 16).astype(np.int32)], 1.0, shift=4)
    return cv2.GaussianBlur(mask, (0, 0), _BORDER * size / 2)
