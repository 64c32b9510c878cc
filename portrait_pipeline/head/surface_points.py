"""Points on a triangle mesh: the nearest ones to given places, and values interpolated there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree

from ..base.numerics import first_largest

NEAREST_VERTICES = 2  # whose triangles are searched for the nearest point


@dataclass(frozen=True)
class SurfacePoints:
    """Points on a mesh as weighted means of the corners of one triangle each.

    Attributes:
        triangles: (N,) ids of the triangles.
        ids: (N, 3) vertex ids of their corners.
        weights: (N, 3) barycentric weights, none negative, each row adds up to 1.
    """

    triangles: np.ndarray
    ids: np.ndarray
    weights: np.ndarray

    def of(self, values: np.ndarray) -> np.ndarray:
        """(N, ...) values at the points from values (V, ...) at the vertices."""
        return np.einsum("nk,nk...->n...", self.weights, values[self.ids])

    def matrix(self, vertices: int) -> sp.csr_matrix:
        """(N, ``vertices``) sparse matrix that interpolates."""
        rows = np.repeat(np.arange(len(self.ids)), 3)
        return sp.csr_matrix((self.weights.ravel(), (rows, self.ids.ravel())), (len(self.ids), vertices))

    def nearest_vertex(self) -> np.ndarray:
        """(N,) the corner with the largest weight; half way between two, the first."""
        return self.ids[np.arange(len(self.ids)), first_largest(self.weights)]


class TriangleSearch:
    """Nearest points on a mesh that does not move.

    Attributes:
        vertices: (V, 3) float64. triangles: (F, 3) int.
        normals: (F, 3) unit normals of the triangles. vertex_normals: (V, 3).
        rim: (V,) bool, vertices on an open edge.
    """

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray) -> None:
        self.vertices = np.asarray(vertices, float)
        self.triangles = np.asarray(triangles, int)
        self.normals, self.vertex_normals = mesh_normals(self.vertices, self.triangles)
        self.rim = rim_vertices(len(self.vertices), self.triangles)
        self._used = np.unique(self.triangles)
        self._tree = cKDTree(self.vertices[self._used])
        corners = self.triangles.ravel()
        order = np.argsort(corners, kind="stable")
        self._fans = order // 3  # triangles sorted by the vertex they touch
        self._start = np.searchsorted(corners[order], np.arange(len(self.vertices) + 1))

    def nearest(self, places: np.ndarray) -> tuple[SurfacePoints, np.ndarray]:
        """Nearest points of the mesh to ``places`` (N, 3), among the triangles about the two nearest vertices.

        Returns:
            the points, and their distances (N,).
        """
        places = np.asarray(places, float)
        count = min(NEAREST_VERTICES, len(self._used))
        near = self._used[self._tree.query(places, count)[1].reshape(len(places), count)]
        size = (self._start[near + 1] - self._start[near]).sum(axis=1)
        owner = np.repeat(np.arange(len(places)), size)
        candidates = self._fan_of(near)
        corners = self.vertices[self.triangles[candidates]]
        weights = nearest_in_triangle(places[owner], corners)
        gap = np.einsum("nk,nki->ni", weights, corners) - places[owner]
        square = np.einsum("ni,ni->n", gap, gap)
        order = np.lexsort((square, owner))
        best = order[np.r_[0, np.cumsum(size)[:-1]]]
        triangles = candidates[best]
        return SurfacePoints(triangles, self.triangles[triangles], weights[best]), np.sqrt(square[best])

    def _fan_of(self, near: np.ndarray) -> np.ndarray:
        """Triangles about the vertices ``near`` (N, k), concatenated row by row."""
        flat = near.ravel()
        size = self._start[flat + 1] - self._start[flat]
        offset = np.arange(size.sum()) - np.repeat(np.r_[0, np.cumsum(size)[:-1]], size)
        return self._fans[np.repeat(self._start[flat], size) + offset]


def nearest_in_triangle(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Barycentric weights (N, 3) of the point of each triangle (N, 3, 3) that is nearest to its point (N, 3).

    The plane's solution where it lies inside, else the best of the three edges; degenerate triangles count as edges.
    """
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    p = points - corners[:, 0]
    aa, ab, bb = (np.einsum("ni,ni->n", x, y) for x, y in ((a, a), (a, b), (b, b)))
    pa, pb = np.einsum("ni,ni->n", p, a), np.einsum("ni,ni->n", p, b)
    area = aa * bb - ab * ab
    solid = area > 1e-14 * np.maximum(aa * bb, 1e-300)
    area = np.where(solid, area, 1.0)
    second, third = (bb * pa - ab * pb) / area, (aa * pb - ab * pa) / area
    weights = np.stack([1.0 - second - third, second, third], axis=1)
    outside = ~solid | (weights < 0).any(axis=1)
    weights[outside] = _nearest_on_edges(points[outside], corners[outside])
    return weights


def _nearest_on_edges(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    best, weights = np.full(len(points), np.inf), np.zeros((len(points), 3))
    for k in range(3):
        start, edge = corners[:, k], corners[:, (k + 1) % 3] - corners[:, k]
        length = np.maximum(np.einsum("ni,ni->n", edge, edge), 1e-300)
        share = np.clip(np.einsum("ni,ni->n", points - start, edge) / length, 0.0, 1.0)
        gap = start + share[:, None] * edge - points
        square = np.einsum("ni,ni->n", gap, gap)
        better = square < best
        best[better] = square[better]
        row = np.zeros((len(points), 3))
        row[:, k], row[:, (k + 1) % 3] = 1.0 - share, share
        weights[better] = row[better]
    return weights


def mesh_normals(vertices: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit normals of the triangles (F, 3) and, weighted by area, of the vertices (V, 3); 0 where there is none."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    cross = np.cross(b - a, c - a)
    total = np.stack(
        [np.bincount(triangles.ravel(), np.repeat(cross[:, k], 3), len(vertices)) for k in range(3)], axis=1
    )
    return _unit(cross), _unit(total)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-300)


def edges_of(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct edges (E, 2), the smaller id first, and how many triangles each has (E,)."""
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    return np.unique(edges, axis=0, return_counts=True)


def rim_vertices(count: int, triangles: np.ndarray) -> np.ndarray:
    """(``count``,) bool: vertices on an edge that has one triangle only."""
    edges, uses = edges_of(triangles)
    rim = np.zeros(count, bool)
    rim[edges[uses == 1]] = True
    return rim


def grow(members: np.ndarray, triangles: np.ndarray, rings: int) -> np.ndarray:
    """(V,) bool: ``members`` and the vertices up to ``rings`` edges away."""
    members = members.copy()
    for _ in range(rings):
        members[triangles[members[triangles].any(axis=1)]] = True
    return members


def uniform_laplacian(count: int, triangles: np.ndarray) -> sp.csr_matrix:
    """(V, V) D^-1 A - I of the mesh graph: mean of the neighbours minus the vertex; empty rows for unused ones."""
    edges, _ = edges_of(triangles)
    rows, columns = np.r_[edges[:, 0], edges[:, 1]], np.r_[edges[:, 1], edges[:, 0]]
    degree = np.bincount(rows, minlength=count)
    adjacency = sp.csr_matrix((1.0 / degree[rows], (rows, columns)), (count, count))
    return adjacency - sp.diags((degree > 0).astype(float))
