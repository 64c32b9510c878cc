"""Where a character and the person's head are cut, and how a mesh is clipped along a level of a field.

A cut is a function on space, so that one and the same function cuts both meshes: ``field`` > 0 is the side of the head
(or face) that is exchanged, ``angle`` runs once about the rim, by which points of two rims are matched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..mesh.geometry import sides


class Cut(Protocol):
    """A closed curve's worth of surface; see the module."""

    def field(self, places: np.ndarray) -> np.ndarray:
        """(N,) about the distance from the cut, > 0 on the side that is exchanged, in the unit of places (N, 3)."""

    def angle(self, places: np.ndarray) -> np.ndarray:
        """(N,) radians about the rim."""


@dataclass(frozen=True)
class PlaneCut:
    """Across the neck.

    Attributes:
        origin: (3,) on the plane. frame: (3, 3) rows: right, forward, up (the normal, towards the head).
    """

    origin: np.ndarray
    frame: np.ndarray

    def field(self, places: np.ndarray) -> np.ndarray:
        return (places - self.origin) @ self.frame[2]

    def angle(self, places: np.ndarray) -> np.ndarray:
        flat = places @ self.frame[:2].T  # about the middle of the rim itself: necks stand before or behind each other
        right, forward = (flat - (flat.min(axis=0) + flat.max(axis=0)) / 2).T
        return np.arctan2(right, forward)


