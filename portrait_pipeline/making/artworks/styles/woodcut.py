"""Woodcut in two blocks: white gouges that follow the form cut from black, over a flat ochre and red
block."""

from __future__ import annotations

import cv2
import numpy as np

from .. import pen
from ..fields import blend_fields, hair_field, paths, section_field
from ..pen import noise_field, over, smoothstep
from ..scene import Scene

PAPER, BLACK = np.float32([0.95, 0.90, 0.78]), np.float32([0.09, 0.075, 0.07])
OCHRE, RED = np.float32([0.86, 0.58, 0.24]), np.float32([0.70, 0.18, 0.10])


def render(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Cut and print ``scene``."""
    size, px = scene.size, scene.unit
    tone = values(scene)
    canvas = np.zeros((size, size, 3), np.float32) + PAPER
    wobble = 0.03 * noise_field(size, 30 * px, rng, 2)
    soft = cv2.GaussianBlur(tone, (0, 0), 4 * px) + wobble
    skin = np.clip(scene.masks["head"] - scene.masks["cloth"], 0, 1)
    canvas = over(canvas, OCHRE, skin * smoothstep(0.66, 0.62, soft))
    canvas = over(canvas, RED, np.clip(scene.masks["background"], 0, 1) * 0.96)
    lips = np.maximum(scene.masks["upper_lip"], scene.masks["lower_lip"])
    canvas = over(canvas, RED, lips)
    canvas = over(canvas, OCHRE * 0.9, scene.masks["hair"] * smoothstep(0.55, 0.5, soft), 0.5)
    black = 1 - gouges(scene, tone, rng)
    for eye in scene.eyes:
        black = black * (1 - pen.fill(eye.outline, size, 0.8 * px))
        canvas = over(canvas, PAPER, scene.eyeball(eye))
    black = np.maximum(black, drawing(scene, rng))
    black = np.minimum(black, 1 - halo(scene))
    ink = np.clip(
        0.97 - 0.10 * np.clip(noise_field(size, 3 * px, rng, 2) - 0.8, 0, 3) - 0.10 * wood_grain(size, rng), 0, 1
    )
    for eye in scene.eyes:
        black = np.minimum(black, 1 - scene.spot(eye, 0.27, 0.2, -0.3, -0.34))
    canvas = over(canvas, BLACK, black * ink)
    return np.clip(canvas * (1 + 0.015 * noise_field(size, 5 * px, rng, 2))[..., None], 0, 1)


def values(scene: Scene) -> np.ndarray:
    """Strong, simple lights and darks (S, S)."""
    face = smoothstep(0.3, 0.7, scene.masks["face"])
    tone = scene.tone
    out = np.clip((tone - 0.13) / 0.64, 0, 1) ** 1.1 * 0.90 * face + (1 - face) * np.clip((tone - 0.05) / 0.6, 0, 1)
    local = out - cv2.GaussianBlur(out, (0, 0), 22 * scene.unit)
    out = np.clip(out + 0.5 * local * face, 0, 1)
    hair = scene.masks["hair"]
    out = out * (1 - hair) + hair * np.clip((tone - 0.1) / 0.6, 0, 1)
    # Leave the surroundings of the eyes light enough to read.
    around = cv2.GaussianBlur(
        cv2.dilate(scene.masks["eyes"], np.ones((int(9 * scene.unit) | 1,) * 2)), (0, 0), 5 * scene.unit
    )
    out = out + 0.45 * around * (1 - out)
    return cv2.GaussianBlur(out.astype(np.float32), (0, 0), 1.5 * scene.unit)


def gouges(scene: Scene, tone: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """White cuts (S, S): parallel, tapering, as wide as the place is light."""
    size, px = scene.size, scene.unit
    field = section_field(scene, (0.15, 1.0, 0.38))
    field = blend_fields(field, hair_field(scene), (scene.masks["hair"] > 0.4).astype(np.float32))
    rays, away = scene.turns(scene.posed.points[28])
    burst = np.stack([np.cos(rays), np.sin(rays)], -1).astype(np.float32)
    back = scene.masks["background"] > 0.5
    cloth = scene.masks["cloth"] > 0.5
    field = blend_fields(field, burst, back.astype(np.float32))
    field = blend_fields(field, np.zeros_like(burst) + np.float32([0.5, 0.866]), cloth.astype(np.float32))
    tone = np.where(back, 0.52 + 0.22 * away, tone)
    tone = np.where(cloth, 0.55 * tone, tone).astype(np.float32)
    gap = np.where(back, 11.0, np.where(cloth, 8.0, 6.2)).astype(np.float32) * px
    canvas = np.zeros((size * pen.OVERSAMPLE, size * pen.OVERSAMPLE), np.uint8)
    for zone, length in ((back, 260), (cloth, 90), (~back & ~cloth, 110)):
        for path in paths(field, zone & (tone > 0.10), gap, (9 * px, length * px), rng, step=2.5):
            inside = path.astype(int).clip(0, size - 1)
            value = tone[inside[:, 1], inside[:, 0]]
            width = gap[inside[0, 1], inside[0, 0]] * (0.16 + 1.22 * value**1.05)
            width = width * pen.taper_profile(len(path), 0.85) * (1 + 0.12 * pen.smooth_noise(len(path), rng)[:, 0])
            path = path + 0.5 * px * pen.smooth_noise(len(path), rng)
            pen.ink(canvas, path, np.maximum(width, 0.5), 255, pen.OVERSAMPLE)
    cut = pen.shrink(canvas, size)
    return np.maximum(
        cut, smoothstep(0.872, 0.888, tone + 0.015 * noise_field(size, 14 * px, rng, 2)) * (scene.masks["face"] > 0.5)
    )


def drawing(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Black lines and solids left standing: contour, lids, brows, nostrils, mouth."""
    size = scene.size
    lines = [pen.Line(li.points, li.width * 1.55, li.kind, li.taper) for li in scene.lines if li.kind != "chin"]
    out = np.maximum(pen.draw_lines(lines, size, 1.0, 0.5, rng), smoothstep(0.3, 0.75, scene.masks["brow"]) * 0.96)
    for eye in scene.eyes:
        ball = scene.eyeball(eye)
        d = scene.from_eye(eye)
        rays = np.cos(18 * scene.turns(eye.centre)[0])
        low = smoothstep(-0.2, 0.5, scene.below_eye(eye))
        iris = smoothstep(1.04, 0.98, d) * (
            1 - low * smoothstep(0.56, 0.62, d) * smoothstep(0.88, 0.82, d) * smoothstep(0.0, -0.3, rays)
        )
        out = np.maximum(out * (1 - pen.fill(eye.outline, size, 1.0 * scene.unit)), ball * np.clip(iris, 0, 1))
        out = np.maximum(
            out, pen.draw_lines([pen.Line(eye.upper, 7.0, "lid", 0.5), pen.Line(eye.lower, 2.8, "lid", 0.8)], size)
        )
    return out


def halo(scene: Scene) -> np.ndarray:
    """A thin white cut around the figure, as carvers set one against a busy ground."""
    figure = (scene.masks["background"] < 0.5).astype(np.uint8)
    wide = cv2.dilate(figure, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (int(11 * scene.unit) | 1,) * 2))
    ring = (wide - figure).astype(np.float32)
    return cv2.GaussianBlur(ring, (0, 0), 0.7 * scene.unit) * smoothstep(0.3, 0.8, scene.masks["background"])


def wood_grain(size: int, rng: np.random.Generator) -> np.ndarray:
    """Long streaks (S, S), zero mean."""
    noise = rng.normal(size=(size, size // 8 + 1)).astype(np.float32)
    grain = cv2.GaussianBlur(
        cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC), (0, 0), sigmaX=40, sigmaY=0.8
    )
    return grain / grain.std()
