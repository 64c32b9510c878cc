"""Oil on canvas: layers of short curved brush strokes that follow the form, with bristles and thick paint."""

from __future__ import annotations

import cv2
import numpy as np

from .. import pen
from ..fields import blend_fields, hair_field, paths, rotate, section_field, structure_field, unit
from ..pen import noise_field, over, smoothstep
from ..scene import Scene

SCALE = 2  # strokes are laid on a canvas of twice the size


def render(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Paint ``scene`` from broad to fine strokes, then light the relief of the paint."""
    size, px = scene.size, scene.unit
    target = grade(scene)
    field = flow(scene)
    ground = 0.72 * cv2.GaussianBlur(target, (0, 0), 9 * px) + 0.22 * np.float32([0.46, 0.28, 0.18])
    canvas = cv2.resize((ground * 255).astype(np.uint8), (size * SCALE, size * SCALE))
    height = np.zeros((size * SCALE, size * SCALE), np.uint8)
    detail, hair = importance(scene), scene.masks["hair"] > 0.5
    everywhere = np.ones((size, size), bool)
    for width, length, where, jitter in (
        (24.0, 120.0, everywhere, 0.055),
        (12.0, 62.0, everywhere, 0.06),
        (7.0, 36.0, detail > 0.22, 0.055),
        (4.2, 22.0, detail > 0.5, 0.045),
        (2.4, 13.0, detail > 0.80, 0.03),
    ):
        reference = cv2.GaussianBlur(target, (0, 0), 0.22 * width * px)
        for part, stretch, tolerance in ((hair, 2.0, 0.30), (~hair, 1.0, 0.16)):
            lay(
                canvas,
                height,
                reference,
                field,
                where & part,
                (width * px, stretch * length * px, jitter, tolerance),
                rng,
            )
    painted = pen.shrink(canvas, size)
    painted = accents(painted, scene)
    return relief(painted, height, size, rng)


def grade(scene: Scene) -> np.ndarray:
    """Push the study to a painter's palette: warm lights, cool half tones and reflected colour in the
    shadows."""
    px, size = scene.unit, scene.size
    colour, tone = scene.colour.copy(), scene.tone
    face = scene.masks["face"][..., None]
    soft = cv2.GaussianBlur(tone, (0, 0), 6 * px)
    half = np.exp(-(((soft - 0.42) / 0.10) ** 2))[..., None]
    dark = smoothstep(0.34, 0.12, soft)[..., None]
    light = smoothstep(0.6, 0.85, soft)[..., None]
    colour = colour + face * (
        half * np.float32([-0.06, 0.025, 0.05])
        + dark * np.float32([0.03, -0.01, 0.07])
        + light * np.float32([0.03, 0.02, -0.05])
    )
    grey = colour.mean(-1, keepdims=True)
    colour = grey + (colour - grey) * 1.28
    blue = np.float32(scene.look.palette.rim)
    mottled = 0.10 * noise_field(size, 46 * px, np.random.default_rng(2), 2)[..., None]
    return np.clip(colour + mottled * (blue - 0.5) * 0.7, 0, 1).astype(np.float32)


def flow(scene: Scene) -> np.ndarray:
    """Stroke directions: around the form on skin, along the hair, swirling in the background."""
    size, px = scene.size, scene.unit
    skin = rotate(section_field(scene, (0.35, 1.0, 0.85)), 28)
    edges = structure_field(cv2.GaussianBlur(scene.tone, (0, 0), 1.5 * px), 5 * px)
    strong = smoothstep(0.02, 0.07, edge_strength(scene))
    field = blend_fields(skin, edges, 0.8 * strong)
    field = blend_fields(field, hair_field(scene), (scene.masks["hair"] > 0.4).astype(np.float32))
    turn = scene.turns(scene.posed.points[27])[0] + np.pi / 2
    turn = turn + 0.6 * noise_field(size, 200 * px, np.random.default_rng(4), 2)
    swirl = np.stack([np.cos(turn), np.sin(turn)], -1)
    return unit(blend_fields(field, swirl, (scene.masks["background"] > 0.5).astype(np.float32)), 2 * px)


def edge_strength(scene: Scene) -> np.ndarray:
    """Smoothed gradient magnitude (S, S) of the tones."""
    soft = cv2.GaussianBlur(scene.tone, (0, 0), 2 * scene.unit)
    return cv2.GaussianBlur(
        np.hypot(cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)), (0, 0), 2 * scene.unit
    )


def importance(scene: Scene) -> np.ndarray:
    """Where finer strokes are allowed (S, S) in [0, 1]: the face, its features most."""
    fine = np.clip(cv2.GaussianBlur(scene.focus(17), (0, 0), 4 * scene.unit), 0, 1)
    edge = smoothstep(0.02, 0.08, edge_strength(scene))
    subject = 1 - scene.masks["background"]
    return np.clip(0.34 * scene.masks["face"] + 0.3 * scene.masks["hair"] + 0.3 * edge * subject + fine, 0, 1)


def lay(canvas, height, reference, field, where, brush: tuple, rng) -> None:
    """One layer of strokes in random order onto ``canvas`` (RGB) and ``height`` (paint thickness), in place.

    ``brush``: width px, length px, colour jitter, and the colour difference at which a stroke ends.
    """
    width, length, jitter, tolerance = brush
    size = len(reference)
    spacing = np.full((size, size), 0.52 * width, np.float32)
    strokes = paths(field, where, spacing, (1.2 * width, length), rng, step=max(1.5, width / 5))
    for index in rng.permutation(len(strokes)):
        path = clip_at_edges(strokes[index], reference, tolerance)
        if len(path) < 3:
            continue
        middle = path[len(path) // 3].astype(int).clip(0, size - 1)
        rgb = reference[middle[1], middle[0]] + jitter * rng.normal() + jitter * 0.7 * rng.normal(size=3)
        bristles(canvas, height, path, width * rng.uniform(0.75, 1.15), rgb, rng)


def clip_at_edges(path: np.ndarray, reference: np.ndarray, tolerance: float) -> np.ndarray:
    """Cut a stroke where the colour under it leaves that of its start by more than ``tolerance``."""
    inside = path.astype(int).clip(0, len(reference) - 1)
    colours = reference[inside[:, 1], inside[:, 0]]
    start = len(path) // 3
    far = np.abs(colours - colours[start]).max(1) > tolerance
    first = start - np.argmax(far[start::-1]) + 1 if far[: start + 1].any() else 0
    last = start + np.argmax(far[start:]) if far[start:].any() else len(path)
    return path[first:last]


def bristles(canvas, height, path: np.ndarray, width: float, rgb: np.ndarray, rng) -> None:
    """One stroke as a bundle of parallel hairs, each with its own load of paint."""
    tangent = np.gradient(path, axis=0)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1) / np.maximum(
        np.linalg.norm(tangent, axis=1, keepdims=True), 1e-6
    )
    count = max(3, int(width * SCALE / 2.0))
    load = np.convolve(rng.normal(size=count + 4), np.ones(3) / 3, "same")[2:-2]
    profile = pen.taper_profile(len(path), 0.35)[:, None]
    base = int(rng.integers(60, 110))
    for k in rng.permutation(count):
        offset = (2 * (k + 0.5) / count - 1) * width / 2
        cut = int(abs(offset) / width * 0.5 * len(path) * rng.uniform(0.2, 1.0))
        hair = (path + normal * offset * profile)[cut // 2 : len(path) - cut]
        if len(hair) < 2:
            continue
        ridge = 1.0 if abs(offset) < 0.36 * width else 1.35
        colour = np.clip((rgb * (1 + 0.055 * load[k])) * 255, 0, 255).astype(int).tolist()
        level = int(np.clip(base * ridge + 34 * load[k], 5, 255))
        p = [np.round(hair * SCALE * 16).astype(np.int32)]
        cv2.polylines(canvas, p, False, colour, 3, cv2.LINE_8, 4)
        cv2.polylines(height, p, False, level, 3, cv2.LINE_8, 4)


def accents(painted: np.ndarray, scene: Scene) -> np.ndarray:
    """The last touches with a small brush: pupils, lids, the line of the mouth, lights in the eyes."""
    size, px = scene.size, scene.unit
    dark = np.float32(scene.look.palette.shadow) * 0.3
    wanted = [li for li in scene.lines if li.kind in ("lid", "mouth", "nostril")]
    painted = over(painted, dark, cv2.GaussianBlur(pen.draw_lines(wanted, size, 0.85), (0, 0), 0.8 * px), 0.75)
    for eye in scene.eyes:
        painted = over(painted, dark * 0.4, scene.spot(eye, 0.5, 0.36), 0.92)
        painted = over(painted, (1.0, 0.98, 0.92), scene.spot(eye, 0.32, 0.2, -0.33, -0.36))
    gloss = smoothstep(0.55, 0.8, scene.gloss(60) * (1 - scene.masks["brow"]))
    return over(painted, (1.0, 0.95, 0.85), gloss, 0.5)


def relief(painted: np.ndarray, height: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Light the paint's thickness and the canvas weave from the upper left."""
    px = size / 768
    thick = cv2.GaussianBlur(height.astype(np.float32) / 255, (0, 0), 0.8)
    thick = cv2.resize(thick, (size, size), interpolation=cv2.INTER_AREA)
    rows, columns = np.mgrid[0:size, 0:size] / px
    weave = 0.012 * (np.cos(rows * 2 * np.pi / 4.0) * np.cos(columns * 2 * np.pi / 4.0))
    thick = thick + weave + 0.01 * noise_field(size, 4 * px, rng, 2)
    gx, gy = np.gradient(thick, axis=1), np.gradient(thick, axis=0)
    lit = np.clip(1.0 - 1.1 * (gx + gy), 0.72, 1.32)
    shine = np.clip(-(gx + gy) - 0.07, 0, 1) * 1.6
    tone = painted.mean(-1, keepdims=True)
    return np.clip(painted * lit[..., None] + shine[..., None] * (0.25 + 0.75 * tone), 0, 1).astype(np.float32)
