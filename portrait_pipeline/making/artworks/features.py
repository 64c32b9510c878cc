"""Eyes, brows, nose, mouth and the contour, drawn from the 68 landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import cKDTree

from .pen import Line, fill, noise_field, over, smoothstep, spline
from .sitter import Posed


@dataclass(frozen=True)
class Eye:
    """One eye in px: lid curves (N, 2) from image left to right, iris centre and radius."""

    upper: np.ndarray
    lower: np.ndarray
    centre: np.ndarray
    radius: float
    outer: int  # -1: the outer corner is at the image left, +1: at the right

    @property
    def outline(self) -> np.ndarray:
        """The closed outline (N, 2) of the visible eyeball."""
        return np.vstack([self.upper, self.lower[::-1][1:-1]])


def eyes(points: np.ndarray, gaze: tuple[float, float], iris: float = 1.0) -> tuple[Eye, Eye]:
    """Both eyes from the landmarks (68, 2); ``gaze`` shifts the irises in units of the eye's width."""
    out = []
    for start, outer in ((36, -1), (42, 1)):
        p = points[start : start + 6]
        width = np.linalg.norm(p[3] - p[0])
        opening = np.linalg.norm((p[1] + p[2] - p[4] - p[5]) / 2)
        centre = p[[1, 2, 4, 5]].mean(0) + width * np.array(gaze) - [0, 0.03 * opening]
        radius = iris * max(0.205 * width, 0.47 * opening)
        out.append(Eye(spline(p[:4]), spline(p[[0, 5, 4, 3]]), centre, radius, outer))
    return out[0], out[1]


