"""The mesh type every geometric stage passes on.

Convention (documented here once, used everywhere):

* **Head space**: right-handed, centimetres. +x is image right in a frontal view (the subject's left side),
  +y is up, +z points out of the face towards the viewer.
* **Image space**: pixels, x to the right, **y down**, origin at the top-left corner of the top-left pixel, so the
  centre of pixel (row r, column c) is (c + 0.5, r + 0.5).
* **UV**: [0, 1], origin at the **bottom left** of the texture (OBJ, OpenGL). Row 0 of a texture image is its top:
  ``row = (1 - v) * H - 0.5``, ``column = u * W - 0.5``; texel centres lie at (i + 0.5) / size.
* Triangles are counter-clockwise seen from outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh whose UV seams do not split its vertices.

    Attributes:
        vertices: (V, 3) float, head space.
        triangles: (F, 3) int32 into ``vertices``.
        uv: (T, 2) float in [0, 1], origin bottom left.
        uv_triangles: (F, 3) int32 into ``uv``, same order as ``triangles``.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    uv_triangles: np.ndarray

    def with_vertices(self, vertices: np.ndarray) -> Mesh:
        """The same topology and UV with other (V, 3) positions."""
        return replace(self, vertices=vertices)


def join(meshes: Sequence[Mesh]) -> Mesh:
    """All meshes as one, vertices, texture coordinates and triangles in the given order."""
    if len(meshes) == 1:
        return meshes[0]

    def numbered(name: str, into: str) -> np.ndarray:
        first = np.cumsum([0, *(len(getattr(mesh, into)) for mesh in meshes[:-1])])
        parts = [getattr(mesh, name) + start for mesh, start in zip(meshes, first, strict=True)]
        return np.concatenate(parts).astype(np.int32)

    vertices = np.concatenate([np.asarray(mesh.vertices, float) for mesh in meshes])
    uv = np.concatenate([np.asarray(mesh.uv, float) for mesh in meshes])
    return Mesh(vertices, numbered("triangles", "vertices"), uv, numbered("uv_triangles", "uv"))
