"""The strip behind the edges of the lids as a piece of the head's mesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..head.model import FaceModel
from ..mesh.texels import vertex_uv
from .lids import HIDDEN, Lids, keep_off, strip


@dataclass(frozen=True)
class Strip:
    """Vertices and triangles to be added to the head.

    Attributes:
        vertices: (N, 3) at rest. targets: (E, N, 3).
        triangles: (F, 3); an index below 0 stands for vertex ``-1 - index`` of the head, others count from the first
            vertex of the strip.
        uv: (T, 2). uv_triangles: (F, 3) into ``uv``.
    """

    vertices: np.ndarray
    targets: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    uv_triangles: np.ndarray


def lid_strip(model: FaceModel, lids: Lids, rest: np.ndarray, targets: np.ndarray, picture: np.ndarray) -> Strip:
    """The strip of one eye.

    Args:
        rest: (V, 3) neutral head. targets: (E, V, 3).
        picture: (V, 3) head in the expression of the picture, in which the texture was painted.
    """
    opening, ball = lids.opening, lids.ball
    loop = opening.rim
    points = strip(ball, rest[loop], opening)
    rows, count = points.shape[:2]
    flat = points.reshape(-1, 3)
    moves = np.zeros((len(targets), len(flat), 3))
    for index in np.flatnonzero(np.abs(targets[:, loop]).max(axis=(1, 2)) > 1e-4):
        moves[index] = strip(ball, rest[loop] + targets[index, loop], opening).reshape(-1, 3) - flat
    moves = keep_off(ball, flat, moves, np.arange(len(flat)), HIDDEN)
    edge = vertex_uv(model.mesh())[loop]
    band = painted_at(model, opening.triangles, picture, strip(ball, picture[loop], opening)[0])
    uv = np.concatenate([edge, band, *[edge] * (rows - 1)])
    triangles, uv_triangles = _rows_of_triangles(loop, rows, count)
    return Strip(flat, moves, triangles, uv, uv_triangles)


def _rows_of_triangles(loop: np.ndarray, rows: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    here, after = np.arange(count), (np.arange(count) + 1) % count
    triangles, uv_triangles = [], []
    for row in range(rows):
        d, c = row * count + here, row * count + after
        a, b = (-1 - loop[here], -1 - loop[after]) if row == 0 else (d - count, c - count)
        triangles += [np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)]
        ua, ub = row * count + here, row * count + after
        ud, uc = ua + count, ub + count
        uv_triangles += [np.stack([ua, ub, uc], axis=1), np.stack([ua, uc, ud], axis=1)]
    return np.concatenate(triangles), np.concatenate(uv_triangles)


def painted_at(model: FaceModel, patch: np.ndarray, head: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(N, 2) UV of what the triangles ``patch`` of ``head`` show where ``points`` (N, 3) are seen frontally."""
    corners = head[model.triangles[patch]][..., :2]
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    area = np.where(np.abs(area) < 1e-9, 1e-9, area)
    offset = points[:, None, :2] - corners[None, :, 0]
    second = (offset[..., 0] * b[:, 1] - offset[..., 1] * b[:, 0]) / area
    third = (a[:, 0] * offset[..., 1] - a[:, 1] * offset[..., 0]) / area
    weights = np.stack([1 - second - third, second, third], axis=2)
    best = weights.min(axis=2).argmax(axis=1)
    weights = np.clip(weights[np.arange(len(points)), best], 0, None)
    weights /= weights.sum(axis=1, keepdims=True)
    uv = np.asarray(model.uv, float)[model.uv_triangles[patch[best]]]
    return np.einsum("nk,nkc->nc", weights, uv)