def mouth_outlines(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Upper lip, lower lip (closed outlines) and the line between them, from the landmarks."""
    upper = np.vstack([spline(points[48:52], 24), spline(points[51:55], 24)])
    lower = spline(points[[54, 55, 56, 57, 58, 59, 48]])
    middle = spline(
        np.vstack(
            [
                points[48],
                (points[60] + points[48]) / 2,
                (points[61:64] + points[[67, 66, 65]]) / 2,
                (points[64] + points[54]) / 2,
                points[54],
            ]
        )
    )
    return np.vstack([upper, middle[::-1]]), np.vstack([middle, lower]), middle


def brow_strip(points: np.ndarray, thickness: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Centre line (40, 2) and half width (40,) px of both brows, ordered from the inner to the outer end."""
    out = []
    for index in ((21, 20, 19, 18, 17), (22, 23, 24, 25, 26)):
        curve = spline(points[list(index)])
        t = np.linspace(0, 1, len(curve))
        length = np.linalg.norm(np.diff(curve, axis=0), axis=1).sum()
        half = thickness * length * 0.085 * np.clip(0.75 + 0.9 * t, 0, 1.15) * (1 - t**2.2) + 0.4
        out.append((curve, half))
    return out


def brow_outlines(points: np.ndarray, thickness: float) -> list[np.ndarray]:
    """Both brows as closed outlines (80, 2) px."""
    shapes = []
    for curve, half in brow_strip(points, thickness):
        rise = np.column_stack([np.zeros_like(half), half])
        shapes.append(np.vstack([curve - rise, (curve + 0.85 * rise)[::-1]]))
    return shapes


class Surface:
    """Looks up the drawn position of a point given by its frontal rest-space (x, y)."""

    def __init__(self, posed: Posed) -> None:
        rest = posed.rest
        front = rest[:, 2] > -4
        self._tree = cKDTree(rest[front, :2] + 0)
        self._rest = rest[front]
        self._posed = posed

    def __call__(self, xy: np.ndarray) -> np.ndarray:
        """(N, 2) rest cm -> (N, 2) px on the visible front of the face."""
        xy = np.atleast_2d(np.asarray(xy, float))
        _, near = self._tree.query(xy, k=6)
        z = np.sort(self._rest[near, 2], axis=1)[:, 3:].mean(1)
        return self._posed.project(np.column_stack([xy, z]))

    def curve(self, *xy: tuple[float, float], count: int = 24) -> np.ndarray:
        """A smooth curve (count, 2) px through points given in rest space."""
        return spline(self(np.array(xy)), count)


def contour_lines(posed: Posed, pair: tuple[Eye, Eye], age: float) -> list[Line]:
    """The lines a draughtsman would set: jaw, lids, nose, mouth and, with ``age`` in [0, 1], wrinkles."""
    p, surface = posed.points, Surface(posed)
    _, _, middle = mouth_outlines(p)
    lines = [Line(spline(p[0:17], 120), 3.6, "jaw", 0.55), Line(middle, 3.4, "mouth", 0.75)]
    for eye in pair:
        lines += _lid_lines(eye)
    for s in (-1, 1):
        lines += nose_lines(p, s)
        lines.append(Line(fold(p, s), 0.5 + 2.3 * age, "fold", 0.95))
        if age > 0.3:
            lines.append(Line(surface.curve((2.2 * s, 2.1), (3.2 * s, 1.75), (4.3 * s, 2.2)), 1.4 * age, "bag", 0.95))
            for k in range(3):
                lines.append(
                    Line(surface.curve((4.9 * s, 3.3 - 0.4 * k), (5.9 * s, 3.7 - 0.75 * k)), 1.3 * age, "crow", 0.95)
                )
            lines.append(Line(surface.curve((0.55 * s, 5.2), (0.7 * s, 6.0), (0.6 * s, 6.8)), 1.6 * age, "frown", 0.95))
    under = 0.1 * np.linalg.norm(p[35] - p[31]) / 2
    lines.append(Line(spline(p[[32, 33, 34]] + [0, under], 16), 2.2, "nose", 0.8))
    lines.append(Line(surface.curve((-1.3, -5.15), (0, -5.35), (1.3, -5.15)), 1.6, "chin", 0.9))
    if age > 0.3:
        for k, width in enumerate((3.6, 4.2, 3.2)):
            y = 7.0 + 0.85 * k
            row = surface.curve((-width, y + 0.1), (-1.5, y + 0.35), (0.2, y), (1.7, y + 0.35), (width, y))
            lines.append(Line(row, 1.5 * age, "forehead", 0.95))
    return lines


def fold(points: np.ndarray, side: int) -> np.ndarray:
    """The crease from the wing of the nose around the corner of the mouth (24, 2) px."""
    base, corner = (points[31], points[48]) if side < 0 else (points[35], points[54])
    out = side * (points[35] - points[31]) / 2
    half = np.linalg.norm(out)
    up = (points[27] - points[33]) / np.linalg.norm(points[27] - points[33])
    start = base + 0.52 * out + 0.30 * half * up
    end = corner + 0.17 * (corner - points[[48, 54]].mean(0)) + 0.12 * (points[57] - points[51])
    middle = 0.5 * (start + end) + 0.16 * np.linalg.norm(end - start) * out / half
    return spline(np.stack([start, middle, end]), 24)


def nose_lines(points: np.ndarray, side: int) -> list[Line]:
    """Wing and nostril of one side (-1: image left), laid out from the nose's landmarks."""
    base = points[31 if side < 0 else 35]
    half = np.linalg.norm(points[35] - points[31]) / 2
    out = side * (points[35] - points[31]) / 2
    up = (points[27] - points[33]) / np.linalg.norm(points[27] - points[33]) * half
    place = lambda *steps: np.array([base + x * out + y * up for x, y in steps])  # noqa: E731
    wing = place((0.04, 0.95), (0.27, 0.68), (0.31, 0.30), (0.10, 0.0), (-0.2, 0.12))
    nostril = place((-0.06, 0.15), (-0.32, 0.30), (-0.62, 0.08))
    return [Line(spline(wing, 24), 2.6, "nose", 0.8), Line(spline(nostril, 16), 4.2, "nostril", 0.8)]


def _lid_lines(eye: Eye) -> list[Line]:
    width = np.linalg.norm(eye.upper[-1] - eye.upper[0])
    up = np.array([0, -1.0])
    rise = np.sin(np.linspace(0, np.pi, len(eye.upper)))[:, None]
    upper = eye.upper if eye.outer > 0 else eye.upper[::-1]  # inner to outer
    tail = upper[-1] + 0.09 * width * np.array([eye.outer, 0.05])
    crease = (eye.upper + 0.05 * width * up + 0.10 * width * up * rise - [0, 0.01 * width])[3:-3]
    return [
        Line(np.vstack([upper, tail]), 4.4, "lid", 0.6),
        Line(eye.lower[4:-4], 1.7, "lower_lid", 0.9),
        Line(crease, 2.0, "crease", 0.9),
    ]


def paint_eye(canvas: np.ndarray, eye: Eye, iris_colour, light: np.ndarray, lashes: float, rng) -> np.ndarray:
    """Paint one eye over ``canvas`` (S, S, 3); ``light`` (S, S) darkens it with its surroundings."""
    size, unit = len(canvas), len(canvas) / 768
    width = np.linalg.norm(eye.upper[-1] - eye.upper[0])
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32) + 0.5
    ball = fill(eye.outline, size, 0.5 * unit)
    from_iris = np.hypot(columns - eye.centre[0], rows - eye.centre[1])
    lid = cKDTree(eye.upper)
    box = ball > 0.01
    below = np.zeros((size, size), np.float32)
    if box.any():
        below[box] = lid.query(np.column_stack([columns[box], rows[box]]))[0]
    shade = 0.62 + 0.38 * smoothstep(0, 0.22 * width, below)
    shade *= 1 - 0.28 * smoothstep(0.2 * width, 0.52 * width, from_iris)
    white = np.float32([0.95, 0.92, 0.88])[None, None] * (shade * (0.72 + 0.28 * light))[..., None]
    canvas = over(canvas, white, ball)
    inner = eye.upper[-1] if eye.outer < 0 else eye.upper[0]
    corner = np.hypot(columns - inner[0], rows - inner[1]) / (0.09 * width)
    canvas = over(canvas, (0.80, 0.50, 0.46), ball * np.exp(-(corner**2)))
    canvas = _paint_iris(canvas, eye, ball, from_iris, (columns, rows), shade, iris_colour, rng)
    lid_shadow = ball * (1 - smoothstep(0, 0.10 * width, below))
    return over(canvas, (0.10, 0.06, 0.06), lid_shadow, 0.75)


