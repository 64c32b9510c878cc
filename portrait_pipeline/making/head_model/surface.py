"""The closed half head: neck cut by a plane, eye and mouth openings closed by ruled patches.

Every vertex of the closed surface is a weighted mean of measured vertices plus a constant offset, so any
shape of the measured heads carries over by one sparse product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.spatial import Delaunay

from .disk import boundary_loops, half_edges, signed_areas
from .source import Source

EYE_RING = 2  # rows between the rim of the measured eye opening and the edge of the lid
LIP_RING = 7  # rows between the rim of the measured mouth opening and the line where the lips meet
JAW_OPEN = 0.25  # the surface is meshed and laid out with the jaw this far open, so that the mouth has room
NECK_HEIGHT, NECK_SLOPE = -11.85, -0.09  # cutting plane y = height + slope * z
LIP_GAP = 0.05  # cm, least distance between the lips of the neutral head, away from the corners
MOUTH_DEPTH = 0.3  # depth of the mouth patch behind the lips per cm of opening


@dataclass(frozen=True)
class Patch:
    """Ruled patch between an upper and a lower arc (base vertex ids, from the outer corner inwards).

    ``ids``: (P,) its interior vertices; ``upper``, ``lower``: (P, M) sparse weights of the two ends of each
    vertex's ruling over base vertices; ``t``: (P,) 0 at the lower arc, 1 at the upper.
    """

    upper_arc: np.ndarray
    lower_arc: np.ndarray
    ids: np.ndarray
    upper: sp.csr_matrix
    lower: sp.csr_matrix
    t: np.ndarray


@dataclass(frozen=True)
class HalfSurface:
    """The half x >= 0 of the closed head.

    Attributes:
        weights: (M, N) sparse, base vertices as means of measured vertices.
        offset: (M, 3) cm added for the neutral head (eye bulge, least lip gap).
        meshing: (M, 3) positions used for meshing and layout: jaw a little open.
        triangles: (F, 3) of one disk. eye, mouth: the two patches.
        eye_depth: (P,) cm, bulge of the neutral eye patch over its rulings.
    """

    weights: sp.csr_matrix
    offset: np.ndarray
    meshing: np.ndarray
    triangles: np.ndarray
    eye: Patch
    mouth: Patch
    eye_depth: np.ndarray

    def neutral(self, source: Source) -> np.ndarray:
        """(M, 3) positions of the neutral head."""
        return self.weights @ source.vertices + self.offset


def half_surface(source: Source) -> HalfSurface:
    """Close and cut the measured head and keep its half x >= 0."""
    vertices, triangles = source.vertices, source.triangles
    levels = {}
    for name, ring in (("eye", EYE_RING), ("mouth", LIP_RING)):
        start = source.landmarks[45] if name == "eye" else source.landmarks[66]
        level = hole_levels(triangles, vertices, vertices[start])
        triangles = triangles[(level[triangles] >= ring).all(axis=1)]
        levels[name] = np.flatnonzero(level == ring)
    triangles = triangles[(vertices[triangles][..., 0] > -1e-9).all(axis=1)]
    height = vertices[:, 1] - NECK_HEIGHT - NECK_SLOPE * vertices[:, 2]
    weights, triangles = cut(triangles, height)
    skin = weights @ vertices
    jaw = weights @ symmetric_part(source.expression["jawOpen"], source.mirror)
    eye_loop = loop_through(triangles, np.flatnonzero(np.isin(kept_ids(weights), levels["eye"])))
    mouth_loop = loop_through(triangles, np.flatnonzero(np.isin(kept_ids(weights), levels["mouth"])))
    eye_arcs = closed_arcs(skin, eye_loop)
    mouth_arcs = open_arcs(skin, mouth_loop)
    return close(source, weights, triangles, skin, skin + JAW_OPEN * jaw, eye_arcs, mouth_arcs)


def symmetric_part(deltas: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Mean of (N, 3) deltas and their reflection."""
    return (deltas + deltas[mirror] * [-1, 1, 1]) / 2


