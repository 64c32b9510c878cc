"""The parts of the full-colour study: ground, hair, skin, features, garment."""

from __future__ import annotations

import cv2
import numpy as np

from . import features, hair, pen
from .look import Look, Palette
from .pen import Line, fill, noise_field, over, smoothstep, spline
from .render import Maps
from .sitter import Posed


def draw_hair(strands: list[hair.Strand], palette: Palette, size: int, behind: bool) -> tuple[np.ndarray, np.ndarray]:
    """Coverage (S, S) and colour (S, S, 3) of the front or back hair."""
    scale = 2
    canvas, cover = (
        np.zeros((size * scale, size * scale, 3), np.uint8),
        np.zeros((size * scale, size * scale), np.uint8),
    )
    dark, light = np.array(palette.hair), np.array(palette.hair_light)
    unit = size / 768
    mine = [s for s in strands if s.behind == behind]
    for depth, width, taper in ((0, 9.0, 0.93), (1, 2.6, 0.75)):
        for s in mine:
            profile = pen.taper_profile(len(s.points), taper) * width * unit
            pen.ink(cover, s.points, profile, 255, scale)
            tone = np.clip(s.light * (0.55 + 0.75 * s.value), 0, 1) if depth else 0.35 * s.light * np.ones(len(s.light))
            rgb = (
                dark * (0.35 + 0.65 * np.clip(2 * tone, 0, 1))[:, None]
                + (light - dark) * (np.clip(tone - 0.3, 0, 1) / 0.7)[:, None]
            )
            widths = np.maximum(1, np.round(profile * scale)).astype(int)
            p = np.round(s.points * scale * 16).astype(int)
            bytes_ = np.clip(rgb * 255, 0, 255).astype(int)
            for i in range(0, len(p) - 1):
                cv2.line(
                    canvas,
                    (int(p[i, 0]), int(p[i, 1])),
                    (int(p[i + 1, 0]), int(p[i + 1, 1])),
                    tuple(bytes_[i].tolist()),
                    int(widths[i]),
                    cv2.LINE_8,
                    4,
                )
    cover = cv2.morphologyEx(cover, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    shrink = lambda image: cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)  # noqa: E731
    mask = shrink(cover).astype(np.float32) / 255
    colour = shrink(canvas).astype(np.float32) / 255
    # Where the canvas was empty (holes closed in the mask) use the neighbourhood's colour.
    weight = shrink((canvas.sum(-1) > 0).astype(np.uint8) * 255).astype(np.float32) / 255
    near = (
        cv2.GaussianBlur(colour, (0, 0), 4 * unit)
        / np.maximum(cv2.GaussianBlur(weight, (0, 0), 4 * unit), 1e-3)[..., None]
    )
    return mask, colour + (1 - weight)[..., None] * near


def background(palette: Palette, size: int, rng: np.random.Generator) -> np.ndarray:
    """A cloudy gradient between the palette's two background colours: (size, size, 3)."""
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32) / size
    t = smoothstep(0.0, 1.0, 0.25 + 0.75 * np.hypot(columns - 0.75, rows - 0.35)) + 0.07 * noise_field(
        size, size / 3, rng
    )
    t = np.clip(t, 0, 1)[..., None]
    return (np.float32(palette.background) * (1 - t) + np.float32(palette.background_dark) * t).astype(np.float32)