@dataclass(frozen=True)
class FaceCut:
    """About the face: a star-shaped curve of directions seen from inside the head.

    Attributes:
        centre: (3,) inside the head. frame: (3, 3) rows: right, up, forward.
        angles: (N,) increasing, -pi to pi, 0 at the right, and reach: (N,) radians from forward, of the curve.
        scale: distance of the face from the centre.
    """

    centre: np.ndarray
    frame: np.ndarray
    angles: np.ndarray
    reach: np.ndarray
    scale: float

    def field(self, places: np.ndarray) -> np.ndarray:
        away, angle = self._polar(places)
        return (np.interp(angle, self.angles, self.reach, period=2 * np.pi) - away) * self.scale

    def angle(self, places: np.ndarray) -> np.ndarray:
        return self._polar(places)[1]

    def _polar(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        right, up, forward = self.frame @ (places - self.centre).T
        return np.arctan2(np.hypot(right, up), forward), np.arctan2(up, right)


@dataclass(frozen=True)
class Clipped:
    """What is left of a mesh where a field is not positive.

    Attributes:
        triangles: (F, 3), numbers from ``count`` on are new vertices. source: (F,) the triangle each is part of.
        ends: (N, 2) vertices between which each new one lies. share: (N,) from the first end.
        segments: (M, 2) new vertices, along the rim with the mesh on their left seen from outside.
        count: vertices before.
    """

    triangles: np.ndarray
    source: np.ndarray
    ends: np.ndarray
    share: np.ndarray
    segments: np.ndarray
    count: int

    def rows(self, values: np.ndarray) -> np.ndarray:
        """(N, ...) values at the new vertices from those of all vertices (V, ...)."""
        share = self.share.reshape(-1, *([1] * (values.ndim - 1)))
        return values[self.ends[:, 0]] * (1 - share) + values[self.ends[:, 1]] * share

    def extended(self, values: np.ndarray) -> np.ndarray:
        """(V + N, ...) values of all vertices and the new ones."""
        return np.concatenate([values, self.rows(values)])


def clip(triangles: np.ndarray, field: np.ndarray) -> Clipped:
    """Keep the part of a mesh where the (V,) ``field`` is below 0; new vertices lie where it is 0."""
    field = np.where(field == 0, -1e-300, field)
    out = field[triangles] > 0
    outside = out.sum(axis=1)
    pairs: list[np.ndarray] = []

    def rolled(chosen: np.ndarray, first: np.ndarray) -> np.ndarray:
        return np.take_along_axis(triangles[chosen], (first[:, None] + np.arange(3)) % 3, axis=1)

    one, two = np.flatnonzero(outside == 2), np.flatnonzero(outside == 1)  # one or two corners are kept
    a = rolled(one, np.argmin(out[one], axis=1))  # the kept corner first
    b = rolled(two, (np.argmax(out[two], axis=1) + 1) % 3)  # the lost corner last
    pairs = [a[:, [0, 1]], a[:, [0, 2]], b[:, [1, 2]], b[:, [2, 0]]]
    ordered = np.sort(np.concatenate(pairs), axis=1) if len(one) + len(two) else np.zeros((0, 2), np.int64)
    ends, inverse = np.unique(ordered, axis=0, return_inverse=True)
    count = len(field)
    ids = np.split(count + inverse.ravel(), np.cumsum([len(pair) for pair in pairs])[:-1])
    low, high = field[ends[:, 0]], field[ends[:, 1]]
    whole = np.flatnonzero(outside == 0)
    return Clipped(
        np.concatenate(
            [
                triangles[whole],
                np.stack([a[:, 0], ids[0], ids[1]], axis=1),
                np.stack([b[:, 0], b[:, 1], ids[2]], axis=1),
                np.stack([b[:, 0], ids[2], ids[3]], axis=1),
            ]
        ),
        np.concatenate([whole, one, two, two]),
        ends,
        low / (low - high),
        np.concatenate([np.stack(ids[:2], axis=1), np.stack(ids[2:], axis=1)]),
        count,
    )


def loops(segments: np.ndarray, same: np.ndarray) -> list[np.ndarray]:
    """Closed rims, each as vertices in order.

    Args:
        segments: (M, 2) vertices. same: (V,) number of the place of each vertex; ends at one place are joined.
    """
    following: dict[int, list[int]] = {}
    for index, start in enumerate(same[segments[:, 0]].tolist()):
        following.setdefault(start, []).append(index)
    goal = same[segments[:, 1]].tolist()
    used, found = np.zeros(len(segments), bool), []
    for first in range(len(segments)):
        chain, index = [], first
        while index is not None and not used[index]:
            used[index] = True
            chain.append(index)
            index = next((other for other in following.get(goal[index], []) if not used[other]), None)
        if len(chain) > 2 and goal[chain[-1]] == same[segments[chain[0], 0]]:
            found.append(segments[chain, 0])
    return found


def open_sides(triangles: np.ndarray) -> np.ndarray:
    """(M, 2) sides that have a triangle (F, 3) on their left only, in its direction."""
    both = sides(triangles).astype(np.int64)
    count = int(triangles.max(initial=0)) + 1
    return both[~np.isin(both @ [count, 1], both @ [1, count])]


def bridge(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(N + M, 3) pairs of positions in two rims, closing the gap between them: triangles over both, as numbers.

    Args:
        first, second: (N,) and (M,) angles of the rims, both rising by 2 pi in all.

    Returns:
        vertices of the first rim as 0..N-1, of the second as N..N+M-1; seen from outside with the first rim above and
        angles running to the right they are counter-clockwise.
    """
    n, m = len(first), len(second)
    i = j = 0
    triangles = []
    up, down = np.r_[first, first[0] + 2 * np.pi], np.r_[second, second[0] + 2 * np.pi]
    while i < n or j < m:
        if j == m or (i < n and up[i + 1] <= down[j + 1]):
            triangles.append((i % n, n + j % m, (i + 1) % n))
            i += 1
        else:
            triangles.append((i % n, n + j % m, n + (j + 1) % m))
            j += 1
    return np.array(triangles)


def rising(angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An order that walks a closed rim from its smallest angle in the direction of rising angles.

    Args:
        angles: (N,) radians in the order of the rim, in either direction.

    Returns:
        (N,) order, and (N,) angles in it, never falling.
    """
    steps = np.angle(np.exp(1j * np.diff(angles, append=angles[:1])))
    order = np.arange(len(angles)) if steps.sum() > 0 else np.arange(len(angles))[::-1]
    order = np.roll(order, -int(np.argmin(angles[order])))
    walked = angles[order[0]] + np.r_[0.0, np.cumsum(np.angle(np.exp(1j * np.diff(angles[order]))))]
    return order, np.maximum.accumulate(walked)
