"""Seen texels that show something else than the head: hair, collar and background before neck, ears and cheeks."""

from __future__ import annotations

import cv2
import numpy as np

from ..head.model import FaceModel
from ..mesh.mesh import Mesh
from ..mesh.texels import TexelMap
from ..regions.colour_codes import describe
from ..regions.hair_flow import texel_size
from ..regions.head import landmarks_in_layout
from ..regions.labels import HAIR, OUTER, SKIN, disc
from .skin import skin_distance, to_lab

_NOT_SKIN, _MARGIN, _BLUR = 3.2, 0.15, 0.15  # of skin_distance; cm about what is rejected
_SIDES, _JAW = 0.88, 0.97  # of the landmarks' hull that is face for certain
_WORK_SIDE = 512
_FACE = 0.55  # of the layout's side, about the width of a face in it
_ROUGHNESS = 2.5  # weight of roughness against Lab
_SPREAD = (16.0, 4.0, 4.0, 4.0)  # added to the variances: light varies on a head
_SEPARATE = 2.5  # squared distance of hair and skin, in standard deviations, that tells them apart
_FEWEST = 100  # texels
_INNER = 0.6  # of the way from the nose to the landmarks' hull
_SOFT = 0.005  # of the layout's side
_HAIR = 0.7  # hair_likeness of hair for certain
_LIKELY = 0.55  # hair_likeness of what may be a lock
_OTHER = 0.65  # of a lock's, above which the other side is hair too
_LOCK_WIDTH = 0.25  # cm
_BROW = 0.6  # cm, half the height of a brow with its margin
_BEARD = 0.15  # of a lock's area, about it, that is hair on both sides: more is a beard
_HAIRLINE = 0.8  # cm by which the labels' hairline may be wrong
_SCRAP = 0.04  # of all that is seen
_LOCK_REACH = 2.0  # cm about a lock within which hair belongs to it
_LOCK_SHADOW = 0.4  # cm about a lock
_LOCK_AREA = 0.02  # least area of a lock below the brows, of the face's


def without_bleeding(
    model: FaceModel,
    mesh: Mesh,
    texels: TexelMap,
    colour: np.ndarray,
    weight: np.ndarray,
    labels: np.ndarray,
    hairlike: np.ndarray | None = None,
) -> np.ndarray:
    """(S, S) weights without hair, collar and background that the photo shows in front of neck, ears and cheeks.

    The face within its landmarks stays as it is, beard, glasses and all, and so does the hair on the scalp.

    Args:
        colour: (S, S, 3) in [0, 255]. weight: (S, S). labels: (S, S) of :func:`..regions.head.head_regions`.
        hairlike: (S, S) of :func:`hair_likeness`, if known.
    """
    lab = to_lab(colour)
    face = (labels == SKIN) & (weight > 0.8)
    if face.sum() < 50:
        return weight
    size = weight.shape[0]
    places, _ = landmarks_in_layout(mesh, model.landmarks)
    guarded = np.isin(labels, (SKIN, OUTER)) & ~_within(places, size)
    rows = (np.arange(size)[:, None] + 0.5) / size
    guarded &= rows > places[17:27, 1].mean()
    cm = texel_size(mesh, texels)
    guarded &= ~_brows(places, size, cm)
    distance = cv2.GaussianBlur(skin_distance(lab, lab[face]).astype(np.float32), (0, 0), max(0.5, 0.05 / cm))
    foreign = distance > _NOT_SKIN
    if hairlike is not None:
        foreign |= hairlike > _HAIR
    foreign &= guarded & (weight > 0)
    return weight * np.where(guarded, 1.0 - _widened(foreign, cm), 1.0)


def _widened(mask: np.ndarray, cm: float, margin: float = _MARGIN) -> np.ndarray:
    """(S, S) in [0, 1]: the mask and a margin (cm) about it, soft. cm: side of a texel."""
    wide = cv2.dilate(mask.astype(np.uint8), disc((margin + _BLUR) / cm))
    return np.clip(1.1 * cv2.GaussianBlur(wide.astype(np.float32), (0, 0), max(0.5, _BLUR / cm)), 0, 1)


def _within(places: np.ndarray, size: int) -> np.ndarray:
    """(S, S) bool: inside the hull of the landmarks (68, 2) in [0, 1], above the mouth away from its sides.

    Sideburns and locks reach over the sides of the face, beards over the jaw; only beards are to stay.
    """
    hull = cv2.convexHull((places * size).astype(np.float32))[:, 0]
    middle = hull.mean(axis=0)
    factor = np.where(hull[:, 1] < places[48:60, 1].mean() * size, _SIDES, _JAW)
    hull = middle + (hull - middle) * np.stack([factor, np.full_like(factor, _JAW)], axis=1)
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [np.rint((hull - 0.5) * 16).astype(np.int32)], 1, shift=4)
    return mask > 0


def _brows(places: np.ndarray, size: int, cm: float) -> np.ndarray:
    """(S, S) bool: the brows, whose tails reach beyond what is face for certain. cm: side of a texel."""
    mask = np.zeros((size, size), np.uint8)
    for brow in (places[17:22], places[22:27]):
        cv2.polylines(mask, [np.rint((brow * size - 0.5) * 16).astype(np.int32)], False, 1, 1, shift=4)
    return cv2.dilate(mask, disc(_BROW / cm)) > 0


