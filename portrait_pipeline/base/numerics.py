"""Decisions that rounding must not take: ranks, signs of components, and which of equals comes first.

Libraries of linear algebra round differently on different machines, and sorts order equals as the processor likes.
What is decided here is the same on all of them.
"""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

one_blas_thread = threadpool_limits.wrap(limits=1, user_api="blas")
"""Decorator of functions whose bits must not depend on the number of threads: OpenBLAS cuts long sums, and blocks of
factorisations, by it. Our matrices are small, so that one thread is as fast."""

TIE = 1e-9
"""Numbers of size about 1 that differ by less are equal."""


def rank(spread: np.ndarray, least: float) -> int:
    """How many of the singular values or standard deviations (n,) exceed ``least`` times the largest of them.

    Args:
        least: above what the data's own rounding leaves, below what means anything; to be stated by the caller.
    """
    return int((spread > least * spread.max(initial=0.0)).sum())


def steady_signs(rows: np.ndarray) -> np.ndarray:
    """(K,) +1 or -1 by which rows (K, n), known up to their sign, are to be multiplied.

    A sign by the largest entry would hang on the last bit where entries tie in size, as those of mirrored points do:
    a generic direction decides.
    """
    return np.where(rows @ np.sin(np.arange(1.0, rows.shape[1] + 1.0)) < 0, -1.0, 1.0)


def first_largest(values: np.ndarray, tie: float = TIE) -> np.ndarray:
    """Index along the last axis of the largest number; of those within ``tie`` of it, the first."""
    return (values >= values.max(axis=-1, keepdims=True) - tie).argmax(axis=-1)
