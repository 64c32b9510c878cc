"""Texture layout: one cut up the back of the head, a harmonic map to the square, one-dimensional warps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
from scipy.ndimage import gaussian_filter1d

from .disk import boundary_loops, face_normals, mean_value_weights, signed_areas, solve_map

SIDE_SHARE = 0.7  # part of the back cut, from the neck up, that lies on the square's sides, not its top
BINS = 200
SMOOTH = 5.0  # bins
STRETCH_PASSES, STRETCH_POWER = 3, 0.5
FACE_WIDTH = 0.64  # wanted share of the texture's width, temple to temple
FACE_ASPECT = 1.05  # texels per cm upwards over texels per cm sideways


def cut_open(triangles: np.ndarray, path: np.ndarray, second_half: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut a mesh along a vertex path that starts on its boundary and ends inside.

    Args:
        triangles: (F, 3). path: vertex ids, the last one stays whole.
        second_half: (F,) bool, triangles that get the copies of the path's vertices.

    Returns:
        cut triangles (F, 3) and the original vertex of every cut vertex (T,); the first V are the originals.
    """
    count = int(triangles.max()) + 1
    copy = np.arange(count)
    copy[path[:-1]] = count + np.arange(len(path) - 1)
    cut = np.where(second_half[:, None], copy[triangles], triangles)
    return cut, np.r_[np.arange(count), path[:-1]]


def square_targets(vertices: np.ndarray, loop: np.ndarray, left: int, right: int, crown: int) -> np.ndarray:
    """(B, 2) positions on the unit square of the cut mesh's boundary loop, rotated to start at ``left``.

    The neck edge runs along the bottom from ``left`` to ``right``; the cut goes up both sides and meets at
    the middle of the top in ``crown``. Within each stretch the length in space sets the spacing.
    """
    step = np.linalg.norm(vertices[np.roll(loop, -1)] - vertices[loop], axis=1)
    length = np.r_[0, np.cumsum(step)]
    at_right, at_crown = (int(np.flatnonzero(loop == v)[0]) for v in (right, crown))
    length, end = length[:-1], length[-1]
    bottom = length[:at_right] / length[at_right]
    up = (length[at_right:at_crown] - length[at_right]) / (length[at_crown] - length[at_right])
    down = (length[at_crown:] - length[at_crown]) / (end - length[at_crown])
    right_side = climb(up)
    left_side = climb(1 - down) * [-1, 1] + [1, 0]
    return np.concatenate([np.stack([bottom, 0 * bottom], axis=1), right_side, left_side])


def climb(f: np.ndarray) -> np.ndarray:
    """(n, 2) way up the right side and to the middle of the top, f in [0, 1]; a point falls on the corner."""
    inner = f[(f > 0) & (f < 1)]
    corner = inner[np.abs(inner - SIDE_SHARE).argmin()]
    above = SIDE_SHARE + (f - corner) * (1 - SIDE_SHARE) / (1 - corner)
    f = np.where(f < corner, f * SIDE_SHARE / corner, above)
    side = f <= SIDE_SHARE + 1e-12
    u = np.where(side, 1.0, 1 - 0.5 * (f - SIDE_SHARE) / (1 - SIDE_SHARE))
    return np.stack([u, np.where(side, f / SIDE_SHARE, 1.0)], axis=1)


