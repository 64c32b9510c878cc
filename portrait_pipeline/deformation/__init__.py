"""Laplacian deformation of a mesh that keeps its detail (4.2, eqs. 8-10), for the stages ``fit`` and ``deform``."""
