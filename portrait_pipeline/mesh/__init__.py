"""Triangle meshes with a separate UV topology."""

from .mesh import Mesh

__all__ = ["Mesh"]
