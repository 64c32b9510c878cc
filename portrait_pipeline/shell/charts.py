"""The shell's UV layout: box charts by smoothed normals, each seen straight on, packed into the unit square."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from ..mesh.geometry import sides
from .packing import pack

_AXES = np.array([[0, 0, 1], [0, 0, -1], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]], float)
_RIGHT = np.array([[1, 0, 0], [-1, 0, 0], [0, 0, -1], [0, 0, 1], [1, 0, 0], [1, 0, 0]], float)
_UP = np.array([[0, 1, 0], [0, 1, 0], [0, 1, 0], [0, 1, 0], [0, 0, -1], [0, 0, 1]], float)
"""Image right and up of the charts (front, back, right, left, top, foot) as seen from outside."""
_BIAS = np.array([0.22, 0.16, 0, 0, 0.05, 0])  # front and back are what one looks at: few seams there
_FOOT, _FOOT_SCALE = 5, 0.35  # nobody looks at the foot
_SMOOTHINGS, _ROUNDS, _JOININGS = 30, 25, 12
_MAJORITY = 0.35  # weight of a neighbour's choice against the face's own normal
_SMALL = 1200  # faces; smaller pieces join their neighbours
_GUTTER = 4 / 512


def box_layout(vertices: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A UV layout without overlaps of a closed surface.

    Args:
        vertices: (V, 3), y up, z towards the viewer. triangles: (F, 3), counter-clockwise from outside.

    Returns:
        uv (T, 2) float64 in [0, 1], origin bottom left; uv_triangles (F, 3) int32; chart of each face (F,).
    """
    axis, chart = face_charts(vertices, triangles)
    flat = np.empty((len(triangles), 3, 2))
    for side in range(len(_AXES)):
        faces = axis == side
        corners = vertices[triangles[faces]]
        flat[faces] = np.stack([corners @ _RIGHT[side], corners @ _UP[side]], axis=-1)
    flat[axis == _FOOT] *= _FOOT_SCALE
    corners = pack(flat, chart, _GUTTER)
    key = triangles.astype(np.int64) * (chart.max() + 1) + chart[:, None]
    _, first, index = np.unique(key.ravel(), return_index=True, return_inverse=True)
    return corners.reshape(-1, 2)[first], index.reshape(-1, 3).astype(np.int32), chart


def face_charts(vertices: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Axis (F,) 0 to 5 and chart (F,) of every face: connected pieces of one axis."""
    adjacency = face_adjacency(triangles)
    corners = vertices[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    mean = sparse.diags(1 / np.maximum(np.asarray(adjacency.sum(axis=1)).ravel(), 1)) @ adjacency
    for _ in range(_SMOOTHINGS):
        normals = 0.5 * normals + 0.5 * (mean @ normals)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    score = normals @ _AXES.T + _BIAS
    axis = score.argmax(axis=1)
    for _ in range(_ROUNDS):
        axis = (score + _MAJORITY * (adjacency @ np.eye(len(_AXES))[axis])).argmax(axis=1)
    return _joined(axis, adjacency)


def face_adjacency(triangles: np.ndarray) -> sparse.csr_matrix:
    """(F, F) 1 between faces that share an edge."""
    count = len(triangles)
    edges = np.sort(sides(triangles), axis=1)
    faces = np.tile(np.arange(count), 3)
    key = edges[:, 0].astype(np.int64) * (int(triangles.max()) + 1) + edges[:, 1]
    order = np.argsort(key, kind="stable")
    same = np.flatnonzero(np.diff(key[order]) == 0)
    one, other = faces[order[same]], faces[order[same + 1]]
    pairs = (np.concatenate([one, other]), np.concatenate([other, one]))
    return sparse.csr_matrix((np.ones(2 * len(one)), pairs), (count, count))


def _joined(axis: np.ndarray, adjacency: sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """Axes after small pieces took the axis that they touch most, and the pieces."""
    one, other = adjacency.nonzero()
    for turn in range(_JOININGS + 1):
        same = axis[one] == axis[other]
        links = sparse.coo_matrix((np.ones(int(same.sum())), (one[same], other[same])), adjacency.shape)
        count, piece = connected_components(links, directed=False)
        small = np.bincount(piece) < _SMALL
        touching = ~same & small[piece[one]]
        if turn == _JOININGS or not touching.any():
            break
        votes = np.zeros((count, len(_AXES)))
        np.add.at(votes, (piece[one[touching]], axis[other[touching]]), 1.0)
        moved = small & (votes.sum(axis=1) > 0)
        axis = np.where(moved[piece], votes.argmax(axis=1)[piece], axis)
    return axis, piece
