"""Two rows of teeth with gums and a tongue, made by rule from the measures of average dental arches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..mesh.mesh import Mesh
from .tongue import CENTRE, SIZE, tongue

# Half arches from the middle backwards, cm, the upper incisors' front edge at (0, 0, 0); x outwards, y up, z to the
# viewer. Average widths and heights of crowns, arches as measured on ICT-FaceKit's teeth.
UPPER_ARCH = (
    (0.0, 0.0),
    (0.44, -0.02),
    (1.1, -0.33),
    (1.7, -0.92),
    (2.2, -1.7),
    (2.5, -2.45),
    (2.8, -3.35),
    (3.0, -4.3),
)
LOWER_ARCH = (
    (0.0, -0.24),
    (0.4, -0.27),
    (1.0, -0.55),
    (1.5, -1.05),
    (1.95, -1.75),
    (2.3, -2.55),
    (2.6, -3.4),
    (2.8, -4.3),
)
UPPER_WIDTH = (0.86, 0.70, 0.78, 0.73, 0.70, 1.02, 0.96)
LOWER_WIDTH = (0.56, 0.62, 0.70, 0.72, 0.72, 1.08, 1.00)
UPPER_EDGE = (0.0, 0.07, 0.02, 0.08, 0.12, 0.18, 0.26)
LOWER_EDGE = (0.20, 0.22, 0.25, 0.20, 0.20, 0.26, 0.32)
UPPER_CROWN = (1.0, 0.88, 0.98, 0.84, 0.78, 0.72, 0.68)
LOWER_CROWN = (0.82, 0.84, 0.94, 0.84, 0.78, 0.72, 0.68)
EDGE_DEPTH = (0.26, 0.26, 0.40, 0.66, 0.72, 0.92, 0.92)
GUM_DEPTH = (0.62, 0.58, 0.70, 0.78, 0.82, 1.0, 1.0)
RING, LEVELS = 12, 6
STATIONS = 4  # of the gum, per tooth
# From the neck in front over the root to the back: cm outwards, cm from the neck towards the root.
GUM_PROFILE = (
    (-0.16, -0.02),
    (0.015, 0.06),
    (0.06, 0.25),
    (0.05, 0.6),
    (-0.35, 1.0),
    (-0.95, 0.7),
    (-1.05, 0.1),
    (-0.75, -0.1),
)
GUM_SCALLOP = (1.0, 1.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.3)  # share of the papillae between the teeth
TOOTH_UV, GUM_UV = (0.02, 0.48), (0.52, 0.98)


@dataclass(frozen=True)
class Dentures:
    """Teeth and gums of both jaws.

    Attributes:
        mesh: relative to the front edge of the upper incisors, cm, for an average face.
        lower: (V,) bool, vertices of the lower jaw. tongue: (V,) bool, those of the tongue, which belongs to it.
    """

    mesh: Mesh
    lower: np.ndarray
    tongue: np.ndarray


def dentures() -> Dentures:
    """The average teeth, 14 a jaw."""
    pieces: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    lower: list[bool] = []
    flesh = tongue()
    for below in (False, True):
        jaw = _jaw_pieces(below)
        if below:
            jaw.append((flesh.form * SIZE + CENTRE, flesh.uv, flesh.triangles))
        pieces += jaw
        lower += [below] * len(jaw)
    offsets = np.cumsum([0, *(len(piece[0]) for piece in pieces)])
    numbered = [piece[2] + start for piece, start in zip(pieces, offsets[:-1], strict=True)]
    triangles = np.concatenate(numbered).astype(np.int32)
    vertices, uv = (np.concatenate([piece[k] for piece in pieces]) for k in (0, 1))
    sides = np.concatenate([np.full(len(piece[0]), flag) for piece, flag in zip(pieces, lower, strict=True)])
    return Dentures(Mesh(vertices, triangles, uv, triangles), sides, np.arange(len(vertices)) >= offsets[-2])


def _jaw_pieces(below: bool) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(vertices, uv, triangles) of the teeth and of the gum of one jaw."""
    arch = Arch(LOWER_ARCH if below else UPPER_ARCH)
    widths = np.array(LOWER_WIDTH if below else UPPER_WIDTH)
    crowns, edges = (LOWER_CROWN, LOWER_EDGE) if below else (UPPER_CROWN, UPPER_EDGE)
    ends = np.r_[0.0, np.cumsum(widths)] * min(1.0, arch.length / widths.sum())
    sign = -1.0 if below else 1.0  # from the edge to the gum
    pieces = []
    for side in (1.0, -1.0):
        for k in range(len(widths)):
            point, outward = arch.at((ends[k] + ends[k + 1]) / 2)
            local, uv, triangles = _tooth(ends[k + 1] - ends[k], crowns[k], EDGE_DEPTH[k], GUM_DEPTH[k], k)
            along = np.array([outward[2], 0.0, -outward[0]])
            start = point + np.array([0.0, edges[k], 0.0])
            vertices = start + local[:, :1] * along + local[:, 1:2] * [0.0, sign, 0.0] + local[:, 2:] * outward
            turned = side * sign < 0
            pieces.append((vertices * [side, 1, 1], uv, triangles[:, ::-1] if turned else triangles))
    pieces.append(_gum(arch, ends, np.array(crowns), np.array(edges), sign))
    return pieces


