"""Which part of an artwork is skin, hair or neither: where things usually lie about the landmarks, and their colours.

Nothing here knows photographs of people: an artwork may be a painting, a woodcut, a comic or a line drawing. What
they share is that a colour that fills the face is skin, and that one which crowns it and fills neither the face nor
the far surroundings is hair. Each pixel has a prior for each of the three classes from its place in the frame of the
landmarks; what each class looks like is learned from this one picture (see :mod:`.colour_codes`).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.special import expit

from ..base.errors import LandmarkError
from ..regions.labels import disc
from .colour_codes import LIGHT, codebook, describe, guided, learn, likeness
from .labels import BACKGROUND, HAIR, SKIN, head_polygon, mouth_is_open, region_map

_FACE_SIDE = 110.0  # px of the face's width in the working image
_LONGEST_SIDE = 420  # px of the working image
_SMALLEST = 8.0  # px of a face's width
_CERTAIN = (0.80, 0.80)  # posterior that skin and hair need
_HAT = (0.35, 0.25)  # overlaps of the colours beside the temples with the crown's and the surroundings': less is a hat
_LEAST = 0.04  # share of the skin's area that hair needs
_DARKER = 12.0  # L* by which hair that looks like the surroundings must be darker than the skin


@dataclass(frozen=True)
class _Frame:
    """Places in units of the face: X right in half widths, Y up from the ears' line in lengths to the chin."""

    across: np.ndarray
    up: np.ndarray


