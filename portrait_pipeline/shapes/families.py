"""Families of artistic exaggeration: one smooth warp of a frontal face, steered by a table.

Every family is a row of ``FAMILIES``: the effect of full strength on a few of the warp's ``EFFECTS``. The
generator draws the strength, a spread around the row and often a second family, so that no two faces are
alike. Coordinates here are those of the face: origin midway between the eyes, unit = the distance of the eye
centres, x to image right, y **up**.
"""

from __future__ import annotations

import numpy as np

from .points import BROW_LEFT, BROW_RIGHT, EYE_LEFT, EYE_RIGHT, JAW, LIP_INNER, LIP_OUTER, MOUTH, NOSE_BASE, NOSE_BRIDGE

EFFECTS: dict[str, float] = {
    # name: natural spread (standard deviation) that every art face gets, whatever its family
    "aspect": 0.05,  # log of height over width of the whole face
    "caricature": 0.0,  # share by which the difference from the mean face is amplified
    "eye_size": 0.06,  # log
    "eye_open": 0.14,  # log of the height of the eye opening alone
    "eye_spacing": 0.045,  # log of the distance between the eyes
    "eye_tilt": 0.06,  # radians, outer corners up
    "brow_raise": 0.035,  # eye distances
    "brow_angle": 0.06,  # radians, inner ends down
    "brow_arch": 0.12,  # log of the height of the arch
    "brow_length": 0.06,  # log
    "nose_length": 0.07,  # log of eyes to nose base
    "nose_width": 0.09,  # log
    "nose_hook": 0.03,  # eye distances by which the tip drops below (or rises from) the nose base
    "nose_base": 0.015,  # eye distances by which the middle of the nose base drops below the wings
    "nose_bend": 0.012,  # eye distances to image right
    "philtrum": 0.10,  # log of nose base to mouth
    "mouth_width": 0.08,  # log
    "lip_full": 0.13,  # log of the height of the lips
    "mouth_open": 0.015,  # eye distances
    "mouth_curve": 0.02,  # eye distances by which the corners rise
    "chin_length": 0.07,  # log of mouth to chin
    "cheek_width": 0.04,  # log of the outline's width at the temples
    "jaw_width": 0.06,  # log, at the jaw corners
    "chin_width": 0.12,  # log, beside the chin
    "jaw_square": 0.05,  # share, jaw corners outwards and down
    "inner_size": 0.04,  # log of all features against the outline
    "inner_low": 0.03,  # eye distances by which the features sit lower in the outline
    "eye_uneven": 0.02,  # eye distances, image-right eye higher
    "eye_unlike": 0.05,  # log, image-right eye larger
    "jaw_skew": 0.02,  # eye distances of the chin to image right
    "mouth_skew": 0.02,  # eye distances of the mouth to image right
    "mouth_tilt": 0.025,  # radians
    "half_width": 0.025,  # log, image-right half wider
    "wobble": 0.007,  # eye distances, smooth unevenness of every line
}

