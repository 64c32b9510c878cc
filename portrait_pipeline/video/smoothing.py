"""Quantities over time made steady without lag."""

from __future__ import annotations

import numpy as np

_REACH = 3.0  # standard deviations in time


def smoothed(times: np.ndarray, values: np.ndarray, seconds: float) -> np.ndarray:
    """At every time the value of the parabola that fits the neighbours best (Savitzky and Golay's filter).

    Neighbours count by a Gaussian of their distance in time, before and after alike, so nothing lags; times may be
    uneven. Steady moves stay as they are, and short ones, such as a blink, keep their height better than in a mean.

    Args:
        times: (T,) s, increasing. values: (T, C).
        seconds: standard deviation in time; 0 is none.

    Returns:
        (T, C).
    """
    if seconds <= 0 or len(times) < 3:
        return values.copy()
    result = np.empty_like(values)
    first = np.searchsorted(times, times - _REACH * seconds)
    end = np.searchsorted(times, times + _REACH * seconds, side="right")
    for index, (low, high) in enumerate(zip(first, end, strict=True)):
        apart = (times[low:high] - times[index]) / seconds
        weight = np.exp(-0.5 * apart**2)
        terms = np.stack([np.ones_like(apart), apart, apart**2])
        # The small numbers decide where neighbours are too few for a slope or a bend.
        normal = (terms * weight) @ terms.T + np.diag([0.0, 1e-6, 1e-6])
        result[index] = np.linalg.solve(normal, terms * weight)[0] @ values[low:high]
    return result
