"""What every pixel of photo and artwork is: the network's parts, carried beyond its crop by the person's matte."""

from __future__ import annotations

import numpy as np

from ..landmarks.record import LocatedPair
from ..perception.parts import Part
from ..regions.artwork import portrait_regions, surely
from ..regions.labels import BACKGROUND, CLOTHES, HAIR, SKIN, SURROUNDINGS, mouth_is_open, region_map
from ..shell.matte import person_matte
from ..shell.parts import SKIN as BARE
from ..shell.parts import known, share

_SURE = 0.4  # probability of the likeliest part of the person below which the network has not told
_SCENE = 0.04  # share of an artwork below which its surroundings are no example


def photo_regions(pair: LocatedPair) -> np.ndarray:
    """(H, W) uint8 SKIN (neck and ears too), EYES, LIPS, TEETH, HAIR, CLOTHES (hats too) or SURROUNDINGS."""
    shape = pair.photo.shape[:2]
    probabilities = pair.photo_map.pictures(shape)
    mask = pair.photo_matte / np.float32(255) if pair.photo_matte.size else None
    person = person_matte(pair.photo, pair.photo_points, probabilities, mask).alpha > 0.5
    parts = np.stack([share(probabilities, classes) for classes in (BARE, Part.HAIR, (Part.CLOTHES, Part.HAT))])
    labels = np.array([SKIN, HAIR, CLOTHES], np.uint8)[parts.argmax(axis=0)]
    labels = np.where(parts.max(axis=0) > _SURE, labels, np.where(_below(shape, pair.photo_points), CLOTHES, HAIR))
    features = region_map(pair.photo_points, shape, mouth_is_open(pair.photo_points))
    labels = np.where(features != SKIN, features, labels)
    return np.where(person, labels, SURROUNDINGS).astype(np.uint8)


def art_regions(pair: LocatedPair) -> np.ndarray:
    """(H, W) uint8 of :func:`..regions.artwork.portrait_regions` with SURROUNDINGS, and clothes beyond the crop.

    What is in doubt is BACKGROUND, not to be used.
    """
    shape, points = pair.art.shape[:2], pair.art_points
    labels = portrait_regions(pair.art, points, pair.art_map, pair.art_opacity)
    probabilities = pair.art_map.pictures(shape)
    alpha, looked = person_matte(pair.art, points, probabilities).alpha, known(probabilities)
    width = float(np.linalg.norm(points[16] - points[0]))
    free = labels == BACKGROUND
    scene = free & surely(np.where(looked, probabilities[Part.BACKGROUND], 1 - alpha), width)
    worn = free & ~looked & _below(shape, points) & surely(alpha, width)
    labels = np.where(worn, CLOTHES, labels)
    return np.where(scene & (scene.mean() >= _SCENE), SURROUNDINGS, labels).astype(np.uint8)


def bare_face(pair: LocatedPair) -> np.ndarray:
    """(H, W) float32 in [0, 1]: the face where neither hair nor glasses nor a hand lies over it."""
    return pair.photo_map.picture(pair.photo.shape[:2], "face")


def _below(shape: tuple[int, int], points: np.ndarray) -> np.ndarray:
    """(H, 1) bool, rows below the chin."""
    return np.arange(shape[0])[:, None] > points[8, 1]