def kept_ids(weights: sp.csr_matrix) -> np.ndarray:
    """For each row, the measured vertex it equals, or -1 for a vertex made by a cut."""
    single = np.diff(weights.indptr) == 1
    ids = np.full(weights.shape[0], -1)
    ids[single] = weights.indices[weights.indptr[:-1][single]]
    return ids


def hole_levels(triangles: np.ndarray, vertices: np.ndarray, near: np.ndarray) -> np.ndarray:
    """(N,) number of edges to the hole nearest to the point ``near``, or to that hole's reflection."""
    count = len(vertices)
    loops = boundary_loops(triangles)
    level = np.full(count, count)
    for side in (np.ones(3), np.array([-1.0, 1.0, 1.0])):
        distances = [np.linalg.norm(vertices[loop] - near * side, axis=1).min() for loop in loops]
        level[loops[int(np.argmin(distances))]] = 0
    edges = half_edges(triangles)
    for front in range(12):  # more rows than any opening has
        reached = edges[(level[edges] == front).any(axis=1)].ravel()
        level[reached] = np.minimum(level[reached], front + 1)
    return level


def cut(triangles: np.ndarray, height: np.ndarray) -> tuple[sp.csr_matrix, np.ndarray]:
    """Cut a mesh where the (N,) vertex function ``height`` is zero and keep the positive part.

    Returns:
        (M, N) weights of the kept and the new vertices, and their triangles, without unused vertices.
    """
    height = np.where(np.abs(height) < 1e-9, 1e-9, height)
    count = len(height)
    made: dict[tuple[int, int], int] = {}
    rows = []

    def crossing(a: int, b: int) -> int:
        key = (min(a, b), max(a, b))
        if key not in made:
            made[key] = count + len(rows)
            rows.append((*key, height[key[0]] / (height[key[0]] - height[key[1]])))
        return made[key]

    inside = height[triangles] > 0
    result = [tuple(t) for t in triangles[inside.all(axis=1)]]
    crossed = inside.any(axis=1) & ~inside.all(axis=1)
    for triangle, sides in zip(triangles[crossed], inside[crossed], strict=True):
        polygon = []
        for k in range(3):
            a, b = int(triangle[k]), int(triangle[(k + 1) % 3])
            if sides[k]:
                polygon.append(a)
            if sides[k] != sides[(k + 1) % 3]:
                polygon.append(crossing(a, b))
        result += [(polygon[0], polygon[k], polygon[k + 1]) for k in range(1, len(polygon) - 1)]
    kept = np.array(result)
    extra = np.array(rows) if rows else np.zeros((0, 3))
    ends = extra[:, :2].astype(int)
    new = np.repeat(np.arange(len(extra)), 2)
    share = np.stack([1 - extra[:, 2], extra[:, 2]], axis=1)
    cuts = sp.csr_matrix((share.ravel(), (new, ends.ravel())), (len(extra), count))
    weights = sp.vstack([sp.identity(count, format="csr"), cuts]).tocsr()
    used, kept = np.unique(kept, return_inverse=True)
    return weights[used], kept.reshape(-1, 3)


def loop_through(triangles: np.ndarray, members: np.ndarray) -> np.ndarray:
    """The boundary path that consists of ``members``: a closed loop, or the part of a longer loop."""
    for loop in boundary_loops(triangles):
        inside = np.isin(loop, members)
        if inside.all():
            return loop
        if inside.sum() > len(members) // 2:
            first = int(np.flatnonzero(inside & ~np.roll(inside, 1))[0])
            return np.roll(loop, -first)[: int(inside.sum())]
    raise ValueError("no boundary loop holds the members")


def closed_arcs(vertices: np.ndarray, loop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split a closed loop at its extreme x: ``(upper, lower)`` ids from the largest x to the smallest."""
    loop = np.roll(loop, -int(np.argmax(vertices[loop, 0])))
    middle = int(np.argmin(vertices[loop, 0]))
    one, two = loop[: middle + 1], np.r_[loop[:1], loop[middle:][::-1]]
    return (one, two) if vertices[one, 1].mean() > vertices[two, 1].mean() else (two, one)


def open_arcs(vertices: np.ndarray, path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split a path that starts and ends on x = 0 at its largest x: ``(upper, lower)`` from there to x = 0."""
    corner = int(np.argmax(vertices[path, 0]))
    one, two = path[: corner + 1][::-1], path[corner:]
    return (one, two) if vertices[one, 1].mean() > vertices[two, 1].mean() else (two, one)


def arc_length(points: np.ndarray) -> np.ndarray:
    """(n,) normalised length along a polyline of (n, d) points, from 0 to 1."""
    length = np.r_[0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))]
    return length / length[-1]


