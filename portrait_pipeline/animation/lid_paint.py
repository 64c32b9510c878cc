"""What is painted on the upper lids: skin that a blink may stretch, with the lash line at its edge.

Of an open eye the texture shows the lid as a narrow band, dark of lashes, crease and shade, and often with the upper
part of a painted eye on it. A blink stretches that band to the whole lid. So between the lash line and the skin below
the brow the band takes the colour of the skin about the eye, and the strokes of the cheek below it as the closed lid
would have them: its own would be drawn out to streaks.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from ..base.filters import weighted_mean
from ..head.model import FaceModel
from ..mesh.render import Framing, View, rasterise, sample_texture
from ..mesh.texels import TexelMap, texel_map
from .eyeball import Eyeball
from .lids import Lids

_LASHES = (0.05, 0.22)  # of the lid's way down, from the closed lid's edge: the lash line, and where skin begins
_LINE = 0.13  # cm, the lash line's height
_FOLD = (1.0, 1.7)  # where it runs into what is painted under the brow
_STRENGTH = 0.95
_AROUND = 2.6  # radii of the eyeball about its centre, where skin is looked for
_TONE = 12.0  # grey levels by which skin differs from its median there
_SPREAD, _STROKE = 0.5, 0.25  # cm: of the skin's colour, and of what counts as a stroke
_BELOW = 2.2  # radii of the eyeball below its middle, where the cheek has the strokes that a lid takes
_CHEEK = 256  # px of the picture of it
_BEYOND, _WITHIN = 0.25, 0.10  # of the eye's width beside and inside its corners, where lid begins
_MOST = 28.0  # grey levels, of a stroke


def painted_lids(
    model: FaceModel,
    texture: np.ndarray,
    eyes: Iterable[tuple[Lids, np.ndarray]],
    picture: np.ndarray,
) -> np.ndarray:
    """The head's texture (S, S, 3) uint8 with upper lids that can close.

    Args:
        eyes: lids, and the head (V, 3) with them closed. picture: (V, 3) head in which the texture was painted.
    """
    texels = texel_map(model.mesh(), len(texture))
    result = texture.astype(np.float32)
    for lids, closed in eyes:
        result = _with_lid(model, texels, result, lids, closed, picture)
    return np.clip(np.rint(result), 0, 255).astype(np.uint8)


def _with_lid(
    model: FaceModel, texels: TexelMap, texture: np.ndarray, lids: Lids, closed: np.ndarray, picture: np.ndarray
) -> np.ndarray:
    ball = lids.ball
    away = np.linalg.norm((picture - ball.centre) / ball.stretch, axis=1) / ball.radius
    near = (away < _AROUND) & (picture[:, 2] > ball.centre[2])
    share = np.zeros(len(picture))
    share[near] = lid_share(lids, closed, picture, np.flatnonzero(near))
    line = np.zeros(len(picture))
    line[near] = lash_line(lids, picture, np.flatnonzero(near))
    fields = np.stack([share, near, np.isin(np.arange(len(picture)), lids.opening.inside), line], axis=1)
    share, around, opening, line = np.moveaxis(texels.interpolate(model.triangles, fields), -1, 0)
    rows, columns = (np.flatnonzero((around > 0).any(axis=axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    share, around, opening, line, part = share[box], around[box], opening[box], line[box], texture[box]
    texel = _texel(model, picture, near, len(texture))
    light = part.mean(axis=-1)
    skin = (around > 0.5) & (share < 0.02) & (opening <= 0)
    if not skin.any():
        return texture
    usual = np.median(light[skin])
    weight = (skin * np.exp(-0.5 * ((light - usual) / _TONE) ** 2) + 1e-6).astype(np.float32)
    spread = max(0.8, _SPREAD / texel)
    plain = weighted_mean(part, weight, spread, 1e-9)
    grain = _cheek(model, texels, texture, ball, closed, picture)[box]
    change = (plain + grain - part) * (_STRENGTH * share)[..., None]
    dark = ((share + line) * np.exp((usual - light) / _TONE).clip(0, 1e3) + 1e-6).astype(np.float32)
    lashes = weighted_mean(part, dark, spread, 1e-9)
    change += (lashes - part - change) * line[..., None]
    result = texture.copy()
    result[box] += change * (opening <= 0)[..., None]
    return result


def _cheek(
    model: FaceModel, texels: TexelMap, texture: np.ndarray, ball: Eyeball, closed: np.ndarray, picture: np.ndarray
) -> np.ndarray:
    """(S, S, 3) at each texel of the lid what is painted below the eye, as far below the closed lid's place; its
    differences from the colour about it."""
    middle, half = ball.centre - [0.0, _BELOW * ball.radius, 0.0], _AROUND * ball.radius
    pixels = rasterise(model.mesh(picture), View(), Framing(middle, half), _CHEEK)
    painted, here = np.zeros((_CHEEK, _CHEEK, 3), np.float32), pixels.mask
    painted[here] = sample_texture(texture, pixels.uv[here], pixels.footprint[here])
    fine = painted - weighted_mean(painted, here.astype(np.float32), _STROKE / (2 * half) * _CHEEK)
    fine = np.clip(fine, -_MOST, _MOST) * here[..., None]
    place = texels.interpolate(model.triangles, (closed - ball.centre)[:, :2] / half)
    where = ((np.stack([place[..., 0], -place[..., 1]], axis=-1) + 1) / 2 * _CHEEK - 0.5).astype(np.float32)
    return cv2.remap(fine, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def lid_share(lids: Lids, closed: np.ndarray, picture: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """(N,) in [0, 1] of ``vertices`` (N,): 1 on the upper lid's skin, 0 at its lashes, under the brow and elsewhere."""
    edge, above = _above(lids, picture, vertices)
    upper = lids.opening.rim[lids.opening.upper]
    way = np.linalg.norm(closed[upper] - edge, axis=1).max()
    gaps = np.linalg.norm(closed[vertices][:, None] - closed[upper][None], axis=2).min(axis=1) / max(way, 1e-6)
    rise, fall = (np.clip((gaps - low) / (high - low), 0, 1) for low, high in (_LASHES, _FOLD))
    return above * rise * (1 - fall)


