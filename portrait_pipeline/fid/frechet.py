"""Frechet distance between sets of shapes in whitened PCA coefficients (Table 1)."""

from __future__ import annotations

import numpy as np

from ..base.errors import ParameterError


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Frechet distance between the Gaussians of two samples: |mu_a - mu_b|^2 + tr(A + B - 2 (A B)^(1/2)).

    The trace of the matrix square root is the sum of the square roots of the eigenvalues of A^(1/2) B
    A^(1/2),
    which is symmetric: no complex round-off, singular covariances included.

    Args:
        a: (N, K), b: (M, K) coefficients, at least 2 rows each.

    Returns:
        the distance, at least 0, in squared units of the coefficients.

    Raises:
        ParameterError: wrong shapes, too few rows, or a number that is not finite.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ParameterError(f"Frechet distance of samples of shapes {a.shape} and {b.shape}: need (N, K) and (M, K)")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ParameterError("Frechet distance of samples with a number that is not finite")
    cov_a, cov_b = np.atleast_2d(np.cov(a, rowvar=False)), np.atleast_2d(np.cov(b, rowvar=False))
    root = _root(cov_a)
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ cov_b @ root), 0)).sum()
    distance = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * shared
    return float(max(distance, 0.0))


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