FAMILIES: dict[str, dict[str, float]] = {
    "near_life": {},
    "classical": {"jaw_width": -0.14, "chin_width": -0.2, "cheek_width": -0.1, "mouth_width": -0.1, "eye_size": 0.08},
    "elongated": {"aspect": 0.38, "nose_length": 0.12, "chin_length": 0.1},
    "squat": {"aspect": -0.34, "jaw_width": 0.08},
    "big_eyes": {"eye_size": 0.42, "eye_open": 0.15, "brow_raise": 0.08},
    "small_eyes": {"eye_size": -0.38, "eye_open": -0.25},
    "close_eyes": {"eye_spacing": -0.2, "nose_width": -0.1},
    "wide_eyes": {"eye_spacing": 0.2},
    "slanted_eyes": {"eye_tilt": 0.36, "eye_open": -0.15, "brow_angle": 0.15},
    "drooping_eyes": {"eye_tilt": -0.3, "brow_angle": -0.26, "mouth_curve": -0.06},
    "wide_jaw": {"jaw_width": 0.3, "chin_width": 0.4, "jaw_square": 0.15},
    "narrow_jaw": {"jaw_width": -0.25, "chin_width": -0.3},
    "square_jaw": {"jaw_square": 0.4, "chin_width": 0.4, "jaw_width": 0.1},
    "pointed_chin": {"chin_width": -0.65, "chin_length": 0.4, "jaw_width": -0.12},
    "long_chin": {"chin_length": 0.6, "chin_width": -0.1},
    "receding_chin": {"chin_length": -0.4, "jaw_width": -0.05},
    "long_nose": {"nose_length": 0.4, "nose_hook": 0.05},
    "wide_nose": {"nose_width": 0.45, "nose_length": -0.05},
    "hooked_nose": {"nose_hook": 0.16, "nose_length": 0.18, "nose_width": 0.12},
    "tiny_nose": {"nose_length": -0.28, "nose_width": -0.4, "nose_hook": -0.05},
    "wide_mouth": {"mouth_width": 0.4, "mouth_curve": 0.08},
    "tiny_mouth": {"mouth_width": -0.45, "lip_full": 0.05},
    "full_lips": {"lip_full": 0.55, "mouth_width": 0.05},
    "thin_lips": {"lip_full": -0.6, "mouth_width": 0.1},
    "shouting": {"mouth_open": 0.26, "chin_length": 0.3, "mouth_width": 0.1, "brow_raise": 0.08},
    "high_brows": {"brow_raise": 0.2, "brow_arch": 0.5},
    "angry_brows": {"brow_angle": 0.34, "brow_raise": -0.07, "eye_open": -0.15, "mouth_curve": -0.05},
    "flat_brows": {"brow_raise": -0.05, "brow_arch": -1.2, "brow_length": 0.15},
    "low_features": {"inner_low": 0.22, "chin_length": -0.2},
    "high_features": {"inner_low": -0.16, "chin_length": 0.3},
    "small_features": {"inner_size": -0.28, "cheek_width": 0.05},
    "large_features": {"inner_size": 0.2},
    "crooked": {"jaw_skew": 0.14, "mouth_skew": 0.1, "mouth_tilt": 0.14, "nose_bend": 0.06, "half_width": 0.12},
    "cubist": {"eye_uneven": 0.2, "eye_unlike": 0.35, "nose_bend": 0.12, "mouth_skew": 0.14, "half_width": 0.28},
    "caricature": {"caricature": 1.5},
    "modigliani": {
        "aspect": 0.34,
        "nose_length": 0.26,
        "nose_width": -0.2,
        "mouth_width": -0.3,
        "eye_size": -0.12,
        "eye_open": -0.12,
        "chin_width": -0.3,
        "brow_arch": 0.25,
        "chin_length": -0.1,
    },
    "byzantine": {
        "aspect": 0.2,
        "eye_size": 0.24,
        "nose_length": 0.26,
        "nose_width": -0.28,
        "mouth_width": -0.28,
        "brow_arch": 0.3,
        "chin_length": -0.12,
    },
    "manga": {
        "eye_size": 0.42,
        "eye_open": 0.4,
        "nose_width": -0.5,
        "nose_length": -0.08,
        "mouth_width": -0.35,
        "chin_width": -0.4,
        "jaw_width": -0.1,
        "lip_full": -0.3,
    },
    "chibi": {
        "aspect": -0.24,
        "eye_size": 0.36,
        "inner_low": 0.14,
        "nose_width": -0.4,
        "mouth_width": -0.22,
        "nose_length": -0.2,
        "chin_length": -0.15,
    },
    "ukiyo_e": {
        "aspect": 0.26,
        "eye_size": -0.3,
        "eye_tilt": 0.2,
        "nose_length": 0.26,
        "mouth_width": -0.45,
        "brow_raise": 0.16,
        "brow_arch": -0.5,
        "nose_width": -0.2,
        "jaw_square": 0.1,
    },
    "hero": {
        "jaw_square": 0.3,
        "chin_length": 0.2,
        "brow_angle": 0.16,
        "eye_open": -0.2,
        "brow_raise": -0.05,
        "jaw_width": 0.1,
    },
    "expressionist": {
        "eye_size": 0.22,
        "mouth_width": 0.14,
        "lip_full": 0.3,
        "wobble": 0.02,
        "mouth_tilt": 0.06,
        "eye_uneven": 0.06,
    },
    "grotesque": {"caricature": 0.9, "nose_width": 0.25, "chin_length": 0.2, "wobble": 0.015},
}

