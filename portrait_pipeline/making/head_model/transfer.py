"""Shapes of the measured heads on the new vertices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree

from .remesh import Points
from .source import Source
from .surface import HalfSurface, arc_length, eye_opening, mouth_hollow

LIP_FADE = 0.45  # cm
FLIP = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Transfer:
    """Linear map from measured shapes to the whole new mesh.

    Attributes:
        half: closed half head. source: the measured heads.
        base: (n, M) weights of the new half vertices over the closed half head's.
        origin: (V,) half vertex of every new vertex; vertices from n on are reflections.
    """

    half: HalfSurface
    source: Source
    base: sp.csr_matrix
    origin: np.ndarray

    def mean(self) -> np.ndarray:
        """(V, 3) neutral head."""
        return self._both(self.base @ self.half.neutral(self.source), None)

    def meshing(self) -> np.ndarray:
        """(V, 3) head with the jaw a little open, as it was meshed."""
        return self._both(self.base @ self.half.meshing, None)

    def identity(self, deltas: np.ndarray) -> np.ndarray:
        """(V, 3) displacements from (N, 3) measured ones; patches follow their rims, lips keep their gap."""
        sides = []
        for side in (deltas, deltas[self.source.mirror] * FLIP):
            moved = self.half.weights @ side
            moved[:, 1] += hold_lips(self.half, moved)
            sides.append(self.base @ moved)
        return self._both(*sides)

    def expression(self, deltas: np.ndarray, lips_may_cross: bool = False) -> np.ndarray:
        """As :meth:`identity`, but lips may part, a closing eye goes flat and an opening mouth hollow."""
        sides = []
        for side in (deltas, deltas[self.source.mirror] * FLIP):
            moved = self.half.weights @ side
            if not lips_may_cross:
                moved[:, 1] += part_lips(self.half, self.source, moved)
            moved[:, 2] += patch_depth_change(self.half, self.source, moved)
            sides.append(self.base @ moved)
        return self._both(*sides)

    def _both(self, own: np.ndarray, other: np.ndarray | None) -> np.ndarray:
        reflected = (own if other is None else other) * FLIP
        return np.concatenate([own, reflected[self.origin[len(own) :]]])


def patch_depth_change(half: HalfSurface, source: Source, moved: np.ndarray) -> np.ndarray:
    """(M,) change of depth (cm) of the patches when the base vertices move by ``moved`` (M, 3)."""
    neutral = half.neutral(source)
    change = np.zeros(len(moved))
    opening = eye_opening(neutral + moved, half.eye) / eye_opening(neutral, half.eye)
    change[half.eye.ids] = half.eye_depth * (np.clip(opening, 0, 1.3) - 1)
    skin = slice(0, half.mouth.upper.shape[1])
    change[half.mouth.ids] = mouth_hollow((neutral + moved)[skin], half.mouth) - mouth_hollow(neutral[skin], half.mouth)
    return change


def lip_gap_change(half: HalfSurface, height: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Upper minus lower lip of the (M,) values ``height``, along the upper and along the lower arc."""
    upper, lower = half.mouth.upper_arc, half.mouth.lower_arc
    s_upper, s_lower = arc_length(half.meshing[upper]), arc_length(half.meshing[lower])
    change = height[upper] - np.interp(s_upper, s_lower, height[lower])
    return change, np.interp(s_lower, s_upper, change)


def spread_lips(half: HalfSurface, upper_amount: np.ndarray, lower_amount: np.ndarray) -> np.ndarray:
    """(M,) shift of y (cm) that opens the lips by the given amounts along the two arcs.

    Each lip takes half of it, fading out within ``LIP_FADE`` of the lip line; the mouth patch follows.
    """
    upper, lower = half.mouth.upper_arc, half.mouth.lower_arc
    far_upper, near_upper = cKDTree(half.meshing[upper]).query(half.meshing)
    far_lower, near_lower = cKDTree(half.meshing[lower]).query(half.meshing)
    on_upper = upper_amount[near_upper] * np.exp(-((far_upper / LIP_FADE) ** 2)) / 2
    on_lower = -lower_amount[near_lower] * np.exp(-((far_lower / LIP_FADE) ** 2)) / 2
    shift = np.where(far_upper < far_lower, on_upper, on_lower)
    shift[upper], shift[lower[1:]] = upper_amount / 2, -lower_amount[1:] / 2
    skin, t = shift[: half.mouth.upper.shape[1]], half.mouth.t
    shift[half.mouth.ids] = t * (half.mouth.upper @ skin) + (1 - t) * (half.mouth.lower @ skin)
    return shift


def hold_lips(half: HalfSurface, moved: np.ndarray) -> np.ndarray:
    """(M,) shift of y that undoes how the displacements ``moved`` (M, 3) open or cross the lips."""
    upper, lower = lip_gap_change(half, moved[:, 1])
    return spread_lips(half, -upper, -lower)


def part_lips(half: HalfSurface, source: Source, moved: np.ndarray) -> np.ndarray:
    """(M,) shift of y that keeps lips from crossing after the displacements ``moved`` (M, 3)."""
    before, after = half.neutral(source)[:, 1], half.neutral(source)[:, 1] + moved[:, 1]
    amounts = [
        np.maximum(np.minimum(0.5 * gap, 0.03) - new, 0)
        for gap, new in zip(lip_gap_change(half, before), lip_gap_change(half, after), strict=True)
    ]
    return spread_lips(half, *amounts)


def point_matrix(points: Points, size: int) -> sp.csr_matrix:
    """(n, size) sparse interpolation matrix of surface points."""
    row = np.repeat(np.arange(len(points)), 3)
    return sp.csr_matrix((points.weights.ravel(), (row, points.ids.ravel())), (len(points), size))
