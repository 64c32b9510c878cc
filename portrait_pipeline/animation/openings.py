"""The openings of a head: where the model closes eyes and mouth by patches, and the lips and lids about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..head.model import FaceModel
from ..mesh.geometry import sides

MIN_RIM = 12  # vertices; a patch with a shorter rim is no opening that lids or lips could close


@dataclass(frozen=True)
class Opening:
    """An eye or the mouth: a disk of triangles that closes a hole of the skin.

    Attributes:
        triangles: (T,) indices of the patch's triangles in the model.
        inside: (N,) vertices that only the patch uses.
        rim: (R,) vertices of its boundary, in order, the patch to the left seen from outside.
        upper, lower: positions in ``rim`` of the upper and the lower lip or lid, both from small x to large x, the
            two corners in both.
    """

    triangles: np.ndarray
    inside: np.ndarray
    rim: np.ndarray
    upper: np.ndarray
    lower: np.ndarray


def find_opening(model: FaceModel, region: str) -> Opening | None:
    """The opening that the model closes in ``region`` (``eye_left``, ``eye_right`` or ``mouth``).

    Returns:
        None where the model has no such patch, or one that is no disk.
    """
    inside = model.regions == model.REGIONS.index(region)
    triangles = np.flatnonzero(inside[model.triangles].any(axis=1))
    rim = boundary_loop(model.triangles[triangles])
    if rim is None or len(rim) < MIN_RIM:
        return None
    upper, lower = arcs(np.asarray(model.mean, float)[rim])
    only = np.setdiff1d(np.unique(model.triangles[triangles]), rim)
    return Opening(triangles, only, rim, upper, lower)


def boundary_loop(triangles: np.ndarray) -> np.ndarray | None:
    """Vertices along the boundary of (T, 3) counter-clockwise triangles of a disk; None if it is not one loop."""
    edges = sides(triangles)
    known = set(map(tuple, edges.tolist()))
    border = [edge for edge in edges.tolist() if (edge[1], edge[0]) not in known]
    following = dict(border)
    if not border or len(following) != len(border):
        return None
    loop = [min(following)]
    while (vertex := following[loop[-1]]) != loop[0]:
        loop.append(vertex)
        if len(loop) > len(border):
            return None
    return np.array(loop) if len(loop) == len(border) else None


def arcs(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split a rim (R, 3), counter-clockwise from outside, at its leftmost and rightmost point: (upper, lower).

    Both run from small x to large x and hold both corners.
    """
    left, right = int(points[:, 0].argmin()), int(points[:, 0].argmax())
    count = len(points)
    lower = (left + np.arange((right - left) % count + 1)) % count
    upper = (right + np.arange((left - right) % count + 1)) % count
    return upper[::-1], lower


def arc_parameter(points: np.ndarray) -> np.ndarray:
    """(N,) share of the length along a polyline (N, 3), 0 to 1."""
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    return length / max(length[-1], 1e-12)


def along(points: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Points (M, 3) of a polyline (N, 3) at shares ``at`` (M,) of its length."""
    parameter = arc_parameter(points)
    return np.stack([np.interp(at, parameter, points[:, axis]) for axis in range(3)], axis=1)


def opening_height(opening: Opening, rim: np.ndarray) -> np.ndarray:
    """(R,) cm from each vertex of the rim (R, 3) to the other lid, 0 at the corners."""
    height = np.zeros(len(rim))
    for arc, other in ((opening.upper, opening.lower), (opening.lower, opening.upper)):
        opposite = along(rim[other], arc_parameter(rim[arc]))
        height[arc] = np.linalg.norm(rim[arc] - opposite, axis=1)
    height[opening.upper[[0, -1]]] = 0.0
    return height
