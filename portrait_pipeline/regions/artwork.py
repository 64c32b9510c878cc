"""Which part of an artwork is skin, hair, clothes or nothing to learn from: the network's parts where they are sure."""

from __future__ import annotations

import cv2
import numpy as np

from ..base.errors import LandmarkError
from ..perception.part_map import PartMap
from ..regions.labels import disc
from .labels import BACKGROUND, CLOTHES, HAIR, SKIN, TRANSPARENT, mouth_is_open, region_map

_SURE = 0.7
_BLUR, _INSET = 0.01, 0.012  # of the face's width
_OUTLINE = 0.03  # the same from the outline of the skin: its contour and shade are where the painter saw an edge
_LEAST = {HAIR: 0.04, CLOTHES: 0.02}  # share of the skin's area below which a part is no example
_PARTS = {SKIN: ("face", "neck", "ears"), HAIR: ("hair",), CLOTHES: ("clothes", "hat and jewellery")}
_OPAQUE = 250  # of 255: what lies behind a pixel shows through below it
_SMALLEST = 8.0  # px of a face's width


def portrait_regions(
    art: np.ndarray, points: np.ndarray, parts: PartMap, opacity: np.ndarray | None = None
) -> np.ndarray:
    """Label every pixel of an artwork: SKIN, HAIR, CLOTHES, EYES, LIPS, TEETH, BACKGROUND or TRANSPARENT.

    BACKGROUND holds surroundings, glasses and every pixel that is in doubt: a pixel too few costs
    nothing, a wrong one bleeds. SKIN includes neck, ears and beard, CLOTHES hats and jewellery. Eyes (with their
    lids), lips and teeth are where the points are.

    Args:
        art: (H, W, 3) uint8 RGB. points: (68, 2) px, iBUG order. parts: what the artwork shows where.
        opacity: (H, W) uint8; None or empty where nothing is transparent.

    Returns:
        (H, W) uint8 labels of :mod:`.exemplar`.

    Raises:
        LandmarkError: the face is narrower than 8 px, or no pixel is surely its skin.
    """
    shape = art.shape[:2]
    width = float(np.linalg.norm(points[16] - points[0]))
    if width < _SMALLEST:
        raise LandmarkError(
            f"landmarks of the artwork: the face is {width:.1f} px wide; it must be at least {_SMALLEST:.0f} px: "
            "check the points"
        )
    labels = np.full(shape, BACKGROUND, np.uint8)
    for label, names in _PARTS.items():
        labels[surely(parts.picture(shape, names), width, _OUTLINE if label == SKIN else _INSET)] = label
    for label, least in _LEAST.items():
        if (labels == label).sum() < least * (labels == SKIN).sum():
            labels[labels == label] = BACKGROUND
    features = region_map(points, shape, mouth_is_open(points))
    opaque = parts.picture(shape, "background") < _SURE
    labels = np.where((features != SKIN) & opaque, features, labels)
    if opacity is not None and opacity.size:
        labels[opacity < _OPAQUE] = TRANSPARENT
    return labels


def surely(share: np.ndarray, width: float, inset: float = _INSET) -> np.ndarray:
    """(H, W) bool: where a part is probable all about; ``width`` of the face, px, ``inset`` in its widths."""
    blurred = cv2.GaussianBlur(share, (0, 0), max(0.5, _BLUR * width))
    inside = (blurred > _SURE).astype(np.uint8)
    return cv2.erode(inside, disc(inset * width), borderType=cv2.BORDER_CONSTANT, borderValue=1) > 0
