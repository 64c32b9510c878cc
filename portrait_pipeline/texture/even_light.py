"""The photo's light made even before it becomes content: what was lit from one side is no feature of the face."""

from __future__ import annotations

import cv2
import numpy as np

from ..regions.labels import EYES, LIPS, OUTER, SKIN, TEETH

_BROAD = 0.012  # of the texture's side: what is wider is light, what is narrower is the face
_BESIDE = 0.012  # of the side, about eyes and lips that keep their own light
_SHARE = 0.85
_MOST = 40.0  # of each channel


def even_light(photo: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The photo texture (S, S, 3) uint8 with the broad colours and shades of its skin the same on both sides.

    The layout is symmetric: a texel's mirror image lies on the mirrored place of the head. Both sides take the mean of
    both, in Lab.

    Args:
        labels: (S, S) regions of the head.
    """
    size = len(photo)
    skin = np.isin(labels, (SKIN, OUTER))
    both = (skin & skin[:, ::-1]).astype(np.float32)
    sigma = _BROAD * size
    lab = cv2.cvtColor(photo.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    mass = np.maximum(cv2.GaussianBlur(both, (0, 0), sigma), 1e-4)
    broad = cv2.GaussianBlur(lab * both[..., None], (0, 0), sigma) / mass[..., None]
    feature = np.isin(labels, (EYES, LIPS, TEETH)).astype(np.uint8)
    reach = 2 * max(1, round(_BESIDE * size)) + 1
    near = cv2.dilate(feature, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))) > 0
    where = cv2.GaussianBlur((both > 0) * (1.0 - (near | near[:, ::-1])), (0, 0), max(0.5, 0.5 * sigma))
    lab += np.clip((broad[:, ::-1] - broad) / 2, -_MOST, _MOST) * (_SHARE * where * both)[..., None]
    lab[..., 0] = np.clip(lab[..., 0], 0, 100)
    return np.clip(np.rint(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * 255), 0, 255).astype(np.uint8)
