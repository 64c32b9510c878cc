"""Parts of a picture as the perception network names them, and the groups that the shell asks for.

Probabilities are (14, H, W) float in [0, 1] over the photo. Pixels the network has not looked at have no probability
for anything but background (0 or exactly 1 there): they count as unknown, not as background.
"""

from __future__ import annotations

import numpy as np

from .masks import erode

CLASSES = (
    "background",
    "skin",
    "hair",
    "eyes",
    "brows",
    "nose",
    "upper lip",
    "mouth inside",
    "lower lip",
    "neck",
    "clothes",
    "hat and jewellery",
    "glasses",
    "ears",
)
BACKGROUND, HAIR, NECK, CLOTHES, HAT, EARS = 0, 2, 9, 10, 11, 13
SKIN = (1, 3, 4, 5, 6, 7, 8, 9, 12, 13)
"""What is painted on the head itself: skin and features, glasses too (they are too thin for a shell)."""

_FLOOR = 1e-3
_RIM = 1.5 / 96  # of a crop's side: a cell and a half of the network's maps


def from_labels(labels: np.ndarray) -> np.ndarray:
    """(14, H, W) float32 probabilities of a label map (H, W) of class indices, known everywhere."""
    certain = np.arange(len(CLASSES))[:, None, None] == np.asarray(labels)
    return (certain * (1 - len(CLASSES) * _FLOOR) + _FLOOR).astype(np.float32)


def merge_crops(narrow: np.ndarray, wide: np.ndarray) -> np.ndarray:
    """The probabilities of a narrow crop, and of a wider one where the narrow one has not looked; (14, H, W) each.

    A narrow crop knows hats and glasses, a wide one reaches the shoulders.
    """
    return np.where(known(narrow), narrow, wide).astype(np.float32)


def known(probabilities: np.ndarray) -> np.ndarray:
    """(H, W) bool, where the network has looked, without the rim where a crop's maps fade into nothing."""
    looked = np.asarray(probabilities[1:]).max(axis=0) > 0
    if looked.all():
        return looked
    return erode(looked, _RIM * float(np.sqrt(looked.sum())))


def share(probabilities: np.ndarray, classes: int | tuple[int, ...]) -> np.ndarray:
    """(H, W) float32 probability of any of some classes."""
    return np.asarray(probabilities, np.float32)[np.atleast_1d(classes)].sum(axis=0)
