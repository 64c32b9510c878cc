"""Landmark-guided Laplacian deformation of the fitted head (section 4.2, eqs. 8-10)."""

from .deform import Deformation, deform, deform_with_report
from .folds import flipped_triangles
from .laplacian import graph_laplacian
from .targets import landmark_targets, shrink_ratio

__all__ = [
    "Deformation",
    "deform",
    "deform_with_report",
    "flipped_triangles",
    "graph_laplacian",
    "landmark_targets",
    "shrink_ratio",
]