def without_locks(
    model: FaceModel, mesh: Mesh, texels: TexelMap, weight: np.ndarray, labels: np.ndarray, hairlike: np.ndarray
) -> np.ndarray:
    """(S, S) weights without a lock of hair that hangs over one side of the face.

    A lock looks like hair, where the other side does not, and reaches below the brows. A fringe stays: it belongs to
    the person, and so does a beard, which has two sides.

    Args:
        weight: (S, S). labels: (S, S), as for :func:`without_bleeding`. hairlike: (S, S) of :func:`hair_likeness`.
    """
    size, cm = weight.shape[0], texel_size(mesh, texels)
    places, _ = landmarks_in_layout(mesh, model.landmarks)
    within = _within(places, size)
    within &= (np.arange(size)[:, None] + 0.5) / size > places[17:27, 1].mean()
    both = (weight > 0.3) & (weight[:, ::-1] > 0.7)
    scalp = (labels == HAIR).astype(np.uint8)
    clear = cv2.dilate(scalp, disc(_HAIRLINE / cm)) == 0  # the labels' hairline is not sharp
    one_sided = (hairlike > _LIKELY) & (weight > 0.3)
    one_sided &= np.where(both, hairlike[:, ::-1] < _OTHER * hairlike, (hairlike > _HAIR) & clear)
    two_sided = both & within & (np.minimum(hairlike, hairlike[:, ::-1]) > _LIKELY)
    kernel = disc(_LOCK_WIDTH / cm)
    pieces = cv2.morphologyEx(one_sided.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    pieces = cv2.morphologyEx(pieces, cv2.MORPH_CLOSE, disc(_BROW / cm))  # where it crosses a brow it has two sides
    count, parts = cv2.connectedComponents(pieces, connectivity=8)
    area = np.bincount(parts[within & (hairlike > _HAIR)], minlength=count)
    beard = np.bincount(cv2.dilate(parts.astype(np.float32), kernel).astype(int)[two_sided], minlength=count)
    area[0] = 0
    lock = np.isin(parts, np.flatnonzero((area > _LOCK_AREA * within.sum()) & (beard < _BEARD * area)))
    if not lock.any():
        return weight
    about = (cv2.dilate(lock.astype(np.uint8), disc(_LOCK_REACH / cm)) > 0) & (hairlike > _LIKELY) & clear & ~two_sided
    kept = weight * (1.0 - _widened(lock | about, cm, _LOCK_SHADOW))
    return kept * (1.0 - _widened(_scraps(kept > 0.5, places[8, 1]), cm))


def _scraps(seen: np.ndarray, chin: float) -> np.ndarray:
    """(S, S) bool: small seen pieces above the chin (a share of the side from above), as between strands of a lock."""
    above = seen & ((np.arange(len(seen))[:, None] + 0.5) / len(seen) < chin)
    count, parts = cv2.connectedComponents(above.astype(np.uint8), connectivity=4)
    sizes = np.bincount(parts[above], minlength=count)
    return (parts > 0) & (sizes < _SCRAP * above.sum())[parts]


def hair_likeness(colour: np.ndarray, weight: np.ndarray, labels: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(S, S) float32: 0 where a texel looks like the middle of the face, 1 where it looks like the scalp's hair.

    Fisher's discriminant of colour and roughness, learned from this head; 0 everywhere if it shows too little of
    either, or if they look the same.

    Args:
        colour: (S, S, 3) in [0, 255]. weight: (S, S). labels: (S, S) of :func:`..regions.head.head_regions`.
        places: (68, 2) landmarks in the layout, in [0, 1].
    """
    size = weight.shape[0]
    work = min(size, _WORK_SIDE)
    small = cv2.resize(colour.astype(np.float32), (work, work), interpolation=cv2.INTER_AREA)
    described = describe(np.clip(small, 0, 255).astype(np.uint8), _FACE * work, _ROUGHNESS)
    label, seen = (
        cv2.resize(part, (work, work), interpolation=cv2.INTER_NEAREST) for part in (labels, weight.astype(np.float32))
    )
    hair, face = (described[part & (seen > 0.8)] for part in (label == HAIR, _middle(places, work) & (label == SKIN)))
    if min(len(hair), len(face)) < _FEWEST:
        return np.zeros((size, size), np.float32)
    skin = np.median(face, axis=0)
    step = np.median(hair, axis=0) - skin
    within = np.cov(face.T) + np.cov(hair.T) + np.diag(_SPREAD)
    way = np.linalg.solve(within, step)
    if way[3] * step[3] < 0 or step[3] < 0:  # rough borders are no reason to take hair for skin
        way = np.append(np.linalg.solve(within[:3, :3], step[:3]), 0.0)
    if step @ way < _SEPARATE:
        return np.zeros((size, size), np.float32)
    likeness = np.clip((described - skin) @ way / (step @ way), 0, 2).astype(np.float32)
    likeness = cv2.GaussianBlur(likeness, (0, 0), _SOFT * work)
    return cv2.resize(likeness, (size, size), interpolation=cv2.INTER_LINEAR)


def with_likely_hair(labels: np.ndarray, weight: np.ndarray, hairlike: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(S, S) labels in which what is seen above the brows and looks like the scalp's hair is HAIR.

    Args: as of :func:`hair_likeness` and :func:`without_locks`.
    """
    size = len(labels)
    above = (np.arange(size)[:, None] + 0.5) / size < places[17:27, 1].min()
    found = (labels == SKIN) & above & (weight > 0.3) & (hairlike > _HAIR)
    found = cv2.morphologyEx(found.astype(np.uint8), cv2.MORPH_OPEN, disc(_SOFT * size)) > 0
    return np.where(found, HAIR, labels).astype(labels.dtype)


def _middle(places: np.ndarray, size: int) -> np.ndarray:
    """(S, S) bool: the landmarks' hull drawn to the tip of the nose, where there is skin and seldom hair."""
    hull = cv2.convexHull((places * size).astype(np.float32))[:, 0]
    tip = places[30] * size
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [np.rint((tip + _INNER * (hull - tip) - 0.5) * 16).astype(np.int32)], 1, shift=4)
    return mask > 0