def portrait_regions(art: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Label every pixel of an artwork: SKIN, HAIR, EYES, LIPS, TEETH, or BACKGROUND for what should not be used.

    BACKGROUND holds surroundings, clothes and hats as far as they can be told, and every pixel that is in doubt: a
    pixel too few costs nothing, a wrong one bleeds. SKIN may include neck and ears. There is no HAIR where nothing
    sets it apart from skin and surroundings.

    Args:
        art: (H, W, 3) uint8 RGB.
        points: (68, 2) px, iBUG order.

    Returns:
        (H, W) uint8 labels of :mod:`.labels`. The same input gives the same bits.

    Raises:
        LandmarkError: the face is narrower than 8 px.
    """
    height, width = art.shape[:2]
    points = np.asarray(points, float)
    side = float(np.linalg.norm(points[16] - points[0]))
    if side < _SMALLEST:
        raise LandmarkError(
            f"landmarks of the artwork: the face is {side:.1f} px wide; it must be at least {_SMALLEST:.0f} px: "
            "check the points"
        )
    factor = min(_FACE_SIDE / side, _LONGEST_SIDE / max(height, width))
    small = (max(8, round(width * factor)), max(8, round(height * factor)))
    picture = cv2.resize(art, small, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    scaled = points * np.array([small[0] / width, small[1] / height])
    coarse = _skin_and_hair(picture, scaled)
    labels = np.full((height, width), BACKGROUND, np.uint8)
    for label in (SKIN, HAIR):
        share = cv2.resize((coarse == label).astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        labels[share > 0.6] = label
    features = region_map(points, (height, width), mouth_is_open(points))
    return np.where(features != SKIN, features, labels)


def _skin_and_hair(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(h, w) SKIN, HAIR or BACKGROUND of the working image."""
    shape = picture.shape[:2]
    unit = float(np.linalg.norm(points[16] - points[0]))
    frame = _frame(points, shape)
    prior = _priors(frame, points, shape)
    features = region_map(points, shape, mouth_is_open(points)) != SKIN
    codes, centres = codebook(describe(picture, unit))
    alike = likeness(centres)
    histograms = learn(codes, prior, ~features, alike)
    posterior = _posterior(codes, prior, histograms, picture, unit)
    under = _under_hat(codes, posterior, frame, centres[:, 0] / LIGHT, alike)
    if under is not None:
        hair, hat = under
        histograms = np.stack([histograms[0], hair, 0.5 * (histograms[2] + hat)])
        posterior = _posterior(codes, prior, histograms, picture, unit)
    posterior[..., 1] *= _set_apart(histograms, centres)[codes]
    return _decide(posterior, frame, points, unit, features, under is not None)


def _under_hat(
    codes: np.ndarray, posterior: np.ndarray, frame: _Frame, light: np.ndarray, alike: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """How often hair and hat show each code, (K,) both; None without a clear sign of a hat.

    The sign: what lies beside the temples is for the most part much darker than the skin, and neither the crown nor the
    far surroundings show much of it.
    """
    x, y = np.abs(frame.across), frame.up
    crown = (posterior[..., 1] > _CERTAIN[1]) & (y > 0.45)
    temples = (posterior[..., 0] < 0.5) & (x > 0.85) & (x < 1.35) & (y > -0.5) & (y < 0.25)
    far = (x > 1.55) & (y > -0.6)
    if not crown.any() or not temples.any():
        return None
    count = len(light)
    skin = np.median(light[codes[posterior[..., 0] > _CERTAIN[0]]]) if (posterior[..., 0] > _CERTAIN[0]).any() else 0.0
    dark = np.bincount(codes[temples], minlength=count) * (light < skin - _DARKER)
    if dark.sum() < 0.5 * temples.sum():
        return None
    hair, hat, around = (
        _shares(part, alike)
        for part in (dark, np.bincount(codes[crown], minlength=count), np.bincount(codes[far], minlength=count))
    )
    if np.minimum(hair, hat).sum() > _HAT[0] or np.minimum(hair, around).sum() > _HAT[1]:
        return None
    return hair, hat


def _shares(counts: np.ndarray, alike: np.ndarray) -> np.ndarray:
    share = counts / max(counts.sum(), 1) @ alike + 2e-3 / len(counts)
    return share / share.sum()


def _frame(points: np.ndarray, shape: tuple[int, int]) -> _Frame:
    middle, half = (points[0] + points[16]) / 2, (points[16] - points[0]) / 2
    down = points[8] - middle
    basis = np.stack([half, -down], axis=1)
    if abs(np.linalg.det(basis)) < 1e-6:
        basis = np.eye(2) * max(float(np.linalg.norm(half)), 1.0) * [1, -1]
    rows, columns = np.indices(shape)
    place = np.stack([columns + 0.5 - middle[0], rows + 0.5 - middle[1]], axis=-1) @ np.linalg.inv(basis).T
    return _Frame(place[..., 0], place[..., 1])


def _priors(frame: _Frame, points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(h, w, 3) how likely skin, hair and neither are at each place, before any colour is seen."""
    x, y = np.abs(frame.across), frame.up
    unit = np.linalg.norm(points[16] - points[0])
    jaw = _signed_distance(head_polygon(points, 0.35), shape) / unit
    inner = _signed_distance(cv2.convexHull(points.astype(np.float32))[:, 0], shape) / unit
    forehead = np.where(y > 0, np.hypot(x / 1.02, y / 0.75), np.inf)
    skin = np.maximum(expit((jaw - 0.02) / 0.02) * (y < 0.0) * 0.97, 0.9 * expit((0.95 - forehead) / 0.12))
    skin = np.maximum(skin, 0.98 * expit((inner - 0.07) / 0.02))
    ear = np.exp(-(((x - 1.12) / 0.14) ** 2) - ((y + 0.15) / 0.3) ** 2)
    neck = expit((-0.7 - y) / 0.08) * expit((0.75 - x) / 0.08) * expit((y + 1.7) / 0.08) * (jaw < 0)
    skin = np.maximum(skin, np.maximum(0.4 * ear, 0.4 * neck))
    crown = expit((1 - np.hypot(x / 1.32, np.maximum(y, 0) / 1.4)) / 0.10) * expit((y + 0.1) / 0.1)
    beside = expit((1.4 - x) / 0.08) * expit((y + 1.0) / 0.1) * 0.5
    hair = np.maximum(crown, beside) * (1 - 0.97 * skin) + 0.01
    behind = 1 - expit((1 - np.hypot(x / 1.4, np.where(y > 0, y / 1.45, y / 2))) / 0.12) * 0.9
    low = expit((-0.85 - y) / 0.08)
    other = np.maximum(behind, 0.7 * low) * (1 - 0.97 * skin) + 0.02
    prior = np.stack([skin + 0.005, hair, other], axis=-1)
    return prior / prior.sum(axis=-1, keepdims=True)


def _signed_distance(polygon: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(h, w) px, positive inside the polygon."""
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.rint((polygon - 0.5) * 16).astype(np.int32)], 1, shift=4)
    padded = [cv2.copyMakeBorder(m, 1, 1, 1, 1, cv2.BORDER_REPLICATE) for m in (mask, 1 - mask)]
    inside, outside = (cv2.distanceTransform(m, cv2.DIST_L2, 3)[1:-1, 1:-1] for m in padded)
    if not mask.any():
        inside, outside = np.zeros(shape), np.full(shape, float(max(shape)))
    return inside - outside


def _posterior(
    codes: np.ndarray, prior: np.ndarray, histograms: np.ndarray, picture: np.ndarray, unit: float
) -> np.ndarray:
    """(h, w, 3) probabilities; the colours' evidence is averaged over neighbours of like colour first."""
    evidence = np.log(histograms)[:, codes].transpose(1, 2, 0)
    guide = picture.astype(np.float32).mean(axis=2) / 255.0
    radius = max(1, round(0.03 * unit))
    evidence = np.stack([guided(guide, evidence[..., c].astype(np.float32), radius) for c in range(3)], axis=-1)
    score = evidence + np.log(prior)
    score -= score.max(axis=-1, keepdims=True)
    share = np.exp(score)
    return share / share.sum(axis=-1, keepdims=True)


def _set_apart(histograms: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(K,) 1 for codes that can be hair: commoner there than in the surroundings, or clearly darker than the skin."""
    skin, hair, other = histograms
    light = centres[:, 0] / LIGHT
    dark = light < skin @ light - _DARKER
    return ((hair > 1.2 * other) | dark).astype(float)


def _decide(
    posterior: np.ndarray,
    frame: _Frame,
    points: np.ndarray,
    unit: float,
    features: np.ndarray,
    hat: bool,
) -> np.ndarray:
    """(h, w) labels: certain pixels only, in pieces that hang together with the face, drawn in at their borders."""
    shape = posterior.shape[:2]
    core = _signed_distance(head_polygon(points, 0.2), shape) > 0.06 * unit
    skin = (posterior[..., 0] > _CERTAIN[0]) | features
    skin = _shrunk(_filled(_joined(_tidy(skin, unit), core), 0.06 * unit * unit), unit)
    hair = _tidy(posterior[..., 1] > _CERTAIN[1], unit)
    near = (_signed_distance(head_polygon(points, 0.7), shape) > -0.12 * unit) & (frame.up > (-0.6 if hat else 0.1))
    hair = _shrunk(_large(_joined(hair, near)), unit)
    labels = np.full(shape, BACKGROUND, np.uint8)
    labels[skin] = SKIN
    if (hair & ~skin).sum() > _LEAST * skin.sum():
        labels[hair & ~skin] = HAIR
    return labels


def _tidy(mask: np.ndarray, unit: float) -> np.ndarray:
    """Lines thinner than about 2 % of the face belong to what surrounds them."""
    kernel = disc(0.02 * unit)
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, kernel, borderType=cv2.BORDER_REPLICATE)
    return cv2.morphologyEx(closed, cv2.MORPH_OPEN, kernel, borderType=cv2.BORDER_REPLICATE) > 0


def _joined(mask: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """The connected parts of the mask that touch the seed."""
    _, parts = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    keep = np.unique(parts[seed & mask])
    return np.isin(parts, keep[keep > 0])


def _filled(mask: np.ndarray, largest: float) -> np.ndarray:
    """The mask with its holes of up to ``largest`` px: brows, nostrils, lines and lights."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=8)
    left, top, wide, high, area = stats.T
    inside = (left > 0) & (top > 0) & (left + wide < mask.shape[1]) & (top + high < mask.shape[0])
    holes = inside & (area <= largest)
    holes[0] = False
    return mask | holes[parts]


def _large(mask: np.ndarray, share: float = 0.15) -> np.ndarray:
    """The connected parts with at least ``share`` of the largest one's area."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    areas = stats[1:, cv2.CC_STAT_AREA]
    return np.isin(parts, 1 + np.flatnonzero(areas >= share * areas.max(initial=0)))


def _shrunk(mask: np.ndarray, unit: float) -> np.ndarray:
    return cv2.erode(mask.astype(np.uint8), disc(0.012 * unit), borderType=cv2.BORDER_CONSTANT, borderValue=1) > 0