def _paint_iris(canvas, eye: Eye, ball, distance, grid, shade, colour, rng) -> np.ndarray:
    columns, rows = grid
    r = eye.radius
    soft = max(0.7, 0.06 * r)
    disc = 1 - smoothstep(r - soft, r + soft, distance)
    angle = np.arctan2(rows - eye.centre[1], columns - eye.centre[0])
    spokes = sum(np.cos(k * angle + rng.uniform(0, 7)) for k in (11, 17, 23, 31)) / 4
    glow = 0.75 + 0.55 * smoothstep(-0.3 * r, r, rows - eye.centre[1]) + 0.22 * spokes
    ring = 1 - 0.65 * smoothstep(0.72 * r, r, distance)
    iris = np.asarray(colour, np.float32) * (glow * ring * (0.35 + 0.65 * shade))[..., None]
    canvas = over(canvas, iris, ball * disc)
    canvas = over(canvas, (0.03, 0.025, 0.03), ball * (1 - smoothstep(0.44 * r - soft, 0.44 * r + soft, distance)))
    for dx, dy, radius, opacity in ((-0.34, -0.36, 0.25, 1.0), (0.36, 0.38, 0.13, 0.5)):
        spot = np.hypot(columns - eye.centre[0] - dx * r, rows - eye.centre[1] - dy * r)
        canvas = over(canvas, (1, 1, 1), ball * (1 - smoothstep(radius * r - soft, radius * r + soft, spot)), opacity)
    return canvas


def brow_hairs(points: np.ndarray, thickness: float, rng: np.random.Generator, count: int = 130) -> list[Line]:
    """Short strokes that make up both brows."""
    lines = []
    for curve, half in brow_strip(points, thickness):
        tangent = np.gradient(curve, axis=0)
        tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
        length = np.linalg.norm(np.diff(curve, axis=0), axis=1).sum()
        for _ in range(count):
            i = int(rng.integers(0, len(curve) - 2))
            across = rng.uniform(-1, 1)
            up = np.array([tangent[i, 1], -tangent[i, 0]]) * (1 if tangent[i, 0] > 0 else -1)
            start = curve[i] - across * half[i] * up
            lift = (0.55 - i / len(curve)) * 0.8
            direction = tangent[i] + lift * up
            end = start + direction * length * rng.uniform(0.08, 0.16)
            lines.append(
                Line(spline(np.vstack([start, (start + end) / 2 + 0.02 * length * up, end]), 7), 2.2, "brow", 0.8)
            )
    return lines


def lips_shading(points: np.ndarray, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Masks (S, S) of the upper and lower lip, and a relief in [0, 1] with vertical creases and a
    highlight."""
    upper, lower, _ = mouth_outlines(points)
    unit = size / 768
    top, bottom = fill(upper, size, 0.7 * unit), fill(lower, size, 0.7 * unit)
    core = cv2.GaussianBlur(bottom, (0, 0), 0.13 * np.linalg.norm(points[57] - points[51]) + 0.5)
    creases = cv2.resize(noise_field(size, 7 * unit, rng, 1)[:: max(1, size // 24)], (size, size))
    relief = np.clip(0.55 * bottom * core + 0.05 * creases, 0, 1)
    return top, bottom, relief.astype(np.float32)
