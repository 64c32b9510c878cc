"""Triangles of a mesh that pass through each other."""

from __future__ import annotations

import numpy as np

_SIDES = ((0, 1), (1, 2), (2, 0))
_PAIRS_AT_ONCE = 4_000_000  # candidates expanded together: bounds the memory


def intersecting_pairs(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Pairs of triangles of one mesh that pass through each other.

    A pair counts if a side of one goes through the inside of the other (Moeller and Trumbore's test in double
    precision). Sides that end in a shared vertex are left out, so neighbours count only where they really cross; two
    triangles folded flat onto each other over a shared side do not.

    Args:
        vertices: (V, 3).
        triangles: (F, 3).

    Returns:
        (N, 2) indices of triangles, the smaller first, in ascending order.
    """
    corners = np.asarray(vertices, float)[triangles]
    pairs = _near_pairs(corners.min(axis=1), corners.max(axis=1))
    for one, other in ((0, 1), (1, 0)):
        pairs = pairs[_straddles(corners, pairs[:, one], pairs[:, other])]
    crossing = np.zeros(len(pairs), bool)
    for one, other in (pairs.T, pairs.T[::-1]):
        for start, end in _SIDES:
            p, q = triangles[one, start], triangles[one, end]
            apart = ((p[:, None] != triangles[other]) & (q[:, None] != triangles[other])).all(axis=1)
            some = np.flatnonzero(apart & ~crossing)
            crossing[some] = _pierces(corners[one[some], start], corners[one[some], end], corners[other[some]])
    return pairs[crossing]


def _straddles(corners: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Whether the second triangle of each pair has corners on both sides of the first one's plane."""
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    heights = np.einsum("ncx,nx->nc", corners[other] - corners[one, :1], normals[one])
    return (heights.min(axis=1) < 0) & (heights.max(axis=1) > 0)


def _pierces(start: np.ndarray, end: np.ndarray, triangle: np.ndarray) -> np.ndarray:
    """Whether each segment (N, 3), (N, 3) goes through its triangle (N, 3, 3)."""
    along = end - start
    a, b = triangle[:, 1] - triangle[:, 0], triangle[:, 2] - triangle[:, 0]
    offset = start - triangle[:, 0]
    across, turned = np.cross(along, b), np.cross(offset, a)
    area = (across * a).sum(axis=1)
    size = np.linalg.norm(along, axis=1) * np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    parallel = np.abs(area) <= 1e-12 * size
    area = np.where(parallel, 1.0, area)
    u, v = (across * offset).sum(axis=1) / area, (turned * along).sum(axis=1) / area
    share = (turned * b).sum(axis=1) / area
    return ~parallel & (u > 0) & (v > 0) & (u + v < 1) & (share > 0) & (share < 1)


def _near_pairs(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Pairs (N, 2) of boxes, given by (F, 3) corners, that overlap: those that share a cell of a grid, then exactly."""
    size = 2.0 * np.median((high - low).max(axis=1)) + 1e-12
    first = np.floor((low - low.min(axis=0)) / size).astype(np.int64)
    cells = np.floor((high - low.min(axis=0)) / size).astype(np.int64) - first + 1
    box, inside = _expand(cells.prod(axis=1))
    reach = cells[box]
    place = first[box] + np.stack(
        [inside % reach[:, 0], inside // reach[:, 0] % reach[:, 1], inside // (reach[:, 0] * reach[:, 1])], axis=1
    )
    shape = place.max(axis=0) + 1
    key = (place[:, 0] * shape[1] + place[:, 1]) * shape[2] + place[:, 2]
    order = np.argsort(key, kind="stable")
    box, key = box[order], key[order]
    last = np.searchsorted(key, key, side="right")  # each box meets those after it in its cell
    counts = last - np.arange(len(key)) - 1
    found = []
    for begin, stop in _chunks(counts):
        left, step = _expand(counts[begin:stop])
        one, other = box[begin + left], box[begin + left + 1 + step]
        meet = ((low[one] <= high[other]) & (low[other] <= high[one])).all(axis=1)
        one, other = one[meet], other[meet]
        found.append(np.minimum(one, other) * len(low) + np.maximum(one, other))
    return np.stack(np.divmod(np.unique(np.concatenate(found)), len(low)), axis=1)


def _expand(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index i repeated ``counts[i]`` times, and 0, 1, ... within each repetition."""
    index = np.repeat(np.arange(len(counts)), counts)
    return index, np.arange(len(index)) - np.repeat(np.cumsum(counts) - counts, counts)


def _chunks(counts: np.ndarray) -> list[tuple[int, int]]:
    part = np.cumsum(counts) // _PAIRS_AT_ONCE
    edges = np.concatenate([[0], np.flatnonzero(np.diff(part)) + 1, [len(counts)]])
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
