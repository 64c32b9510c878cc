"""Stained glass: facets cut along the planes of the face, lead lines, painted details, light from behind."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from .. import pen
from ..features import brow_outlines, mouth_outlines
from ..fields import hair_field, paths
from ..painting import face_shape
from ..pen import noise_field, over, smoothstep
from ..scene import Scene
from ..tables import TABLES

_RAMP = np.float32(TABLES["glass_ramp"])  # of the skin, from the darkest glass
LEAD = np.float32([0.055, 0.055, 0.065])


def render(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Cut, paint and lead ``scene``."""
    size, px = scene.size, scene.unit
    labels, part = facets(scene, rng)
    colour = colours(scene, labels, part, rng)
    colour = glass(colour, labels, size, rng)
    colour = features(colour, scene)
    colour = paint(colour, scene, part, rng)
    thin, thick = border(labels), border(part)
    spared = np.maximum(scene.masks["eyes"], np.maximum(scene.masks["upper_lip"], scene.masks["lower_lip"])) > 0.4
    thin &= ~spared
    distance_thin, distance_thick = distance_transform_edt(~thin), distance_transform_edt(~thick)
    outer, inner = 3.3 * px, np.where((part == 0) | (part == 3), 2.1, 1.55) * px
    lead = np.maximum(
        smoothstep(outer + 0.8, outer - 0.8, distance_thick), smoothstep(inner + 0.8, inner - 0.8, distance_thin)
    )
    shapes = [eye.outline for eye in scene.eyes] + list(mouth_outlines(scene.posed.points)[:2])
    rims = pen.draw_lines([pen.Line(np.vstack([s, s[:1]]), 3.4, "rim", 0.0) for s in shapes], size)
    lead = np.maximum(lead * (1 - spared), rims)
    near = np.minimum(distance_thin / inner, distance_thick / outer)
    colour = colour * (0.62 + 0.38 * smoothstep(1.0, 3.2, near))[..., None]
    ridge = np.clip(1 - near**2, 0, 1)
    soft = cv2.GaussianBlur(ridge.astype(np.float32), (0, 0), 0.9)
    gx, gy = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    metal = LEAD + np.clip(0.10 * (gx + gy), 0, 0.30)[..., None] * np.float32([0.9, 0.95, 1.0])
    return np.clip(over(colour, metal, lead.astype(np.float32)), 0, 1)


