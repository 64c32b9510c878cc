"""Points that are hidden or were never placed, filled in from the faces of the same domain.

Aligned faces are taken for samples of one Gaussian; a missing point gets its conditional mean given the points
that are there. The covariance is shrunk (Ledoit and Wolf 2004), so that few faces are enough, and mirror images
count as faces. Alignment needs the eyes and the mouth, which may themselves be missing: filling and aligning
take turns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base.errors import LandmarkError
from .alignment import align, apply, invert
from .points import mirror

MIN_COMPLETE = 50
"""Complete faces needed to learn from."""
ROUNDS = 3
"""Fits of the Gaussian: to the complete faces first, then to all with their filled points."""
TURNS = 4
"""Alignments a round."""


@dataclass(frozen=True)
class ShapeGaussian:
    """Mean (136,) and precision (136, 136) of aligned faces, x0, y0, x1, ... on the [-1, 1] canvas, y down."""

    mean: np.ndarray
    precision: np.ndarray

    def fill(self, aligned: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Aligned faces (N, 68, 2) with the points outside ``known`` (N, 68) at their conditional means."""
        flat = np.array(aligned, float).reshape(len(aligned), 136)
        for row, keep in zip(flat, np.repeat(known, 2, axis=1), strict=True):
            hidden = ~keep
            if hidden.any():
                pull = self.precision[np.ix_(hidden, keep)] @ (row[keep] - self.mean[keep])
                row[hidden] = self.mean[hidden] - np.linalg.solve(self.precision[np.ix_(hidden, hidden)], pull)
        return flat.reshape(-1, 68, 2)


def fit_gaussian(aligned: np.ndarray) -> ShapeGaussian:
    """Shrunk Gaussian of aligned faces (N, 68, 2) and their mirror images."""
    from sklearn.covariance import LedoitWolf  # slow to import, and translating one pair does not need it
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # the same bits whatever the number of cores
        fitted = LedoitWolf().fit(np.concatenate([aligned, mirror(aligned)]).reshape(-1, 136))
    return ShapeGaussian(fitted.location_, fitted.precision_)


def complete(landmarks: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Fill the missing points of one domain's faces.

    Args:
        landmarks: (N, 68, 2) pixels, each face in its own frame, y down; what stands at missing points is not
            looked at (NaN is fine).
        known: (N, 68) bool, False at missing points; every face needs at least 3.

    Returns:
        (N, 68, 2) pixels; known points keep their bits.

    Raises:
        LandmarkError: fewer than ``MIN_COMPLETE`` faces are complete, or a face has too few points.
    """
    known = np.asarray(known, bool)
    whole = known.all(axis=1)
    points = np.array(landmarks, float)
    if whole.all():
        return points
    if whole.sum() < MIN_COMPLETE:
        raise LandmarkError(
            f"only {whole.sum()} faces have all 68 points, too few to fill in those of {(~whole).sum()} others (at "
            f"least {MIN_COMPLETE}); add complete faces, or take the others away"
        )
    if known.sum(axis=1).min() < 3:
        raise LandmarkError("a face has fewer than 3 known points; take it away")
    aligned = align(points[whole])[0]
    gaussian = fit_gaussian(aligned)
    holes = points[~whole]
    seen = known[~whole]
    holes = _place(gaussian.mean.reshape(68, 2), holes, seen)
    for turn in range(ROUNDS):
        if turn:
            gaussian = fit_gaussian(np.concatenate([aligned, align(holes)[0]]))
        for _ in range(TURNS):
            framed, transforms = align(holes)
            filled = apply(invert(transforms), gaussian.fill(framed, seen))
            holes = np.where(seen[..., None], holes, filled)
    points[~whole] = holes
    return points


def _place(mean: np.ndarray, points: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Missing points at those of the mean face (68, 2), laid by a least-squares similarity over the known ones."""
    share = known / known.sum(axis=1, keepdims=True)
    seen = np.where(known[..., None], points, 0.0)
    target, source = seen[..., 0] + 1j * seen[..., 1], mean[:, 0] + 1j * mean[:, 1]
    target_mean, source_mean = (share * target).sum(1), share @ source
    centred = source - source_mean[:, None]
    factor = (share * np.conj(centred) * target).sum(1) / (share * np.abs(centred) ** 2).sum(1)
    placed = factor[:, None] * centred + target_mean[:, None]
    return np.where(known[..., None], points, np.stack([placed.real, placed.imag], axis=-1))
