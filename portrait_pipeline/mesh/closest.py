"""Points on a triangle mesh: the nearest ones to given places, and values interpolated there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree
from trimesh.triangles import closest_point

from ..base.numerics import first_largest
from .geometry import rim_vertices, triangle_normals, unit

NEAREST_VERTICES = 2  # whose triangles are searched for the nearest point
FLAT = 1e-14  # of the product of two sides squared: triangles without area are no place to be


@dataclass(frozen=True)
class SurfacePoints:
    """Points on a mesh as weighted means of three vertices each.

    Attributes:
        ids: (N, 3) vertex ids. weights: (N, 3), none negative, each row adds up to 1.
    """

    ids: np.ndarray
    weights: np.ndarray

    def of(self, values: np.ndarray) -> np.ndarray:
        """(N, ...) values at the points from values (V, ...) at the vertices."""
        return np.einsum("nk,nk...->n...", self.weights, np.asarray(values, float)[self.ids])

    def matrix(self, vertices: int) -> sp.csr_matrix:
        """(N, ``vertices``) sparse matrix that interpolates."""
        rows = np.repeat(np.arange(len(self.ids)), 3)
        return sp.csr_matrix((self.weights.ravel(), (rows, self.ids.ravel())), (len(self.ids), vertices))

    def nearest_vertex(self) -> np.ndarray:
        """(N,) the vertex with the largest weight; half way between two, the first."""
        return self.ids[np.arange(len(self.ids)), first_largest(self.weights)]


class TriangleSearch:
    """Nearest points on a mesh that does not move.

    Attributes:
        vertices: (V, 3) float64. triangles: (F, 3) int. normals: (F, 3) unit normals of the triangles.
        rim: (V,) bool, vertices on an open edge.
    """

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray) -> None:
        self.vertices, self.triangles = np.asarray(vertices, float), np.asarray(triangles, int)
        normals = triangle_normals(self.vertices, self.triangles)
        self.normals = unit(normals)
        self.rim = rim_vertices(self.triangles, len(self.vertices))
        a, b, c = (self.vertices[self.triangles[:, k]] for k in range(3))
        squares = ((b - a) ** 2).sum(axis=1) * ((c - a) ** 2).sum(axis=1)
        solid = np.flatnonzero((normals**2).sum(axis=1) > FLAT * squares)
        self._tie = 1e-12 * float(np.median(np.sqrt(squares[solid]))) if len(solid) else 0.0  # of squared distances
        corners = self.triangles[solid].ravel()
        order = np.argsort(corners, kind="stable")
        self._fans = solid[order // 3]  # triangles sorted by the vertex they touch
        self._start = np.searchsorted(corners[order], np.arange(len(self.vertices) + 1))
        self._used = np.unique(corners)
        self._tree = cKDTree(self.vertices[self._used])

    def nearest(self, places: np.ndarray) -> tuple[SurfacePoints, np.ndarray, np.ndarray]:
        """Nearest points of the mesh to ``places`` (N, 3), among the triangles about the two nearest vertices.

        Where several triangles are as near, as on an edge, the one of the smallest number counts.

        Returns:
            the points, their distances (N,), and the triangles (N,) they lie on.
        """
        places = np.asarray(places, float)
        count = min(NEAREST_VERTICES, len(self._used))
        near = self._used[self._tree.query(places, count)[1].reshape(len(places), count)]
        size = (self._start[near + 1] - self._start[near]).sum(axis=1)
        owner = np.repeat(np.arange(len(places)), size)
        candidates = self._fan_of(near)
        found = closest_point(self.vertices[self.triangles[candidates]], places[owner])
        square = ((found - places[owner]) ** 2).sum(axis=1)
        first = np.r_[0, np.cumsum(size)[:-1]]
        far = square > np.minimum.reduceat(square, first)[owner] + self._tie
        best = np.lexsort((candidates, far, owner))[first]
        chosen = candidates[best]
        weights = _barycentric(found[best], self.vertices[self.triangles[chosen]])
        return SurfacePoints(self.triangles[chosen], weights), np.sqrt(square[best]), chosen

    def _fan_of(self, near: np.ndarray) -> np.ndarray:
        """Triangles about the vertices ``near`` (N, k), concatenated row by row."""
        flat = near.ravel()
        size = self._start[flat + 1] - self._start[flat]
        offset = np.arange(size.sum()) - np.repeat(np.r_[0, np.cumsum(size)[:-1]], size)
        return self._fans[np.repeat(self._start[flat], size) + offset]


def _barycentric(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(N, 3) weights of the corners (N, 3, 3) that give points (N, 3) of the triangles."""
    a, b, p = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], points - corners[:, 0]
    aa, ab, bb, pa, pb = ((x * y).sum(axis=1) for x, y in ((a, a), (a, b), (b, b), (p, a), (p, b)))
    second, third = (bb * pa - ab * pb) / (aa * bb - ab * ab), (aa * pb - ab * pa) / (aa * bb - ab * ab)
    weights = np.clip(np.stack([1 - second - third, second, third], axis=1), 0, None)
    return weights / weights.sum(axis=1, keepdims=True)