def skin(posed: Posed, maps: Maps, look: Look, front_hair: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Colour of the lit skin with flush, shadow under the hair and spots: (S, S, 3), before the features are drawn."""
    palette, size = look.palette, posed.size
    x, y = maps.rest[..., 0], maps.rest[..., 1]
    spot = lambda cx, cy, r: np.exp(-(((np.abs(x) - cx) ** 2 + (y - cy) ** 2) / r**2))  # noqa: E731
    flush = (
        0.55 * spot(4.4, -0.3, 1.9) + 0.55 * spot(0, -0.2, 1.0) + 0.35 * spot(0, -6.3, 1.3) + 0.6 * spot(8.5, 1.5, 1.6)
    )
    albedo = over(
        np.tile(np.float32(palette.skin), (size, size, 1)),
        palette.blush,
        np.clip(flush * (0.6 + 0.5 * look.makeup), 0, 0.8),
    )
    albedo *= (1 + 0.025 * noise_field(size, 26 * size / 768, rng, 4))[..., None]
    beard = smoothstep(-1.6, -3.0, y) * smoothstep(-9.5, -7.5, y) * smoothstep(7.8, 6.5, np.abs(x))
    beard += 0.6 * spot(0, -2.1, 1.1) + smoothstep(5.9, 6.6, np.abs(x)) * smoothstep(3.5, 1.5, y) * smoothstep(
        -9.5, -7.5, y
    )
    albedo = over(albedo, np.float32(palette.hair) * 1.4, np.clip(beard, 0, 1) * 0.45 * look.stubble)
    lids = spot(3.2, 4.1, 1.0) * look.makeup
    albedo = over(albedo, palette.shadow, np.clip(lids, 0, 0.6))
    shadow_of_hair = _shifted(front_hair, maps.key, 10 * size / 768)
    key = (
        maps.lambert(maps.key, 0.12) * cv2.GaussianBlur(maps.lit, (0, 0), 1.5 * size / 768) * (1 - 0.6 * shadow_of_hair)
    )
    fill_light = maps.lambert((0.8, 0.1, 0.6), 0.4)
    rim = np.clip(1 - maps.normal[..., 2], 0, 1) ** 3 * maps.lambert((0.9, 0.2, -0.3))
    ambient = 0.20 * maps.openness**1.6 + 0.14 * fill_light * maps.openness
    amount = np.clip(ambient + 0.95 * key, 0, 1.25)
    half = maps.key + np.float32([0, 0, 1])
    gloss = maps.lambert(half) ** 28 * maps.lit * (0.5 + 0.5 * spot(0, 0, 1.5) + 0.3 * spot(1.6, 9, 3))
    # Three-stop ramp: shadow colour -> skin -> light; reddish where light fades out.
    low = smoothstep(0, 0.62, amount)[..., None]
    dark = np.float32(palette.shadow) * albedo / np.float32(palette.skin) * (0.35 + 1.3 * amount[..., None])
    out = dark * (1 - low) + albedo * low * np.clip(0.62 + 0.42 * amount, 0, 1.1)[..., None]
    edge = np.exp(-(((key - 0.16) / 0.12) ** 2)) * maps.openness
    out = over(out, np.float32(palette.blush), edge.astype(np.float32), 0.16)
    out = over(out, palette.light, np.clip(smoothstep(0.85, 1.25, amount) * 0.45 + 0.5 * gloss, 0, 1))
    return out + (rim * 0.5 * smoothstep(-7, -4, y))[..., None] * np.float32(palette.rim)


def under_chin(canvas: np.ndarray, posed: Posed, maps: Maps, look: Look) -> np.ndarray:
    """The shadow of the jaw on the neck, which separates the two."""
    unit = posed.size / 768
    face = face_shape(posed)
    neck = cv2.GaussianBlur(maps.inside, (0, 0), 0.7 * unit) * (1 - face) * smoothstep(-3.0, -4.5, maps.rest[..., 1])
    shadow = 0.5 + 0.5 * _shifted(face, np.float32([0.1, -1.0]), 30 * unit)
    return over(canvas, np.float32(look.palette.shadow) * 0.7, np.clip(neck * shadow, 0, 1), 0.72)


def _shifted(mask: np.ndarray, key: np.ndarray, distance: float) -> np.ndarray:
    """The soft shadow that a mask throws away from the light."""
    move = np.float32([[1, 0, -key[0] * distance], [0, 1, key[1] * distance]])
    moved = cv2.warpAffine(mask, move, mask.shape[::-1])
    return cv2.GaussianBlur(moved, (0, 0), 0.5 * distance)


def face(canvas, posed: Posed, maps: Maps, look: Look, pair, masks: dict, rng) -> np.ndarray:
    """Eyes, lips, brows and the soft accents around them, over the skin."""
    size, unit, palette, p = posed.size, posed.size / 768, look.palette, posed.points
    light = np.clip(0.35 + 0.65 * cv2.GaussianBlur(maps.lambert(maps.key, 0.3) * maps.lit, (0, 0), 12 * unit), 0, 1)
    masks["eyes"] = np.maximum(*(fill(eye.outline, size, 0.6 * unit) for eye in pair))
    hole = cv2.GaussianBlur(cv2.dilate(masks["eyes"], np.ones((5, 5))), (0, 0), 2 * unit)
    canvas = over(canvas, np.float32(palette.shadow) * 0.9, hole, 0.85)
    for eye in pair:
        canvas = features.paint_eye(canvas, eye, palette.iris, light, look.makeup, rng)
    top, bottom, relief = features.lips_shading(p, size, rng)
    masks["upper_lip"], masks["lower_lip"] = top, bottom
    shade = (0.45 + 0.55 * light)[..., None] * np.float32(palette.lips)
    strength = 0.62 + 0.3 * look.makeup
    canvas = over(canvas, shade * 0.72, top, strength)
    canvas = over(canvas, shade * 1.12, bottom, strength)
    canvas = over(canvas, palette.light, np.clip(relief - 0.3, 0, 1) * 0.55 * light)
    under = _shifted(bottom, np.float32([0, 1, 0]), 11 * unit) * (1 - bottom) * (1 - top)
    canvas = over(canvas, palette.shadow, np.clip(under, 0, 1), 0.4)
    masks["brow"] = pen.draw_lines(features.brow_hairs(p, look.brow, rng), size)
    soft = np.maximum(*(fill(brow, size, 2.2 * unit) for brow in features.brow_outlines(p, look.brow)))
    masks["brow"] = np.maximum(masks["brow"], 0.75 * soft)
    canvas = over(canvas, palette.brow, masks["brow"], 0.85)
    dark = np.float32(palette.shadow) * 0.42
    wanted = {
        "lid": 0.95,
        "lower_lid": 0.5,
        "crease": 0.6,
        "mouth": 0.85,
        "nostril": 0.8,
        "nose": 0.28,
        "fold": 0.28,
        "bag": 0.45,
        "forehead": 0.4,
        "frown": 0.4,
        "crow": 0.4,
        "chin": 0.2,
    }
    for line in features.contour_lines(posed, pair, look.age):
        if line.kind in wanted:
            mark = pen.draw_lines([line], size)
            crisp = line.kind in ("lid", "mouth", "nostril", "lower_lid")
            mark = cv2.GaussianBlur(mark, (0, 0), (0.6 if crisp else 1.6) * unit)
            canvas = over(canvas, dark, np.clip(mark * (1 if crisp else 1.5), 0, 1), wanted[line.kind])
    if look.makeup > 0.3:
        mark = pen.draw_lines(lashes(pair, rng), size)
        canvas = over(canvas, dark * 0.6, mark, look.makeup)
    return canvas


def hoops(canvas: np.ndarray, posed: Posed, look: Look) -> np.ndarray:
    """Ear rings that hang from the lobes."""
    if look.earrings is None:
        return canvas
    angle = np.linspace(0, 2 * np.pi, 60)
    for side in (-1, 1):
        hoop = np.column_stack([side * 8.0 + 1.25 * np.sin(angle), -3.4 + 1.5 * np.cos(angle), np.full(60, -3.0)])
        ring = posed.project(hoop)
        for width, factor in ((5.5, 0.55), (3.0, 1.0)):
            mark = pen.draw_lines([Line(ring, width, "hoop", 0.0)], posed.size)
            canvas = over(canvas, np.clip(np.float32(look.earrings) * factor, 0, 1), mark)
    return canvas


def lashes(pair, rng: np.random.Generator) -> list[Line]:
    """Upper lashes that fan outwards."""
    out = []
    for eye in pair:
        width = np.linalg.norm(eye.upper[-1] - eye.upper[0])
        for i in range(8, 40, 2):
            j = i if eye.outer > 0 else 39 - i
            t = i / 39
            direction = np.array([eye.outer * (t - 0.35) * 1.2, -0.75])
            root = eye.upper[j]
            tip = root + direction * width * (0.08 + 0.11 * t) * rng.uniform(0.8, 1.1)
            middle = (root + tip) / 2 + width * 0.025 * np.array([eye.outer * 0.6, 0.6])
            out.append(Line(spline(np.vstack([root, middle, tip]), 8), 1.8, "lash", 0.9))
    return out


def garment(posed: Posed, look: Look) -> dict[str, np.ndarray]:
    """Masks of cloth and shirt. Drawn in rest space around the neck, wide enough to leave the picture."""
    size = posed.size
    drop = {"jacket": -13.6, "crew": -10.6, "vneck": -12.6, "dress": -14.0}[look.collar]
    side = {"jacket": 4.6, "crew": 5.0, "vneck": 5.6, "dress": 8.5}[look.collar]
    height = {"jacket": -8.9, "crew": -9.3, "vneck": -9.6, "dress": -11.8}[look.collar]
    power = 1.0 if look.collar in ("jacket", "vneck") else 2.2
    x = np.linspace(-side, side, 41)
    neckline = np.column_stack([x, drop + (height - drop) * np.abs(x / side) ** power])
    shoulder = np.array([[side + 3.5, height - 1.6], [side + 8.5, height - 3.4], [side + 15, height - 6.5]])
    right = spline(shoulder, 24)
    left = right[::-1] * [-1, 1]
    outline = np.vstack([neckline, right, [[40, -22], [40, -60], [-40, -60], [-40, -22]], left])
    z = np.full(len(outline), -1.0)
    flat = posed.project(np.column_stack([np.clip(outline[:, 0], -22, 22), np.clip(outline[:, 1], -20, None), z]))
    # A long chin pushes the garment down.
    sink = max(0.0, posed.points[8, 1] + 0.012 * size - flat[[0, 40], 1].min()) if look.collar == "jacket" else 0.0
    sink *= 0.4
    flat[:, 1] += sink
    # Beyond the anchors of the warp continue straight to the border of the picture.
    flat[np.abs(outline[:, 0]) >= 40, 0] = np.where(outline[np.abs(outline[:, 0]) >= 40, 0] > 0, 1.3, -0.3) * size
    flat[outline[:, 1] <= -60, 1] = 1.3 * size
    masks = {"cloth": fill(flat, size), "shirt": np.zeros((size, size), np.float32)}
    if look.collar == "jacket":
        for s in (-1, 1):
            wing = np.array([[s * 4.9, -7.6], [s * 5.6, -9.8], [s * 3.3, -13.6], [s * 0.2, -11.9], [s * 2.9, -10.9]])
            wing = posed.project(np.column_stack([wing, np.full(5, 1.0)]))
            masks["shirt"] = np.maximum(masks["shirt"], fill(wing + [0, sink], size))
        inner = np.array([[-3.4, -10.5], [0, -12.0], [3.4, -10.5], [3.2, -14], [0, -22], [-3.2, -14]])
        masks["shirt"] = np.maximum(
            masks["shirt"], fill(posed.project(np.column_stack([inner, np.zeros(6)])) + [0, sink], size)
        )
        masks["cloth"] = np.maximum(masks["cloth"], masks["shirt"])
    return {name: mask * (1 - face_shape(posed)) for name, mask in masks.items()}


def face_shape(posed: Posed) -> np.ndarray:
    """Coverage (S, S) of everything above the jaw line."""
    jaw = spline(posed.points[:17], 80)
    return fill(np.vstack([jaw, [[jaw[-1, 0], 0], [jaw[0, 0], 0]]]), posed.size, 0.8 * posed.size / 768)


def dress(canvas, posed: Posed, maps: Maps, look: Look, masks: dict, rng) -> np.ndarray:
    """Garment with soft folds, its edge shaded, and its cast shadow on the neck."""
    size, unit, palette = posed.size, posed.size / 768, look.palette
    cloth = masks["cloth"]
    columns = np.mgrid[0:size, 0:size][1].astype(np.float32) / size
    folds = noise_field(size, 240 * unit, rng, 3)
    form = 0.55 + 0.22 * np.cos((columns - 0.32) * 3.6) + 0.13 * folds
    shade = np.clip(form, 0, 1)[..., None]
    colour = np.float32(palette.cloth) * (1 - shade) * 1.1 + np.float32(palette.cloth_light) * shade
    colour = over(colour, np.float32(palette.shirt) * (0.55 + 0.5 * shade), masks["shirt"])
    rim = np.clip(cloth - cv2.GaussianBlur(cloth, (0, 0), 6 * unit), 0, 1)
    colour = colour * (1 - 0.5 * rim[..., None])
    canvas = over(
        canvas, palette.shadow, np.clip(cv2.GaussianBlur(cloth, (0, 0), 7 * unit) * masks["head"], 0, 1), 0.45
    )
    return over(canvas, colour, cloth)