_CORNER = 0.5  # where the jaw corner lies on half of the jaw line, 0 = chin, 1 = temple


def warp(points: np.ndarray, effect: dict[str, np.ndarray], wobble: np.ndarray) -> np.ndarray:
    """Exaggerate frontal faces.

    Args:
        points: (N, 68, 2) face coordinates (see the module).
        effect: every name of ``EFFECTS`` except ``caricature`` to (N,) values; all 0 returns the input.
        wobble: (N, 68, 2) smooth standard-normal unevenness, scaled by ``effect["wobble"]``.

    Returns:
        (N, 68, 2) in the same coordinates.
    """
    p = np.array(points, float)
    base_eye = p[:, 36:48].mean(1)
    p = _lengthen(p, effect)
    p = _outline(p, effect)
    p = _inner(p, effect)
    p = _eyes_and_brows(p, effect)
    p = _nose(p, effect)
    p = _mouth(p, effect)
    p = _skew(p, effect)
    half = np.exp(effect["aspect"] / 2)[:, None]
    p = p - base_eye[:, None]
    p = np.stack([p[..., 0] / half, p[..., 1] * half], axis=-1) + base_eye[:, None]
    return p + effect["wobble"][:, None, None] * wobble


def _col(value: np.ndarray) -> np.ndarray:
    return np.asarray(value, float)[:, None]


def _lengthen(p: np.ndarray, effect: dict[str, np.ndarray]) -> np.ndarray:
    """Stretch the thirds of the face: eyes to nose base, to mouth, to chin; everything in between moves
    along.
    """
    eye, nose = np.zeros(len(p)), p[:, 31:36, 1].mean(1)
    mouth, chin = p[:, [48, 54], 1].mean(1), p[:, 8, 1]
    knots = np.stack([eye, nose, mouth, chin], axis=1)
    lengths = -np.diff(knots, axis=1) * np.exp(
        np.stack([effect["nose_length"], effect["philtrum"], effect["chin_length"]], axis=1)
    )
    moved = np.concatenate([knots[:, :1], knots[:, :1] - np.cumsum(lengths, axis=1)], axis=1)
    out = p.copy()
    y = p[..., 1]
    for i in range(3):
        upper, lower = knots[:, [i]], knots[:, [i + 1]]
        share = (upper - y) / (upper - lower)
        inside = (y < upper) & ((y >= lower) | (i == 2))
        there = moved[:, [i]] + share * (moved[:, [i + 1]] - moved[:, [i]])
        out[..., 1] = np.where(inside, there, out[..., 1])
    # The lips keep their thickness and the nose base its height: only their places change.
    for group, centre, knot in ((MOUTH, mouth, 2), (NOSE_BASE, nose, 1)):
        out[:, group, 1] = y[:, group] + _col(moved[:, knot] - centre)
    return out


