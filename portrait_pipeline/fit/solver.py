"""Levenberg-Marquardt for the fit: arrow-shaped equations, bounded expressions, annealed robustness."""

from __future__ import annotations

import numpy as np

from .camera_parameters import CAMERA_PARAMETERS
from .problem import Equations, Problem, State, cost, equations, slide_jaw

ROBUST_SCALES = (30.0, 12.0, 6.0)  # of rho, in units of the noise; annealed, because rho is not convex
SMALLEST_STEP = 1e-7  # relative to the units of the parameters, where all of them are near 1
ACTIVE_SET_PASSES = 12


def minimise(problem: Problem, state: State, iterations: int) -> State:
    """The state of least cost near ``state``; the jaw's landmarks slide after every step.

    Args:
        iterations: steps at most, over all stages of the annealing; the last stage gets half of them.
    """
    counts = [iterations // 4, iterations // 4, iterations - 2 * (iterations // 4)]
    for robust, steps, gain in zip(ROBUST_SCALES, counts, (1e-2, 1e-2, 0.0), strict=True):
        state = _descend(problem, state, robust, steps, gain)
    return state


def _descend(problem: Problem, state: State, robust: float, steps: int, least_gain: float) -> State:
    damping, jaw = 1e-3, slide_jaw(problem, state)
    value, system = cost(problem, state, jaw, robust), equations(problem, state, jaw, robust)
    for _ in range(steps):
        own, shared = arrow_step(system, damping, *limits(problem, state))
        trial = state.moved(problem.model, own, shared)
        reached = cost(problem, trial, jaw, robust)
        if not reached < value:
            damping = max(damping * 8.0, 1e-6)
            if damping > 1e8:
                break
            continue
        size, relative = max(_size(problem, own), np.abs(shared).max(initial=0.0)), 1.0 - reached / value
        state, damping, jaw = trial, damping * 0.1, slide_jaw(problem, trial)
        if size < SMALLEST_STEP or relative < least_gain:
            break
        value, system = cost(problem, state, jaw, robust), equations(problem, state, jaw, robust)
    return state


def _size(problem: Problem, own: np.ndarray) -> float:
    scaled = np.abs(own)
    scaled[:, 4:6] /= problem.noise[:, None]
    return float(scaled.max())


def limits(problem: Problem, state: State) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest step (N, 7 + A) of what belongs to the views."""
    free = np.full((len(state.expression), CAMERA_PARAMETERS), np.inf)
    low, high = problem.model.low - state.expression, problem.model.high - state.expression
    return np.concatenate([-free, low], axis=1), np.concatenate([free, high], axis=1)


def arrow_step(system: Equations, damping: float, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Minimiser of the damped quadratic model with each view's step kept in [low, high], by an active set.

    Args:
        system: the equations; views meet in the shared identity only, so that they are eliminated one by one.
        damping: share of the diagonal added to it (Marquardt).
        low, high: (N, p) bounds; low <= 0 <= high.

    Returns:
        Steps (N, p) of the views and (K,) of the identity.
    """
    own, shared = system.own.copy(), system.shared.copy()
    index, index_shared = np.arange(own.shape[1]), np.arange(len(shared))
    own[:, index, index] *= 1.0 + damping
    shared[index_shared, index_shared] *= 1.0 + damping
    fixed = ((low >= 0) & (system.own_gradient > 0)) | ((high <= 0) & (system.own_gradient < 0))
    step = np.zeros_like(low)
    for _ in range(ACTIVE_SET_PASSES):
        step, by_identity = _solve_free(own, system.mixed, shared, system, fixed, np.where(fixed, step, 0.0))
        outside = ((step < low - 1e-12) | (step > high + 1e-12)) & ~fixed
        step = np.clip(step, low, high)
        if outside.any():
            fixed |= outside
            continue
        # A fixed coefficient is let go when the slope points back into the interval.
        slope = np.einsum("npq,nq->np", own, step) + system.mixed @ by_identity + system.own_gradient
        inward = fixed & (((step <= low) & (slope < -1e-9)) | ((step >= high) & (slope > 1e-9)))
        if not inward.any():
            break
        fixed &= ~inward
    return step, by_identity


def _solve_free(
    own: np.ndarray,
    mixed: np.ndarray,
    shared: np.ndarray,
    system: Equations,
    fixed: np.ndarray,
    held: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Solve for the free parameters with the fixed ones held (N, p): Schur complement on the identity."""
    free = (~fixed).astype(float)
    matrix = own * free[:, :, None] * free[:, None]
    index = np.arange(own.shape[1])
    matrix[:, index, index] += fixed
    right = np.where(fixed, held, -system.own_gradient - np.einsum("npq,nq->np", own, held))
    masked = mixed * free[:, :, None]
    solved = np.linalg.solve(matrix, np.concatenate([masked, right[..., None]], axis=-1))
    size = masked.shape[-1]
    through = masked.transpose(0, 2, 1) @ solved  # (N, K, K + 1)
    schur = shared - through[..., :size].sum(axis=0)
    pull = -system.shared_gradient - np.einsum("npk,np->k", mixed, held) - through[..., size].sum(axis=0)
    by_identity = np.linalg.solve(schur, pull)
    return solved[..., size] - solved[..., :size] @ by_identity, by_identity
