"""Folds of the visible surface: finding them, and easing the landmarks' shifts so that none arises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from ..mesh.geometry import triangle_normals

FACING = 0.1  # cosine to the viewer from which a triangle counts (84 degrees)
FRONTAL = 0.5  # and from which it must also keep facing the viewer (60 degrees)
LEAST_HEIGHT = 0.1  # share of a triangle's height at rest that easing keeps
LEAST_GAP = 0.4  # share of the distance at rest that easing keeps between triangles that would cross
_WATCHED = 0.4  # share of its height at rest below which a triangle is watched
_STIFFNESS = 1e4  # 1/cm, of a triangle's height against the shifts: folds are to be avoided at nearly any price
_POOLS, _STEPS, _ROUNDS = 5, 60, 3
_REACH = 0.5  # cm, a landmark's longest shift in one step: beyond it the linearised heights mislead
_ENOUGH = 0.002  # decrease of the cost, as a share, below which a step brings nothing more


def flipped_triangles(before: np.ndarray, after: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Indices of the triangles that face the viewer (+z) in ``before`` and are turned over in ``after``.

    Turned over is a triangle within 60 degrees of the viewer that faces away afterwards, and a more slanted one whose
    normal has turned by more than 90 degrees: near the outline (under the chin) a surface may pass out of sight without
    any fold. Triangles more than 84 degrees from the viewer do not count.
    """
    rows, axes = _watched(before, triangles)
    return rows[(triangle_normals(after, triangles[rows]) * axes).sum(axis=1) <= 0.0]


