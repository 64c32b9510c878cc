"""A texture of strands: noise smeared along lines that run from the crown down."""

from __future__ import annotations

import cv2
import numpy as np

_SCALES = ((0.8, 0.5), (2.2, 0.8), (5.0, 0.7))  # width of the strands in px, and their weight
_DOUBLINGS = 7  # the smear is 2^7 steps of .6 px long
_WAVE = 0.22  # radians by which strands wander


def strands(shape: tuple[int, int], crown: tuple[float, float], width: float, seed: int = 0) -> np.ndarray:
    """(H, W) float32 of mean about 0 and deviation 1.

    Args:
        crown: x and y px from which the strands run. width: of the face, px.
    """
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    down = np.clip((y - crown[1]) / (0.9 * width), 0, 1)
    angle = np.arctan2(y - crown[1], x - crown[0])
    wave = cv2.GaussianBlur(random.normal(size=shape).astype(np.float32), (0, 0), 0.10 * width)
    turn = _WAVE * wave / wave.std()
    right, below = np.cos(angle) * (1 - down), np.sin(angle) * (1 - down) + down
    along = np.arctan2(below, right) + turn
    total = np.zeros(shape, np.float32)
    for sigma, weight in _SCALES:
        noise = cv2.GaussianBlur(random.normal(size=shape).astype(np.float32), (0, 0), sigma)
        line = _smeared(noise, x, y, np.cos(along), np.sin(along))
        total += weight * line / line.std()
    return total / total.std()


def _smeared(noise: np.ndarray, x: np.ndarray, y: np.ndarray, right: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Mean of the noise along the flow; every pass doubles the length."""
    step = [(0.6 * part).astype(np.float32) for part in (right, down)]
    for _ in range(_DOUBLINGS):
        to = x + step[0], y + step[1]
        noise = 0.5 * (noise + cv2.remap(noise, *to, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT))
        step = [part + cv2.remap(part, *to, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for part in step]
    return noise
