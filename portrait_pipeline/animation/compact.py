"""Displacements without what nobody sees, so that files stay small."""

from __future__ import annotations

import numpy as np

STILL, FULL = 0.015, 0.03
"""cm; shorter displacements than the first are left out, longer ones than the second are kept, and between them they
fade, so that no step appears in the surface. The error is at most 0.015 cm, half a thousandth of a head."""


def compact(target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The vertices that a target moves, and how.

    Args:
        target: (V, 3) cm.

    Returns:
        (M,) their indices, increasing, and (M, 3) displacements, cm.
    """
    length = np.linalg.norm(target, axis=1)
    moved = np.flatnonzero(length > STILL)
    share = np.clip((length[moved] - STILL) / (FULL - STILL), 0.0, 1.0)
    return moved, np.asarray(target, float)[moved] * share[:, None]
