"""Minimising E = sum_i |v[id_i] - t_i|^2 + alpha |L v - L v_rest|^2 (eqs. 8-10): directly, or with Adam."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse.linalg import SuperLU, splu

ADAM_STEPS = 1000
ADAM_RATE = 0.07  # of the root mean square shift of the landmarks


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
    return _factorise(matrix).solve(right)


def _factorise(matrix: sp.csc_matrix) -> SuperLU:
    """LU factors of a matrix of symmetric pattern, in an order that keeps them sparse."""
    return splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})


class DirectSolver:
    """:func:`solve_direct` for one mesh, one set of landmarks and one alpha, and many shifts and weights.

    The matrix H of the energy is factorised for unit weights. With E the selection of the landmark vertices,
    ``Z = H^-1 E`` (V, N) and ``K = E' Z``, the minimiser for weights W is ``Z (I + (W - I) K)^-1 W shift``
    (Woodbury): Z is computed when weights other than 1 are first asked for, and each further answer is a
    small dense solve.
    """

    def __init__(self, laplacian: sp.csr_matrix, ids: np.ndarray, alpha: float) -> None:
        self._ids, self._size = ids, laplacian.shape[0]
        unit = np.ones(len(ids))
        self._factor = _factorise(_normal_equations(laplacian, ids, np.zeros((len(ids), 1)), alpha, unit)[0])
        self._columns: np.ndarray | None = None

    def displacement(self, shift: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """(V, 3) minimiser for the (N, 3) shifts and (N,) weights."""
        if np.all(weights == 1.0):
            return self._factor.solve(self._spread(shift))
        if self._columns is None:
            self._columns = self._factor.solve(self._spread(np.eye(len(self._ids))))
        system = np.eye(len(weights)) + (weights - 1.0)[:, None] * self._columns[self._ids]
        return self._columns @ np.linalg.solve(system, weights[:, None] * shift)

    def _spread(self, values: np.ndarray) -> np.ndarray:
        result = np.zeros((self._size, values.shape[1]))
        np.add.at(result, self._ids, values)
        return result


def _normal_equations(
    laplacian: sp.csr_matrix, ids: np.ndarray, shift: np.ndarray, alpha: float, weights: np.ndarray
) -> tuple[sp.csc_matrix, np.ndarray]:
    count = laplacian.shape[0]
    unused = np.asarray(abs(laplacian).sum(axis=1)).ravel() == 0
    diagonal = np.bincount(ids, weights, minlength=count) + unused  # a vertex of no triangle stays put
    right = np.zeros((count, shift.shape[1]))
    np.add.at(right, ids, weights[:, None] * shift)
    return (alpha * (laplacian.T @ laplacian) + sp.diags(diagonal)).tocsc(), right


def solve_adam(
    laplacian: sp.csr_matrix,
    ids: np.ndarray,
    shift: np.ndarray,
    alpha: float,
    weights: np.ndarray,
    steps: int = ADAM_STEPS,
    rate: float = ADAM_RATE,
) -> np.ndarray:
    """The same minimum by Adam on the energy's gradient, as in the paper; arguments as :func:`solve_direct`.

    Adam on the coordinates themselves needs tens of thousands of steps, because smooth motions of the whole
    head hardly change the energy. It therefore moves u in ``v = (I + s L)^-1 u``, with s the length (in
    edges) over which one landmark has to speak for its surroundings, and its rate falls along a half cosine.
    Distances are divided by the root mean square shift, so that the rate has no unit.
    """
    unit = float(np.sqrt((shift**2).mean()))
    if unit == 0.0:
        return np.zeros((laplacian.shape[0], shift.shape[1]))
    matrix, right = _normal_equations(laplacian, ids, shift / unit, alpha, weights)
    spread = np.sqrt(alpha * laplacian.shape[0] / weights.sum())
    factor = _factorise((sp.eye(laplacian.shape[0]) + spread * laplacian).tocsc())
    unknown = torch.zeros(right.shape, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([unknown], lr=rate, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        gradient = 2.0 * (matrix @ factor.solve(unknown.detach().numpy()) - right)
        unknown.grad = torch.from_numpy(factor.solve(gradient, "T"))
        optimizer.step()
        schedule.step()
    return unit * factor.solve(unknown.detach().numpy())
