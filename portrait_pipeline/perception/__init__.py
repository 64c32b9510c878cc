"""The network that reads faces: points with their errors and parts of a picture; it knows no detector and no mesh."""

from .parts import GROUPS, NAMES, PALETTE, Part, labelled, named, painted
from .reading import CERTAIN, DOUBTFUL, LOST, NO_FACE, Reading, follow, read, set_upright
from .weights import load

__all__ = [
    "CERTAIN",
    "DOUBTFUL",
    "GROUPS",
    "LOST",
    "NAMES",
    "NO_FACE",
    "PALETTE",
    "Part",
    "Reading",
    "follow",
    "labelled",
    "load",
    "named",
    "painted",
    "read",
    "set_upright",
]