def lay_out(
    vertices: np.ndarray,
    triangles: np.ndarray,
    path: np.ndarray,
    second_half: np.ndarray,
    mirror: np.ndarray,
    face: np.ndarray,
    importance: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """UV layout of the whole head.

    Args:
        vertices: (V, 3) symmetric positions. triangles: (F, 3).
        path: vertices of the cut from the neck's back to the crown.
        second_half: (F,) bool, triangles of the half x < 0. mirror: (V,) reflection of the vertices.
        face: (V,) bool, temple to temple. importance: (V,) wanted texture length per cm, relative.

    Returns:
        uv (T, 2), origin bottom left, symmetric about u = 0.5; uv_triangles (F, 3).
    """
    uv_triangles, origin = cut_open(triangles, path, second_half)
    loop = boundary_loops(uv_triangles)[0]
    left, right = len(vertices), int(path[0])
    loop = np.roll(loop, -int(np.flatnonzero(loop == left)[0]))
    space = vertices[origin]
    targets = square_targets(space, loop, left, right, int(path[-1]))
    uv = low_stretch_map(space, uv_triangles, loop, targets, importance[origin])
    uv = symmetric_uv(uv, mirror, path)
    return warp(space, uv, uv_triangles, face[origin]), uv_triangles


def low_stretch_map(
    vertices: np.ndarray, triangles: np.ndarray, loop: np.ndarray, targets: np.ndarray, importance: np.ndarray
) -> np.ndarray:
    """Harmonic map whose weights are divided by the local stretch in a few passes (Yoshizawa et al. 2004).

    A plain harmonic map gives what sticks out (nose, ears) hardly any texture. The weights stay positive, so
    every pass is bijective. ``importance`` (V,): wanted texture length per length in space, relative.
    """
    weights = mean_value_weights(vertices, triangles)
    wanted = np.linalg.norm(face_normals(vertices, triangles), axis=1) / 2 * importance[triangles].mean(axis=1) ** 2
    for _ in range(STRETCH_PASSES):
        uv = solve_map(weights, loop, targets)
        have = np.maximum(signed_areas(uv, triangles), 1e-12)
        stretch = np.sqrt(around(wanted, triangles, len(vertices)) / around(have, triangles, len(vertices)))
        stretch /= np.exp(np.log(stretch).mean())
        weights = weights @ sp.diags(np.clip(stretch, 0.05, 20) ** -STRETCH_POWER)
    return solve_map(weights, loop, targets)


def smooth_over(values: np.ndarray, triangles: np.ndarray, passes: int = 60) -> np.ndarray:
    """(V,) positive vertex values, averaged over neighbours in their logarithm ``passes`` times."""
    logarithm = np.log(values)
    count = around(np.ones(len(triangles)), triangles, len(values))
    for _ in range(passes):
        logarithm = around(logarithm[triangles].mean(axis=1), triangles, len(values)) / count
    return np.exp(logarithm)


def around(values: np.ndarray, triangles: np.ndarray, count: int) -> np.ndarray:
    """(count,) sums of the (F,) triangle values over the triangles at each vertex."""
    return np.bincount(triangles.ravel(), np.repeat(values, 3), count)


def symmetric_uv(uv: np.ndarray, mirror: np.ndarray, path: np.ndarray) -> np.ndarray:
    """Average a layout of a cut mesh with its reflection about u = 0.5.

    Args:
        uv: (T, 2). mirror: (V,) reflection of the whole mesh. path: the cut, as for :func:`cut_open`.
    """
    count = len(mirror)
    partner = np.r_[mirror, path[:-1]]
    partner[path[:-1]] = count + np.arange(len(path) - 1)
    return (uv + uv[partner] * [-1, 1] + [1, 0]) / 2


def warp(vertices: np.ndarray, uv: np.ndarray, triangles: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Monotone warps that even out the scale; the rest shrinks until the face has its width and aspect."""

    def search(uv: np.ndarray, axis: int, enough: Callable[[np.ndarray], bool]) -> np.ndarray:
        low, high = -6.0, 3.0  # logarithm of the weight of the rest; the largest that is enough for the face
        for _ in range(30):
            rest = (low + high) / 2
            trial = warp_axis(vertices, uv, triangles, face, axis, float(np.exp(rest)))
            low, high = (rest, high) if enough(trial) else (low, rest)
        return trial

    uv = search(uv, 0, lambda trial: float(np.ptp(trial[face, 0])) > FACE_WIDTH)
    return search(uv, 1, lambda trial: face_aspect(vertices, trial, triangles, face) > FACE_ASPECT)


def face_aspect(vertices: np.ndarray, uv: np.ndarray, triangles: np.ndarray, face: np.ndarray) -> float:
    """Median over the face of texture height over texture width per length in space."""
    inside = triangles[face[triangles].all(axis=1)]
    by_u, by_v = (np.linalg.norm(t, axis=1) for t in tangents(vertices, uv, inside))
    return float(np.median(by_u / by_v))


def warp_axis(
    vertices: np.ndarray, uv: np.ndarray, triangles: np.ndarray, face: np.ndarray, axis: int, rest: float
) -> np.ndarray:
    """Warp one axis so that its scale follows the mean length in space, weighted 1 (face) or ``rest``."""
    stretch = np.linalg.norm(tangents(vertices, uv, triangles)[axis], axis=1)
    inside = face[triangles].all(axis=1)
    area = np.abs(signed_areas(uv, triangles))
    centre = uv[triangles].mean(axis=1)[:, axis]
    bins = np.clip((centre * BINS).astype(int), 0, BINS - 1)

    def profile(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mass = np.bincount(bins[mask], area[mask], BINS)
        value = np.bincount(bins[mask], (area * stretch)[mask], BINS)
        return value, mass

    face_value, face_mass = profile(inside)
    rest_value, rest_mass = profile(~inside)
    # where a column holds face, only the face counts; elsewhere the rest does, at its reduced weight
    share = np.clip(face_mass / np.maximum(face_mass + rest_mass, 1e-12) / 0.15, 0, 1)
    density = share * face_value / np.maximum(face_mass, 1e-12)
    density += (1 - share) * rest * rest_value / np.maximum(rest_mass, 1e-12)
    if axis == 0:
        density = (density + density[::-1]) / 2
    density = gaussian_filter1d(density, SMOOTH, mode="nearest")
    density = np.maximum(density, 0.02 * density.max())
    curve = np.r_[0, np.cumsum(density)] / density.sum()
    out = uv.copy()
    out[:, axis] = np.interp(uv[:, axis], np.linspace(0, 1, BINS + 1), curve)
    return out


def tangents(vertices: np.ndarray, uv: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Derivatives of the position by u and by v on each triangle, two (F, 3) arrays in cm."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    p, q, r = (uv[triangles[:, k]] for k in range(3))
    (du1, dv1), (du2, dv2) = (q - p).T, (r - p).T
    det = np.where(np.abs(du1 * dv2 - du2 * dv1) < 1e-14, 1e-14, du1 * dv2 - du2 * dv1)[:, None]
    one, two = b - a, c - a
    return (one * dv2[:, None] - two * dv1[:, None]) / det, (two * du1[:, None] - one * du2[:, None]) / det
