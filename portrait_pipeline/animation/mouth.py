"""The inside of the mouth: the cavity behind the lips and where the teeth stand."""

from __future__ import annotations

import numpy as np

from ..mesh.mesh import Mesh
from .openings import Opening, along, arc_parameter

SEAL = 0.12  # cm of gap between the lips' edges that their inner sides close behind them
PAINTED_SEAL = 0.6  # cm, where the picture shows lips and no teeth between them
# Rows of the cavity from the lips inwards for an average face: cm back, cm up (upper half) or down (lower half),
# factor of the width, share of the lips' motion that the row takes (the rest is the jaw's).
ROWS = (
    (0.0, 0.0, 1.0, 1.0),
    (0.10, 0.0, 1.0, 1.0),
    (0.24, 0.30, 1.03, 0.95),
    (0.30, 0.80, 1.08, 0.75),
    (0.55, 1.25, 1.12, 0.45),
    (1.60, 1.45, 1.10, 0.15),
    (3.20, 1.30, 0.95, 0.0),
    (4.60, 0.80, 0.70, 0.0),
)
TEXTURE = (128, 128)


def cavity(rim: np.ndarray, opening: Opening, scale: np.ndarray, painted: np.ndarray) -> Mesh:
    """A bag from the rim (R, 3) of the mouth inwards, closed at its back; row k is vertices k R to (k + 1) R - 1.

    Args:
        rim: positions at rest, cm. opening: of the mouth. scale: (3,) size of the mouth relative to the average.
        painted: (R,) cm of gap in the picture that shows lips, not teeth: the lips go on behind their edges so far.
    """
    lift = lift_of(opening, rim)
    middle = rim.mean(axis=0)
    rows = []
    for back, up, width, _ in ROWS:
        row = rim.copy()
        row[:, 0] = middle[0] + (rim[:, 0] - middle[0]) * width
        row[:, 1] += up * scale[1] * lift
        row[:, 2] -= back * scale[2]
        rows.append(row)
    rows[1] = _sealed(rows[1], opening, painted)
    # Deep rows are level: the lips' own curve ends behind the teeth.
    for k, weight in ((5, 0.5), (6, 0.9), (7, 1.0)):
        depth = middle[2] - ROWS[k][0] * scale[2]
        rows[k][:, 2] = (1 - weight) * rows[k][:, 2] + weight * depth
    end = np.array([[middle[0], middle[1], middle[2] - (ROWS[-1][0] + 0.3) * scale[2]]])
    vertices = np.concatenate([*rows, end])
    triangles = _bag_triangles(len(rim))
    uv, uv_triangles = _bag_uv(len(rim))
    return Mesh(vertices, triangles, uv, uv_triangles)


def _sealed(row: np.ndarray, opening: Opening, painted: np.ndarray) -> np.ndarray:
    """The row (R, 3) behind the lips' edges with its halves drawn to each other: closed lips are no slit."""
    result = row.copy()
    for arc, other, sign in ((opening.upper, opening.lower, 1.0), (opening.lower, opening.upper, -1.0)):
        gap = sign * (row[arc] - along(row[other], arc_parameter(row[arc])))[:, 1]
        wanted = np.maximum(np.clip(gap, -SEAL, SEAL), painted[arc])
        result[arc, 1] -= sign * wanted * 0.54
    return result


def lift_of(opening: Opening, rim: np.ndarray) -> np.ndarray:
    """(R,) how far up (1) or down (-1) a vertex of the rim belongs, 0 at the corners, by its place along the lips."""
    lift = np.zeros(len(rim))
    for arc, sign in ((opening.upper, 1.0), (opening.lower, -1.0)):
        at = arc_parameter(rim[arc])
        lift[arc] = sign * np.sqrt(np.sin(np.pi * np.clip(at, 0, 1)))
    return lift


def _bag_triangles(count: int) -> np.ndarray:
    here, after = np.arange(count), (np.arange(count) + 1) % count
    parts = []
    for row in range(len(ROWS) - 1):
        a, b = row * count, (row + 1) * count
        parts += [np.stack([a + here, a + after, b + after], axis=1), np.stack([a + here, b + after, b + here], axis=1)]
    a = (len(ROWS) - 1) * count
    parts.append(np.stack([a + here, a + after, np.full(count, len(ROWS) * count)], axis=1))
    return np.concatenate(parts).astype(np.int32)


def _bag_uv(count: int) -> tuple[np.ndarray, np.ndarray]:
    """One more column than the rim has vertices, so that the texture does not run backwards at the seam."""
    u = np.arange(count + 1) / count
    v = 1 - (np.arange(len(ROWS)) + 0.5) / (len(ROWS) + 1)
    grid = np.stack(np.broadcast_arrays(u[None, :], v[:, None]), axis=2).reshape(-1, 2)
    last = np.stack([(np.arange(count) + 0.5) / count, np.full(count, 0.5 / (len(ROWS) + 1))], axis=1)
    here, wide = np.arange(count), count + 1
    parts = []
    for row in range(len(ROWS) - 1):
        a, b = row * wide, (row + 1) * wide
        parts += [
            np.stack([a + here, a + here + 1, b + here + 1], axis=1),
            np.stack([a + here, b + here + 1, b + here], axis=1),
        ]
    a = (len(ROWS) - 1) * wide
    parts.append(np.stack([a + here, a + here + 1, len(grid) + here], axis=1))
    return np.concatenate([grid, last]), np.concatenate(parts).astype(np.int32)


def cavity_texture(edge: np.ndarray, between: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: at the top the lips' edge, below it what is seen between them, darkening into the cavity.

    Args:
        edge, between: (R, 3) RGB along the rim. inside: (3,) RGB of the cavity.
    """
    height, width = TEXTURE
    at = (np.arange(width) + 0.5) / width * len(edge)

    def along_rim(colours: np.ndarray) -> np.ndarray:
        closed = np.concatenate([colours, colours[:1]])
        return np.stack([np.interp(at, np.arange(len(closed)), column) for column in closed.T], axis=1)[None]

    depth = ((np.arange(height) + 0.5) / height)[:, None, None]
    row = 1.0 / (len(ROWS) + 1)  # share of the texture that a row of the cavity has
    first, second = (np.interp(depth, [k * row, (k + 0.9) * row], [1.0, 0.0]) for k in (0.5, 1.5))
    dark = np.interp(depth, [0, 0.35, 0.7, 1.0], [1.0, 0.95, 0.45, 0.25])
    image = first * along_rim(edge) + (1 - first) * (second * along_rim(between) + (1 - second) * dark * inside)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def lip_gap(rim: np.ndarray, opening: Opening, at: np.ndarray) -> np.ndarray:
    """(M,) cm in y between upper and lower lip at shares ``at`` (M,) of the lips; < 0 where they cross."""
    return (along(rim[opening.upper], at) - along(rim[opening.lower], at))[:, 1]
