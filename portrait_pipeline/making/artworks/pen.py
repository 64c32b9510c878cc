"""Antialiased masks, smooth curves and tapered lines: the drawing tools every style shares."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.interpolate import CubicSpline

OVERSAMPLE = 4


@dataclass(frozen=True)
class Line:
    """A drawn line: ``points`` (N, 2) px, ``width`` px at its widest (768 px canvas), ``kind`` names the
    feature,
    ``taper`` 0 = constant width, 1 = pointed at both ends."""

    points: np.ndarray
    width: float
    kind: str
    taper: float = 0.7


def spline(points: np.ndarray, count: int = 40) -> np.ndarray:
    """A smooth open curve (count, 2 or 3) through ``points``, by chord length."""
    points = np.asarray(points, float)
    steps = np.maximum(np.linalg.norm(np.diff(points, axis=0), axis=1), 1e-3)
    at = np.concatenate([[0], np.cumsum(np.sqrt(steps))])
    if len(points) == 2:
        return points[0] + np.linspace(0, 1, count)[:, None] * (points[1] - points[0])
    return CubicSpline(at, points)(np.linspace(0, at[-1], count))


def shrink(canvas: np.ndarray, size: int) -> np.ndarray:
    """An oversampled uint8 canvas as (size, size) or (size, size, 3) float32 in [0, 1]."""
    return cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def fill(outline: np.ndarray, size: int, soften: float = 0.0) -> np.ndarray:
    """Antialiased coverage (size, size) in [0, 1] of a polygon (N, 2) px; ``soften`` is a blur in px."""
    canvas = np.zeros((size * OVERSAMPLE, size * OVERSAMPLE), np.uint8)
    cv2.fillPoly(canvas, [np.round(outline * OVERSAMPLE * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    mask = shrink(canvas, size)
    return cv2.GaussianBlur(mask, (0, 0), soften) if soften > 0 else mask


def taper_profile(count: int, taper: float) -> np.ndarray:
    """Width factors (count,) along a stroke: 1 in the middle, 1 - taper at the ends."""
    t = np.linspace(-1, 1, count)
    return 1 - taper * np.abs(t) ** 2.2


def ink(canvas: np.ndarray, points: np.ndarray, widths: np.ndarray, value, scale: float) -> None:
    """Draw a polyline (N, 2) with a width per point (px) into an oversampled uint8 canvas, in place."""
    p = np.round(points * scale * 16).astype(np.int64)
    w = np.maximum(1, np.round((widths[1:] + widths[:-1]) / 2 * scale)).astype(int)
    for start, end, width in zip(p[:-1].tolist(), p[1:].tolist(), w.tolist(), strict=True):
        cv2.line(canvas, start, end, value, width, cv2.LINE_8, 4)


def draw_lines(lines: list[Line], size: int, weight: float = 1.0, wobble: float = 0.0, rng=None) -> np.ndarray:
    """Coverage (size, size) in [0, 1] of tapered lines; ``wobble`` px of hand tremor."""
    canvas = np.zeros((size * OVERSAMPLE, size * OVERSAMPLE), np.uint8)
    unit = size / 768
    for line in lines:
        points = line.points
        if wobble and rng is not None:
            points = points + unit * wobble * smooth_noise(len(points), rng)
        widths = line.width * weight * unit * taper_profile(len(points), line.taper)
        ink(canvas, points, widths, 255, OVERSAMPLE)
    return shrink(canvas, size)


def smooth_noise(count: int, rng: np.random.Generator) -> np.ndarray:
    """A slowly varying (count, 2) offset of about unit size."""
    knots = max(3, count // 6)
    noise = rng.normal(size=(knots, 2))
    at = np.linspace(0, 1, knots)
    return np.stack([np.interp(np.linspace(0, 1, count), at, noise[:, i]) for i in range(2)], 1)


def noise_field(size: int, scale: float, rng: np.random.Generator, octaves: int = 3) -> np.ndarray:
    """Smooth noise (size, size) with zero mean and unit deviation; ``scale`` = largest blob in px."""
    out = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        cells = max(2, int(np.ceil(size / (scale / 2**octave)))) + 3
        coarse = rng.normal(size=(cells, cells)).astype(np.float32)
        out += cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC) / 2**octave
    return (out - out.mean()) / out.std()


def over(canvas: np.ndarray, colour, mask: np.ndarray, opacity: float = 1.0) -> np.ndarray:
    """Composite a colour (3,) or image (S, S, 3) over ``canvas`` (S, S, 3) through ``mask`` (S, S)."""
    alpha = np.float32(mask * opacity)[..., None]
    return canvas * (1 - alpha) + np.asarray(colour, np.float32) * alpha


def smoothstep(low: float, high: float, x: np.ndarray) -> np.ndarray:
    """0 below ``low``, 1 above ``high``, smooth between (either order)."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
