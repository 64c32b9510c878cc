"""No hue that the artwork does not have: few steps leave blotches of colour in the flat parts of a picture."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ..base.images import LUMINANCE

_BINS = 32
_SMOOTHING = 2.0  # bins
_SPREADS = 2.0  # standard deviations of the artwork's hues at a luminance to which a picture's are limited
_LEAST = 0.01  # of the full range: spread of an artwork of one hue
_RARE = 1e-3  # share of the pixels below which a luminance's hues are uncertain: they tend to those of all


def known_hues(picture: np.ndarray, art: np.ndarray) -> np.ndarray:
    """The picture with its hues limited to those that the artwork has at the same luminance.

    An artwork of few hues gives its own; one of many leaves the picture as it is.

    Args:
        picture: (H, W, 3) uint8 RGB. art: (N, 3) uint8 RGB, the colours that are the artwork's.

    Returns:
        (H, W, 3) uint8, of the same luminances.
    """
    light, hue = _parted(picture / 255.0)
    middle, spread = (
        np.stack([np.interp(light, (np.arange(_BINS) + 0.5) / _BINS, part) for part in table.T], axis=-1)
        for table in _hues(art / 255.0)
    )
    limit = _SPREADS * np.maximum(spread, _LEAST)
    near = np.clip(hue, middle - limit, middle + limit)
    near -= (near @ np.array(LUMINANCE))[..., None]
    return np.clip(np.rint(255 * (light[..., None] + near)), 0, 255).astype(np.uint8)


def _parted(colours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Luminance (...) and what a colour (..., 3) has beside it (..., 3)."""
    light = colours @ np.array(LUMINANCE)
    return light, colours - light[..., None]


def _hues(colours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(_BINS, 3) mean hue at each luminance among colours (N, 3), and its standard deviation."""
    light, hue = _parted(colours)
    index = np.clip((light * _BINS).astype(int), 0, _BINS - 1)
    few = _RARE * len(colours)

    def mean(values: np.ndarray) -> np.ndarray:
        sums, count = (np.bincount(index, part, _BINS) for part in (values, np.ones(len(values))))
        sums, count = (gaussian_filter1d(part, _SMOOTHING, mode="nearest") for part in (sums, count))
        return (sums + few * values.mean()) / (count + few)

    middle = np.stack([mean(part) for part in hue.T], axis=1)
    square = np.stack([mean(part**2) for part in hue.T], axis=1)
    return middle, np.sqrt(np.maximum(square - middle**2, 0))
