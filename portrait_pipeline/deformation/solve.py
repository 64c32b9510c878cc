"""Minimising E = sum_i |v[id_i] - t_i|^2 + alpha |L v - L v_rest|^2 (eqs. 8-10): directly, or with Adam."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse.linalg import splu

ADAM_STEPS = 400
ADAM_RATE = 0.01  # the paper's; of the face's size, see solve_adam


def solve_direct(
    laplacian: sp.csr_matrix, ids: np.ndarray, shift: np.ndarray, alpha: float, weights: np.ndarray
) -> np.ndarray:
    """Displacement (V, 3) that minimises the energy, by one sparse factorisation.

    Args:
        laplacian: (V, V), see :func:`graph_laplacian`.
        ids: (N,) constrained vertices.
        shift: (N, 3) wanted displacement of each.
        alpha: weight of the Laplacian term.
        weights: (N,) weights of the landmark term.
    """
    matrix, right = _normal_equations(laplacian, ids, shift, alpha, weights)
    return splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve(right)


def _normal_equations(
    laplacian: sp.csr_matrix, ids: np.ndarray, shift: np.ndarray, alpha: float, weights: np.ndarray
) -> tuple[sp.csc_matrix, np.ndarray]:
    count = laplacian.shape[0]
    diagonal = np.bincount(ids, weights, minlength=count)
    diagonal += np.asarray(abs(laplacian).sum(axis=1)).ravel() == 0  # a vertex of no triangle stays where it is
    right = np.zeros((count, shift.shape[1]))
    np.add.at(right, ids, weights[:, None] * shift)
    return (alpha * (laplacian.T @ laplacian) + sp.diags(diagonal)).tocsc(), right
