"""What of an artwork clothes learn from: its own clothes, or the rest of the picture where it has none."""

from __future__ import annotations

import numpy as np

from .labels import BACKGROUND, CLOTHES, EYES, LIPS, SKIN, SURROUNDINGS, TEETH, TRANSPARENT

ALL_BUT_SKIN = 0.15
"""Share of the samples for clothes that comes from all that is not skin: the clothes alone may be one flat tone."""

_LEAST = 0.02  # of the skin's area: fewer clothes are no example
_FEW = 0.15  # of the picture: less that is neither skin nor hair is none either
_LARGEST = 20000  # colours kept


def clothes_example(labels: np.ndarray) -> np.ndarray:
    """(H, W) bool: the artwork's clothes, if they are an example; else what is neither skin nor hair, else everything.

    Args:
        labels: (H, W) regions of the portrait's part of an artwork.
    """
    clothes = labels == CLOTHES
    if clothes.sum() >= max(1.0, _LEAST * (labels == SKIN).sum()):
        return clothes
    rest = clothes | np.isin(labels, (BACKGROUND, SURROUNDINGS))
    return rest if rest.mean() >= _FEW else labels != TRANSPARENT


def not_skin(labels: np.ndarray) -> np.ndarray:
    """(H, W) bool: all that is neither skin nor a feature of the face; everything if that is nothing."""
    rest = ~np.isin(labels, (SKIN, EYES, LIPS, TEETH, TRANSPARENT))
    return rest if rest.any() else labels != TRANSPARENT


def clothes_colours(art: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(N, 3) uint8: the example's colours, and by ``ALL_BUT_SKIN`` those of all that is not skin."""
    own, rest = art[clothes_example(labels)], art[not_skin(labels)]
    own = own[:: max(1, -(-len(own) // _LARGEST))]
    wanted = max(1, round(ALL_BUT_SKIN / (1 - ALL_BUT_SKIN) * len(own)))
    return np.concatenate([own, rest[:: max(1, len(rest) // wanted)][:wanted]])