def lens(s_upper: np.ndarray, s_lower: np.ndarray, half: bool, rows: int, columns: int) -> tuple[np.ndarray, ...]:
    """Triangulate a lens whose upper and lower boundary points are given.

    Points are numbered: upper arc, lower arc without shared ends, interior. ``half`` keeps s <= 1 as the
    middle of a lens of length 2, whose cut end is the symmetry plane.

    Returns:
        triangles (F, 3), s (n,) and t (n,) in [0, 1] of all points.
    """
    full = 2.0 if half else 1.0

    def width(s: np.ndarray) -> np.ndarray:
        return 0.35 * full * np.sin(np.pi * np.clip(s / full, 0, 1))

    lower = s_lower[1:] if half else s_lower[1:-1]
    s_in, t_in = [], []
    for k, s in enumerate(np.linspace(0, 1, columns + 1)[1 : None if half else -1]):
        own = max(1, round(rows * float(width(np.array(s)) / width(np.array(full / 2)))))
        shift = 0.25 / own if k % 2 else 0.0
        t_in += list((np.arange(own) + 0.5) / own + (shift if own > 2 else 0) - 0.125 / own * (own > 2))
        s_in += [s] * own
    s = np.r_[s_upper, lower, s_in]
    t = np.r_[np.ones(len(s_upper)), np.zeros(len(lower)), t_in]
    t[0] = 0.5
    if not half:
        t[len(s_upper) - 1] = 0.5
    plane = np.stack([s, (2 * t - 1) * width(s)], axis=1)
    triangles = Delaunay(plane).simplices
    area = signed_areas(plane, triangles)
    triangles[area < 0] = triangles[area < 0][:, ::-1]
    return triangles[np.abs(area) > 1e-10], s, t


def arc_weights(s_arc: np.ndarray, ids: np.ndarray, s: np.ndarray, size: int) -> sp.csr_matrix:
    """(len(s), size) weights that interpolate linearly along an arc with parameters ``s_arc`` at ``s``."""
    k = np.clip(np.searchsorted(s_arc, s, side="right") - 1, 0, len(s_arc) - 2)
    f = np.clip((s - s_arc[k]) / (s_arc[k + 1] - s_arc[k]), 0, 1)
    row = np.arange(len(s))
    return sp.csr_matrix((np.r_[1 - f, f], (np.r_[row, row], np.r_[ids[k], ids[k + 1]])), (len(s), size))


def make_patch(
    positions: np.ndarray, arcs: tuple[np.ndarray, np.ndarray], half: bool, rows: int, columns: int, first: int
) -> tuple[Patch, np.ndarray]:
    """Ruled patch between two arcs of ``positions``; interior vertices are numbered from ``first``."""
    upper, lower = arcs
    s_upper, s_lower = arc_length(positions[upper]), arc_length(positions[lower])
    triangles, s, t = lens(s_upper, s_lower, half, rows, columns)
    boundary = np.r_[upper, lower[1:] if half else lower[1:-1]]
    ids = np.r_[boundary, first + np.arange(len(s) - len(boundary))]
    s, t = s[len(boundary) :], t[len(boundary) :]
    size = len(positions)
    ends = arc_weights(s_upper, upper, s, size), arc_weights(s_lower, lower, s, size)
    patch = Patch(upper, lower, ids[len(boundary) :], *ends, t)
    # The arcs run from large x to small x, which reverses the winding of the (s, t) plane seen from outside.
    return patch, ids[triangles][:, ::-1]