class Arch:
    """A half arch: a curve in the (x, z) plane."""

    def __init__(self, points: tuple[tuple[float, float], ...]):
        """A smooth curve through ``points`` (x, z), from the middle backwards, level in the middle."""
        from scipy.interpolate import CubicSpline

        xz = np.array(points)
        rough = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(xz, axis=0), axis=1))]
        spline = CubicSpline(rough, xz, bc_type=((1, [1.0, 0.0]), "not-a-knot"))
        self._curve = spline(np.linspace(0, rough[-1], 400))
        self._share = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(self._curve, axis=0), axis=1))]
        self.length = float(self._share[-1])

    def at(self, share: float) -> tuple[np.ndarray, np.ndarray]:
        """Point (3,) at ``share`` cm from the middle (y = 0) and the unit outward direction there."""
        here, ahead = (
            np.array([np.interp(s, self._share, column) for column in self._curve.T]) for s in (share, share + 0.02)
        )
        behind = np.array([np.interp(share - 0.02, self._share, column) for column in self._curve.T])
        tangent = ahead - behind if share > 0.02 else np.array([1.0, 0.0])
        tangent = tangent / np.linalg.norm(tangent)
        return np.array([here[0], 0.0, here[1]]), np.array([-tangent[1], 0.0, tangent[0]])


def _tooth(width: float, crown: float, edge: float, base: float, place: int):
    """A crown, local (across, from the edge to the gum, outwards), its front at 0: (vertices, uv, triangles)."""
    turn = 2 * np.pi * np.arange(RING) / RING
    levels = np.linspace(0, 1.25, LEVELS)  # the crown goes on into the gum
    taper = np.interp(levels, [0, 0.25, 1.25], [0.93, 0.98, 0.74])
    if place == 2:  # canines are pointed
        taper = np.interp(levels, [0, 0.35, 1.25], [0.62, 0.98, 0.74])
    power = 0.55  # of the superellipse: flat front
    rows, uv = [], []
    for level, share in zip(levels, taper, strict=True):
        half, depth = 0.485 * width * share, np.interp(level, [0, 0.5, 1.25], [edge, (edge + base) / 2, base])
        across = half * np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** power
        out = depth / 2 * np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** power - depth / 2
        belly = -0.05 * (2 * np.clip(level, 0, 1) - 0.7) ** 2
        rows.append(np.stack([across, np.full(RING, crown * level), out + belly], axis=1))
        facing = np.abs(np.angle(np.exp(1j * (turn - np.pi / 2)))) / np.pi
        uv.append(np.stack([TOOTH_UV[0] + (TOOTH_UV[1] - TOOTH_UV[0]) * facing, np.full(RING, level / 1.25)], axis=1))
    tip = np.array([[0.0, -0.03, -edge / 2]])
    vertices = np.concatenate([*rows, tip])
    uv_all = np.clip(np.concatenate([*uv, [[TOOTH_UV[0] + 0.1, 0.0]]]), 0.01, 0.99)
    here, after = np.arange(RING), (np.arange(RING) + 1) % RING
    parts = [np.stack([here, np.full(RING, len(vertices) - 1), after], axis=1)]
    for level in range(LEVELS - 1):
        a, b = level * RING, (level + 1) * RING
        parts += [np.stack([a + here, a + after, b + after], axis=1), np.stack([a + here, b + after, b + here], axis=1)]
    return vertices, uv_all, np.concatenate(parts)[:, ::-1]


