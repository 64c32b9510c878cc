"""Mosaic: rows of small stones that run along the form, in a gold ground, with dark joints."""

from __future__ import annotations

import cv2
import numpy as np

from .. import pen
from ..fields import blend_fields, hair_field, paths, section_field, structure_field, unit
from ..pen import noise_field, over, smoothstep
from ..scene import Scene

GROUT, SCALE = np.float32([0.16, 0.13, 0.12]), 3


def render(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Set ``scene`` in stone and glass."""
    size, px = scene.size, scene.unit
    target = palette(scene, rng)
    field = flow(scene)
    joint = over(
        np.zeros((size, size, 3), np.float32) + GROUT,
        0.62 * cv2.GaussianBlur(target, (0, 0), 5 * px),
        scene.masks["face"],
    )
    canvas = cv2.resize((joint * 255).astype(np.uint8), (size * SCALE, size * SCALE))
    shine = np.full((size * SCALE, size * SCALE), 128, np.uint8)
    taken = np.zeros((size, size), np.uint8)
    fine, middle = scene.focus(15) > 0.5, scene.masks["face"] > 0.4
    for zone, stone in ((fine, 4.6), (middle, 7.0), (np.ones_like(fine), 10.5)):
        for path in rows_of_stones(field, zone, taken, stone * px, rng):
            set_row(canvas, shine, taken, path, target, stone * px, rng)
    image = pen.shrink(canvas, size)
    facet = pen.shrink(shine, size) - 0.5
    image = np.clip(image * (1 + 0.75 * facet[..., None]), 0, 1)
    image = eyes(image, scene)
    return np.clip(image * (1 + 0.03 * noise_field(size, 3 * px, rng, 2))[..., None], 0, 1)


def palette(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Colours of the stones (S, S, 3): gold ground with a halo, saturated garment, olive shadows on the
    skin."""
    size, px = scene.size, scene.unit
    colour, tone = scene.colour.copy(), cv2.GaussianBlur(scene.tone, (0, 0), 2 * px)
    face = scene.masks["face"]
    shade = (face * smoothstep(0.52, 0.18, tone))[..., None]
    colour = colour * (1 - 0.45 * shade) + 0.45 * shade * np.float32([0.38, 0.36, 0.20]) * (0.5 + tone[..., None])
    colour = np.clip((colour - 0.5) * 1.12 + 0.52, 0, 1)
    lines = [li for li in scene.lines if li.kind not in ("head_edge", "hair_edge", "cloth_edge", "chin", "fold")]
    contour = cv2.GaussianBlur(pen.draw_lines(lines, size, 1.9), (0, 0), 0.8 * px)
    colour = over(colour, (0.28, 0.09, 0.08), np.clip(contour, 0, 1), 0.85)
    _, radius = scene.turns(scene.posed.points[28] - [0, 0.03 * size])
    gold = np.float32([0.86, 0.64, 0.20]) * (0.95 + 0.09 * noise_field(size, 12 * px, rng, 2))[..., None]
    ring = np.exp(-(((radius - 0.455) / 0.009) ** 2))
    gold = over(gold, (0.55, 0.10, 0.09), ring.astype(np.float32))
    gold = gold * np.where(radius < 0.455, 1.12, 0.88)[..., None]
    return np.clip(over(colour, gold, scene.masks["background"]), 0, 1).astype(np.float32)


def flow(scene: Scene) -> np.ndarray:
    """Directions of the rows: along contours near them, around the form elsewhere, circles in the ground."""
    size, px = scene.size, scene.unit
    skin = section_field(scene, (0.1, 1.0, 0.9))
    lines = [li for li in scene.lines if li.kind not in ("forehead", "crow", "chin")]
    drawn = cv2.GaussianBlur(pen.draw_lines(lines, size, 2.0), (0, 0), 5 * px)
    edges = structure_field(drawn, 5 * px)
    field = blend_fields(skin, hair_field(scene), (scene.masks["hair"] > 0.4).astype(np.float32))
    turn = scene.turns(scene.posed.points[28] - [0, 0.03 * size])[0] + np.pi / 2
    circles = np.stack([np.cos(turn), np.sin(turn)], -1).astype(np.float32)
    field = blend_fields(field, circles, (scene.masks["background"] > 0.5).astype(np.float32))
    near = smoothstep(0.02, 0.12, drawn) * (1 - 0.7 * scene.masks["background"])
    return unit(blend_fields(field, edges, near.astype(np.float32)), 2 * px)


def rows_of_stones(field, zone, taken, stone: float, rng) -> list[np.ndarray]:
    """Paths one stone apart, longest first, clear of what is set already."""
    free = zone & (cv2.dilate(taken, np.ones((int(0.8 * stone) | 1,) * 2, np.uint8)) == 0)
    spacing = np.full(zone.shape, 0.62 * stone, np.float32)
    found = paths(field, free, spacing, (0.6 * stone, 40 * stone), rng, step=stone / 5, coverage=2)
    return sorted(found, key=len, reverse=True)


def set_row(canvas, shine, taken, path: np.ndarray, target, stone: float, rng) -> None:
    """Place quadrilateral stones along one path."""
    size = len(target)
    step = 5
    for i in range(step // 2, len(path), step):
        x, y = path[i]
        ahead = path[min(i + 2, len(path) - 1)] - path[max(i - 2, 0)]
        along = ahead / max(np.linalg.norm(ahead), 1e-6)
        across = np.array([-along[1], along[0]])
        half = 0.455 * stone * rng.uniform(0.88, 1.08, 2)
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half * rng.uniform(0.9, 1.06, (4, 2))
        quad = np.array([x, y]) + corners[:, :1] * along + corners[:, 1:] * across
        c, r = int(np.clip(x, 0, size - 1)), int(np.clip(y, 0, size - 1))
        rgb = np.clip(target[r, c] * (1 + 0.09 * rng.normal()) + 0.025 * rng.normal(size=3), 0, 1)
        polygon = np.round(quad * SCALE * 16).astype(np.int32)
        cv2.fillConvexPoly(canvas, polygon, (rgb * 255).astype(int).tolist(), cv2.LINE_AA, 4)
        cv2.fillConvexPoly(shine, polygon, int(np.clip(128 + 20 * rng.normal(), 70, 200)), cv2.LINE_AA, 4)
        edge = polygon[[3, 0, 1]]
        cv2.polylines(shine, [edge], False, 205, 2, cv2.LINE_AA, 4)
        cv2.polylines(shine, [polygon[[1, 2, 3]]], False, 60, 2, cv2.LINE_AA, 4)
        cv2.fillConvexPoly(taken, np.round(quad * 16 - 8).astype(np.int32), 1, cv2.LINE_8, 4)


def eyes(image: np.ndarray, scene: Scene) -> np.ndarray:
    """Pupils and their lights are single stones; lids a dark row."""
    size = scene.size
    rows, columns = np.mgrid[0:size, 0:size] + 0.5
    for eye in scene.eyes:
        ball = scene.eyeball(eye)
        d = scene.from_eye(eye)
        image = over(image, (0.05, 0.04, 0.05), ball * smoothstep(0.55, 0.48, d))
        box = np.maximum(
            np.abs(columns - eye.centre[0] + 0.32 * eye.radius), np.abs(rows - eye.centre[1] + 0.34 * eye.radius)
        )
        image = over(image, (1, 0.98, 0.92), ball * smoothstep(0.24, 0.18, box / eye.radius))
    lids = [li for li in scene.lines if li.kind in ("lid", "mouth")]
    return over(image, (0.14, 0.06, 0.06), pen.draw_lines(lids, size, 0.9), 0.8)
