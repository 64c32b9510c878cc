"""Meshes with one index per corner, as graphics hardware wants them, and their smooth normals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .geometry import vertex_normals
from .mesh import Mesh


@dataclass(frozen=True)
class SplitMesh:
    """A mesh with one index per corner: vertices on a UV seam are repeated.

    Attributes:
        source: (N,) int, the vertex each split vertex stands for. The first V are 0..V-1, so that a position
            or morph target of the unsplit mesh keeps its index; the copies follow.
        uv: (N, 2) float in [0, 1], origin bottom left.
        triangles: (F, 3) int32 into the split vertices, same order as in the mesh.
    """

    source: np.ndarray
    uv: np.ndarray
    triangles: np.ndarray


def split_seams(mesh: Mesh) -> SplitMesh:
    """Repeat every vertex once for each further texture coordinate it has."""
    count = len(mesh.vertices)
    corners = np.stack([mesh.triangles.ravel(), mesh.uv_triangles.ravel()], axis=1).astype(np.int64)
    pairs, inverse = np.unique(corners, axis=0, return_inverse=True)  # sorted by vertex, then by UV
    first = np.ones(len(pairs), dtype=bool)
    first[1:] = pairs[1:, 0] != pairs[:-1, 0]
    index = np.where(first, pairs[:, 0], count + np.cumsum(~first) - 1)

    total = count + int((~first).sum())
    source = np.arange(total)
    source[index] = pairs[:, 0]
    uv = np.zeros((total, 2))  # a vertex of no triangle has no UV; any value will do
    uv[index] = mesh.uv[pairs[:, 1]]
    return SplitMesh(source, uv, index[inverse.ravel()].reshape(-1, 3).astype(np.int32))


def smooth_normals(mesh: Mesh) -> np.ndarray:
    """Unit normals (V, 3) float64, outwards; +z for a vertex without area (a file must not hold zeros)."""
    normals = vertex_normals(mesh.vertices, mesh.triangles)
    normals[np.linalg.norm(normals, axis=1) < 0.5] = (0.0, 0.0, 1.0)
    return normals