def _watched(vertices: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The triangles that face the viewer, ascending, and the unit axis along which each is seen."""
    normals = triangle_normals(vertices, triangles)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    rows = np.flatnonzero(normals[:, 2] > FACING)
    return rows, np.where(normals[rows, 2:] > FRONTAL, [0.0, 0.0, 1.0], normals[rows])


@dataclass(frozen=True)
class Heights:
    """Signed heights (cm) of triangles over their longest side, seen along fixed axes; negative once turned over.

    Attributes:
        triangles: (N, 3) vertex ids.
        axes: (N, 3) direction in which it is seen, divided by its longest side at rest.
        least: (N,) the height that is to be kept.
    """

    triangles: np.ndarray
    axes: np.ndarray
    least: np.ndarray

    @classmethod
    def of(cls, vertices: np.ndarray, triangles: np.ndarray) -> Heights:
        """All heights that :func:`flipped_triangles` judges, for the head (V, 3) at rest."""
        rows, axes = _watched(vertices, triangles)
        corners = vertices[triangles[rows]]
        axes = axes / np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)[:, None]
        return cls(
            triangles[rows], axes, LEAST_HEIGHT * (triangle_normals(vertices, triangles[rows]) * axes).sum(axis=1)
        )

    def of_vertices(self, vertices: np.ndarray) -> np.ndarray:
        """(N,) heights for positions, or the part of second order for displacements (V, 3)."""
        return (triangle_normals(vertices, self.triangles) * self.axes).sum(axis=1)

    def gradient(self, vertices: np.ndarray) -> np.ndarray:
        """(N, 3, 3) derivative of each height by its three corners."""
        a, b, c = (vertices[self.triangles[:, k]] for k in range(3))
        second, third = np.cross(c - a, self.axes), np.cross(self.axes, b - a)
        return np.stack([-second - third, second, third], axis=1)

    def some(self, rows: np.ndarray) -> Heights:
        """Only those of the given rows."""
        return Heights(self.triangles[rows], self.axes[rows], self.least[rows])


@dataclass(frozen=True)
class Gaps:
    """Signed distances (cm) between pairs of triangles along the line that joined their middles at rest.

    Attributes:
        triangles: (N, 6) vertex ids, three of each triangle.
        axes: (N, 3) unit direction from the first to the second at rest.
        least: (N,) the distance that is to be kept.
    """

    triangles: np.ndarray
    axes: np.ndarray
    least: np.ndarray

    @classmethod
    def of(cls, vertices: np.ndarray, triangles: np.ndarray, pairs: np.ndarray, times: np.ndarray) -> Gaps:
        """For pairs (N, 2) of triangles of the head (V, 3) at rest, with ``times`` (N,) the usual room."""
        used = triangles[pairs].reshape(-1, 6)
        between = vertices[used[:, 3:]].mean(axis=1) - vertices[used[:, :3]].mean(axis=1)
        length = np.linalg.norm(between, axis=1)
        return cls(used, between / np.maximum(length, 1e-30)[:, None], LEAST_GAP * times * length)

    def of_vertices(self, vertices: np.ndarray) -> np.ndarray:
        """(N,) distances."""
        corners = vertices[self.triangles]
        return ((corners[:, 3:].mean(axis=1) - corners[:, :3].mean(axis=1)) * self.axes).sum(axis=1)

    def gradient(self, vertices: np.ndarray) -> np.ndarray:
        """(N, 6, 3) derivative of each distance by its six corners; the same everywhere."""
        sign = np.repeat([-1.0, 1.0], 3) / 3.0
        return sign[:, None] * self.axes[:, None]


Limits = Heights | Gaps


def ease_shifts(
    base: np.ndarray,
    spread: np.ndarray,
    wanted: np.ndarray,
    start: np.ndarray,
    heights: Heights,
    gaps: Gaps | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The shifts nearest to the wanted ones with which no triangle turns over.

    The head is ``base + spread @ shifts``, linear in the shifts, and a triangle's height is quadratic in them.
    Minimises ``|shifts - wanted|^2`` plus a stiff one-sided spring for every height below its least
    (Levenberg-Marquardt, from shifts without folds towards the wanted ones, so that nothing is pulled through). As a
    landmark's shift spreads smoothly, so does what is left undone. Only triangles that get low are watched; those that
    newly do join, until none turns over. Should some remain, all shifts are shortened.

    Args:
        base: (V, 3) the head at shifts of zero.
        spread: (V, N) displacement of every vertex for a unit shift of each landmark.
        wanted: (N, 3) shifts, cm. start: (N, 3) shifts without folds, such as none.
        heights: of the triangles to look after. gaps: between triangles that would cross.

    Returns:
        Shifts (N, 3) and vertices (V, 3).
    """
    shifts, vertices = start, base + spread @ wanted
    pool = np.zeros(len(heights.least), bool)
    for _ in range(_POOLS):
        height = heights.of_vertices(vertices)
        if pool.any() and (height > 0.0).all():
            return shifts, vertices
        pool |= height < _WATCHED / LEAST_HEIGHT * heights.least
        limits = [heights.some(np.flatnonzero(pool))] + ([] if gaps is None else [gaps])
        shifts = _Springs(base, spread, wanted, limits).minimise(shifts)
        vertices = base + spread @ shifts
    while (heights.of_vertices(vertices) <= 0.0).any() and np.abs(shifts).max() > 1e-3:
        shifts = 0.9 * shifts
        vertices = base + spread @ shifts
    return shifts, vertices


class _Springs:
    """The least-squares problem of :func:`ease_shifts` for some limits and the vertices that they use."""

    def __init__(self, base: np.ndarray, spread: np.ndarray, wanted: np.ndarray, limits: Sequence[Limits]) -> None:
        used, inverse = np.unique(np.concatenate([limit.triangles.ravel() for limit in limits]), return_inverse=True)
        ends = np.cumsum([limit.triangles.size for limit in limits])[:-1]
        self._limits = [
            replace(limit, triangles=part.reshape(limit.triangles.shape))
            for limit, part in zip(limits, np.split(inverse, ends), strict=True)
        ]
        self._base, self._spread, self._wanted = base[used], spread[used], wanted
        self._least = np.concatenate([limit.least for limit in limits])
        # In between absolute heights, which slivers would never feel, and relative ones, which they would rule.
        self._stiffness = _STIFFNESS / np.sqrt(np.maximum(self._least, 1e-9) / LEAST_HEIGHT)

    def minimise(self, shifts: np.ndarray) -> np.ndarray:
        """Shifts (N, 3) of least cost, from the given ones."""
        damping, cost, idle = 0.3, self._cost(shifts), 0
        for _ in range(_STEPS):
            tried = shifts + self._step(shifts, damping)
            reached = self._cost(tried)
            if reached < cost:
                idle = idle + 1 if cost - reached < _ENOUGH * cost else 0
                shifts, cost, damping = tried, reached, max(0.3 * damping, 1e-3)
                if idle == 3:
                    break
            else:
                damping *= 5.0
        return shifts

    def _values(self, vertices: np.ndarray) -> np.ndarray:
        return np.concatenate([limit.of_vertices(vertices) for limit in self._limits])

    def _cost(self, shifts: np.ndarray) -> float:
        lack = np.maximum(self._least - self._values(self._base + self._spread @ shifts), 0.0)
        return float(((shifts - self._wanted) ** 2).sum() + self._stiffness @ lack**2)

    def _step(self, shifts: np.ndarray, damping: float) -> np.ndarray:
        """A damped step (N, 3) that heeds the springs which it would bring into play."""
        vertices = self._base + self._spread @ shifts
        values, gradients = self._values(vertices), [limit.gradient(vertices) for limit in self._limits]
        goal = self._wanted - shifts
        goal = goal * min(1.0, _REACH / max(np.abs(goal).max(), 1e-12))
        held, step = values < self._least, goal
        for _ in range(_ROUNDS):
            matrix = self._rows(gradients, held)
            pull = matrix.T * self._stiffness[held]
            normal = pull @ matrix
            normal[np.diag_indices(step.size)] += 1.0 + damping
            right = goal.ravel() + pull @ (self._least - values)[held]
            step = cho_solve(cho_factor(normal, lower=True, check_finite=False), right).reshape(step.shape)
            moved = self._spread @ step
            change = [
                (gradient * moved[limit.triangles]).sum(axis=(1, 2))
                for limit, gradient in zip(self._limits, gradients, strict=True)
            ]
            more = (values + np.concatenate(change) < self._least) & ~held
            if not more.any():
                break
            held |= more
        return step

    def _rows(self, gradients: list[np.ndarray], held: np.ndarray) -> np.ndarray:
        """Derivatives of the held limits by all shifts, (sum of held, 3 N)."""
        parts, start = [], 0
        for limit, gradient in zip(self._limits, gradients, strict=True):
            rows = np.flatnonzero(held[start : start + len(limit.least)])
            start += len(limit.least)
            part = self._spread[limit.triangles[rows]].transpose(0, 2, 1) @ gradient[rows]
            parts.append(part.reshape(len(rows), self._wanted.size))
        return np.concatenate(parts)
