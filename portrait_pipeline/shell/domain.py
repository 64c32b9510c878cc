"""The pixels over which the shell spreads: hair and clothes, and what of the head they cover from behind."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .canvas import FACE_WIDTH as FW
from .canvas import Canvas
from .layers import Layers
from .masks import closed, dilate, erode, opened, polygon, smoothed, without_small
from .skin import Seen, Skin

_BESIDE = 0.13 * FW  # so much hair beside the head makes a row a row of long hair
_LONG = 0.6  # share of such rows


@dataclass(frozen=True)
class Domain:
    """Where the shell is, on the canvas (rows, columns).

    Attributes:
        mask: bool, the shell. worn: bool, hair, hat and clothes as seen in front.
        long_hair: whether hair hangs beside the head; then it covers nape and ears behind.
        nape: y of the neck's foot behind.
    """

    mask: np.ndarray
    worn: np.ndarray
    long_hair: bool
    nape: float


def shell_domain(canvas: Canvas, layers: Layers, seen: Seen, skin: Skin, neck: np.ndarray) -> Domain:
    """The domain of the obstacle problems.

    Args:
        neck: (N, 3) the neck's vertices, canvas space.
    """
    y, _ = canvas.grid()
    chin, bare = canvas.chin[1], skin.bare
    worn = seen.person & ~bare & ~skin.beside
    if skin.bald:
        worn &= y > chin - 0.1 * FW
    mask = worn | _skull(canvas, layers, skin)
    mask = _across_rows(canvas, mask, worn, skin)
    long_hair = not skin.bald and _hair_hangs(canvas, layers, seen, worn)
    if long_hair:
        mask |= bare & layers.back_is("neck", "scalp", "ear")
    foot, nape = neck[:, 1].max(), neck[neck[:, 2] < np.quantile(neck[:, 2], 0.15), 1].max()
    mask |= layers.front_is("neck") & (y > max(foot - 0.30 * FW, chin + 0.06 * FW))
    # The shoulders close behind the neck, or its open foot would show from behind; a little wider than the neck, or
    # they would stand behind it as a wall, but hardly wider than the photo shows.
    stump = polygon(neck[:, :2], mask.shape) & layers.covered & (y > nape - 0.16 * FW)
    if long_hair:
        stump |= skin.bare & layers.back_is("neck")
    mask |= dilate(stump, 0.02 * FW) | dilate(stump, 0.05 * FW) & dilate(seen.person, 2)
    mask = smoothed(closed(mask, 0.03 * FW), 1.2)
    mask &= opened(mask, 0.035 * FW) | layers.front_is("scalp")
    if not skin.bald:  # no smoothing may bare the skull where hair ends in a corner
        mask |= dilate(layers.front_is("scalp") & ~skin.bare, 0.3 * canvas.cm) & ~dilate(skin.bare, 1)
    return Domain(without_small(mask, (0.25 * FW) ** 2), worn, long_hair, float(nape))


def _skull(canvas: Canvas, layers: Layers, skin: Skin) -> np.ndarray:
    """The covered scalp with a rim about it, and the back of the skull behind the face."""
    if skin.bald:
        return np.zeros_like(skin.bare)
    y, _ = canvas.grid()
    rim = dilate(layers.front_is("scalp") & ~skin.bare, 0.3 * canvas.cm) & ~dilate(skin.bare, 0.05 * FW)
    ear_front = layers.front_is("ear")
    shown = (ear_front & skin.bare).sum() > 0.4 * max(ear_front.sum(), 1)
    ears = skin.bare & (ear_front | (layers.back_is("ear") & shown))
    skull = layers.back_is("scalp", "face") | layers.front_is("scalp")
    behind = erode(skull & ~ears, 0.03 * FW) & skin.bare & (y < canvas.landmarks[33, 1])
    return rim | behind


def _across_rows(canvas: Canvas, mask: np.ndarray, worn: np.ndarray, skin: Skin) -> np.ndarray:
    """Between hair (or collar) on both sides of cheeks and neck the shell goes on behind them."""
    mask = mask.copy()
    middle, chin = int(canvas.chin[0]), canvas.chin[1]
    for row in range(int(canvas.landmarks[27, 1]), len(mask)):
        sides = np.flatnonzero(worn[row])
        if not len(sides) or (skin.bald and row < chin - 0.1 * FW):
            continue
        least = (0.12 if row < chin + 0.1 * FW else 0.04) * FW
        between = np.flatnonzero(skin.bare[row])
        between = between[(between > sides[0]) & (between < sides[-1])]
        if len(between) and min((sides < middle).sum(), (sides > middle).sum()) > least:
            mask[row, between[0] : between[-1] + 1] = True
    return mask


def _hair_hangs(canvas: Canvas, layers: Layers, seen: Seen, worn: np.ndarray) -> bool:
    """Hair beside the head in most rows from the nose to below the mouth, on either side."""
    hair = worn & ((seen.hair > np.maximum(seen.clothes, 0.4)) | ~seen.inside)
    low = (canvas.landmarks[57, 1] + canvas.chin[1]) / 2
    reach = int(0.30 * FW)
    shares = []
    for side in (-1, 1):
        rows = []
        for row in range(int(canvas.landmarks[33, 1]), int(low)):
            head = np.flatnonzero(layers.covered[row])
            if len(head):
                edge = head[0] if side < 0 else head[-1] + 1
                strip = slice(max(0, edge - reach), edge) if side < 0 else slice(edge, edge + reach)
                rows.append(hair[row, strip].sum() > _BESIDE)
        shares.append(np.mean(rows) if rows else 0.0)
    return bool(max(shares) > _LONG)


def local_width(mask: np.ndarray, radius: float) -> np.ndarray:
    """(rows, columns) float32 half width, px, of the widest part of the mask within ``radius`` px."""
    grown = np.pad(mask, 1, mode="edge").astype(np.uint8)
    distance = cv2.distanceTransform(grown, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    side = 2 * round(radius) + 1
    return cv2.dilate(distance, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
