"""Obstacle problems on a pixel grid: a screened membrane between two bounds, by active sets.

    find u with  low <= u <= high  on D, u = 0 outside, and  -Lap u + k u = load  wherever no bound holds it

Lap is the 5-point Laplacian of unit pixels. Beyond the grid's edge the membrane goes on as it is (Neumann).
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from ..mesh.laplacian import factorise

_ROUNDS = 14
_SETTLED = 5e-4  # share of pixels that may still change their state: their bounds are clipped in any case
_COARSE = 3000  # pixels from which a coarser grid makes the start
_STEPS = ((0, 1), (0, -1), (1, 0), (-1, 0))


def membrane_system(domain: np.ndarray, screening: np.ndarray) -> sparse.csr_matrix:
    """The matrix -Lap + k over the pixels of a domain (H, W) bool, in their row-major order.

    Args:
        screening: (H, W) k >= 0.
    """
    count = int(domain.sum())
    index = np.full(domain.shape, -1)
    index[domain] = np.arange(count)
    grown, sheltered = np.pad(index, 1, constant_values=-1), np.pad(np.ones(domain.shape, bool), 1)
    diagonal = screening[domain].astype(float)
    rows, columns = [np.arange(count)], [np.arange(count)]
    for down, right in _STEPS:
        window = (slice(1 + down, 1 + down + domain.shape[0]), slice(1 + right, 1 + right + domain.shape[1]))
        diagonal += sheltered[window][domain]
        neighbour = grown[window][domain]
        present = neighbour >= 0
        rows.append(np.flatnonzero(present))
        columns.append(neighbour[present])
    values = [diagonal, *(np.full(len(row), -1.0) for row in rows[1:])]
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.csr_matrix(entries, (count, count))


def solve_symmetric(matrix: sparse.spmatrix, right: np.ndarray) -> np.ndarray:
    """x of ``matrix @ x = right`` for a sparse, symmetric, positive matrix."""
    factors = factorise(matrix)
    return factors.solve(right)


def solve_obstacle(
    domain: np.ndarray,
    screening: np.ndarray,
    load: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    rounds: int = _ROUNDS,
) -> np.ndarray:
    """The membrane (H, W) float64, 0 outside the domain.

    Pixels beyond a bound are clamped to it, the others solved directly; clamped pixels whose multiplier has the wrong
    sign are released. Where ``low`` exceeds ``high``, ``low`` wins.

    Args:
        domain: (H, W) bool. screening, load, low, high: (H, W) float; ``high`` may be infinite.
        rounds: at most so many solves.
    """
    result = np.zeros(domain.shape)
    if domain.any():
        result[domain] = _solve(domain, screening, load, low, np.maximum(high, low), rounds)[0]
    return result


def _solve(
    domain: np.ndarray, screening: np.ndarray, load: np.ndarray, low: np.ndarray, high: np.ndarray, rounds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Values (N,) on the domain's pixels, and which bound holds each, -1 (low), 0 or 1 (high)."""
    start = _start(domain, screening, load, low, high)[domain]
    matrix = membrane_system(domain, screening)
    load, low, high = load[domain], low[domain], high[domain]
    pinned = high - low < 1e-9
    held = np.where(pinned, -1, start)
    for _ in range(rounds):
        free = held == 0
        value = np.where(held < 0, low, np.where(held > 0, high, 0.0))
        if free.any():
            rows = matrix[free]
            value[free] = solve_symmetric(rows[:, free], load[free] - rows[:, ~free] @ value[~free])
        push = load - matrix @ value  # > 0: the membrane wants up
        after = np.zeros_like(held)
        after[(free & (value < low)) | ((held < 0) & (push <= 0))] = -1
        after[(free & (value > high)) | ((held > 0) & (push >= 0))] = 1
        after[pinned] = -1
        changed = int((after != held).sum())
        held = after
        if changed <= max(2, _SETTLED * len(held)):
            break
    return np.clip(value, low, high), held


def _start(
    domain: np.ndarray, screening: np.ndarray, load: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """(H, W) int, the bounds that hold every second pixel's membrane: most of the answer at a tenth of the cost."""
    if domain.sum() < _COARSE:
        return np.zeros(domain.shape, int)
    every = np.s_[::2, ::2]
    coarse = domain[every]
    state, value = np.zeros((2, *coarse.shape))
    if coarse.any():
        # A step of two pixels: the Laplacian is a fourth, or all else four times as large.
        bounds = 4 * screening[every], 4 * load[every], low[every], high[every]
        value[coarse], state[coarse] = _solve(coarse, *bounds, _ROUNDS)
    state, value = (
        part.repeat(2, axis=0).repeat(2, axis=1)[: domain.shape[0], : domain.shape[1]] for part in (state, value)
    )
    # Bounds jump: a pixel beside a held one may have one far off, which does not hold it.
    near = np.where(state > 0, high <= 1.5 * value + 10, low >= value / 1.5 - 10)
    return np.where(near, state, 0).astype(int)
