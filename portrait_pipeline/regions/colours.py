"""Colours by region: what an artwork offers each part of a head, and how much of what is foreign got into the skin."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.cluster.vq import kmeans2

from ..base.filters import weighted_mean
from ..base.images import LUMINANCE
from .clothes import not_skin
from .labels import BACKGROUND, EYES, HAIR, LIPS, OUTER, SKIN, SURROUNDINGS, TEETH, TRANSPARENT

_OWN = (SKIN, EYES, LIPS, TEETH, HAIR, BACKGROUND, SURROUNDINGS)
_FEWEST = 30  # pixels of a region that count as an example of it
_DARK = 0.12  # share of the portrait's pixels, the darkest, that stand for hair where the artwork shows none
_LARGEST = 20000  # colours kept of a region
_CELLS = 32
_LIKE = 6.0  # Lab units
_CLEARLY = 2.0  # how much likelier a colour must be outside the skin than in it


def region_colours(art: np.ndarray, labels: np.ndarray) -> dict[int, np.ndarray]:
    """The artwork's colours for each region of a head.

    SKIN, EYES and LIPS are what the labels say (eyes or lips of a few pixels only: the whole portrait's); TEETH without
    an example are the portrait's colours; HAIR without one is the darkest part of the portrait, as brows and shadows
    are. OUTER is SKIN. BACKGROUND is everything that is neither hair nor face. SURROUNDINGS without an example are all
    that is not skin.

    Args:
        art: (H, W, 3) uint8 RGB. labels: (H, W) of :func:`.regions.artwork.portrait_regions`.

    Returns:
        (N, 3) uint8 by label, N >= 1 but for BACKGROUND, which may be empty.
    """
    found = {label: _thinned(art[labels == label]) for label in _OWN}
    face = np.concatenate([found[label] for label in (SKIN, EYES, LIPS)])
    if not len(face):
        face = _thinned(art[labels != TRANSPARENT])
    for label in (SKIN, EYES, LIPS, TEETH):
        if len(found[label]) < _FEWEST:
            found[label] = face
    if len(found[HAIR]) < _FEWEST:
        light = face @ np.array(LUMINANCE)
        found[HAIR] = face[light <= np.quantile(light, _DARK)]
    if len(found[SURROUNDINGS]) < _FEWEST:
        found[SURROUNDINGS] = _thinned(art[not_skin(labels)])
    return {**found, OUTER: found[SKIN]}


def _thinned(colours: np.ndarray) -> np.ndarray:
    return colours[:: max(1, -(-len(colours) // _LARGEST))]


def bleeding(
    texture: np.ndarray, labels: np.ndarray, art: np.ndarray, art_labels: np.ndarray, weight: np.ndarray | None = None
) -> float:
    """Share of the head's skin (face, ears, neck) that has taken the colour of the artwork's hair or surroundings.

    Texture and artwork are averaged over about 3 % of the face's width, so that a drawn line does not count. A colour
    is foreign where it is more than twice as likely in the artwork's hair or surroundings as in its skin; both
    likelihoods are histograms over common cells of Lab, widened by 6 units. An artwork's own face has such
    colours too (a beard, a shadow as dark as hair), so the share found there by the same rule is taken off, and the
    rest rescaled: 0 is a head whose skin is as pure as the artwork's own, 1 one without any skin colour.

    Args:
        texture: (S, S, 3) uint8 RGB. labels: (S, S) of :func:`.regions.head.head_regions`.
        art: (H, W, 3) uint8 RGB. art_labels: (H, W) of :func:`.regions.artwork.portrait_regions`.
        weight: (S, S) of each texel, for instance its area on the head; all alike by default.

    Returns:
        A share in [0, 1]; 0 where head or artwork has no skin, or the artwork nothing else.
    """
    own, skin = np.isin(labels, (SKIN, OUTER)), art_labels == SKIN
    alien = np.isin(art_labels, (HAIR, BACKGROUND))
    if not own.any() or not skin.any() or not alien.any():
        return 0.0
    head = _averaged(texture, own, 0.015 * 0.55 * texture.shape[0])[own]
    face_width = 1.1 * np.sqrt(skin.sum())
    inside, outside = (_averaged(art, part, 0.015 * face_width)[part] for part in (skin, alien))
    centres = _cells(np.concatenate([_some(inside), _some(outside)]))
    ratio = _density(outside, centres) / _density(inside, centres)
    foreign = ratio > _CLEARLY
    share = np.average(foreign[_nearest(head, centres)], weights=None if weight is None else weight[own])
    usual = float(foreign[_nearest(inside, centres)].mean())
    return float(np.clip((share - usual) / max(1 - usual, 1e-6), 0.0, 1.0))


def _averaged(picture: np.ndarray, part: np.ndarray, sigma: float) -> np.ndarray:
    """(H, W, 3) Lab, averaged over the neighbourhood within ``part``."""
    lab = cv2.cvtColor(picture.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
    return weighted_mean(lab, part, max(sigma, 0.5))


def _some(colours: np.ndarray, count: int = 4000) -> np.ndarray:
    return colours[:: max(1, -(-len(colours) // count))].astype(float)


def _cells(colours: np.ndarray) -> np.ndarray:
    """(K, 3) centres of cells of Lab that follow the colours."""
    rng = np.random.default_rng(0)
    spread = colours + rng.normal(0.0, 0.5, colours.shape)  # flat pictures have fewer colours than cells
    seeds = spread[rng.choice(len(spread), min(_CELLS, len(spread)), replace=False)]
    centres, _ = kmeans2(spread, seeds, iter=10, minit="matrix")
    return centres


def _nearest(colours: np.ndarray, centres: np.ndarray) -> np.ndarray:
    flat = colours.reshape(-1, 3).astype(float)
    return ((centres**2).sum(axis=1) - 2 * flat @ centres.T).argmin(axis=1)


def _density(colours: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(K,) share of the colours in each cell, widened to like cells, never 0."""
    share = np.bincount(_nearest(colours, centres), minlength=len(centres)) / len(colours)
    square = ((centres[:, None] - centres[None]) ** 2).sum(axis=-1)
    alike = np.exp(-square / (2 * _LIKE**2))
    return alike @ share + 1e-3 / len(centres)
