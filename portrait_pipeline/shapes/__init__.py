"""Landmark sets and the shape space they span (section 4.1, "Training Data")."""

from .alignment import align, apply, invert
from .easing import keep_face, scale_change
from .generate import generate_art, generate_normal
from .points import MIRROR, mirror
from .sets import LandmarkSet, build_set
from .space import ShapeSet, ShapeSpace, build_shape_space
from .validity import crossing, tangled, uncross

__all__ = [
    "MIRROR", "LandmarkSet", "ShapeSet", "ShapeSpace", "align", "apply", "build_set", "build_shape_space", "crossing",
    "generate_art", "generate_normal", "invert", "keep_face", "mirror", "scale_change", "tangled",
    "uncross",
]
