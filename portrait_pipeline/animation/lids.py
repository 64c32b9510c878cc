"""Lids: closing them exactly, keeping them off the eyeball on the way, and the strip behind their edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .eyeball import Eyeball
from .falloff import Falloff
from .openings import Opening, along, arc_parameter, opening_height

LOWER_SHARE = 0.75  # how far from the upper towards the lower lid they meet, where the carried shapes leave a gap
CONTACT = 0.004  # cm between closed lids
# Coefficients at which lids are kept off the eyeball, and by how much (cm): a straight path cuts a sphere, and lids
# that sink into it by less than a fifth of a millimetre on the way show nothing.
PATH = ((0.25, -0.02), (0.5, -0.02), (0.75, -0.02), (1.0, 0.02))
HIDDEN = 0.015  # cm that what is behind the lid's edge may be nearer
# Rows behind the lids' edge: the first goes this share of the eyeball's radius inwards, so that what is painted at the
# edge (its line, its shadow) belongs to the lid, but no further than a share of the opening; the others go under the
# lid. Their distance from the eyeball is a share of its radius, at most that of the edge.
BAND, BAND_OF_OPENING = 0.045, 0.2
STRIP_UNDER = (0.0, 0.09, 0.2)
STRIP_ABOVE = (0.008, 0.008, 0.008, 0.012)


@dataclass(frozen=True)
class Lids:
    """The lids of one eye of a head at rest.

    Attributes:
        opening: between the edges of the lids. ball: the eyeball. falloff: spreads displacements of the edges.
    """

    opening: Opening
    ball: Eyeball
    falloff: Falloff


def close_lids(lids: Lids, rest: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The blink ``target`` (V, 3) changed so that at coefficient 1 the edges of both lids lie on one curve."""
    rim = lids.opening.rim
    end = rest[rim] + target[rim]
    return target + lids.falloff(_meet(lids.opening, rest[rim], end, lids.ball) - end)


def _matching(opening: Opening, points: np.ndarray) -> np.ndarray:
    """(R,) share of the way along its arc of each point of a rim (R, 3)."""
    share = np.zeros(len(points))
    for arc in (opening.upper, opening.lower):
        share[arc] = arc_parameter(points[arc])
    return share


def _meet(opening: Opening, start: np.ndarray, end: np.ndarray, ball: Eyeball) -> np.ndarray:
    """Ends (R, 3) on one curve outside of the ball, near ``end``, that straight paths from ``start`` can reach."""
    upper, lower = opening.upper, opening.lower
    at = _matching(opening, end)
    above, below = along(end[upper], at), along(end[lower], at)
    goal = (1 - LOWER_SHARE) * above + LOWER_SHARE * below
    goal[:, 2] = np.maximum(above[:, 2], below[:, 2])
    for _ in range(4):
        push = _needed(ball, start, goal)
        # One push for both lids: they must end on the same curve.
        shared = [np.interp(at, at[arc], push[arc]) for arc in (upper, lower)]
        goal = goal + np.maximum(*shared)[:, None] * ball.normal(goal)
    inner = np.setdiff1d(upper, upper[[0, -1]])
    goal[inner, 1] += CONTACT
    return goal


def _needed(ball: Eyeball, start: np.ndarray, goal: np.ndarray, relief: float = 0.0) -> np.ndarray:
    """(N,) cm by which each goal must move out so that its path from ``start`` keeps off the ball by ``PATH``.

    A point that is nearer than that at rest may stay as near; ``relief`` is taken from all clearances.
    """
    push = np.zeros(len(goal))
    here = ball.distance(start)
    for share, clearance in PATH:
        least = np.minimum(here, clearance - relief)
        push = np.maximum(push, (least - ball.distance(start + share * (goal - start))) / share)
    return push


def keep_off(ball: Eyeball, rest: np.ndarray, targets: np.ndarray, near: np.ndarray, relief: float = 0.0) -> np.ndarray:
    """``targets`` (E, V, 3) of the vertices ``near`` (N,) changed so that no path to coefficient 1 enters the ball."""
    result = targets.copy()
    start = rest[near]
    for index in np.flatnonzero(np.abs(targets[:, near]).max(axis=(1, 2)) > 1e-4):
        moved = np.abs(targets[index, near]).max(axis=1) > 1e-4
        begin, goal = start[moved], start[moved] + targets[index, near[moved]]
        for _ in range(3):
            goal = goal + _needed(ball, begin, goal, relief)[:, None] * ball.normal(goal)
        result[index, near[moved]] = goal - begin
    return result


def strip(ball: Eyeball, rim: np.ndarray, opening: Opening) -> np.ndarray:
    """(rows, R, 3) points behind the lids' edge ``rim`` (R, 3): a band inwards, then along the ball under the lids."""
    tangent = np.roll(rim, -2, axis=0) - np.roll(rim, 2, axis=0)
    foot = ball.surface(rim)
    outward = np.cross(tangent, ball.normal(foot))
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-9)
    clear = np.maximum(ball.distance(rim), 0.0)
    band = np.minimum(BAND * ball.radius, BAND_OF_OPENING * opening_height(opening, rim))
    reaches = [-band, *(np.full(len(rim), share * ball.radius) for share in STRIP_UNDER)]
    rows = []
    for reach, above in zip(reaches, STRIP_ABOVE, strict=True):
        offset = np.minimum(above * ball.radius, 0.7 * clear)
        rows.append(ball.surface(foot + reach[:, None] * outward, offset))
    return np.stack(rows)
