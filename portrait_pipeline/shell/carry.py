"""The shell follows its head: the displacement of the head, carried into the space about it.

A radial function of few centres takes the shell along as a whole; what it misses at the head's own vertices is added
next to them, so that the hairline stays closed however far the head is deformed.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from ..base.numerics import one_blas_thread
from ..head.model import FaceModel
from .record import Shell

_CENTRES = 420  # half of them over the head, half about the border of bare skin
_NEAR = 1.2  # cm from that border
_ANCHORS = 60  # on the shoulders, which go with the neck's foot
_SHOULDERS = 3.0  # cm below the neck's foot
_SMOOTHING = 1e-3
_NEIGHBOURS, _WIDTH = 12, 0.6  # head vertices that correct a shell vertex, and the Gaussian of their weights, cm
_FADE = (1.0, 3.5)  # cm from the head over which the correction fades
_OUTER = ("face", "ear", "scalp", "neck")


@one_blas_thread
def carry_shell(model: FaceModel, shell: Shell, fitted: np.ndarray, deformed: np.ndarray) -> np.ndarray:
    """Vertices (V, 3) float64 of the shell on the deformed head, head space.

    Args:
        model: regions of the head. shell: as found on the fitted head.
        fitted, deformed: (H, 3) the head before and after.
    """
    places = np.asarray(shell.vertices, float)
    fitted, moves = np.asarray(fitted, float), np.asarray(deformed, float) - np.asarray(fitted, float)
    if not len(places) or not moves.any():
        return places.copy()
    outer = np.flatnonzero(np.isin(model.regions, [model.REGIONS.index(name) for name in _OUTER]))
    near = outer[np.abs(shell.bare[outer]) < _NEAR]
    half = _CENTRES // 2
    centres = np.unique(np.concatenate([farthest(fitted, outer, half), farthest(fitted, near, half)]))
    anchors, step = _anchors(model, places, fitted, moves)
    field = _RadialField(
        np.concatenate([fitted[centres], anchors]), np.concatenate([moves[centres], np.tile(step, (len(anchors), 1))])
    )
    missed = moves[outer] - field(fitted[outer])
    return places + field(places) + _correction(places, fitted[outer], missed)


def farthest(points: np.ndarray, ids: np.ndarray, count: int) -> np.ndarray:
    """Up to ``count`` of the ids whose points (N, 3) lie farthest from each other, the first one included."""
    if len(ids) <= count:
        return ids
    places = points[ids]
    chosen = [0]
    distance = np.linalg.norm(places - places[0], axis=1)
    for _ in range(count - 1):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(places - places[chosen[-1]], axis=1))
    return ids[chosen]


def _anchors(
    model: FaceModel, places: np.ndarray, fitted: np.ndarray, moves: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (N, 3) of the shoulders and the mean displacement (3,) of the neck's foot."""
    neck = np.flatnonzero(model.regions == model.REGIONS.index("neck"))
    foot = neck[fitted[neck, 1] < np.quantile(fitted[neck, 1], 0.2)]
    low = places[places[:, 1] < fitted[foot, 1].min() - _SHOULDERS]
    return low[:: max(1, len(low) // _ANCHORS)], moves[foot].mean(axis=0)


class _RadialField:
    """The smooth field of the kernel -|x| and a constant through values (N, C) at centres (N, 3), nearly exactly."""

    def __init__(self, centres: np.ndarray, values: np.ndarray) -> None:
        count = len(centres)
        system = np.ones((count + 1, count + 1))
        system[:count, :count] = -cdist(centres, centres) + _SMOOTHING * np.eye(count)
        system[count, count] = 0.0
        self.centres = centres
        self.weights = np.linalg.solve(system, np.concatenate([values, np.zeros((1, values.shape[1]))]))

    def __call__(self, points: np.ndarray) -> np.ndarray:
        parts = [
            -cdist(chunk, self.centres) @ self.weights[:-1] for chunk in np.array_split(points, len(points) // 8192 + 1)
        ]
        return np.concatenate(parts) + self.weights[-1]


def _correction(places: np.ndarray, head: np.ndarray, missed: np.ndarray) -> np.ndarray:
    """(V, 3) what the field missed at the head (H, 3), averaged at the shell's vertices beside it."""
    distance, index = cKDTree(head).query(places, k=_NEIGHBOURS)
    nearest = distance[:, :1]
    weight = np.exp(-(distance**2 - nearest**2) / (2 * _WIDTH**2))
    mean = (missed[index] * weight[..., None]).sum(axis=1) / weight.sum(axis=1, keepdims=True)
    share = np.clip((_FADE[1] - nearest) / (_FADE[1] - _FADE[0]), 0, 1)
    return mean * share * share * (3 - 2 * share)
