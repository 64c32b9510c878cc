"""Watercolour: transparent glazes with wet edges, granulation and blooms over a pencil drawing on rough
paper."""

from __future__ import annotations

import cv2
import numpy as np

from .. import pen
from ..pen import noise_field, over, smoothstep
from ..scene import Scene

PAPER = np.float32([0.985, 0.975, 0.945])


def render(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Paint ``scene`` in glazes from light to dark."""
    size, px = scene.size, scene.unit
    tooth = noise_field(size, 5 * px, rng, 3)
    pigment = hues(scene)
    wet = loose_edge(scene, rng)
    canvas = np.ones((size, size, 3), np.float32) * PAPER * (1 + 0.012 * tooth)[..., None]
    tone = cv2.bilateralFilter(scene.tone, 0, 0.10, 6 * px)
    for number, (level, strength, wander) in enumerate(
        (
            (0.88, 0.42, 12.0),
            (0.70, 0.26, 8.0),
            (0.52, 0.30, 6.0),
            (0.38, 0.34, 4.5),
            (0.24, 0.46, 3.0),
            (0.12, 0.55, 2.0),
        )
    ):
        shape = warp(
            smoothstep(level + 0.03, level - 0.03, tone + 0.02 * noise_field(size, 30 * px, rng, 2)), wander * px, rng
        )
        neutral = np.float32([0.66, 0.58, 0.62])
        mix = 0.16 + 0.12 * number
        canvas = glaze(
            canvas, pigment * (1 - mix) + neutral * mix, shape * wet, strength, tooth, px, rng, blooms=number < 3
        )
    canvas = details(canvas, scene, tooth, rng)
    canvas = splashes(canvas, pigment, wet, tooth, rng)
    pencil = pen.draw_lines([li for li in scene.lines if li.kind not in ("cloth_edge",)], size, 0.42, 1.1, rng)
    return np.clip(over(canvas, (0.25, 0.22, 0.24), pencil * smoothstep(-1.0, 0.8, tooth), 0.55), 0, 1)


def hues(scene: Scene) -> np.ndarray:
    """Pigment colours (S, S, 3): the study's hue and saturation, pushed, with its darkness taken out."""
    px = scene.unit
    smooth = cv2.bilateralFilter(scene.colour, 0, 0.12, 7 * px)
    smooth = cv2.GaussianBlur(smooth, (0, 0), 3.0 * px)
    top = smooth.max(-1, keepdims=True)
    hue = smooth / np.maximum(top, 0.05)
    hue = 1 - (1 - hue) * 0.92
    warm = (
        0.05 * noise_field(scene.size, 70 * px, np.random.default_rng(5), 3)[..., None] * np.float32([1.0, -0.2, -1.2])
    )
    return np.clip(hue * 0.90 + warm, 0.10, 0.97).astype(np.float32)


def loose_edge(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Where the brush went (S, S): the figure, and a ragged patch of background around it."""
    size, px = scene.size, scene.unit
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32) / size
    border = np.minimum(np.minimum(rows, 1 - rows), np.minimum(columns, 1 - columns))
    ragged = border + 0.035 * noise_field(size, 150 * px, rng, 4)
    patch = smoothstep(0.05, 0.06, ragged)
    figure = 1 - scene.masks["background"]
    fade = smoothstep(1.02, 0.90, rows + 0.035 * noise_field(size, 120 * px, rng, 3))
    return np.maximum(patch * 0.92 * scene.masks["background"], figure * np.maximum(fade, patch)).astype(np.float32)


def warp(mask: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Displace a mask by smooth noise: the hand and the water do not follow the drawing exactly."""
    size = len(mask)
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32)
    dx, dy = (0.5 * amount * noise_field(size, size / 9, rng, 4) for _ in range(2))
    return cv2.remap(mask, columns + dx, rows + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def glaze(canvas, pigment, shape, strength: float, tooth, px: float, rng, blooms: bool) -> np.ndarray:
    """Multiply one transparent layer onto ``canvas``: darker at its edge, uneven inside, settling in the
    paper."""
    size = len(canvas)
    shape = shape.astype(np.float32)
    inner = cv2.GaussianBlur(shape, (0, 0), 3.2 * px)
    rim = np.clip(shape - inner, 0, 1) * 2.0
    rim = cv2.GaussianBlur(rim, (0, 0), 0.7 * px)
    uneven = 1 + 0.20 * noise_field(size, 80 * px, rng, 3)
    density = shape * uneven * (1 + 0.16 * np.clip(-tooth, -1.0, 2.5)) + 0.85 * rim * smoothstep(0.2, 0.9, shape)
    if blooms:
        density = density * bloom(size, px, rng)
    return canvas * np.power(pigment, (strength * 1.6 * np.clip(density, 0, 2.2))[..., None])


def bloom(size: int, px: float, rng: np.random.Generator, count: int = 7) -> np.ndarray:
    """Back runs: pale cauliflower shapes with a dark crinkled rim (factor on density)."""
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32)
    crinkle = 10 * px * noise_field(size, 40 * px, rng, 4)
    out = np.ones((size, size), np.float32)
    for _ in range(count):
        x, y = rng.uniform(0, size, 2)
        radius = rng.uniform(30, 85) * px
        d = np.hypot(columns - x, rows - y) + crinkle
        out *= 1 - 0.35 * smoothstep(radius, radius - 25 * px, d) + 0.32 * np.exp(-(((d - radius) / (2.6 * px)) ** 2))
    return out


def paint(canvas: np.ndarray, colour, mask: np.ndarray, strength: float) -> np.ndarray:
    """Multiply a flat transparent colour onto ``canvas`` through ``mask``."""
    return canvas * np.power(np.clip(np.float32(colour), 0.03, 0.97), (strength * mask)[..., None])


def details(canvas: np.ndarray, scene: Scene, tooth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The small brush: hair strokes, brows, lips, lids, irises, nostrils; white paper left in the eyes'
    lights."""
    size, px, palette = scene.size, scene.unit, scene.look.palette
    locks = [pen.Line(s.points, 3.0, "strand", 0.9) for s in scene.strands if s.value < 0.13]
    canvas = paint(
        canvas, np.float32(palette.hair) + 0.08, pen.draw_lines(locks, size, 1.0, 0.5, rng) * scene.masks["hair"], 0.33
    )
    canvas = paint(canvas, palette.lips, scene.masks["upper_lip"], 0.62)
    lower = scene.masks["lower_lip"]
    canvas = paint(
        canvas, palette.lips, lower * (0.7 + 0.8 * np.clip(lower - cv2.GaussianBlur(lower, (0, 0), 3 * px), 0, 1)), 0.42
    )
    canvas = paint(canvas, palette.brow, scene.masks["brow"], 0.55)
    rows, columns = np.mgrid[0:size, 0:size] + 0.5
    for eye in scene.eyes:
        ball = scene.eyeball(eye)
        d = scene.from_eye(eye)
        canvas = over(canvas, PAPER * 0.97, ball, 0.75)
        shade = np.exp(-(((rows - eye.upper[:, 1].min()) / (0.35 * np.ptp(eye.outline[:, 1]))) ** 2))
        canvas = paint(canvas, (0.55, 0.60, 0.72), ball * shade, 0.8)
        ring = np.clip(0.75 + 0.8 * np.exp(-(((d - 0.92) / 0.12) ** 2)), 0, 2)
        canvas = paint(canvas, palette.iris, ball * ring * smoothstep(1.04, 0.96, d), 1.1)
        canvas = paint(canvas, (0.08, 0.07, 0.09), scene.spot(eye, 0.52, 0.40), 1.2)
        canvas = over(canvas, (1, 1, 1), scene.spot(eye, 0.32, 0.22, -0.33, -0.35))
    brush = [li for li in scene.lines if li.kind in ("lid", "mouth", "nostril", "crease", "nose")]
    mark = pen.draw_lines(brush, size, 1.0, 0.4, rng) * np.clip(0.95 + 0.12 * tooth, 0.5, 1)
    return paint(canvas, np.float32(palette.shadow) * 0.55, mark, 0.85)


def splashes(canvas, pigment, wet, tooth, rng) -> np.ndarray:
    """A few drops off the brush."""
    size = len(canvas)
    drops = np.zeros((size * 2, size * 2), np.uint8)
    for _ in range(46):
        x, y = rng.uniform(0.02, 0.98, 2) * size * 2
        cv2.circle(drops, (int(x), int(y)), int(rng.gamma(1.6, 2.2) * size / 768 + 1), 255, -1)
    mask = pen.shrink(drops, size)
    rim = np.clip(mask - cv2.GaussianBlur(mask, (0, 0), 1.5), 0, 1)
    colour = cv2.GaussianBlur(pigment, (0, 0), size / 12)
    return canvas * np.power(colour, ((0.5 * mask + 1.0 * rim) * (1 - wet))[..., None] * 1.4)
