"""Where the head mesh itself is to be seen: bare skin, as parsed in the photo, over the fitted head."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from .canvas import FACE_WIDTH as FW
from .canvas import Canvas
from .layers import Layers
from .masks import closed, dilate, filled, opened, polygon, smoothed

_UPRIGHT = 15.0  # degrees of yaw below which both ears are seen alike
_BALD = 0.55  # share of the scalp seen from in front that is skin,
_HAIRY = 0.12  # and share of hair on the head above the brows that makes it not bald
_OUTER = ("face", "eye_left", "eye_right", "mouth", "ear", "neck")


@dataclass(frozen=True)
class Seen:
    """What the photo shows, on the canvas (rows, columns).

    Attributes:
        inside: bool, inside the photo. known: bool, parsed.
        person: bool, the matte, continued beyond the photo.
        skin, hair, hat, clothes: float32 probabilities, 0 where unknown.
    """

    inside: np.ndarray
    known: np.ndarray
    person: np.ndarray
    skin: np.ndarray
    hair: np.ndarray
    hat: np.ndarray
    clothes: np.ndarray


@dataclass(frozen=True)
class Skin:
    """Bare skin.

    Attributes:
        bare: (rows, columns) bool, where the head's own surface is seen.
        beside: bool, skin that the fitted head misses (a cheek, an ear): neither head nor shell shows it.
        bald: whether the scalp is bare.
    """

    bare: np.ndarray
    beside: np.ndarray
    bald: bool


def bare_skin(canvas: Canvas, layers: Layers, seen: Seen) -> Skin:
    """Skin from the parsing where the fitted head's front surface lies."""
    y, _ = canvas.grid()
    chin = canvas.chin[1]
    cover = seen.hair + seen.hat + seen.clothes
    skin = layers.covered & seen.person & seen.known & seen.inside & (seen.skin > np.maximum(cover, 0.25))
    skin |= _core(canvas, layers.covered) & (cover < 0.8)
    # A collar does not stand before the jaw: the fitted jaw is a little long there.
    jaw = layers.front_is("face") & (y > canvas.landmarks[48:60, 1].mean()) & (seen.hair < 0.5)
    skin |= jaw & seen.person
    skin |= _beyond_the_photo(canvas, layers, seen, skin)
    skin = _one_piece(skin, layers, canvas.landmarks[30])
    bald = _is_bald(canvas, layers, seen)
    if bald:
        skin |= layers.covered & seen.person & layers.front_is("scalp", "face", "ear")
    skin = _both_ears(canvas, layers, seen, skin)
    slivers = _slivers(canvas, layers, seen.person & ~skin)
    skin |= slivers & layers.covered
    beside = seen.person & ~layers.covered & (slivers | ((seen.skin > 0.5) & (y > canvas.landmarks[19, 1])))
    beside &= (y < chin - 0.05 * FW) | ((y < chin + 0.10 * FW) & dilate(layers.covered, 0.12 * FW))
    return Skin(skin, beside, bald)


def _core(canvas: Canvas, covered: np.ndarray) -> np.ndarray:
    """The middle of the face, skin whatever the parsing says, unless it is sure of hair."""
    outline = canvas.landmarks[:27, :2]
    middle = canvas.landmarks[30, :2]
    return polygon(middle + (outline - middle) * [0.72, 0.82], covered.shape) & covered


def _beyond_the_photo(canvas: Canvas, layers: Layers, seen: Seen, skin: np.ndarray) -> np.ndarray:
    """Face and neck that the photo cuts off go on as they are at its border, the neck for a fourth of a face width."""
    if seen.inside.all():
        return np.zeros_like(skin)
    y, _ = canvas.grid()
    rows, columns = ndimage.distance_transform_edt(~seen.inside, return_distances=False, return_indices=True)
    cut = ~seen.inside & (skin & seen.inside)[rows, columns] & layers.front_is(*_OUTER)
    return cut & (y < canvas.chin[1] + 0.25 * FW) & (y > canvas.landmarks[17:27, 1].min() - 0.35 * FW)


def _one_piece(skin: np.ndarray, layers: Layers, nose: np.ndarray) -> np.ndarray:
    """The face's component and larger ones on ear and neck, with a smooth border and no holes."""
    skin = closed(opened(skin, 0.025 * FW), 0.04 * FW) & layers.covered
    _, labels, sizes, _ = cv2.connectedComponentsWithStats(skin.astype(np.uint8))
    large = sizes[:, cv2.CC_STAT_AREA] > (0.16 * FW) ** 2
    large[0] = False
    main = labels[int(nose[1]), int(nose[0])]
    kept = large[labels] & layers.front_is(*_OUTER)
    skin = kept | ((labels == main) if main else skin)
    skin = smoothed(skin, 0.02 * FW) & layers.covered
    return filled(skin, (0.2 * FW) ** 2) & layers.covered


def _is_bald(canvas: Canvas, layers: Layers, seen: Seen) -> bool:
    """Skin on most of what the photo shows of the scalp."""
    y, _ = canvas.grid()
    upper = seen.inside & seen.known & (y < canvas.landmarks[17:27, 1].min())
    scalp = layers.front_is("scalp") & upper
    if scalp.sum() < 50:
        return False
    hairy = (seen.hair + seen.hat > 0.5) & upper & seen.person
    bare = (seen.skin > seen.hair + seen.hat) & scalp
    return bool(bare.sum() > _BALD * scalp.sum() and hairy.sum() < _HAIRY * (layers.covered & upper).sum())


def _both_ears(canvas: Canvas, layers: Layers, seen: Seen, skin: np.ndarray) -> np.ndarray:
    """An ear in the shade passes for hair: where the other one is bare and no hair hangs beside it, so is this one."""
    ear = layers.front_is("ear")
    if abs(canvas.yaw) >= _UPRIGHT or not ear.any():
        return skin
    y, x = canvas.grid()
    jaw = canvas.landmarks[[0, 16], 0]
    sides = [ear & (x < canvas.chin[0]), ear & (x >= canvas.chin[0])]
    shares = [float((side & skin).sum() / max(side.sum(), 1)) for side in sides]
    hidden = int(np.argmin(shares))
    if not (max(shares) > 0.5 > min(shares)) or not sides[hidden].any():
        return skin
    outer = (x < jaw[0] + 0.15 * FW) if hidden == 0 else (x > jaw[1] - 0.15 * FW)
    zone = outer & (y > np.flatnonzero(ear.any(axis=1))[0]) & (y < canvas.chin[1]) & seen.person
    if (zone & ~layers.covered & (seen.skin < 0.5)).sum() > 0.08 * FW * FW:
        return skin
    return skin | (zone & layers.front_is("ear", "face"))


def _slivers(canvas: Canvas, layers: Layers, rest: np.ndarray) -> np.ndarray:
    """Strips of hair beside a bare cheek that are narrower than .05 face widths: the fit's error, not hair."""
    y, _ = canvas.grid()
    scalp = layers.front_is("scalp") & rest
    thin = rest & ~opened(rest, 0.05 * FW) & ~dilate(scalp, 0.05 * FW)
    return thin & (y > canvas.landmarks[27, 1] - 0.2 * FW)