def facets(scene: Scene, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Facet ids (S, S), and the part each belongs to: 0 ground, 1 face, 2 neck and ears, 3 hair, 4
    garment."""
    masks, size = scene.masks, scene.size
    part = np.zeros((size, size), int)
    part[masks["head"] > 0.5] = 2
    part[(masks["head"] > 0.5) & (face_shape(scene.posed) > 0.5)] = 1
    part[masks["hair"] > 0.5] = 3
    part[masks["cloth"] > 0.5] = 4
    part[(masks["front_hair"] > 0.5)] = 3
    part = tidy(part, scene.unit)
    labels = np.zeros((size, size), int)
    for value, cut in (
        (0, ground),
        (1, planes),
        (2, skin_patches),
        (3, along_hair),
        (4, partial(skin_patches, pitch=62, stretch=(1.5, 0.7))),
    ):
        inside = part == value
        labels[inside] = 1000 * value + cut(scene, inside, rng)
    return labels, part


def tidy(part: np.ndarray, px: float) -> np.ndarray:
    """Smooth the borders of the parts so that they can be cut from glass."""
    soft = np.stack([cv2.GaussianBlur((part == v).astype(np.float32), (0, 0), 3.0 * px) for v in range(5)])
    return soft.argmax(0)


def planes(scene: Scene, inside: np.ndarray, rng) -> np.ndarray:
    """Cells around the planes of the face, alike on both sides."""
    centres = TABLES["face_planes"]  # rest-space (x, y) cm; those off the axis have a twin
    seeds = np.array(centres["on_axis"] + centres["beside"] + [(-x, y) for x, y in centres["beside"]], float)
    rest = scene.maps.rest[inside][:, :2]
    return cKDTree(seeds).query(rest)[1]


def skin_patches(scene: Scene, inside: np.ndarray, rng, pitch: float = 46, stretch=(1.0, 1.0)) -> np.ndarray:
    """Voronoi cells of jittered seeds about ``pitch`` px apart."""
    pitch = pitch * scene.unit
    rows, columns = np.nonzero(inside)
    points = np.column_stack([columns, rows]) * np.array(stretch)
    low, high = points.min(0), points.max(0)
    grid = np.stack(np.meshgrid(*[np.arange(low[i] - pitch, high[i] + pitch, pitch) for i in range(2)]), -1).reshape(
        -1, 2
    )
    return cKDTree(grid + 0.34 * pitch * rng.normal(size=grid.shape)).query(points)[1]


def along_hair(scene: Scene, inside: np.ndarray, rng) -> np.ndarray:
    """Long pieces that follow the strands: cells around spaced paths."""
    px = scene.unit
    spacing = np.full(inside.shape, 21 * px, np.float32)
    found = paths(hair_field(scene), inside, spacing, (35 * px, 170 * px), rng, coverage=2)
    seeds = np.zeros(inside.shape, np.int32)
    for i, path in enumerate(found):
        cv2.polylines(seeds, [np.round(path).astype(np.int32)], False, i + 1, 2)
    index = distance_transform_edt(seeds == 0, return_distances=False, return_indices=True)
    return seeds[index[0], index[1]][inside]


def ground(scene: Scene, inside: np.ndarray, rng) -> np.ndarray:
    """A halo of segments around the head, lozenges outside of it."""
    angle, radius = (part[inside] for part in scene.turns(scene.posed.points[27]))
    dx, dy = radius * np.cos(angle), radius * np.sin(angle)
    ring = np.digitize(radius, [0.37, 0.43])
    sector = np.floor((angle + np.pi) / (2 * np.pi) * np.where(ring == 1, 30, 14)).astype(int)
    pitch = 0.105
    lozenge = 100 + np.floor((dx + 0.7 * dy) / pitch).astype(int) * 25 + np.floor((dx - 0.7 * dy) / pitch).astype(int)
    return np.where(ring == 2, 400 + lozenge, 50 * ring + sector)


def colours(scene: Scene, labels: np.ndarray, part: np.ndarray, rng) -> np.ndarray:
    """One jewel colour a facet (S, S, 3), from the study's light and shade."""
    px = scene.unit
    ids, flat = np.unique(labels, return_inverse=True)
    flat = flat.reshape(labels.shape)
    tone = cv2.GaussianBlur(scene.tone, (0, 0), 2 * px)
    mean = np.bincount(flat.ravel(), tone.ravel()) / np.bincount(flat.ravel())
    kind = np.bincount(flat.ravel(), part.ravel()) / np.bincount(flat.ravel())
    kind = np.round(kind).astype(int)
    jewel = np.zeros((len(ids), 3), np.float32)
    palette = scene.look.palette
    for i in range(len(ids)):
        jitter = float(np.clip(rng.normal(), -1.4, 1.4))
        if kind[i] in (1, 2):
            t = np.clip((mean[i] - 0.15) / 0.66, 0, 1) * 5 + 0.34 * jitter - 0.5 * (kind[i] == 2)
            jewel[i] = ramp(t)
        elif kind[i] == 3:
            t = np.clip(mean[i] / 0.42 + 0.16 * jitter, 0, 1)
            jewel[i] = np.float32(palette.hair) * (1 - t) + np.float32(palette.hair_light) * t
        elif kind[i] == 4:
            t = np.clip(0.5 + 0.33 * jitter, 0, 1)
            jewel[i] = np.float32(palette.cloth) * (1 - t) + np.float32(palette.cloth_light) * t
        else:
            jewel[i] = ground_colour(int(ids[i]), jitter, palette)
    return np.clip(jewel, 0, 1)[flat]


def ramp(t: float) -> np.ndarray:
    """A colour (3,) of the skin's ramp, 0 = darkest glass."""
    t = float(np.clip(t, 0, len(_RAMP) - 1.001))
    return _RAMP[int(t)] * (1 - t % 1) + _RAMP[int(t) + 1] * (t % 1)


def ground_colour(facet: int, jitter: float, palette) -> np.ndarray:
    """Pale blue inside the halo, gold in it, blue and ruby lozenges outside."""
    if facet < 50:
        return np.float32([0.52, 0.80, 0.86]) * (1 + 0.09 * jitter)
    if facet < 100:
        return np.float32([0.98, 0.74, 0.14]) * (1 + 0.08 * jitter)
    accent = facet % 7 == 0
    base = np.float32([0.66, 0.05, 0.12]) if accent else np.float32(palette.background_dark)
    return base * (1 + 0.22 * jitter) + (0.0 if accent else 0.08) * jitter * np.float32([0.2, 0.6, 0.7])


def glass(colour: np.ndarray, labels: np.ndarray, size: int, rng) -> np.ndarray:
    """Streaks, seeds and uneven thickness, different in every facet; a glow from behind."""
    px = size / 768
    ids, flat = np.unique(labels, return_inverse=True)
    flat = flat.reshape(labels.shape)
    wide = noise_field(size, 60 * px, rng, 4)
    streaks = [
        cv2.GaussianBlur(noise_field(size, 5 * px, rng, 2), (0, 0), sigmaX=sx * px, sigmaY=sy * px)
        for sx, sy in ((9, 0.7), (0.7, 9))
    ]
    streaks = [s / s.std() for s in streaks]
    pick = rng.integers(0, 2, len(ids))[flat]
    streak = np.where(pick == 0, streaks[0], streaks[1])
    seeds = smoothstep(2.3, 3.0, noise_field(size, 6 * px, rng, 1))
    rows, columns = np.mgrid[0:size, 0:size] / size
    glow = 1.12 - 0.45 * np.hypot(columns - 0.42, rows - 0.38)
    factor = glow * (1 + 0.075 * wide + 0.05 * streak + 0.25 * seeds)
    out = colour * factor[..., None]
    hot = smoothstep(0.9, 1.25, factor)[..., None]
    return np.clip(out + 0.18 * hot * (1 - out), 0, 1).astype(np.float32)


def features(colour: np.ndarray, scene: Scene) -> np.ndarray:
    """Eyes, lips and brows as glass of their own."""
    size = scene.size
    upper, lower, _ = mouth_outlines(scene.posed.points)
    texture = 0.85 + 0.3 * colour.mean(-1, keepdims=True)
    colour = over(colour, np.float32([0.70, 0.06, 0.14]) * texture, pen.fill(upper, size))
    colour = over(colour, np.float32([0.90, 0.14, 0.18]) * texture, pen.fill(lower, size))
    for eye in scene.eyes:
        colour = over(colour, (0.90, 0.94, 0.92), scene.eyeball(eye))
        glow = (0.8 + 0.5 * smoothstep(-0.4, 1.0, scene.below_eye(eye)))[..., None]
        colour = over(colour, np.float32(scene.look.palette.iris) * glow, scene.spot(eye, 1.0, 0.92))
    return colour


def paint(colour: np.ndarray, scene: Scene, part: np.ndarray, rng) -> np.ndarray:
    """Vitreous paint: stippled shadow and traced lines."""
    size, px = scene.size, scene.unit
    tone = cv2.GaussianBlur(scene.tone, (0, 0), 1.5 * px)
    skin = (part == 1) | (part == 2)
    base = cv2.GaussianBlur(tone, (0, 0), 26 * px)
    stipple = 0.5 + 0.5 * smoothstep(-0.8, 0.8, noise_field(size, 3.2 * px, rng, 1))
    shade = np.clip((base - tone) * 2.6, 0, 0.75) * skin * stipple
    colour = over(colour, (0.12, 0.04, 0.05), cv2.GaussianBlur(shade.astype(np.float32), (0, 0), 0.5 * px))
    lift = np.clip((tone - base) * 1.6, 0, 0.5) * skin
    colour = colour + lift[..., None] * (1 - colour) * np.float32([1, 0.95, 0.8])
    keep = [
        li
        for li in scene.lines
        if li.kind in ("lid", "lower_lid", "crease", "nose", "nostril", "mouth", "fold", "bag", "forehead", "frown")
    ]
    trace = pen.draw_lines(
        [pen.Line(li.points, li.width * 1.45, li.kind, li.taper) for li in keep], size, 1.0, 0.4, rng
    )
    strands = [pen.Line(s.points, 2.2, "strand", 0.9) for s in scene.strands if s.value < 0.10]
    trace = np.maximum(trace, 0.75 * pen.draw_lines(strands, size) * (part == 3))
    for brow in brow_outlines(scene.posed.points, scene.look.brow):
        trace = np.maximum(trace, 0.94 * pen.fill(brow, size))
    for eye in scene.eyes:
        ball = scene.eyeball(eye)
        d = scene.from_eye(eye)
        ring = smoothstep(0.80, 0.90, d) * smoothstep(1.08, 1.0, d)
        trace = np.maximum(trace, ball * np.clip(smoothstep(0.54, 0.46, d) + ring, 0, 1))
    colour = over(colour, (0.07, 0.03, 0.03), trace, 0.93)
    for eye in scene.eyes:
        colour = over(colour, (1, 1, 0.97), scene.spot(eye, 0.30, 0.22, -0.32, -0.34))
    return colour


def border(values: np.ndarray) -> np.ndarray:
    """Pixels whose value differs from the one before them in their row or column."""
    out = np.zeros(values.shape, bool)
    out[:, 1:] |= values[:, 1:] != values[:, :-1]
    out[1:] |= values[1:] != values[:-1]
    return out
