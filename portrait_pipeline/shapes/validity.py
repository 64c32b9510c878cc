"""Is a set of 68 points still a face? Detecting and mending lids, lips and jaw lines that cross."""

from __future__ import annotations

import numpy as np

from .points import (
    BROW_LEFT,
    BROW_RIGHT,
    EYE_LEFT,
    EYE_RIGHT,
    INNER_LIPS,
    JAW,
    LIDS,
    LIP_OUTER,
    LOWER_LIPS,
    MIRROR,
    NOSE_BASE,
    NOSE_BRIDGE,
    UPPER_LIPS,
    anchors,
)

COLUMNS = np.concatenate([LIDS, INNER_LIPS, UPPER_LIPS, LOWER_LIPS])
"""(13, 2) pairs (upper, lower) that must keep their order."""
CORNERS = np.array([[36, 39]] * 2 + [[42, 45]] * 2 + [[48, 54]] * 9)
"""(13, 2) the corners that give the direction across for each of them."""


def _downward(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(..., n, 2) unit vectors at right angles to the corner lines, pointing down the face (y down)."""
    along = points[..., corners[:, 1], :] - points[..., corners[:, 0], :]
    along = along / np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-12)
    return np.stack([-along[..., 1], along[..., 0]], axis=-1)


def gaps(points: np.ndarray) -> np.ndarray:
    """Signed openings (..., 13) of lids and lips in units of the eye distance; negative where they cross.

    Order: 4 lid columns, 3 inner-lip columns, 3 of the upper lip, 3 of the lower lip.
    """
    points = np.asarray(points, float)
    across = points[..., COLUMNS[:, 1], :] - points[..., COLUMNS[:, 0], :]
    return (across * _downward(points, CORNERS)).sum(-1) / eye_distance(points)[..., None]


def eye_distance(points: np.ndarray) -> np.ndarray:
    """Distances (...,) of the eye centres of faces (..., 68, 2)."""
    centres = anchors(points)
    return np.maximum(np.linalg.norm(centres[..., 1, :] - centres[..., 0, :], axis=-1), 1e-12)


def crossing(points: np.ndarray, tolerance: float = 0.01) -> np.ndarray:
    """Faces (..., 68, 2), y down, whose lids, lips or jaw line cross, or whose features leave the jaw: bool
    (...).

    Args:
        tolerance: lids and lips may overlap by this share of the eye distance (a closed eye is no crossing).
    """
    points = np.asarray(points, float)
    bad = (gaps(points) < -tolerance).any(-1)
    bad |= _line_crosses_itself(points[..., JAW, :])
    bad |= _wrong_order(points)
    return bad


def _line_crosses_itself(line: np.ndarray) -> np.ndarray:
    """True where a poly-line (..., n, 2) intersects itself."""
    first, second = np.triu_indices(line.shape[-2] - 1, k=2)
    return _segments_cross(line, first, line, second).any(-1)


def _lines_cross(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """True where two poly-lines (..., n, 2) and (..., m, 2) intersect."""
    first, second = np.indices((one.shape[-2] - 1, other.shape[-2] - 1)).reshape(2, -1)
    return _segments_cross(one, first, other, second).any(-1)


def _segments_cross(one: np.ndarray, first: np.ndarray, other: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Which of k segments of one poly-line (..., n, 2) properly cross k segments of another: (..., k) bool."""
    a1, b1, a2, b2 = one[..., first, :], one[..., first + 1, :], other[..., second, :], other[..., second + 1, :]

    def side(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> np.ndarray:
        return (q[..., 0] - p[..., 0]) * (r[..., 1] - p[..., 1]) - (q[..., 1] - p[..., 1]) * (r[..., 0] - p[..., 0])

    return (side(a1, b1, a2) * side(a1, b1, b2) < 0) & (side(a2, b2, a1) * side(a2, b2, b1) < 0)


def _wrong_order(points: np.ndarray) -> np.ndarray:
    """True where a distance of :func:`order_distances` is not positive."""
    return (order_distances(points) <= 0).any(-1)


def order_distances(points: np.ndarray) -> np.ndarray:
    """Distances (..., 23) between neighbours, positive in the order of a face, in the unit of ``points``.

    Down the face: eyes, nose base, upper lip, lower lip, chin, and brows above lids; across it: jaw, eyes, mouth, nose.
    """
    centres = anchors(points)
    down = centres[..., 2, :] - centres[..., :2, :].mean(-2)
    down = down / np.maximum(np.linalg.norm(down, axis=-1, keepdims=True), 1e-12)
    right = np.stack([down[..., 1], -down[..., 0]], axis=-1)
    x = (points * right[..., None, :]).sum(-1)
    y = (points * down[..., None, :]).sum(-1)
    rows = np.stack([y[..., 36:48].mean(-1), y[..., 33], y[..., 51], y[..., 57], y[..., 8]], axis=-1)
    across = x[..., [42, 39, 45, 54, 35]] - x[..., [39, 36, 42, 48, 31]]
    sides = np.stack([x[..., 36] - x[..., 0:5].min(-1), x[..., 12:17].max(-1) - x[..., 45]], axis=-1)
    lids = [y[..., 36:42] - y[..., [19]], y[..., 42:48] - y[..., [24]]]
    return np.concatenate([np.diff(rows, axis=-1), across, sides, *lids], axis=-1)


def uncross(points: np.ndarray, minimum: float = 0.0) -> np.ndarray:
    """Move facing lid and lip points apart, each by half of what is missing, until no column is negative.

    Faces without a crossing come back unchanged.

    Args:
        points: (..., 68, 2), y down.
        minimum: opening to reach, in eye distances.
    """
    points = np.array(points, float)
    distance = eye_distance(points)
    groups = (slice(0, 4), slice(4, 7), slice(7, 10), slice(10, 13))
    for group in groups:
        columns, corners = COLUMNS[group], CORNERS[group]
        direction = _downward(points, corners)
        missing = np.maximum(minimum - gaps(points)[..., group], 0.0) * distance[..., None]
        step = direction * missing[..., None]
        if group.start == 7:  # the inner lip is settled: only the outer upper lip moves
            points[..., columns[:, 0], :] -= step
        elif group.start == 10:
            points[..., columns[:, 1], :] += step
        else:
            points[..., columns[:, 0], :] -= step / 2
            points[..., columns[:, 1], :] += step / 2
    return points


def tangled(points: np.ndarray) -> np.ndarray:
    """A stricter :func:`crossing`: no two lines of the face cross, and the mouth and the nose base lie inside the jaw.

    Args:
        points: (..., 68, 2), y down.

    Returns:
        (...,) bool.
    """
    return faults(points).any(-1)


def faults(points: np.ndarray, tolerance: float = 0.01) -> np.ndarray:
    """What is wrong with faces (..., 68, 2), y down: (..., n) bool, in the order of :func:`gaps` (below
    ``-tolerance``), :func:`order_distances` (not positive) and :func:`knots`.
    """
    points = np.asarray(points, float)
    return np.concatenate([gaps(points) < -tolerance, order_distances(points) <= 0, knots(points)], axis=-1)


def knots(points: np.ndarray) -> np.ndarray:
    """Lines of faces (..., 68, 2) that cross: (..., 9) bool.

    In this order: the jaw itself, the outlines of both eyes and of the mouth themselves, each brow its eye, the brows
    each other, the bridge of the nose an eye, and the jaw the mouth or the nose base.
    """
    jaw, bridge, left_brow, right_brow = (points[..., line, :] for line in (JAW, NOSE_BRIDGE, BROW_LEFT, BROW_RIGHT))
    left_eye, right_eye, mouth = (points[..., np.append(r, r[0]), :] for r in (EYE_LEFT, EYE_RIGHT, LIP_OUTER))
    inner = points[..., np.concatenate([NOSE_BASE, LIP_OUTER]), :]
    return np.stack(
        [
            *(_line_crosses_itself(line) for line in (jaw, left_eye, right_eye, mouth)),
            _lines_cross(left_brow, left_eye),
            _lines_cross(right_brow, right_eye),
            _lines_cross(left_brow, right_brow),
            _lines_cross(bridge, left_eye) | _lines_cross(bridge, right_eye),
            ~_inside(jaw, inner).all(-1),
        ],
        axis=-1,
    )


def _inside(ring: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Which of points (..., m, 2) lie inside a polygon (..., n, 2): (..., m) bool, by counting crossed edges."""
    a, b = ring[..., None, :, :], np.roll(ring, -1, axis=-2)[..., None, :, :]
    x, y = points[..., :, None, 0], points[..., :, None, 1]
    spans = (a[..., 1] > y) != (b[..., 1] > y)
    rise = np.where(spans, b[..., 1] - a[..., 1], 1.0)
    left = x < a[..., 0] + (y - a[..., 1]) / rise * (b[..., 0] - a[..., 0])
    return (spans & left).sum(-1) % 2 == 1


def asymmetry(points: np.ndarray) -> np.ndarray:
    """Half the difference (..., 68, 2) between aligned faces (x = 0 is the middle) and their mirror
    images.
    """
    points = np.asarray(points, float)
    reflected = points[..., MIRROR, :] * np.array([-1.0, 1.0])
    return (points - reflected) / 2
