"""Is a set of 68 points still a face? Detecting and mending lids, lips and jaw lines that cross."""

from __future__ import annotations

import numpy as np

from .points import INNER_LIPS, JAW, LIDS, LOWER_LIPS, MIRROR, UPPER_LIPS, anchors

# Pairs (upper, lower) that must keep their order, and the two corners that give the direction "across".
_COLUMNS = np.concatenate([LIDS, INNER_LIPS, UPPER_LIPS, LOWER_LIPS])
_CORNERS = np.array([[36, 39]] * 2 + [[42, 45]] * 2 + [[48, 54]] * 9)


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
    across = points[..., _COLUMNS[:, 1], :] - points[..., _COLUMNS[:, 0], :]
    return (across * _downward(points, _CORNERS)).sum(-1) / _eye_distance(points)[..., None]


def _eye_distance(points: np.ndarray) -> np.ndarray:
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
    bad |= _open_line_crosses(points[..., JAW, :])
    bad |= _wrong_order(points)
    return bad


def _open_line_crosses(line: np.ndarray) -> np.ndarray:
    """True where a poly-line (..., n, 2) intersects itself."""
    a, b = line[..., :-1, :], line[..., 1:, :]
    first, second = np.triu_indices(line.shape[-2] - 1, k=2)
    a1, b1, a2, b2 = a[..., first, :], b[..., first, :], a[..., second, :], b[..., second, :]

    def side(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> np.ndarray:
        return (q[..., 0] - p[..., 0]) * (r[..., 1] - p[..., 1]) - (q[..., 1] - p[..., 1]) * (
            r[..., 0] - p[..., 0]
        )

    apart = (side(a1, b1, a2) * side(a1, b1, b2) < 0) & (side(a2, b2, a1) * side(a2, b2, b1) < 0)
    return apart.any(-1)


def _wrong_order(points: np.ndarray) -> np.ndarray:
    """Down the face: brow, eye, nose tip, nose base, mouth, chin; across it: jaw, eyes, mouth, in order."""
    centres = anchors(points)
    down = centres[..., 2, :] - centres[..., :2, :].mean(-2)
    down = down / np.maximum(np.linalg.norm(down, axis=-1, keepdims=True), 1e-12)
    right = np.stack([down[..., 1], -down[..., 0]], axis=-1)
    x = (points * right[..., None, :]).sum(-1)
    y = (points * down[..., None, :]).sum(-1)
    eye_row = y[..., 36:48].mean(-1)
    rows = np.stack([eye_row, y[..., 33], y[..., 51], y[..., 57], y[..., 8]], axis=-1)
    bad = (np.diff(rows, axis=-1) <= 0).any(-1)
    bad |= (x[..., 39] >= x[..., 42]) | (x[..., 36] >= x[..., 39]) | (x[..., 42] >= x[..., 45])
    bad |= (x[..., 48] >= x[..., 54]) | (x[..., 31] >= x[..., 35])
    widest_left, widest_right = x[..., 0:5].min(-1), x[..., 12:17].max(-1)
    bad |= (x[..., 36] <= widest_left) | (x[..., 45] >= widest_right)
    bad |= (y[..., [19]] >= y[..., 36:42]).any(-1) | (y[..., [24]] >= y[..., 42:48]).any(-1)
    return bad


def uncross(points: np.ndarray, minimum: float = 0.0) -> np.ndarray:
    """Move facing lid and lip points apart, each by half of what is missing, until no column is negative.

    Faces without a crossing come back unchanged.

    Args:
        points: (..., 68, 2), y down.
        minimum: opening to reach, in eye distances.
    """
    points = np.array(points, float)
    distance = _eye_distance(points)
    groups = (slice(0, 4), slice(4, 7), slice(7, 10), slice(10, 13))
    for group in groups:
        columns, corners = _COLUMNS[group], _CORNERS[group]
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


def asymmetry(points: np.ndarray) -> np.ndarray:
    """Half the difference (..., 68, 2) between aligned faces (x = 0 is the middle) and their mirror
    images.
    """
    points = np.asarray(points, float)
    reflected = points[..., MIRROR, :] * np.array([-1.0, 1.0])
    return (points - reflected) / 2
