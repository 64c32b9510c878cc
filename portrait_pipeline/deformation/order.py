"""Keeping neighbouring landmarks in their order, so that lids and lips do not cross."""

from __future__ import annotations

import numpy as np

# Columns are pairs: in a frontal view the landmark of the upper row is above the one below it ...
# fmt: off
ABOVE = np.array([
    [19, 20, 23, 24, 37, 38, 43, 44, 27, 28, 29, 30, 33, 50, 51, 52, 61, 62, 63, 67, 66, 65, 57],
    [37, 38, 43, 44, 41, 40, 47, 46, 28, 29, 30, 33, 51, 61, 62, 63, 67, 66, 65, 58, 57, 56, 8],
]).T
# ... or to the image left of it (brows, eyes, nose, lips, chin).
LEFT_OF = np.array([
    [17, 18, 19, 20, 21, 22, 23, 24, 25, 36, 37, 38, 41, 39, 27, 42, 43, 44, 47, 31, 32, 33, 34,
     48, 49, 50, 51, 52, 53, 59, 58, 57, 56, 60, 61, 62, 63, 67, 66, 7, 8],
    [18, 19, 20, 21, 22, 23, 24, 25, 26, 37, 38, 39, 40, 27, 42, 43, 44, 45, 46, 32, 33, 34, 35,
     49, 50, 51, 52, 53, 54, 58, 57, 56, 55, 61, 62, 63, 64, 66, 65, 8, 9],
]).T
# fmt: on
LEAST_GAP = 0.3  # share of the gap at rest that is kept
SWEEPS = 50


def keep_order(rest: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Targets (68, 3) in which no pair of neighbours comes closer than 0.3 of its gap at rest, or crosses.

    Both points of an offending pair move by the same amount along the pair's axis; targets in order are
    returned unchanged.

    Args:
        rest: (68, 3) landmarks of the undeformed head, head space, y up.
        targets: (68, 3).
    """
    result = targets.copy()
    if len(rest) != 68:  # some other set of handles has no known neighbours
        return result
    for _ in range(SWEEPS):
        moved = _separate(rest[:, 1], result[:, 1], ABOVE, 1.0)
        moved += _separate(rest[:, 0], result[:, 0], LEFT_OF, -1.0)
        if moved < 1e-9:
            break
    return result


def _separate(rest: np.ndarray, values: np.ndarray, pairs: np.ndarray, sign: float) -> float:
    """Push apart, in place, the pairs with too small a gap ``sign * (first - second)``; return by how much."""
    total = 0.0
    for first, second in pairs:
        least = LEAST_GAP * max(sign * (rest[first] - rest[second]), 0.0)
        lack = least - sign * (values[first] - values[second])
        if lack > 1e-12:
            values[first] += sign * 0.5 * lack
            values[second] -= sign * 0.5 * lack
            total += lack
    return total
