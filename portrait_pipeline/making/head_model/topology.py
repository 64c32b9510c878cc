"""Connectivity: boundary loops, checks, and the reflection of a half mesh to a whole one."""

from __future__ import annotations

import numpy as np


def half_edges(triangles: np.ndarray) -> np.ndarray:
    """(3F, 2) directed edges of (F, 3) triangles."""
    return np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])


def boundary_loops(triangles: np.ndarray) -> list[np.ndarray]:
    """Closed vertex loops along the edges with one triangle, in the direction of their triangles.

    Raises:
        ValueError: two boundary loops touch in a vertex, or an edge has more than two triangles.
    """
    edges = half_edges(triangles).astype(np.int64)
    size = int(edges.max()) + 1
    code, reverse = edges[:, 0] * size + edges[:, 1], edges[:, 1] * size + edges[:, 0]
    if len(np.unique(code)) != len(code):
        raise ValueError("the mesh is not an oriented manifold: a directed edge occurs twice")
    border = edges[~np.isin(code, reverse)]
    following = dict(border.tolist())
    if len(following) != len(border):
        raise ValueError("boundary loops touch in a vertex")
    loops = []
    while following:
        start, current = following.popitem()
        loop = [start]
        while current != start:
            loop.append(current)
            current = following.pop(current)
        loops.append(np.array(loop))
    return sorted(loops, key=lambda loop: (-len(loop), int(loop.min())))


def reflect(triangles: np.ndarray, seam: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Join a half mesh with its mirror image along the seam vertices.

    Args:
        triangles: (F, 3) of the half with n vertices.
        seam: (n,) bool, vertices on the symmetry plane, which both halves share.

    Returns:
        triangles (2F, 3); mirror (V,) involution; origin (V,) half vertex of every vertex. Vertices 0..n-1
        are the half's own.
    """
    count = len(seam)
    mirrored = np.arange(count)
    mirrored[~seam] = count + np.arange(int((~seam).sum()))
    whole = np.concatenate([triangles, mirrored[triangles][:, ::-1]])
    mirror = np.r_[mirrored, np.flatnonzero(~seam)]
    origin = np.r_[np.arange(count), np.flatnonzero(~seam)]
    return whole, mirror, origin
