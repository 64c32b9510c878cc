"""The graph Laplacian of a triangle mesh."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp


def graph_laplacian(triangles: np.ndarray, vertices: int) -> sp.csr_matrix:
    """L = I - D^-1 A of the edge graph: ``(L v)_i`` is vertex i minus the mean of its neighbours (eq. 9).

    Args:
        triangles: (F, 3) vertex ids.
        vertices: number of vertices V.

    Returns:
        (V, V) sparse matrix. The row of a vertex without neighbours is zero.
    """
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).astype(
        np.int64
    )
    rows, columns = np.concatenate([edges, edges[:, ::-1]]).T
    adjacency = sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(vertices, vertices))
    adjacency.data[:] = 1.0  # an edge shared by two triangles counts once
    degree = np.asarray(adjacency.sum(axis=1)).ravel()
    mean = sp.diags(1.0 / np.maximum(degree, 1.0)) @ adjacency
    return (sp.diags((degree > 0).astype(float)) - mean).tocsr()