def lash_line(lids: Lids, picture: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """(N,) in [0, 1] of ``vertices`` (N,): 1 at the upper lid's edge, falling to 0 over ``_LINE``."""
    edge, above = _above(lids, picture, vertices)
    gaps = np.linalg.norm(picture[vertices][:, None] - edge[None], axis=2).min(axis=1)
    return above * np.exp(-((gaps / _LINE) ** 2))


def _above(lids: Lids, picture: np.ndarray, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The upper lid's edge (U, 3) from small x to large, and (N,) in [0, 1] which vertices lie above it."""
    edge = picture[lids.opening.rim[lids.opening.upper]]
    x, width = picture[vertices, 0], max(np.ptp(edge[:, 0]), 1e-6)
    inwards = np.minimum(x - edge[0, 0], edge[-1, 0] - x) / width
    side = np.clip((inwards + _BEYOND) / (_BEYOND + _WITHIN), 0, 1)
    return edge, side * (picture[vertices, 1] >= np.interp(x, edge[:, 0], edge[:, 1]) - 1e-6)


def _texel(model: FaceModel, picture: np.ndarray, near: np.ndarray, size: int) -> float:
    """Side of a texel about the eye, cm."""
    chosen = near[model.triangles].all(axis=1)
    corners, flat = picture[model.triangles[chosen]], np.asarray(model.uv, float)[model.uv_triangles[chosen]]
    length = np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1)
    return float(np.median(length / np.maximum(np.linalg.norm(flat[:, 1] - flat[:, 0], axis=1) * size, 1e-9)))
