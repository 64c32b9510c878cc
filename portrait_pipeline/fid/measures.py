"""What a translation keeps of the person and takes from the exemplar, as numbers with known end points.

All functions take plain arrays, so that they serve every method and can be checked by hand: a method that
returns its exemplar, or its content, has known values. Faces are whitened coefficients (N, K), codes (N, C).
"""

from __future__ import annotations

import numpy as np

from ..base.errors import ParameterError
from .frechet import frechet_distance

CLASS_FACES = 40
"""Classes with fewer translations or fewer real faces say nothing about a distribution."""
_ROWS = 1000  # faces whose distances to all others are in memory at a time
_TINY = 1e-9
"""Lengths below this are taken for zero; coefficients and codes are of order 1."""


def class_agreement(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Share of translations whose class (N,), as a judge sees it, is that of their exemplar (N,)."""
    return float(np.mean(np.asarray(predicted) == np.asarray(labels)))


def class_distance(
    translated: np.ndarray, labels: np.ndarray, reference: np.ndarray, reference_labels: np.ndarray
) -> float | None:
    """Mean Frechet distance within style classes: are translations distributed as the art of their exemplar's class?

    The distance over all faces does not see whether a method listens to its exemplars; this one does.

    Args:
        translated: (N, K) translations, labels: (N,) classes of their exemplars.
        reference: (R, K) real art, reference_labels: (R,) its classes.

    Returns:
        the mean over the classes with at least ``CLASS_FACES`` of both, by number of translations; None without any.
    """
    total = weight = 0.0
    for label in np.unique(labels):
        made, real = translated[labels == label], reference[reference_labels == label]
        if min(len(made), len(real)) >= CLASS_FACES:
            total += len(made) * frechet_distance(made, real)
            weight += len(made)
    return total / weight if weight else None


def content_distance(translated: np.ndarray, own: np.ndarray, others: np.ndarray) -> float:
    """How far a translation's content is from its person, in units of the distance to other people.

    Args:
        translated: (N, C) content codes of translations. own: (N, C) of their persons. others: (N, M, C) of
            M other people for each.

    Returns:
        0 the person is kept, 1 the translation is as far from its person as from anybody (also where all
        codes are equal and tell nobody apart).
    """
    to_others = np.linalg.norm(translated[:, None] - others, axis=-1).mean()
    to_own = np.linalg.norm(translated - own, axis=-1).mean()
    return float(to_own / to_others) if to_others > _TINY else 1.0


def content_retrieval(translated: np.ndarray, own: np.ndarray, others: np.ndarray) -> float:
    """Share of translations whose person is the nearest of 1 + M candidates by content code.

    Args:
        translated, own, others: as of :func:`content_distance`.

    Returns:
        1 everybody is recognised, 1 / (1 + M) chance. T candidates at the same distance share the answer.
    """
    to_own = np.linalg.norm(translated - own, axis=-1)[:, None]
    to_others = np.linalg.norm(translated[:, None] - others, axis=-1)
    tied = (np.abs(to_others - to_own) <= _TINY).sum(1)
    nearest = (to_others >= to_own - _TINY).all(1)
    return float(np.mean(nearest / (1 + tied)))


def mean_pairwise_distance(points: np.ndarray) -> np.ndarray:
    """Mean distance over all pairs of the M points of each set: (..., M, K) -> (...)."""
    count = points.shape[-2]
    if count < 2:
        raise ParameterError(f"a set of {count} faces has no pairwise distance; at least 2 are needed")
    distances = np.linalg.norm(points[..., :, None, :] - points[..., None, :, :], axis=-1)
    return distances.sum((-2, -1)) / (count * (count - 1))


def diversity(translated: np.ndarray, exemplars: np.ndarray) -> float:
    """Does a method listen to the exemplar? Spread of one person's translations against that of the exemplars.

    Args:
        translated: (P, M, K) each of P persons in the style of M exemplars. exemplars: (M, K).

    Returns:
        mean pairwise distance of a person's translations over that of the exemplars: 0 the exemplar is
        ignored, 1 translations differ as much as exemplars do.

    Raises:
        ParameterError: all exemplars are equal.
    """
    spread = float(mean_pairwise_distance(exemplars))
    if spread <= _TINY:
        raise ParameterError("all exemplars are equal: diversity is undefined; use another set of art faces")
    return float(mean_pairwise_distance(translated).mean() / spread)


def response(change: np.ndarray, cause: np.ndarray) -> tuple[float, float]:
    """How strongly and in which direction outputs (N, K) change when one input changes by ``cause`` (N, K).

    Returns:
        median of ``|change| / |cause|``, and mean cosine between the two (0 where nothing changes); rows
        whose input does not change take no part.

    Raises:
        ParameterError: no input changes.
    """
    size = np.linalg.norm(cause, axis=-1)
    moved = size > _TINY
    if not moved.any():
        raise ParameterError("all faces to compare are equal: the response to a change is undefined; use other faces")
    size, cause, change = size[moved], cause[moved], change[moved]
    out = np.linalg.norm(change, axis=-1)
    cosine = (change * cause).sum(-1) / (size * np.where(out > _TINY, out, np.inf))
    return float(np.median(out / size)), float(cosine.mean())


def nearest_neighbours(faces: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """The nearest differing candidate of each face: (N, K) and (M, K) -> (N, K).

    Raises:
        ParameterError: all candidates equal a face.
    """
    from scipy.spatial.distance import cdist

    nearest = []
    for start in range(0, len(faces), _ROWS):
        distances = cdist(faces[start : start + _ROWS], candidates)
        distances[distances <= _TINY] = np.inf
        if np.isinf(distances).all(1).any():
            raise ParameterError("an art face equals all others: it has no neighbour; use another set of art faces")
        nearest.append(distances.argmin(1))
    return candidates[np.concatenate(nearest)]


def reconstruction_error(faces: np.ndarray, reconstructed: np.ndarray) -> float:
    """Mean absolute difference of coefficients (N, K)."""
    return float(np.abs(np.asarray(faces) - np.asarray(reconstructed)).mean())
