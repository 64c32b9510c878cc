"""Classes of pixels in one picture by place and colour: a codebook of colours, and which class shows which code.

Each pixel has a prior for each class from its place, and a code from a small codebook of colours and roughness. How
often a class shows a code is learned from the one picture by expectation maximisation (Dempster et al. 1977) with the
places as fixed mixing proportions.
"""

from __future__ import annotations

import warnings

import cv2
import numpy as np
from scipy.cluster.vq import kmeans2

CODES = 48
LIGHT = 0.8  # weight of L* against a* and b*
_LIKE = 5.0  # Lab units between codes that stand for one colour
_ROUNDS = 6
_FAR = 0.05  # weight of three times that distance: what no class has shown goes to the likest


def describe(picture: np.ndarray, unit: float, roughness: float = 0.6) -> np.ndarray:
    """(h, w, 4): Lab averaged over dots and hatching, and the roughness of L times ``roughness``.

    Args:
        picture: (h, w, 3) uint8 RGB. unit: px of the face's width.
    """
    lab = cv2.cvtColor(picture.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
    sigma = max(0.8, 0.012 * unit)
    smooth = cv2.GaussianBlur(lab, (0, 0), sigma)
    light = lab[..., 0]
    mean = cv2.GaussianBlur(light, (0, 0), 2.5 * sigma)
    rough = np.sqrt(np.maximum(cv2.GaussianBlur(light * light, (0, 0), 2.5 * sigma) - mean * mean, 0))
    return np.concatenate([smooth * (LIGHT, 1.0, 1.0), roughness * rough[..., None]], axis=-1)


def codebook(described: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Code (h, w) of every pixel and the codes' centres (K, 4)."""
    flat = described.reshape(-1, described.shape[-1]).astype(float)
    rng = np.random.default_rng(0)
    some = flat[rng.choice(len(flat), min(len(flat), 6000), replace=False)]
    some = some + rng.normal(0.0, 0.05, some.shape)  # flat pictures have fewer colours than codes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # an empty cluster keeps its centre, which does no harm
        centres, _ = kmeans2(some, CODES, iter=12, minit="++", rng=rng)
    distance = (flat**2).sum(axis=1)[:, None] - 2 * flat @ centres.T + (centres**2).sum(axis=1)
    return distance.argmin(axis=1).reshape(described.shape[:2]), centres


def likeness(centres: np.ndarray) -> np.ndarray:
    """(K, K), rows of sum 1: how far seeing one code makes the others likely."""
    square = ((centres[:, None] - centres[None]) ** 2).sum(axis=-1)
    weight = np.exp(-square / (2 * _LIKE**2)) + _FAR * np.exp(-square / (2 * (3 * _LIKE) ** 2))
    return weight / weight.sum(axis=1, keepdims=True)


def learn(codes: np.ndarray, prior: np.ndarray, use: np.ndarray, alike: np.ndarray, sure: float = 0.85) -> np.ndarray:
    """(C, K) how often each class shows each code.

    Args:
        codes: (h, w) of :func:`codebook`. prior: (h, w, C), sum 1. use: (h, w) bool, pixels to learn from.
        alike: (K, K) of :func:`likeness`. sure: prior above which places count in full at the start.
    """
    index, weight = codes[use], prior[use]
    histograms = _histograms(index, np.where(weight > sure, weight, 0.05 * weight), alike)
    for _ in range(_ROUNDS):
        share = weight * histograms[:, index].T
        share /= np.maximum(share.sum(axis=1, keepdims=True), 1e-12)
        histograms = _histograms(index, share, alike)
    return histograms


def _histograms(index: np.ndarray, weight: np.ndarray, alike: np.ndarray) -> np.ndarray:
    count = len(alike)
    mass = np.stack([np.bincount(index, weight[:, c], minlength=count) for c in range(weight.shape[1])])
    mass = mass @ alike
    mass += 2e-3 * np.maximum(mass.sum(axis=1, keepdims=True), 1.0) / count
    return mass / mass.sum(axis=1, keepdims=True)


def guided(guide: np.ndarray, values: np.ndarray, radius: int, eps: float = 4e-3) -> np.ndarray:
    """Guided filter (He et al. 2013): ``values`` averaged over windows, but not across edges of ``guide``."""
    side = (2 * radius + 1, 2 * radius + 1)

    def mean(x: np.ndarray) -> np.ndarray:
        return cv2.boxFilter(x, cv2.CV_32F, side, borderType=cv2.BORDER_REFLECT)

    middle, level = mean(guide), mean(values)
    slope = (mean(guide * values) - middle * level) / (mean(guide * guide) - middle * middle + eps)
    return mean(slope) * guide + mean(level - slope * middle)