def close(
    source: Source,
    weights: sp.csr_matrix,
    triangles: np.ndarray,
    neutral: np.ndarray,
    opened: np.ndarray,
    eye_arcs: tuple[np.ndarray, np.ndarray],
    mouth_arcs: tuple[np.ndarray, np.ndarray],
) -> HalfSurface:
    """Add the eye and the mouth patch to the cut skin."""
    count = len(neutral)
    eye, eye_triangles = make_patch(opened, eye_arcs, False, 9, 24, count)
    mouth, mouth_triangles = make_patch(opened, mouth_arcs, True, 7, 16, count + len(eye.ids))
    offset = np.zeros_like(neutral)
    offset[:, 1] = lip_gap_offset(neutral, mouth)
    neutral, opened = neutral + offset, opened + offset
    eye_depth = eye_bulge(neutral, eye, source.eye_centre, source.eye_radius)
    rows, shift, positions = [], [], []
    for patch in (eye, mouth):
        t = patch.t[:, None]
        mean = sp.diags(patch.t) @ patch.upper + sp.diags(1 - patch.t) @ patch.lower
        own = t * (patch.upper @ offset) + (1 - t) * (patch.lower @ offset)
        if patch is eye:
            depth = opened_depth = eye_depth
        else:
            depth = mouth_hollow(neutral, patch)
            opened_depth = mouth_hollow(opened, patch)
        z = np.array([0.0, 0.0, 1.0])
        rows.append(mean @ weights)
        shift.append(own + depth[:, None] * z)
        positions.append(mean @ opened + opened_depth[:, None] * z)
    return HalfSurface(
        weights=sp.vstack([weights, *rows]).tocsr(),
        offset=np.concatenate([offset, *shift]),
        meshing=np.concatenate([opened, *positions]),
        triangles=np.concatenate([triangles, eye_triangles, mouth_triangles]),
        eye=eye,
        mouth=mouth,
        eye_depth=eye_depth,
    )


def lip_gap_offset(neutral: np.ndarray, mouth: Patch) -> np.ndarray:
    """(M,) shift in y (cm) of the lip arcs so that the lips nowhere cross: at least ``LIP_GAP`` apart.

    The least gap falls to zero over the last 0.5 cm before the corner.
    """
    shift = np.zeros(len(neutral))
    for arc, other, sign in ((mouth.upper_arc, mouth.lower_arc, 1), (mouth.lower_arc, mouth.upper_arc, -1)):
        opposite = np.interp(neutral[arc, 0], neutral[other[::-1], 0], neutral[other[::-1], 1])
        gap = sign * (neutral[arc, 1] - opposite)
        least = LIP_GAP * np.clip((neutral[arc[0], 0] - neutral[arc, 0]) / 0.5, 0, 1)
        shift[arc] = sign * np.maximum(least - gap, 0) / 2
    return shift


def mouth_hollow(positions: np.ndarray, mouth: Patch) -> np.ndarray:
    """(P,) depth (cm, negative = into the mouth) of the mouth patch for the given skin positions (M, 3)."""
    gap = np.maximum(mouth.upper @ positions[:, 1] - mouth.lower @ positions[:, 1], 0)
    return -MOUTH_DEPTH * gap * 4 * mouth.t * (1 - mouth.t)


def eye_bulge(neutral: np.ndarray, eye: Patch, centre: np.ndarray, radius: float) -> np.ndarray:
    """(P,) cm towards the viewer from the ruling to the eyeball, shifted in depth to meet the lids."""

    def front(points: np.ndarray) -> np.ndarray:
        square = radius**2 - ((points[:, :2] - centre[:2]) ** 2).sum(axis=1)
        return centre[2] + np.sqrt(np.maximum(square, 0.05 * radius**2))

    upper, lower = eye.upper @ neutral, eye.lower @ neutral
    ruled = eye.t[:, None] * upper + (1 - eye.t[:, None]) * lower
    at_lids = eye.t * (upper[:, 2] - front(upper)) + (1 - eye.t) * (lower[:, 2] - front(lower))
    return front(ruled) + at_lids - ruled[:, 2]


def eye_opening(positions: np.ndarray, eye: Patch) -> float:
    """Mean length (cm) of the eye patch's rulings for base positions (M, 3)."""
    skin = positions[: eye.upper.shape[1]]
    return float(np.linalg.norm(eye.upper @ skin - eye.lower @ skin, axis=1).mean())
