"""Pen and sepia wash on toned paper, heightened with white: layered hatching that follows the form."""

from __future__ import annotations

import cv2
import numpy as np

from .. import pen
from ..features import brow_hairs
from ..fields import blend_fields, hair_field, paths, rotate, section_field
from ..pen import noise_field, over, smoothstep
from ..scene import Scene

PAPER, INK = np.float32([0.90, 0.82, 0.68]), np.float32([0.11, 0.07, 0.055])
WASH, SANGUINE, WHITE = (np.float32([0.47, 0.33, 0.23]), np.float32([0.68, 0.27, 0.17]), np.float32([1.0, 0.98, 0.93]))


def render(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Draw ``scene`` with the pen."""
    size, unit = scene.size, scene.unit
    tone = tones(scene)
    canvas = paper(size, rng)
    canvas = washes(canvas, scene, tone, rng)
    hair = scene.masks["hair"]
    base = blend_fields(section_field(scene, (0.30, 1.0, 0.62)), hair_field(scene), np.clip(hair * 1.5, 0, 1))
    outside = np.clip(scene.masks["background"] + scene.masks["cloth"], 0, 1)
    slope = np.zeros_like(base) + np.float32([0.64, -0.77])
    base = blend_fields(base, slope, (outside > 0.5).astype(np.float32))
    layers = ((0.0, 0.80, 5.6, 1.25), (-38.0, 0.56, 5.0, 1.25), (34.0, 0.36, 4.6, 1.35), (80.0, 0.2, 3.9, 1.5))
    coverage = np.zeros((size, size), np.float32)
    for turn, threshold, gap, width in layers:
        field = rotate(base, turn)
        # In hair every layer runs with the strands; crossing would kill the flow.
        field = blend_fields(field, rotate(base, turn * 0.12), (hair > 0.5).astype(np.float32))
        # Background and cloth stay calm: no steep crossings there.
        field = blend_fields(field, rotate(slope, 0.4 * turn), (outside > 0.5).astype(np.float32))
        coverage = np.maximum(coverage, hatch(field, tone, threshold, gap * unit, width, rng))
    lines = list(scene.lines)
    coverage = np.maximum(coverage, pen.draw_lines(lines, size, 0.95, 0.7, rng))
    coverage = np.maximum(
        coverage, 0.8 * pen.draw_lines([li for li in lines if li.kind != "mouth"], size, 0.45, 1.8, rng)
    )
    coverage = np.maximum(coverage, loose_strands(scene, rng))
    coverage = np.maximum(coverage, spots_of_black(scene))
    canvas = white_chalk(canvas, scene, rng)
    bite = np.clip(1 - 0.10 * np.clip(noise_field(size, 3 * unit, rng, 2), -1, 3), 0.6, 1)
    canvas = over(canvas, INK, np.clip(coverage * bite, 0, 1), 0.94)
    for eye in scene.eyes:
        canvas = over(canvas, WHITE, scene.spot(eye, 0.30, 0.2, -0.33, -0.34))
    return canvas


def tones(scene: Scene) -> np.ndarray:
    """The study's values (S, S), stretched part by part so that paper and ink are both used."""
    tone = scene.tone.copy()
    for name, low, high, gamma in (("face", 0.12, 0.86, 1.15), ("hair", 0.04, 0.56, 1.15), ("cloth", 0.22, 0.95, 1.3)):
        part = smoothstep(0.3, 0.7, scene.masks[name])
        stretched = np.clip((scene.tone - low) / (high - low), 0, 1) ** gamma
        tone = tone * (1 - part) + stretched * part
    rows, columns = np.mgrid[0 : scene.size, 0 : scene.size] / scene.size
    centre = scene.posed.points[27] / scene.size
    away = np.hypot((columns - centre[0] - 0.12) / 0.52, (rows - centre[1] - 0.02) / 0.62)
    away = away + 0.09 * noise_field(scene.size, 190 * scene.unit, np.random.default_rng(3), 3)
    background = 0.42 + 0.62 * smoothstep(0.45, 1.0, away) + 0.3 * smoothstep(0.1, -0.25, columns - centre[0])
    background = np.clip(background + 0.04 * np.sin(9 * columns + 13 * rows), 0, 1)
    back = scene.masks["background"]
    return (tone * (1 - back) + background * back).astype(np.float32)


def paper(size: int, rng: np.random.Generator) -> np.ndarray:
    """Laid paper: a warm ground with fibres and faint lines."""
    unit = size / 768
    grain = 0.022 * noise_field(size, 5 * unit, rng, 3) + 0.02 * noise_field(size, 300 * unit, rng, 3)
    rows = np.arange(size)[:, None] / unit
    laid = 0.012 * np.cos(rows * 2 * np.pi / 6.5)
    return np.clip(PAPER * (1 + grain + laid)[..., None], 0, 1).astype(np.float32)


def washes(canvas: np.ndarray, scene: Scene, tone: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two flat washes with hard edges, and sanguine on lips, nose and cheeks."""
    unit, size = scene.unit, scene.size
    smooth = cv2.bilateralFilter(tone, 0, 0.12, 5 * unit) + 0.035 * noise_field(size, 60 * unit, rng, 3)
    for level, opacity in ((0.62, 0.30), (0.36, 0.42)):
        wash = smoothstep(level + 0.035, level - 0.035, smooth)
        rim = np.clip(wash - cv2.GaussianBlur(wash, (0, 0), 3 * unit), 0, 1)
        canvas = over(canvas, WASH, np.clip(wash * opacity + 0.35 * rim, 0, 1))
    red = np.clip(scene.colour[..., 0] - 0.5 * (scene.colour[..., 1] + scene.colour[..., 2]) - 0.15, 0, 1) * 2.6
    red = cv2.GaussianBlur(red * scene.masks["face"], (0, 0), 5 * unit)
    lips = np.maximum(scene.masks["upper_lip"], scene.masks["lower_lip"])
    grain = np.clip(0.75 + 0.35 * noise_field(size, 4 * unit, rng, 2), 0, 1.2)
    return over(canvas, SANGUINE, np.clip((0.75 * red + 0.5 * lips) * grain, 0, 0.6))


def hatch(field, tone, threshold: float, gap: float, width: float, rng) -> np.ndarray:
    """One layer of tapered pen strokes where ``tone`` is below ``threshold``; heavier the darker it is."""
    size = len(tone)
    unit = size / 768
    soft = cv2.GaussianBlur(tone, (0, 0), 1.2 * unit)
    depth = np.clip((threshold - soft) / max(threshold, 0.25), 0, 1)
    spacing = gap * (1.18 - 0.55 * depth)
    canvas = np.zeros((size * pen.OVERSAMPLE, size * pen.OVERSAMPLE), np.uint8)
    for path in paths(field, soft < threshold, spacing, (7 * unit, 58 * unit), rng):
        path = path + 0.35 * unit * pen.smooth_noise(len(path), rng)
        inside = path.astype(int).clip(0, size - 1)
        pressure = 0.6 + 1.1 * depth[inside[:, 1], inside[:, 0]]
        widths = width * unit * pressure * pen.taper_profile(len(path), 0.7) * rng.uniform(0.8, 1.15)
        pen.ink(canvas, path, widths, int(rng.uniform(215, 255)), pen.OVERSAMPLE)
    return pen.shrink(canvas, size)


def loose_strands(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """A share of the hair's own strands, as long pen lines."""
    chosen = [s for s in scene.strands if s.value < 0.16]
    lines = [pen.Line(s.points, 2.5 * (1.25 - float(s.light.mean())), "strand", 0.9) for s in chosen]
    return pen.draw_lines(lines, scene.size, 1.0) * np.clip(scene.masks["hair"] * 2, 0, 1)


def spots_of_black(scene: Scene) -> np.ndarray:
    """Solid ink: pupils and the dark rims of the irises, brows."""
    size = scene.size
    out = 0.9 * pen.draw_lines(brow_hairs(scene.posed.points, scene.look.brow, np.random.default_rng(1), 150), size)
    for eye in scene.eyes:
        ball = scene.eyeball(eye)
        d = scene.from_eye(eye)
        pupil = smoothstep(0.56, 0.48, d)
        ring = np.exp(-(((d - 0.95) / 0.11) ** 2))
        iris = 0.5 * smoothstep(1.0, 0.9, d) * smoothstep(0.3, -0.6, scene.below_eye(eye))
        out = np.maximum(out, ball * np.clip(pupil + ring + iris, 0, 1))
    return out.astype(np.float32)


def white_chalk(canvas: np.ndarray, scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """White heightening in the lights of face, eyes and shirt, hatched and broken by the paper's grain."""
    unit, size = scene.unit, scene.size
    bright = cv2.GaussianBlur(scene.tone * np.clip(scene.masks["face"] + scene.masks["shirt"], 0, 1), (0, 0), 2 * unit)
    level = float(np.quantile(bright[scene.masks["face"] > 0.5], 0.80))
    field = rotate(section_field(scene, (0.3, 1.0, 0.5)), -50)
    canvas_mask = np.zeros((size * pen.OVERSAMPLE, size * pen.OVERSAMPLE), np.uint8)
    spacing = np.full((size, size), 3.2 * unit, np.float32)
    for path in paths(field, bright > level, spacing, (6 * unit, 46 * unit), rng):
        pen.ink(canvas_mask, path, 2.6 * unit * pen.taper_profile(len(path), 0.6), 255, pen.OVERSAMPLE)
    mask = pen.shrink(canvas_mask, size)
    grain = smoothstep(-0.9, 0.5, noise_field(size, 4 * unit, rng, 2))
    canvas = over(canvas, WHITE, mask * grain * smoothstep(level, level + 0.08, bright), 0.75)
    return over(canvas, WHITE, np.clip(scene.masks["eyes"] * scene.tone, 0, 1), 0.8)
