"""Meshes that are disks: boundary loops, areas, harmonic maps, and the reflection of a half mesh to a whole one.

Harmonic maps with positive weights are bijective onto any convex outline (Tutte, Floater).
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve


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


def mean_value_weights(vertices: np.ndarray, triangles: np.ndarray) -> sp.csr_matrix:
    """(V, V) Floater's mean value weights: w_ij = (tan(a/2) + tan(b/2)) / |v_j - v_i|, all positive.

    ``a`` and ``b`` are the angles at i beside the edge (i, j). They approximate the harmonic map but, unlike
    cotangents, never turn negative, so the map stays bijective.
    """
    size = len(vertices)
    rows, columns, values = [], [], []
    for k in range(3):
        i, j, m = triangles[:, k], triangles[:, (k + 1) % 3], triangles[:, (k + 2) % 3]
        one, two = vertices[j] - vertices[i], vertices[m] - vertices[i]
        long_one = np.maximum(np.linalg.norm(one, axis=1), 1e-9)
        long_two = np.maximum(np.linalg.norm(two, axis=1), 1e-9)
        cosine = np.clip((one * two).sum(axis=1) / (long_one * long_two), -0.9999, 0.9999)
        half_tangent = np.sqrt((1 - cosine) / (1 + cosine))
        rows += [i, i]
        columns += [j, m]
        values += [half_tangent / long_one, half_tangent / long_two]
    return sp.csr_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), (size, size))


def solve_map(weights: sp.csr_matrix, boundary: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(V, 2) positions where every inner vertex is the mean of its neighbours with the (V, V) ``weights``."""
    size = weights.shape[0]
    inner = np.setdiff1d(np.arange(size), boundary)
    matrix = (sp.diags(np.asarray(weights.sum(axis=1)).ravel()) - weights).tocsr()
    result = np.zeros((size, 2))
    result[boundary] = targets
    result[inner] = spsolve(matrix[inner][:, inner].tocsc(), -(matrix[inner][:, boundary] @ targets))
    return result


def signed_areas(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(F,) signed areas of plane triangles, positive counter-clockwise."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    return 0.5 * ((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]))


def face_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(F, 3) normals whose length is twice the area."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    return np.cross(b - a, c - a)


def split_loop(triangles: np.ndarray, members: np.ndarray) -> tuple[np.ndarray, int]:
    """The longest boundary loop, rotated to start with its run of ``members`` (V,) bool, and that run's length."""
    loop = boundary_loops(triangles)[0]
    inside = members[loop]
    first = int(np.flatnonzero(inside & ~np.roll(inside, 1))[0])
    return np.roll(loop, -first), int(inside.sum())