def _gum(arch: Arch, ends: np.ndarray, crowns: np.ndarray, edges: np.ndarray, sign: float):
    """The gum of one jaw: a band round the necks of the teeth, scalloped between them."""
    count = len(crowns)
    stations = np.linspace(0, count, count * STATIONS + 1)
    share = np.interp(stations, np.arange(count + 1), ends)
    middles = np.arange(count) + 0.5
    neck = np.interp(stations, middles, sign * np.array(edges) + crowns * 0.93)
    between = 0.5 + 0.5 * np.cos(2 * np.pi * stations)
    profile = np.array(GUM_PROFILE)
    scallop = 0.16 * np.array(GUM_SCALLOP)
    half = []
    for s, start, papilla in zip(share, neck, between, strict=True):
        point, outward = arch.at(float(s))
        up = start + profile[:, 1:] - papilla * scallop[:, None]
        half.append(point + profile[:, :1] * outward + up * np.array([0.0, sign, 0.0]))
    half = np.stack(half)
    mirrored = half[:0:-1] * np.array([-1, 1, 1])
    rows = np.concatenate([mirrored, half])
    length, width = rows.shape[:2]
    grid = np.arange(length * width).reshape(length, width)
    a, b, c, d = grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]
    triangles = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    u = np.broadcast_to(np.linspace(*GUM_UV, length)[:, None], (length, width))
    v = np.broadcast_to(np.linspace(0.02, 0.98, width), (length, width))
    uv = np.stack([u, v], axis=2).reshape(-1, 2)
    return rows.reshape(-1, 3), uv, triangles if sign > 0 else triangles[:, ::-1]


def teeth_texture(tooth: np.ndarray, gum: np.ndarray, size: int = 128) -> np.ndarray:
    """(S, S, 3) uint8: left half a tooth from its front to its back, gum end at the top; right half the gum.

    Args:
        tooth, gum: (3,) RGB, 0 to 255, brightest colours of either.
    """
    v = 1 - (np.arange(size) + 0.5) / size
    u = (np.arange(size) + 0.5) / size
    facing = np.clip((u - TOOTH_UV[0]) / (TOOTH_UV[1] - TOOTH_UV[0]), 0, 1)
    front = np.interp(facing, [0, 0.22, 0.36, 0.5, 1], [1.0, 0.97, 0.72, 0.5, 0.42])
    height = np.interp(v, [0, 0.12, 0.5, 0.8, 1], [0.94, 1.0, 0.98, 0.86, 0.66])
    warm = np.stack([np.interp(facing, [0.2, 0.6], [1.0, low]) for low in (1.0, 0.88, 0.84)], axis=1)
    teeth = front[None, :, None] * height[:, None, None] * warm[None] * tooth
    flesh = np.interp(v, [0, 0.15, 0.45, 0.7, 1], [0.78, 1.0, 0.86, 0.5, 0.35])[:, None, None] * gum
    image = np.where((u < 0.5)[None, :, None], teeth, np.broadcast_to(flesh, (size, size, 3)))
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)
