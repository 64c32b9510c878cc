"""Harmonic maps of disks with positive weights: bijective onto any convex outline (Tutte, Floater)."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve


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


def harmonic_map(vertices: np.ndarray, triangles: np.ndarray, boundary: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(V, 2) map of a disk that puts the ``boundary`` vertices on ``targets`` (B, 2), a convex outline."""
    return solve_map(mean_value_weights(vertices, triangles), boundary, targets)


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
