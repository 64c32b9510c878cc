"""Direction fields for strokes, and evenly spaced stroke paths along them."""

from __future__ import annotations

import cv2
import numpy as np

from .scene import Scene


def section_field(scene: Scene, axis: tuple[float, float, float]) -> np.ndarray:
    """Image directions (S, S, 2), y down, of the cuts of the form by parallel planes with normal ``axis``.

    The lines an engraver follows: they bend around nose, cheek and brow. Outside the head they are straight.
    """
    axis = np.asarray(axis, float) / np.linalg.norm(axis)
    normal = cv2.GaussianBlur(scene.maps.normal, (0, 0), 3 * scene.unit)
    normal[..., 2] = np.maximum(normal[..., 2], 0.12) + (1 - scene.maps.inside)
    tangent = np.cross(normal, axis)
    return unit(np.stack([tangent[..., 0], -tangent[..., 1]], -1), 2 * scene.unit)


def hair_field(scene: Scene) -> np.ndarray:
    """Image directions (S, S, 2) of the hair, spread smoothly beyond it."""
    size = scene.size
    double = [np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)]
    for behind in (True, False):
        for strand in scene.strands:
            if strand.behind != behind:
                continue
            p = np.round(strand.points * 16).astype(int)
            angle = 2 * np.arctan2(*np.diff(strand.points, axis=0).T[::-1])
            for i in range(0, len(p) - 1):
                for canvas, value in zip(double, (np.cos(angle[i]), np.sin(angle[i])), strict=True):
                    cv2.line(
                        canvas,
                        p[i].tolist(),
                        p[i + 1].tolist(),
                        float(value),
                        max(2, int(4 * scene.unit)),
                        cv2.LINE_8,
                        4,
                    )
    soft, wide = ([cv2.GaussianBlur(c, (0, 0), s * scene.unit) for c in double] for s in (2.5, 14))
    angle = 0.5 * np.arctan2(soft[1] + 0.05 * wide[1], soft[0] + 0.05 * wide[0])
    return np.stack([np.cos(angle), np.sin(angle)], -1).astype(np.float32)


def structure_field(image: np.ndarray, sigma: float) -> np.ndarray:
    """Directions (S, S, 2) along the edges of ``image`` (S, S), from the smoothed structure tensor."""
    gx = cv2.Sobel(image, cv2.CV_32F, 1, 0, ksize=5)
    gy = cv2.Sobel(image, cv2.CV_32F, 0, 1, ksize=5)
    xx, yy, xy = (cv2.GaussianBlur(m, (0, 0), sigma) for m in (gx * gx, gy * gy, gx * gy))
    angle = 0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2
    return np.stack([np.cos(angle), np.sin(angle)], -1).astype(np.float32)


def unit(field: np.ndarray, blur: float = 0.0) -> np.ndarray:
    """Normalise directions; ``blur`` px averages them as undirected lines."""
    angle = 2 * np.arctan2(field[..., 1], field[..., 0])
    c, s = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
    if blur > 0:
        c, s = cv2.GaussianBlur(c, (0, 0), blur), cv2.GaussianBlur(s, (0, 0), blur)
    angle = 0.5 * np.arctan2(s, c)
    return np.stack([np.cos(angle), np.sin(angle)], -1).astype(np.float32)


def blend_fields(base: np.ndarray, other: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """``base`` where ``mask`` is 0, ``other`` where it is 1, as undirected lines between."""
    a, b = (2 * np.arctan2(f[..., 1], f[..., 0]) for f in (base, other))
    c = np.cos(a) * (1 - mask) + np.cos(b) * mask
    s = np.sin(a) * (1 - mask) + np.sin(b) * mask
    angle = 0.5 * np.arctan2(s, c)
    return np.stack([np.cos(angle), np.sin(angle)], -1).astype(np.float32)


def rotate(field: np.ndarray, degrees: float) -> np.ndarray:
    """The directions turned by an angle."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.stack([c * field[..., 0] - s * field[..., 1], s * field[..., 0] + c * field[..., 1]], -1)


def paths(field, allowed, spacing, length: tuple[float, float], rng, step: float = 2.0, coverage: int = 1):
    """Stroke paths (list of (N, 2) px) along ``field`` that keep ``spacing`` (S, S) px from each other.

    Paths stay where ``allowed`` (S, S) is true, and have a length between the two given (px). Seeds are
    tried in
    random order, ``coverage`` times each.
    """
    size = len(field)
    taken = np.zeros((size, size), np.uint8)
    rows, columns = np.nonzero(allowed)
    out = []
    order = np.concatenate([rng.permutation(len(rows))[: max(1, len(rows) // 4)] for _ in range(coverage)])
    for index in order:
        r, c = rows[index], columns[index]
        if taken[r, c]:
            continue
        limit = rng.uniform(0.5, 1.0) * length[1]
        start = np.array([c + 0.5, r + 0.5])
        ahead = _trace(field, allowed, taken, start, limit / 2, step, 1.0)
        back = _trace(field, allowed, taken, start, limit / 2, step, -1.0)
        path = np.array(back[::-1] + [start.tolist()] + ahead)
        if (len(path) - 1) * step < length[0]:
            continue
        out.append(path)
        gap = max(1, int(round(1.7 * float(spacing[r, c]))))
        cv2.polylines(taken, [np.round(path - 0.5).astype(np.int32)], False, 1, gap)
    return out


def _trace(field, allowed, taken, start, limit: float, step: float, sign: float) -> list[list[float]]:
    size = len(field)
    x, y = start
    dx, dy = field[int(y), int(x)] * sign
    out = []
    for _ in range(int(limit / step)):
        x, y = x + step * dx, y + step * dy
        column, row = int(x), int(y)
        if not (0 <= column < size and 0 <= row < size) or not allowed[row, column] or taken[row, column]:
            break
        out.append([x, y])
        nx, ny = field[row, column]
        if nx * dx + ny * dy < 0:
            nx, ny = -nx, -ny
        dx, dy = 0.6 * dx + 0.4 * nx, 0.6 * dy + 0.4 * ny
        norm = (dx * dx + dy * dy) ** 0.5 + 1e-9
        dx, dy = dx / norm, dy / norm
    return out