def _outline(p: np.ndarray, effect: dict[str, np.ndarray]) -> np.ndarray:
    """Widths of the jaw line at temple, jaw corner and chin, and how square its corners are."""
    t = np.abs(np.arange(-8, 9) / 8.0)
    at_corner = np.exp(-(((t - _CORNER) / 0.22) ** 2))
    at_temple = 1 / (1 + np.exp(-(t - 0.78) / 0.06))
    at_chin = np.exp(-((t / 0.3) ** 2))
    log_width = (
        _col(effect["cheek_width"]) * at_temple
        + _col(effect["jaw_width"]) * np.maximum(at_corner, at_chin * 0.6)
        + _col(effect["chin_width"]) * at_chin
        + 0.45 * _col(effect["jaw_square"]) * at_corner
    )
    out = p.copy()
    middle = p[:, [8], 0]
    out[:, JAW, 0] = middle + (p[:, JAW, 0] - middle) * np.exp(log_width)
    drop = np.exp(-(((t - 0.4) / 0.16) ** 2))
    out[:, JAW, 1] -= 0.35 * _col(effect["jaw_square"]) * drop
    return out


def _inner(p: np.ndarray, effect: dict[str, np.ndarray]) -> np.ndarray:
    """Size and height of all features against the outline."""
    out = p.copy()
    centre = p[:, 17:].mean(1, keepdims=True)
    size = np.exp(effect["inner_size"])[:, None, None]
    out[:, 17:] = centre + (p[:, 17:] - centre) * size
    out[:, 17:, 1] -= _col(effect["inner_low"])
    return out


def _scale(p: np.ndarray, rows: np.ndarray, centre: np.ndarray, sx: np.ndarray, sy: np.ndarray) -> None:
    """Scale rows about (N, 2) centres in place."""
    q = p[:, rows] - centre[:, None]
    p[:, rows] = centre[:, None] + q * np.stack([sx, sy], axis=-1)[:, None]


def _rotate(p: np.ndarray, rows: np.ndarray, centre: np.ndarray, angle: np.ndarray) -> None:
    """Rotate rows about (N, 2) centres in place, counter-clockwise for positive (N,) angles."""
    q = p[:, rows] - centre[:, None]
    cos, sin = np.cos(_col(angle)), np.sin(_col(angle))
    p[:, rows] = centre[:, None] + np.stack(
        [cos * q[..., 0] - sin * q[..., 1], sin * q[..., 0] + cos * q[..., 1]], axis=-1
    )


def _eyes_and_brows(p: np.ndarray, effect: dict[str, np.ndarray]) -> np.ndarray:
    out = p.copy()
    for side, eye, brow in ((-1, EYE_LEFT, BROW_LEFT), (1, EYE_RIGHT, BROW_RIGHT)):
        size = np.exp(effect["eye_size"] + side * effect["eye_unlike"] / 2)
        centre = out[:, eye].mean(1)
        _scale(out, eye, centre, size, size * np.exp(effect["eye_open"]))
        _rotate(out, eye, centre, side * effect["eye_tilt"])
        both = np.concatenate([eye, brow])
        out[:, both, 0] += _col(side * 0.5 * (np.exp(effect["eye_spacing"]) - 1))
        out[:, both, 1] += _col(side * effect["eye_uneven"] / 2)
        brow_centre = out[:, brow].mean(1)
        length = np.exp(effect["brow_length"] + 0.5 * effect["eye_size"])
        ends = out[:, brow[[0, -1]], 1]
        line = ends[:, :1] + (ends[:, 1:] - ends[:, :1]) * np.linspace(0, 1, 5)
        out[:, brow, 1] = line + (out[:, brow, 1] - line) * np.exp(_col(effect["brow_arch"]))
        out[:, brow, 0] = brow_centre[:, :1] + (out[:, brow, 0] - brow_centre[:, :1]) * _col(length)
        _rotate(out, brow, brow_centre, side * effect["brow_angle"])
        # A taller eye pushes its brow up, so that the two never meet.
        growth = np.maximum(out[:, eye, 1].max(1) - p[:, eye, 1].max(1) - side * effect["eye_uneven"] / 2, 0)
        out[:, brow, 1] += _col(effect["brow_raise"] + growth)
    return out


