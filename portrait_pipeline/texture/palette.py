"""Colours of the first texture: the photo's light and dark in the artwork's own palette."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d

from ..base.images import LUMINANCE
from ..regions.exemplar import EYES, LIPS, OUTER, SKIN, TEETH

_WEIGHTS = np.array(LUMINANCE)
_BINS = 64
_SMOOTHING = 3.0  # bins
_RARE = 1e-3  # share of the colours below which a bin's hue is uncertain
_GAIN = (0.6, 1.4)
_RELIEF = 0.05  # of the luminance's range
_BORDER = {EYES: 1 / 400, LIPS: 1 / 400, TEETH: 1 / 500}  # softness of a region's border, of the texture's side


def start_by_region(
    texture: torch.Tensor, labels: np.ndarray, colours: dict[int, np.ndarray], how: str
) -> torch.Tensor:
    """The photo's texture as the optimisation starts from it, each region in its own colours of the artwork.

    Args:
        texture: (1, 3, S, S) in [0, 1].
        labels: (S, S) uint8 of :func:`.regions.head.head_regions`, or (T, T) of any other size.
        colours: (N, 3) uint8 by label, of :func:`.regions_colours.region_colours`.
        how: ``photo``: unchanged. ``mean``: each region moved to the mean colour of its like. ``palette``: light and
            dark of a region get the median and (within limits) spread of its like, and each luminance the mean
            colour that it has there; nothing is darker or lighter than its like but for a twentieth. Eyes and teeth
            keep their contrast to the skin. Neck and ears are levelled: their shading follows the photo, but not its
            large shadows, which are often hair, collar or guesswork.

    Returns:
        (1, 3, S, S), not clamped; regions pass softly into one another.
    """
    if how == "photo":
        return texture
    size = texture.shape[2]
    rgb = texture[0].permute(1, 2, 0).double().cpu().numpy()
    if labels.shape[0] != size:
        labels = cv2.resize(labels, (size, size), interpolation=cv2.INTER_NEAREST)
    light = rgb @ _WEIGHTS
    total, mass = np.zeros_like(rgb), np.zeros((size, size, 1))
    for label in np.unique(labels):
        share = _soft(labels == label, size * _BORDER.get(int(label), 1 / 160))
        part = share > 1e-4
        style = colours[int(label)] / 255.0
        if how == "mean":
            moved = rgb[part] + (style.mean(axis=0) - rgb[labels == label].mean(axis=0))
        else:
            moved = colour_of_luminance(style, _wanted(light, labels, int(label), colours)[part])
        total[part] += share[part, None] * moved
        mass[part] += share[part, None]
    result = total / np.maximum(mass, 1e-9)
    return torch.tensor(result, dtype=texture.dtype, device=texture.device).permute(2, 0, 1)[None]


def _soft(mask: np.ndarray, sigma: float) -> np.ndarray:
    """(S, S) share in [0, 1] with a soft border; the layout's left and right border are one place."""
    margin = min(mask.shape[1], int(4 * sigma) + 1)
    wide = np.pad(mask.astype(np.float32), ((0, 0), (margin, margin)), mode="wrap")
    return cv2.GaussianBlur(wide, (0, 0), max(sigma, 0.3))[:, margin:-margin].astype(float)


def _wanted(light: np.ndarray, labels: np.ndarray, label: int, colours: dict[int, np.ndarray]) -> np.ndarray:
    """(S, S) luminance that a region's texels should have."""
    like = SKIN if label in (EYES, TEETH) and (labels == SKIN).any() else label
    own, style = light[labels == like], colours[like] @ _WEIGHTS / 255.0
    (middle, spread), (wanted, range_) = _level(own), _level(style)
    offset = light - middle
    if label == OUTER:
        offset = _relief(offset, (labels == OUTER).astype(float))
        skin = (labels == SKIN).astype(float)
        if skin.any():  # no step at the jaw: the light of the face's border fades out over the neck
            sigma = light.shape[0] / 40
            near = _soft(skin, sigma)
            border = _soft((light - np.median(light[labels == SKIN])) * skin, sigma) / np.maximum(near, 1e-3)
            offset = offset + np.clip(2 * near, 0, 1) * border
    gain = np.clip(range_ / max(spread, 1e-6), *_GAIN)
    ends = np.quantile(colours[label] @ _WEIGHTS / 255.0, (0.03, 0.97))
    return _eased(wanted + gain * offset, *ends)


def _relief(values: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Small forms (ears, folds) without large light and shade, and no step larger than ``_RELIEF``."""
    sigma = values.shape[0] / 32
    mass = _soft(inside, sigma)
    large = _soft(values * inside, sigma) / np.maximum(mass, 1e-3)
    return _RELIEF * np.tanh((values - large) / _RELIEF) + 0.25 * _RELIEF * np.tanh(large / _RELIEF)


def _level(light: np.ndarray) -> tuple[float, float]:
    """Median, and spread without the lightest and darkest twentieth (lines, highlights)."""
    kept = np.clip(light, *np.quantile(light, (0.05, 0.95)))
    return float(np.median(kept)), float(kept.std())


def _eased(light: np.ndarray, low: float, high: float, knee: float = 0.05) -> np.ndarray:
    """Luminance that goes on growing beyond [low, high], but by no more than ``knee``."""
    over, under = np.maximum(light - high, 0), np.maximum(low - light, 0)
    return np.clip(light, low, high) + knee * (np.tanh(over / knee) - np.tanh(under / knee))


def colour_of_luminance(colours: np.ndarray, luminance: np.ndarray) -> np.ndarray:
    """The mean colour that each luminance has among ``colours``, scaled to exactly that luminance.

    Args:
        colours: (N, 3) RGB in [0, 1]. luminance: any shape; where ``colours`` has few of a luminance, the hue tends to
            that of all of them.

    Returns:
        luminance.shape + (3,) RGB.
    """
    own = colours @ _WEIGHTS
    index = np.clip((own * _BINS).astype(int), 0, _BINS - 1)
    few = _RARE * len(colours)
    mass = _smoothed(np.bincount(index, own, minlength=_BINS)) + few * own.mean() + 1e-9
    sums = [np.bincount(index, colours[:, channel], minlength=_BINS) for channel in range(3)]
    means = colours.mean(axis=0)
    centres = (np.arange(_BINS) + 0.5) / _BINS
    tints = [(_smoothed(part) + few * mean + 1e-9) / mass for part, mean in zip(sums, means, strict=True)]
    return luminance[..., None] * np.stack([np.interp(luminance, centres, tint) for tint in tints], axis=-1)


def _smoothed(histogram: np.ndarray) -> np.ndarray:
    return gaussian_filter1d(histogram, _SMOOTHING, mode="nearest")
