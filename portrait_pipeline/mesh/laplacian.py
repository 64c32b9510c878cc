"""Laplacians of a triangle mesh, and the similarity that each vertex's ring goes through."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import SuperLU, splu

from .geometry import directed_edges, edges, vertex_areas
from .mesh import Mesh

LEAST_COTANGENT, GREATEST_COTANGENT = 0.05, 5.0  # of an edge's weight: slivers would make it negative or huge
_COTANGENT_SCALE = 0.14  # brings the mean residual of the landmarks to that of the uniform Laplacian at the same alpha


def graph_laplacian(triangles: np.ndarray, vertices: int) -> sp.csr_matrix:
    """L = I - D^-1 A of the edge graph: ``(L v)_i`` is vertex i minus the mean of its neighbours (eq. 9).

    Args:
        triangles: (F, 3) vertex ids.
        vertices: number of vertices V.

    Returns:
        (V, V) sparse matrix. The row of a vertex without neighbours is zero.
    """
    neighbours = adjacency(triangles, vertices)
    degree = np.asarray(neighbours.sum(axis=1)).ravel()
    mean = sp.diags(1.0 / np.maximum(degree, 1.0)) @ neighbours
    return (sp.diags((degree > 0).astype(float)) - mean).tocsr()


def adjacency(triangles: np.ndarray, vertices: int) -> sp.csr_matrix:
    """(V, V) with 1 for every pair of neighbours."""
    rows, columns = directed_edges(triangles)
    return sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(vertices, vertices))


def cotangent_weights(vertices: np.ndarray, triangles: np.ndarray) -> sp.csr_matrix:
    """(V, V) symmetric: half the sum of the cotangents of the angles that face each edge, clamped.

    Pinkall and Polthier 1993; unlike the plain graph's, a Laplacian with these weights does not depend on where the
    triangles are small.

    Args:
        vertices: (V, 3). triangles: (F, 3).
    """
    corners = vertices[triangles]
    rows, columns, values = [], [], []
    for corner in range(3):
        a, b = (corner + 1) % 3, (corner + 2) % 3
        first, second = corners[:, a] - corners[:, corner], corners[:, b] - corners[:, corner]
        area = np.linalg.norm(np.cross(first, second), axis=1)
        half = 0.5 * (first * second).sum(axis=1) / np.maximum(area, 1e-12)
        rows += [triangles[:, a], triangles[:, b]]
        columns += [triangles[:, b], triangles[:, a]]
        values += [half, half]
    shape = (len(vertices), len(vertices))
    weights = sp.csr_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=shape)
    weights.data = np.clip(weights.data, LEAST_COTANGENT, GREATEST_COTANGENT)
    return weights


def stiffness(weights: sp.csr_matrix) -> sp.csr_matrix:
    """The matrix K of ``u' K u = 1/2 sum_ij w_ij |u_i - u_j|^2`` for symmetric weights (V, V)."""
    return (sp.diags(np.asarray(weights.sum(axis=1)).ravel()) - weights).tocsr()


def cotangent_laplacian(vertices: np.ndarray, triangles: np.ndarray) -> sp.csr_matrix:
    """Laplacian (V, V) whose ``|L v|^2`` is the bending energy of the surface, whatever its triangulation.

    ``L = 0.14 h M^-1/2 K`` with the cotangent stiffness K, the area M of each vertex and the median edge length h, so
    that the sum of squares is the integral of the squared Laplace-Beltrami operator and has the unit of a length
    squared. The factor lets ``alpha`` mean the same as with :func:`graph_laplacian` on the bundled head.

    Args:
        vertices: (V, 3). triangles: (F, 3).
    """
    rows, columns = directed_edges(triangles)
    length = float(np.median(np.linalg.norm(vertices[rows] - vertices[columns], axis=1)))
    area = np.maximum(vertex_areas(vertices, triangles), 1e-6 * length**2)
    scale = _COTANGENT_SCALE * length / np.sqrt(area)
    return (sp.diags(scale) @ stiffness(cotangent_weights(vertices, triangles))).tocsr()


def surface_laplacian(mesh: Mesh) -> sp.csr_matrix:
    """(V, V) graph Laplacian D - A of the mesh's edges, weighted by inverse length; rows of unused vertices are 0."""
    (first, second), vertices = edges(mesh.triangles)[0].T, np.asarray(mesh.vertices, float)
    length = np.linalg.norm(vertices[first] - vertices[second], axis=1)
    weight = 1.0 / np.maximum(length, 1e-3 * max(float(length.mean()), 1e-12))
    half = sp.coo_matrix((weight / weight.mean(), (first, second)), shape=(len(vertices), len(vertices)))
    return stiffness((half + half.T).tocsr())


def factorise(matrix: sp.spmatrix) -> SuperLU:
    """LU factors of a matrix of symmetric pattern, in an order that keeps them sparse."""
    return splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})


def ring_similarities(
    before: np.ndarray, after: np.ndarray, neighbours: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """For each vertex the scale s and rotation R that best take its edges to their new places.

    Minimises ``sum_j |(after_j - after_i) - s R (before_j - before_i)|^2`` over the neighbours j (Umeyama 1991).

    Args:
        before, after: (V, 3). neighbours: from :func:`.geometry.directed_edges`.

    Returns:
        (V,) scales and (V, 3, 3) proper rotations; 0 and the identity for a vertex without neighbours.
    """
    rows, columns = neighbours
    old, new = before[columns] - before[rows], after[columns] - after[rows]
    products = (new[:, :, None] * old[:, None, :]).reshape(-1, 9)
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    covariance = np.zeros((len(before), 3, 3))
    covariance[rows[starts]] = np.add.reduceat(products, starts).reshape(-1, 3, 3)
    u, singular, vt = np.linalg.svd(covariance)
    sign = np.where(np.linalg.det(u) * np.linalg.det(vt) < 0, -1.0, 1.0)
    singular[:, 2] *= sign
    u[:, :, 2] *= sign[:, None]
    size = np.bincount(rows, (old**2).sum(axis=1), minlength=len(before))
    return singular.sum(axis=1) / np.maximum(size, 1e-20), u @ vt
