"""The photo's light made even before it becomes content: what was lit from one side is no feature of the face."""

from __future__ import annotations

import cv2
import numpy as np

from ..base.filters import weighted_mean
from ..regions.labels import EYES, LIPS, OUTER, SKIN, TEETH

_BROAD, _WIDE, _WIDEST = 0.012, 0.05, 0.08  # of the texture's side: what is narrower than the first is the face
_RIM = 0.04  # of the side: so far from what the photo does not show its shade is that of a surface turned away
_BESIDE = 0.012  # of the side, about eyes and lips that keep their own light
_SHARE = 0.85
_MOST = 40.0  # of each channel
_FINE, _LOCAL = 0.0025, 0.035  # of the side: relief is wider than grain and narrower than the face's form
_DARKER, _LIGHTER = 3.0, 2.5  # L: so far may relief depart from what is about it
_SOFT, _HARD = 0.008, 5.0  # of the side: as wide become edges of relief that is held back by so many L
_PASSING = 0.008  # of the side, over which skin passes into what is kept
_NOSTRILS, _BROWS = (slice(31, 36), 0.009), (slice(17, 27), 0.02)  # landmarks and how far about them, of the side


def even_light(photo: np.ndarray, labels: np.ndarray, trust: np.ndarray | None = None) -> np.ndarray:
    """The photo texture (S, S, 3) uint8 with the broad colours and shades of its skin the same on both sides.

    The layout is symmetric: a texel's mirror image lies on the mirrored place of the head. Wide shades become the mean
    of both sides, in Lab; patches of light and shadow that one side alone shows become what the other side shows.
    The shade of the face's rim, where skin turns away from the camera, passes into the filled skin beyond it: it would
    be painted as the edge of a mask.

    Args:
        labels: (S, S) regions of the head. trust: (S, S) bool, what the photo shows; None is all.
    """
    size = len(photo)
    skin = np.isin(labels, (SKIN, OUTER))
    both = (skin & skin[:, ::-1]).astype(np.float32)
    lab = cv2.cvtColor(photo.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    broad, wide, widest = (weighted_mean(lab, both, share * size) for share in (_BROAD, _WIDE, _WIDEST))
    patch = broad - wide
    strength = np.linalg.norm(patch, axis=-1)
    plainer = (strength > strength[:, ::-1])[..., None]
    wanted = (wide + wide[:, ::-1]) / 2 + np.where(plainer, patch[:, ::-1], patch)
    if trust is not None and (hidden := skin & ~trust).any():
        distance = cv2.distanceTransform((~hidden).astype(np.uint8), cv2.DIST_L2, 5)
        rim = np.exp(-((distance / (_RIM * size)) ** 2))[..., None]
        even = (widest + widest[:, ::-1]) / 2
        wanted += (even - wanted) * np.maximum(rim, rim[:, ::-1])
    feature = np.isin(labels, (EYES, LIPS, TEETH)).astype(np.uint8)
    reach = 2 * max(1, round(_BESIDE * size)) + 1
    near = cv2.dilate(feature, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))) > 0
    where = cv2.GaussianBlur(both * ~(near | near[:, ::-1]), (0, 0), max(0.5, 0.5 * _BROAD * size))
    change = cv2.GaussianBlur(wanted - broad, (0, 0), max(0.5, 0.25 * _BROAD * size))  # no edge where the sides swap
    lab += np.clip(change, -_MOST, _MOST) * (_SHARE * where * both)[..., None]
    lab[..., 0] = np.clip(lab[..., 0], 0, 100)
    return np.clip(np.rint(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * 255), 0, 255).astype(np.uint8)


def soften_relief(photo: np.ndarray, labels: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The photo texture (S, S, 3) uint8 with the shadows of its folds and the glare of its skin held within bounds.

    A fold that a smile casts, or a patch of sun, is light and no line: a painter's strokes would follow it as one, and
    it would stay when the face moves on. Lightness wider than grain departs from its surroundings by at most a few L,
    by tanh; where it departs much further, at the edge of a cast shadow or of a patch of sun, it becomes soft as well:
    an outline would be left otherwise. Eyes, brows, nostrils, lips and grain elsewhere stay as they are.

    Args:
        labels: (S, S) regions of the head. places: (68, 2) landmarks in the texture, x right and y down in [0, 1].
    """
    size = len(photo)
    kept = np.isin(labels, (EYES, LIPS, TEETH)).astype(np.uint8)
    for which, radius in (_NOSTRILS, _BROWS):
        for place in places[which]:
            cv2.circle(kept, tuple(np.rint(place * size - 0.5).astype(int)), round(radius * size), 1, -1)
    skin = (np.isin(labels, (SKIN, OUTER)) & (kept == 0)).astype(np.float32)
    lips = np.isin(labels, (SKIN, OUTER, LIPS)).astype(np.float32)  # what is lighter there than skin is glare or skin
    lab = cv2.cvtColor(photo.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    smooth = weighted_mean(lab, lips, max(0.5, _FINE * size))
    relief, grain = smooth - weighted_mean(lab, skin, _LOCAL * size), lab - smooth
    light = relief[..., :1]
    most = np.where(light < 0, _DARKER, _LIGHTER)
    share = np.where(np.abs(light) > 1e-3, most * np.tanh(light / most) / np.where(light == 0, 1, light), 1)
    away = np.minimum(cv2.distanceTransform(1 - kept, cv2.DIST_L2, 5) / (_PASSING * size), 1)
    away *= skin * away * (3 - 2 * away)
    lab += relief * (share - 1) * np.where(light < 0, away[..., None], lips[..., None])
    bare = np.isin(labels, (SKIN, OUTER)).astype(np.float32)
    over = weighted_mean((np.abs(light) * (1 - share))[..., 0], bare, _SOFT * size)[..., None]
    bounded = relief * share
    softer = weighted_mean(bounded, bare, _SOFT * size) - bounded - grain
    lab += softer * np.clip(over / _HARD, 0, 1) * np.where(light < 0, away[..., None], bare[..., None])
    lab[..., 0] = np.clip(lab[..., 0], 0, 100)
    return np.clip(np.rint(cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB) * 255), 0, 255).astype(np.uint8)
