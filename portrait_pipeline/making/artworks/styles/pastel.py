"""Soft pastel on dark paper: broken strokes of chalk, colour laid beside colour."""

from __future__ import annotations

import cv2
import numpy as np

from .. import pen
from ..fields import blend_fields, hair_field, paths, rotate, section_field
from ..pen import noise_field, over, smoothstep
from ..scene import Scene

PAPER = np.float32([0.13, 0.15, 0.22])


def render(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Draw ``scene`` with sticks of chalk, dark to light."""
    size, px = scene.size, scene.unit
    tooth = noise_field(size, 2.6 * px, rng, 1) + 0.35 * noise_field(size, 7 * px, rng, 2)
    tooth /= tooth.std()
    target = grade(scene, rng)
    canvas = np.zeros((size, size, 3), np.float32) + PAPER * (1 + 0.06 * tooth)[..., None]
    rubbed = (0.35 + 0.4 * smoothstep(1.6, -0.8, tooth)) * (0.75 + 0.25 * (1 - scene.masks["background"]))
    canvas = over(canvas, cv2.GaussianBlur(target, (0, 0), 6 * px) * 0.82, rubbed.astype(np.float32))
    field = flow(scene)
    subject = scene.masks["background"] < 0.5
    everywhere = np.ones_like(subject)
    for where, turn, stick in (
        (everywhere, 0, (10.0, 95, 0.035)),
        (subject, 32, (7.0, 62, 0.075)),
        (subject, -18, (4.6, 44, 0.085)),
        (scene.focus(9) > 0.5, 0, (2.4, 16, 0.03)),
    ):
        width, length, spread = stick
        layer = rotate(field, turn) if turn else field
        canvas = chalk(canvas, target, layer, where, (width * px, length * px, spread), tooth, rng)
    return finish(canvas, scene, tooth, rng)


def grade(scene: Scene, rng) -> np.ndarray:
    """Chalk colours: lights warm, half tones green and rose, shadows blue-violet."""
    px = scene.unit
    tone = cv2.GaussianBlur(scene.tone, (0, 0), 4 * px)
    skin = scene.masks["face"][..., None]
    dark, half, light = (
        smoothstep(0.40, 0.10, tone),
        np.exp(-(((tone - 0.45) / 0.09) ** 2)),
        smoothstep(0.55, 0.85, tone),
    )
    shift = (
        dark[..., None] * np.float32([0.02, 0.03, 0.22])
        + half[..., None] * np.float32([-0.02, 0.06, 0.0])
        + light[..., None] * np.float32([0.06, 0.05, -0.02])
    )
    out = np.clip(scene.colour + skin * shift, 0, 1)
    grey = out.mean(-1, keepdims=True)
    return np.clip(grey + (out - grey) * 1.25 + 0.03, 0, 1).astype(np.float32)


def flow(scene: Scene) -> np.ndarray:
    """Stroke directions (S, S, 2): across the form, slanting outside of it, along the hair."""
    field = rotate(section_field(scene, (0.5, 1.0, 0.7)), -25)
    slope = np.zeros_like(field) + np.float32([0.57, -0.82])
    field = blend_fields(field, slope, (scene.masks["background"] + scene.masks["cloth"] > 0.5).astype(np.float32))
    return blend_fields(field, hair_field(scene), (scene.masks["hair"] > 0.4).astype(np.float32))


def chalk(canvas, target, field, where, stick: tuple, tooth, rng) -> np.ndarray:
    """One pass of strokes that catch only on the paper's teeth. ``stick``: width px, length px, colour
    spread."""
    size = len(target)
    width, length, spread = stick
    colour = np.zeros((size * 2, size * 2, 3), np.uint8)
    mask = np.zeros((size * 2, size * 2), np.uint8)
    spacing = np.full((size, size), 0.8 * width, np.float32)
    strokes = paths(field, where, spacing, (1.5 * width, length), rng)
    order = sorted(
        range(len(strokes)),
        key=lambda i: float(target[tuple(strokes[i][len(strokes[i]) // 2].astype(int).clip(0, size - 1)[::-1])].sum()),
    )
    for i in order:
        path = strokes[i]
        inside = path.astype(int).clip(0, size - 1)
        under = target[inside[:, 1], inside[:, 0]]
        steady = np.abs(under - under[len(under) // 2]).max(1) < 0.14
        path = path[steady]
        if len(path) < 3:
            continue
        rgb = np.clip(under[len(under) // 2] + spread * rng.normal() + 0.75 * spread * rng.normal(size=3), 0, 1)
        widths = width * pen.taper_profile(len(path), 0.5) * rng.uniform(0.7, 1.15)
        pen.ink(colour, path, widths, (rgb * 255).astype(int).tolist(), 2)
        pen.ink(mask, path, widths, int(rng.uniform(150, 255)), 2)
    drawn = pen.shrink((mask > 0).astype(np.uint8) * 255, size)
    mask, rgb = pen.shrink(mask, size), pen.shrink(colour, size) / np.maximum(drawn, 0.02)[..., None]
    # Chalk is dense in the middle of a stroke and breaks up on the paper's teeth towards its edge.
    catch = smoothstep(-0.5, 0.5, 1.5 * mask - 0.15 - 0.42 * tooth)
    return over(canvas, np.clip(rgb, 0, 1), (mask > 0.1) * catch, 0.9)


def finish(canvas: np.ndarray, scene: Scene, tooth: np.ndarray, rng) -> np.ndarray:
    """Charcoal accents, loose strands of hair, and the brightest lights."""
    size, px = scene.size, scene.unit
    grain = smoothstep(1.2, -0.6, tooth)
    lines = [li for li in scene.lines if li.kind not in ("chin", "cloth_edge")]
    mark = cv2.GaussianBlur(pen.draw_lines(lines, size, 0.95, 0.8, rng), (0, 0), 0.7 * px)
    canvas = over(canvas, (0.07, 0.05, 0.09), np.clip(1.2 * mark, 0, 1) * (0.35 + 0.65 * grain), 0.72)
    light = [pen.Line(s.points, 2.4, "strand", 0.9) for s in scene.strands if s.value > 0.90 and s.light.mean() > 0.4]
    canvas = over(
        canvas,
        np.clip(np.float32(scene.look.palette.hair_light) * 1.25, 0, 1),
        pen.draw_lines(light, size) * grain * scene.masks["hair"],
        0.8,
    )
    for eye in scene.eyes:
        ball = scene.eyeball(eye)
        canvas = over(canvas, (0.93, 0.91, 0.86), ball * (0.55 + 0.45 * grain), 0.65)
        d = scene.from_eye(eye)
        canvas = over(canvas, scene.look.palette.iris, ball * smoothstep(1.0, 0.85, d), 0.85)
        dark = np.clip(smoothstep(0.55, 0.42, d) + 0.7 * np.exp(-(((d - 0.95) / 0.1) ** 2)), 0, 1)
        canvas = over(canvas, (0.03, 0.03, 0.05), ball * dark)
        canvas = over(canvas, (1, 1, 1), scene.spot(eye, 0.33, 0.2, -0.33, -0.35))
    return np.clip(over(canvas, (1.0, 0.96, 0.86), smoothstep(0.5, 0.8, scene.gloss(40)) * grain, 0.75), 0, 1)
