"""Solving the sparse symmetric systems of the deformation: directly, or with Adam as the paper does."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from ..mesh.laplacian import factorise

ADAM_STEPS = 1000
ADAM_RATE = 0.07  # of the typical shift of the landmarks


def solve_adam(
    matrix: sp.csc_matrix,
    right: np.ndarray,
    reach: float,
    laplacian: sp.csr_matrix,
    unit: float,
    steps: int = ADAM_STEPS,
    rate: float = ADAM_RATE,
) -> np.ndarray:
    """The minimum of ``x' matrix x - 2 x' right``, i.e. ``matrix^-1 right``, by Adam on its gradient.

    Adam on the coordinates themselves needs tens of thousands of steps, because smooth motions of the whole
    head hardly change the energy. It therefore moves u in ``x = (I + reach L)^-1 u``, and its rate falls along a half
    cosine.

    Args:
        matrix: (V, V) symmetric, positive definite.
        right: (V, D).
        reach: in edges squared, over which one landmark has to speak for its surroundings.
        laplacian: (V, V) graph Laplacian.
        unit: typical size of the solution, by which distances are divided so that the rate has no unit; 0 gives 0.
    """
    import torch

    if unit == 0.0:
        return np.zeros_like(right)
    right = right / unit
    factor = factorise((sp.eye(matrix.shape[0]) + reach * laplacian).tocsc())
    unknown = torch.zeros(right.shape, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([unknown], lr=rate, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        gradient = 2.0 * (matrix @ factor.solve(unknown.detach().numpy()) - right)
        unknown.grad = torch.from_numpy(factor.solve(gradient, "T"))
        optimizer.step()
        schedule.step()
    return unit * factor.solve(unknown.detach().numpy())
