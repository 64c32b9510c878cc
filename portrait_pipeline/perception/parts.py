"""The 14 parts of a portrait, their colours in a mask file, and groups of them.

A mask beside a picture (``<image>.mask.png``) and the overlays of this project use the same palette. The colours lie
far apart, so that a mask keeps its meaning after light JPEG-like damage: every pixel counts as the nearest colour.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import numpy as np


class Part(IntEnum):
    """What a pixel shows; the value is the network's channel. Beards and moustaches count as skin."""

    BACKGROUND = 0
    SKIN = 1
    HAIR = 2
    EYES = 3
    BROWS = 4
    NOSE = 5
    UPPER_LIP = 6
    MOUTH_INSIDE = 7
    LOWER_LIP = 8
    NECK = 9
    CLOTHES = 10
    HAT = 11  # hats, head cloths, ear-rings and necklaces
    GLASSES = 12
    EARS = 13


NAMES = (
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
"""The parts' names in the order of the channels, as the weights' configuration has them."""

PALETTE = np.array(
    [
        (0, 0, 0),  # background: black
        (255, 200, 160),  # skin: salmon
        (120, 60, 10),  # hair: brown
        (30, 60, 255),  # eyes: blue
        (80, 0, 80),  # brows: dark purple
        (255, 140, 0),  # nose: orange
        (255, 0, 0),  # upper lip: red
        (100, 0, 0),  # mouth inside: dark red
        (255, 0, 160),  # lower lip: pink
        (255, 255, 120),  # neck: light yellow
        (0, 130, 0),  # clothes: green
        (180, 180, 0),  # hat and jewellery: olive
        (0, 230, 230),  # glasses: cyan
        (190, 120, 255),  # ears: violet
    ],
    dtype=np.uint8,
)
"""(14, 3) RGB of the parts, in the order of :class:`Part`."""
PALETTE.setflags(write=False)

GROUPS = {
    "face": (Part.SKIN, Part.EYES, Part.BROWS, Part.NOSE, Part.UPPER_LIP, Part.MOUTH_INSIDE, Part.LOWER_LIP),
    "mouth": (Part.UPPER_LIP, Part.MOUTH_INSIDE, Part.LOWER_LIP),
    "bare": (Part.SKIN, Part.NOSE, Part.NECK, Part.EARS),
    "covering": (Part.HAIR, Part.HAT, Part.GLASSES),
    "person": tuple(part for part in Part if part is not Part.BACKGROUND),
}
"""Parts that are often wanted together: ``bare`` is bare skin, ``covering`` what may lie over a face."""


def named(names: str | Iterable[str]) -> tuple[Part, ...]:
    """Parts by the names of :data:`NAMES` and of :data:`GROUPS`, without repetition, in the order of channels.

    Args:
        names: one name, or several.

    Raises:
        KeyError: a name is neither a part's nor a group's; a mistake of the caller.
    """
    wanted: set[Part] = set()
    for name in (names,) if isinstance(names, str) else names:
        if name in GROUPS:
            wanted.update(GROUPS[name])
        elif name in NAMES:
            wanted.add(Part(NAMES.index(name)))
        else:
            raise KeyError(f"no part or group of parts is called {name!r}")
    return tuple(sorted(wanted))


def probability(probabilities: np.ndarray, names: str | Iterable[str]) -> np.ndarray:
    """(H, W) probability that a pixel shows one of the named parts.

    Args:
        probabilities: (14, H, W), summing to one over the parts.
        names: as for :func:`named`.
    """
    return probabilities[list(named(names))].sum(axis=0)


def painted(labels: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 RGB picture of a (H, W) label image: what a mask file holds."""
    return PALETTE[labels]


def labelled(mask: np.ndarray) -> np.ndarray:
    """Labels of a mask picture: the part whose colour is nearest.

    Args:
        mask: (H, W, 3) uint8 RGB.

    Returns:
        (H, W) uint8, values of :class:`Part`.
    """
    # Masks have few different colours: compare those, not every pixel.
    packed = mask.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
    colours, places = np.unique(packed, return_inverse=True)
    channels = np.stack([colours >> 16, (colours >> 8) & 255, colours & 255], axis=1).astype(np.int32)
    nearest = np.empty(len(colours), dtype=np.uint8)
    for start in range(0, len(colours), 65536):
        block = channels[start : start + 65536, None, :] - PALETTE.astype(np.int32)
        nearest[start : start + 65536] = (block**2).sum(axis=2).argmin(axis=1)
    return nearest[places].reshape(mask.shape[:2])
