"""The person's matte in the photo: the network's parsing, sharpened and carried beyond its crop by GrabCut."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..perception.parts import Part
from . import parts
from .masks import component_at, dilate, erode, filled, opened, polygon

_SIDE = 384  # px of the picture GrabCut works on
_ROUNDS = 4
_CERTAIN = 0.05  # face widths inside the parsing's outline: surely the person; 1.6 times as far outside: surely not
_DOUBT = 0.12  # probabilities further than this from 0 and 1 are left to GrabCut
_HOLE = 0.3  # side of the largest hole that is no background (a badge, a tie), face widths
_CORE = 0.95  # of the hull of the 68 points: surely the person
_BELL = np.array([[-0.2, 0.1, 0.45, 0.8, 1.5, 3.0], [0.0, 0.40, 0.62, 1.25, 1.5, 1.6]])
"""Where shoulders are to be expected beyond the network's crop: half widths by the distance below the chin, both in
face widths."""


@dataclass(frozen=True)
class Matte:
    """Where the person is.

    Attributes:
        alpha: (H, W) float32 in [0, 1], photo px.
        agreement: intersection over union of parsing and GrabCut where the network has looked; 1 for a user's mask.
    """

    alpha: np.ndarray
    agreement: float


def person_matte(
    photo: np.ndarray, points: np.ndarray, probabilities: np.ndarray, mask: np.ndarray | None = None
) -> Matte:
    """The matte of the person whose points are given; everybody else is background.

    Args:
        photo: (H, W, 3) uint8 RGB. points: (68, 2) px.
        probabilities: (14, H, W), see :mod:`.parts`.
        mask: (H, W) float in [0, 1] or bool of the user, or None; it wins.
    """
    if mask is not None:
        return Matte(np.asarray(mask, np.float32), 1.0)
    scale = min(1.0, _SIDE / max(photo.shape[:2]))
    size = (round(photo.shape[1] * scale), round(photo.shape[0] * scale))
    small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    places = points * scale
    looked = cv2.resize(parts.known(probabilities).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    person = 1 - np.asarray(probabilities[Part.BACKGROUND], np.float32)
    person = cv2.resize(person, size, interpolation=cv2.INTER_AREA)
    sure = np.where(looked, person, 0.0)
    cut = _grab(small, _seeds(sure, looked, places))
    width = float(np.linalg.norm(places[16] - places[0]))
    cut = component_at(opened(cut, 0.012 * width), places[30])
    cut = filled(cut, (_HOLE * width) ** 2)
    parsed = component_at(sure > 0.5, places[30]) & looked
    union = ((cut & looked) | parsed).sum()
    agreement = float((cut & parsed).sum() / union) if union else 0.0
    soft = cv2.GaussianBlur(cut.astype(np.float32), (0, 0), 0.8)
    return Matte(cv2.resize(soft, photo.shape[1::-1], interpolation=cv2.INTER_LINEAR), agreement)


def _seeds(person: np.ndarray, looked: np.ndarray, points: np.ndarray) -> np.ndarray:
    """GrabCut's labels (H, W) uint8: certain where the parsing is, likely about its outline and beyond its crop."""
    width = float(np.linalg.norm(points[16] - points[0]))
    y, x = np.mgrid[: person.shape[0], : person.shape[1]] + 0.5
    below = (y - points[8, 1]) / width
    bell = (below > -0.1) & (np.abs(x - points[8, 0]) < np.interp(below, *_BELL) * width)
    seeds = np.where(bell, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    seeds[looked] = np.where(person > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD)[looked]
    far = ~dilate(person > 0.2, 1.6 * _CERTAIN * width)
    seeds[looked & (far | (person < _DOUBT))] = cv2.GC_BGD
    # Above the chin nobody continues who was not seen at the crop's border.
    seeds[~looked & far & (y < points[8, 1]) & ~dilate(person > 0.2, 0.5 * width)] = cv2.GC_BGD
    seeds[(erode((person > 0.8) | ~looked, _CERTAIN * width) | (person > 1 - _DOUBT)) & looked] = cv2.GC_FGD
    centre = points[:27].mean(axis=0)
    seeds[polygon(centre + _CORE * (points - centre), person.shape)] = cv2.GC_FGD
    return seeds


def _grab(image: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """(H, W) bool foreground of an RGB image; same seeds, same bits."""
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    if np.isin(seeds, (cv2.GC_BGD, cv2.GC_PR_BGD)).any():
        image = np.ascontiguousarray(image[..., ::-1])
        cv2.grabCut(image, seeds, None, *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    return np.isin(seeds, (cv2.GC_FGD, cv2.GC_PR_FGD))
