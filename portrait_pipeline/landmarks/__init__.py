"""The 68 facial landmarks of a photo or an artwork: from a file beside it, or detected with dlib."""

from .collection import Faces, collect
from .detector import Detection, detect, locate
from .draw import draw
from .files import find_points, read_points, write_points
from .points import (
    BROWS,
    EYES,
    JAW,
    MIRROR,
    MOUTH,
    NOSE,
    OUTER_EYE_CORNERS,
    POLYLINES,
    eye_distance,
    handedness,
    mirrored,
)

__all__ = [
    "BROWS",
    "EYES",
    "JAW",
    "MIRROR",
    "MOUTH",
    "NOSE",
    "OUTER_EYE_CORNERS",
    "POLYLINES",
    "Detection",
    "Faces",
    "collect",
    "detect",
    "draw",
    "eye_distance",
    "find_points",
    "handedness",
    "locate",
    "mirrored",
    "read_points",
    "write_points",
]