def _nose(p: np.ndarray, effect: dict[str, np.ndarray]) -> np.ndarray:
    out = p.copy()
    _scale(out, NOSE_BASE, out[:, NOSE_BASE].mean(1), np.exp(effect["nose_width"]), np.ones(len(p)))
    out[:, NOSE_BRIDGE, 1] -= _col(effect["nose_hook"]) * np.array([0.0, 0.1, 0.5, 1.0])
    out[:, NOSE_BASE, 1] -= _col(effect["nose_hook"]) * np.array([0.0, 0.35, 0.8, 0.35, 0.0])
    out[:, NOSE_BASE, 1] -= _col(effect["nose_base"]) * np.array([0.0, 0.6, 1.0, 0.6, 0.0])
    out[:, NOSE_BRIDGE, 0] += _col(effect["nose_bend"]) * np.array([0.0, 0.5, 1.0, 1.0])
    out[:, NOSE_BASE, 0] += 0.7 * _col(effect["nose_bend"])
    return out


def _mouth(p: np.ndarray, effect: dict[str, np.ndarray]) -> np.ndarray:
    out = p.copy()
    width, full = np.exp(effect["mouth_width"]), np.exp(effect["lip_full"])
    corners = out[:, [48, 54]].mean(1)
    _scale(out, MOUTH, corners, width, np.ones(len(p)))
    lip = out[:, LIP_OUTER, 1].copy()
    inner_upper, inner_lower = out[:, [61, 62, 63], 1].mean(1), out[:, [65, 66, 67], 1].mean(1)
    upper, lower = np.arange(1, 6), np.arange(7, 12)  # within LIP_OUTER: rows 49-53 and 55-59
    lip[:, upper] = _col(inner_upper) + (lip[:, upper] - _col(inner_upper)) * _col(full)
    lip[:, lower] = _col(inner_lower) + (lip[:, lower] - _col(inner_lower)) * _col(full)
    out[:, LIP_OUTER, 1] = lip
    opening = np.maximum(effect["mouth_open"], 0)  # only opens: closing would cross the lips
    up_outer, up_inner = np.array([0, 0.5, 1, 1, 1, 0.5]), np.array([0, 0.9, 1, 0.9])
    out[:, 48:54, 1] += 0.35 * _col(opening) * up_outer
    out[:, 54:60, 1] -= 0.65 * _col(opening) * up_outer
    out[:, LIP_INNER[:4], 1] += 0.35 * _col(opening) * up_inner
    out[:, LIP_INNER[4:], 1] -= 0.65 * _col(opening) * up_inner
    half = np.maximum(np.abs(out[:, [48, 54], 0] - corners[:, :1]).mean(1), 1e-6)
    bow = ((out[:, MOUTH, 0] - corners[:, :1]) / _col(half)) ** 2
    out[:, MOUTH, 1] += _col(effect["mouth_curve"]) * bow
    _rotate(out, MOUTH, out[:, MOUTH].mean(1), effect["mouth_tilt"])
    out[:, MOUTH, 0] += _col(effect["mouth_skew"])
    # The lower lip never leaves the face: a low mouth pushes the chin down.
    lips, chin = out[:, 57, 1], out[:, 8, 1]
    push = np.maximum(chin - (lips - 0.12), 0)
    t = np.abs(np.arange(-8, 9) / 8.0)
    out[:, JAW, 1] -= _col(push) * np.cos(t * np.pi / 2) ** 1.5
    return out


def _skew(p: np.ndarray, effect: dict[str, np.ndarray]) -> np.ndarray:
    out = p.copy()
    depth = np.clip(-p[:, JAW, 1] / np.maximum(-p[:, [8], 1], 1e-6), 0, 1) ** 2
    out[:, JAW, 0] += _col(effect["jaw_skew"]) * depth
    right = out[..., 0] > 0
    out[..., 0] *= np.exp(np.where(right, 0.5, -0.5) * _col(effect["half_width"]))
    return out
