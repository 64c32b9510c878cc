"""Landmark sets and the shape space they span (section 4.1, "Training Data")."""

from .alignment import align, apply, invert
from .generate import generate_art, generate_normal
from .points import MIRROR, mirror
from .space import ShapeSet, ShapeSpace, build_shape_space
from .validity import crossing, uncross

__all__ = [
    "MIRROR", "ShapeSet", "ShapeSpace", "align", "apply", "build_shape_space", "crossing", "generate_art",
    "generate_normal", "invert", "mirror", "uncross",
]
