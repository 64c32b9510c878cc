"""Which pixels of a photo belong to the person: GrabCut started from the fitted head."""

from __future__ import annotations

import cv2
import numpy as np

from ..regions.labels import disc

_WORK_SIDE = 320
_ITERATIONS = 5


def person_mask(image: np.ndarray, head: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Soft mask of the head and hair.

    Args:
        image: (H, W, 3) uint8 RGB.
        head: (H, W) bool, silhouette of the fitted head.
        points: (68, 2) px, the fitted head's landmarks in the photo; inside them the answer is always yes.

    Returns:
        (H, W) float32 in [0, 1]. All ones if the photo shows too little background, or too little of the head, to
        tell them apart.
    """
    height, width = image.shape[:2]
    factor = min(1.0, _WORK_SIDE / max(height, width))
    small = (max(1, round(width * factor)), max(1, round(height * factor)))
    picture = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    inside = cv2.resize(head.astype(np.uint8), small, interpolation=cv2.INTER_NEAREST)
    face_width = float(np.linalg.norm(points[16] - points[0])) * factor
    labels = _first_guess(inside, points * factor, face_width)
    background = np.isin(labels, (cv2.GC_BGD, cv2.GC_PR_BGD)).mean()
    if background < 0.02 or background > 0.999 or face_width < 8:
        return np.ones((height, width), np.float32)
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(np.ascontiguousarray(picture[..., ::-1]), labels, None, *models, _ITERATIONS, cv2.GC_INIT_WITH_MASK)
    person = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    person = _connected(person, points * factor)
    width_px = max(1, round(0.012 * face_width))
    person = cv2.erode(person, disc(width_px), borderType=cv2.BORDER_CONSTANT, borderValue=1)
    soft = cv2.GaussianBlur(person.astype(np.float32), (0, 0), max(0.8, 0.012 * face_width))
    soft = np.clip((soft - 0.5) * 2, 0, 1)
    return np.clip(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), 0, 1)


def _first_guess(head: np.ndarray, points: np.ndarray, face_width: float) -> np.ndarray:
    labels = np.full(head.shape, cv2.GC_BGD, np.uint8)
    reach = max(2, round(0.45 * face_width))
    labels[cv2.dilate(head, disc(reach)) > 0] = cv2.GC_PR_BGD
    labels[cv2.dilate(head, disc(max(1, round(0.06 * face_width)))) > 0] = cv2.GC_PR_FGD
    upper = cv2.erode(head, disc(max(1, round(0.11 * face_width))), borderType=cv2.BORDER_CONSTANT, borderValue=1)
    rows = np.arange(head.shape[0])[:, None] < points[:17, 1].mean()
    labels[(upper > 0) & rows] = cv2.GC_FGD  # well inside the skull there is hair or skin, whatever its colour
    core = np.zeros_like(head)
    hull = cv2.convexHull(points.astype(np.float32))[:, 0]
    middle = hull.mean(axis=0)
    cv2.fillPoly(core, [np.rint((middle + 0.92 * (hull - middle)) * 16).astype(np.int32)], 1, shift=4)
    labels[core > 0] = cv2.GC_FGD
    return labels


def _connected(person: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The connected part that holds the face."""
    _, parts = cv2.connectedComponents(person)
    column, row = np.clip(np.rint(points[30]).astype(int), 0, np.array(person.shape[::-1]) - 1)
    return (parts == parts[row, column]).astype(np.uint8) if parts[row, column] else person
