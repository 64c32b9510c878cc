"""Pop-art poster: flat inks, ben-day dots and bold black outlines, printed slightly out of register."""

from __future__ import annotations

import cv2
import numpy as np

from .. import pen
from ..features import brow_outlines, mouth_outlines
from ..painting import lashes
from ..pen import noise_field, over, smoothstep
from ..scene import Scene

PAPER, BLACK = np.float32([0.98, 0.95, 0.87]), np.float32([0.07, 0.06, 0.10])
RED, PINK, YELLOW = (np.float32([0.86, 0.10, 0.16]), np.float32([0.99, 0.80, 0.70]), np.float32([1.0, 0.82, 0.16]))
BLUE, CYAN, ORANGE = (np.float32([0.10, 0.24, 0.62]), np.float32([0.20, 0.62, 0.86]), np.float32([0.98, 0.52, 0.12]))


def render(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Print ``scene`` as a poster."""
    size, px, masks = scene.size, scene.unit, scene.masks
    canvas = background(scene)
    canvas = over(canvas, CYAN, masks["cloth"])
    canvas = over(canvas, BLUE, masks["cloth"] * dots(size, 10 * px, 45, 0.30 + 0.35 * (1 - scene.tone)))
    canvas = skin(canvas, scene)
    canvas = hair(canvas, scene)
    canvas = face(canvas, scene)
    move = np.float32([[1, 0, 1.6 * px], [0, 1, 1.2 * px]])
    canvas = cv2.warpAffine(canvas, move, (size, size), borderMode=cv2.BORDER_REPLICATE)
    canvas = over(canvas, BLACK, outlines(scene))
    for eye in scene.eyes:
        canvas = over(canvas, (1, 1, 1), scene.spot(eye, 0.34, 0.26, -0.32, -0.32))
        canvas = over(canvas, (1, 1, 1), scene.spot(eye, 0.19, 0.11, 0.38, 0.36))
    grain = 1 + 0.018 * noise_field(size, 4 * px, rng, 2) + 0.012 * noise_field(size, 200 * px, rng, 2)
    return np.clip(canvas * grain[..., None], 0, 1)


def dots(size: int, pitch: float, degrees: float, amount) -> np.ndarray:
    """A rotated grid of dots (size, size) whose area follows ``amount`` in [0, 1]."""
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32) + 0.5
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    u, v = (c * columns + s * rows) / pitch, (-s * columns + c * rows) / pitch
    distance = np.hypot(u - np.round(u), v - np.round(v)) * pitch
    radius = pitch * np.sqrt(np.clip(amount, 0, 1) / np.pi) * 1.02
    return (smoothstep(radius + 0.7, radius - 0.7, distance) * (radius > 0.6)).astype(np.float32)


def background(scene: Scene) -> np.ndarray:
    """Yellow with orange rays and a fading screen of dots."""
    size = scene.size
    angle, radius = scene.turns(scene.posed.points[27])
    ray = smoothstep(-0.02, 0.02, np.sin(14 * angle) * radius)
    canvas = np.zeros((size, size, 3), np.float32) + YELLOW
    canvas = over(canvas, ORANGE, 0.9 * ray.astype(np.float32))
    fade = np.clip(1.15 * radius - 0.18, 0, 0.62)
    return over(canvas, RED, dots(size, 15 * scene.unit, 20, fade))


def skin(canvas: np.ndarray, scene: Scene) -> np.ndarray:
    """A flat pale tone, red dots for half tones and blush, blue dots in the shadow."""
    size, px = scene.size, scene.unit
    head = np.clip(scene.masks["head"] * (1 - scene.masks["cloth"]), 0, 1)
    canvas = over(canvas, PINK, head)
    tone = cv2.GaussianBlur(scene.tone, (0, 0), 3 * px)
    half = smoothstep(0.74, 0.22, tone)
    blush = scene.colour[..., 0] - scene.colour[..., 1:].mean(-1)
    blush = smoothstep(0.16, 0.42, cv2.GaussianBlur(blush, (0, 0), 9 * px))
    canvas = over(
        canvas, np.float32([0.93, 0.38, 0.36]), head * dots(size, 7.5 * px, 15, 0.10 + 0.55 * half + 0.22 * blush)
    )
    shadow = smoothstep(0.36, 0.33, tone)
    canvas = over(canvas, np.float32([0.86, 0.46, 0.50]), head * shadow, 0.75)
    canvas = over(
        canvas, np.float32([0.35, 0.22, 0.52]), head * dots(size, 7.5 * px, 60, 0.75 * smoothstep(0.36, 0.08, tone))
    )
    return over(
        canvas,
        np.float32([1.0, 0.95, 0.90]),
        head * smoothstep(0.815, 0.835, cv2.GaussianBlur(scene.tone, (0, 0), 8 * px)),
    )


def hair(canvas: np.ndarray, scene: Scene) -> np.ndarray:
    """Solid black with blue sheets and white glints, cut as graphic shapes along the strands."""
    px = scene.unit
    mask = np.maximum(scene.masks["front_hair"], scene.masks["hair"])
    canvas = over(canvas, BLACK, smoothstep(0.25, 0.6, mask))
    glow = np.zeros((scene.size * 2, scene.size * 2), np.uint8)
    for s in scene.strands:
        ridge = s.light - np.quantile(s.light, 0.35)
        widths = 5 * px * np.clip(ridge * 5.0, 0, 1) * np.clip((s.light - 0.35) * 3, 0, 1) * (0.25 + s.value)
        bright = widths > 0.8 * px
        for piece in np.split(np.arange(len(s.points)), np.nonzero(np.diff(bright.astype(int)))[0] + 1):
            if bright[piece[0]] and len(piece) > 3:
                pen.ink(glow, s.points[piece], widths[piece] * pen.taper_profile(len(piece), 0.9), 255, 2)
    sheet = cv2.resize(cv2.GaussianBlur(glow, (0, 0), 2.2 * px), (scene.size, scene.size), interpolation=cv2.INTER_AREA)
    sheet = sheet.astype(np.float32) / 255
    canvas = over(canvas, BLUE, smoothstep(0.30, 0.42, sheet) * mask)
    return over(canvas, CYAN, smoothstep(0.80, 0.9, sheet) * mask * dots(scene.size, 6 * px, 30, np.float32(0.55)))


def face(canvas: np.ndarray, scene: Scene) -> np.ndarray:
    """Eyes and lips in flat colours; lids shaded."""
    size, px, p = scene.size, scene.unit, scene.posed.points
    for eye in scene.eyes:
        ball = scene.eyeball(eye)
        lid = np.vstack([eye.upper, (eye.upper - [0, 0.75 * eye.radius])[::-1]])
        canvas = over(canvas, CYAN, pen.fill(lid, size) * (1 - ball), 0.85)
        canvas = over(canvas, (1, 1, 1), ball)
        d = scene.from_eye(eye)
        canvas = over(canvas, scene.look.palette.iris, ball * smoothstep(1.0, 0.94, d))
        lower = smoothstep(0.1, 0.3, scene.below_eye(eye)) * smoothstep(0.9, 0.8, d)
        canvas = over(canvas, np.clip(np.float32(scene.look.palette.iris) * 1.7, 0, 1), ball * lower)
    upper, lower, _ = mouth_outlines(p)
    canvas = over(canvas, RED * 0.78, pen.fill(upper, size))
    canvas = over(canvas, RED, pen.fill(lower, size))
    glint = np.vstack([0.62 * p[[67, 66]] + 0.38 * p[[58, 57]], (0.30 * p[[67, 66]] + 0.70 * p[[58, 57]])[::-1]])
    return over(canvas, (1, 0.93, 0.90), pen.fill(pen.spline(np.vstack([glint, glint[:1]]), 30), size, 0.6 * px))


def outlines(scene: Scene) -> np.ndarray:
    """Brush outlines (S, S): thick where the form turns, brows and pupils solid."""
    size = scene.size
    weight = {
        "jaw": 1.9,
        "lid": 2.1,
        "mouth": 1.5,
        "nostril": 1.2,
        "nose": 1.2,
        "crease": 1.1,
        "lower_lid": 1.1,
        "head_edge": 1.7,
        "hair_edge": 1.7,
        "cloth_edge": 1.8,
        "chin": 0.9,
    }
    lines = [
        pen.Line(li.points, li.width * weight[li.kind], li.kind, li.taper) for li in scene.lines if li.kind in weight
    ]
    out = pen.draw_lines(lines, size)
    upper, lower, _ = mouth_outlines(scene.posed.points)
    out = np.maximum(
        out, pen.draw_lines([pen.Line(np.vstack([o, o[:1]]), 2.4, "lip", 0.2) for o in (upper, lower)], size)
    )
    for brow in brow_outlines(scene.posed.points, scene.look.brow):
        out = np.maximum(out, pen.fill(brow, size))
    for eye in scene.eyes:
        ball = scene.eyeball(eye)
        d = scene.from_eye(eye)
        ring = smoothstep(0.80, 0.88, d) * smoothstep(1.06, 1.0, d)
        out = np.maximum(out, ball * np.clip(smoothstep(0.55, 0.48, d) + ring, 0, 1))
    if scene.look.makeup > 0.3:
        thick = [pen.Line(li.points, 3.6, "lash", 0.9) for li in lashes(scene.eyes, np.random.default_rng(3))]
        out = np.maximum(out, pen.draw_lines(thick, size))
    return out
