"""Labels of regions, in artworks and on heads, and which pixels of an artwork belong to the portrait.

Regions guide the matching: eyes are compared with eyes, lips with lips, hair with hair. OUTER is what the
head has and the artwork's face has not (neck, ears, nape): it takes colours and strokes from the face's skin, but no
part of the artwork has to be found there. TEETH is what an open mouth shows; a smiling head whose artwork keeps its
mouth shut has no example to offer, so the teeth keep the colours they start with. BACKGROUND of an artwork may still
be an example for clothes; TRANSPARENT is no part of the picture at all. SURROUNDINGS are those of the person in a whole
picture; a head has none, and in an artwork for a head they are BACKGROUND.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..base.errors import LandmarkError

SKIN, EYES, LIPS, OUTER, TEETH, HAIR, BACKGROUND, CLOTHES, TRANSPARENT, SURROUNDINGS = range(10)
_EYES = (slice(36, 42), slice(42, 48))
_OUTER_LIP = slice(48, 60)
_INNER_LIP = slice(60, 68)
_OPEN = 0.08  # of the mouth's width


def disc(radius: float) -> np.ndarray:
    """(2 r + 1, 2 r + 1) uint8 disc for erosions and dilations of masks, r the radius in px rounded, at least 1."""
    width = max(1, round(radius))
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 1, 2 * width + 1))


def head_polygon(points: np.ndarray, height: float = 0.9) -> np.ndarray:
    """Outline of face, forehead and the hair above it: the jaw line (points 0 to 16) closed by half an ellipse.

    The eyes of a head lie at half its height and the jaw line's ends lie beside them, so the dome is about as high as
    the chin is low; straight lines to the image's top would take in the background beside the hair.

    Args:
        points: (68, 2) px.
        height: of the dome above the jaw line's ends, as a share of their distance to the chin.

    Returns:
        (N, 2) px, closed.
    """
    points = np.asarray(points, float)
    first, last, chin = points[0], points[16], points[8]
    middle, axis = (first + last) / 2, (last - first) / 2
    up = (middle - chin) * height
    angles = np.linspace(0, np.pi, 24)[1:-1]
    dome = middle + np.cos(angles)[:, None] * axis * 1.02 + np.sin(angles)[:, None] * up
    return np.concatenate([points[:17], dome])


def mouth_is_open(points: np.ndarray) -> bool:
    """Whether the inner lips of (68, 2) points, in any unit, stand apart by more than 8 % of the mouth's width."""
    points = np.asarray(points, float)
    gap = np.linalg.norm(points[[61, 62, 63]] - points[[67, 66, 65]], axis=1).mean()
    return bool(gap > _OPEN * np.linalg.norm(points[54] - points[48]))


def region_map(points: np.ndarray, shape: tuple[int, int], teeth: bool) -> np.ndarray:
    """Label image (H, W) uint8 with SKIN, EYES, LIPS and, if asked for, TEETH from (68, 2) points in its pixels.

    Eyes are the eye outlines, lips the outer lip line, each somewhat widened; teeth are what the inner lip line holds.
    """
    labels = np.full(shape, SKIN, np.uint8)
    for part, label in ((_EYES[0], EYES), (_EYES[1], EYES), (_OUTER_LIP, LIPS)):
        polygon = np.asarray(points, float)[part]
        middle = polygon.mean(axis=0)
        grown = middle + (polygon - middle) * np.array([1.15, 1.35])
        cv2.fillPoly(labels, [np.rint((grown - 0.5) * 16).astype(np.int32)], int(label), shift=4)
    if teeth:
        inner = np.asarray(points, float)[_INNER_LIP]
        cv2.fillPoly(labels, [np.rint((inner - 0.5) * 16).astype(np.int32)], TEETH, shift=4)
    return labels


def portrait_mask(points: np.ndarray, shape: tuple[int, int], erode: float = 0.01) -> np.ndarray:
    """(H, W) bool: inside :func:`head_polygon`, drawn in by ``erode`` times the face's width.

    Raises:
        LandmarkError: no pixel of the image lies inside.
    """
    mask = np.zeros(shape, np.uint8)
    polygon = np.rint((head_polygon(points) - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(mask, [polygon], 1, shift=4)
    width = int(round(erode * np.linalg.norm(points[16] - points[0])))
    if width > 0:
        mask = cv2.erode(mask, disc(width), borderType=cv2.BORDER_CONSTANT, borderValue=1)
    if not mask.any():
        raise LandmarkError("landmarks of the artwork: no pixel lies inside the face outline; check the points")
    return mask.astype(bool)


def face_coordinates(points: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Map (N, 2) positions by the least-squares affine map that takes (68, 2) ``source`` to ``target``."""
    design = np.concatenate([source, np.ones((len(source), 1))], axis=1)
    affine, *_ = np.linalg.lstsq(design, target, rcond=None)
    return np.concatenate([points, np.ones((len(points), 1))], axis=1) @ affine
