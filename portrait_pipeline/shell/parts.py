"""The probabilities of the perception network's parts as the shell asks for them.

Probabilities are (14, H, W) float in [0, 1] over the photo. Pixels the network has not looked at have no probability
for anything but background (0 or exactly 1 there): they count as unknown, not as background.
"""

from __future__ import annotations

import numpy as np

from ..perception.parts import Part
from .masks import erode

SKIN = (
    Part.SKIN,
    Part.EYES,
    Part.BROWS,
    Part.NOSE,
    Part.UPPER_LIP,
    Part.MOUTH_INSIDE,
    Part.LOWER_LIP,
    Part.NECK,
    Part.GLASSES,
    Part.EARS,
)
"""What is painted on the head itself: skin and features, glasses too (they are too thin for a shell)."""

_FLOOR = 1e-3
_RIM = 1.5 / 96  # of a crop's side: a cell and a half of the network's maps


def from_labels(labels: np.ndarray) -> np.ndarray:
    """(14, H, W) float32 probabilities of a label map (H, W) of class indices, known everywhere."""
    certain = np.arange(len(Part))[:, None, None] == np.asarray(labels)
    return (certain * (1 - len(Part) * _FLOOR) + _FLOOR).astype(np.float32)


def known(probabilities: np.ndarray) -> np.ndarray:
    """(H, W) bool, where the network has looked, without the rim where a crop's maps fade into nothing."""
    looked = np.asarray(probabilities[1:]).max(axis=0) > 0
    if looked.all():
        return looked
    return erode(looked, _RIM * float(np.sqrt(looked.sum())))


def share(probabilities: np.ndarray, classes: int | tuple[int, ...]) -> np.ndarray:
    """(H, W) float32 probability of any of some classes."""
    return np.asarray(probabilities, np.float32)[np.atleast_1d(classes)].sum(axis=0)
