"""Edges, areas and normals of a triangle mesh: vertices (V, 3), triangles (F, 3) of vertex ids."""

from __future__ import annotations

import numpy as np
from scipy import sparse


def sides(triangles: np.ndarray) -> np.ndarray:
    """(3F, 2) the sides of all triangles in their direction: all first ones, all second ones, all third ones."""
    return np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])


def edges(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct edges (E, 2), the smaller id first, in ascending order, and how many triangles each has (E,)."""
    return np.unique(np.sort(sides(triangles), axis=1), axis=0, return_counts=True)


def directed_edges(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both directions of every edge once: ids of the vertex (2E,), in ascending order, and of its neighbour (2E,)."""
    first, second = sides(triangles).T
    ends = np.concatenate([first, second]), np.concatenate([second, first])
    count = int(triangles.max(initial=0)) + 1
    found = sparse.csr_matrix((np.ones(len(ends[0]), np.int8), ends), shape=(count, count))  # sorts in linear time
    found.sum_duplicates()
    return np.repeat(np.arange(count), np.diff(found.indptr)), found.indices.astype(np.int64)


def rim_vertices(triangles: np.ndarray, count: int) -> np.ndarray:
    """(``count``,) bool: vertices on an edge that has one triangle only."""
    found, uses = edges(triangles)
    rim = np.zeros(count, bool)
    rim[found[uses == 1]] = True
    return rim


def grow(members: np.ndarray, triangles: np.ndarray, rings: int) -> np.ndarray:
    """(V,) bool: ``members`` and the vertices up to ``rings`` edges away."""
    members = members.copy()
    for _ in range(rings):
        members[triangles[members[triangles].any(axis=1)]] = True
    return members


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (..., C) made of length 1; those of length 0 stay."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-300)


def triangle_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(F, 3) outward normals, each twice as long as the triangle's area."""
    a, b, c = (np.asarray(vertices, float)[triangles[:, corner]] for corner in range(3))
    return np.cross(b - a, c - a)


def vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(V, 3) unit normals, area-weighted over the triangles about each vertex (0 for unused vertices)."""
    face = triangle_normals(vertices, triangles)
    normals = np.zeros((len(vertices), 3))
    for corner in range(3):
        for axis in range(3):
            normals[:, axis] += np.bincount(triangles[:, corner], face[:, axis], len(vertices))
    return unit(normals)


def triangle_areas(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(F,) areas."""
    return np.linalg.norm(triangle_normals(vertices, triangles), axis=1) / 2


def vertex_areas(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(V,) a third of the area of the triangles about each vertex."""
    third = np.linalg.norm(triangle_normals(vertices, triangles), axis=1) / 6
    return np.bincount(triangles.ravel(), np.repeat(third, 3), len(vertices))


def double_area(corners: np.ndarray) -> np.ndarray:
    """(...) twice the signed areas of triangles (..., 3, 2 or more) in the plane of x and y."""
    a, b = corners[..., 1, :] - corners[..., 0, :], corners[..., 2, :] - corners[..., 0, :]
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
