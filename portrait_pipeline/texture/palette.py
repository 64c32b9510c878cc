"""Colours of the first texture: the photo's light and dark in the artwork's own palette."""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d

_WEIGHTS = np.array([0.299, 0.587, 0.114])  # of R, G, B in the luminance (Rec. 601)
_BINS = 64
_SMOOTHING = 3.0  # bins
_RARE = 1e-3  # share of the colours below which a bin's hue is uncertain
_GAIN = (0.6, 1.4)


def start_colours(
    texture: torch.Tensor, style: np.ndarray, how: str,
    face: np.ndarray | None = None, style_face: np.ndarray | None = None,
) -> torch.Tensor:
    """The photo's texture as the optimisation starts from it.

    Args:
        texture: (1, 3, S, S) in [0, 1].
        style: (N, 3) uint8 colours of the artwork's portrait.
        face: (S, S) bool texels between the landmarks, style_face: (M, 3) the artwork's colours there; with them light
            and dark are matched from face to face, whatever hair surrounds it.
        how: ``photo``: unchanged. ``mean``: moved to the style's mean colour. ``palette``: the luminance gets the
            style's mean and (within limits) spread, and each luminance the mean colour that it has in the style; so
            nothing, seen in the photo or not, starts with a colour that the artwork lacks.

    Returns:
        (1, 3, S, S), not clamped.
    """
    if how == "photo":
        return texture
    colours = style.reshape(-1, 3) / 255.0
    rgb = texture[0].permute(1, 2, 0).double().cpu().numpy()
    if how == "mean":
        moved = rgb + (colours.mean(axis=0) - rgb.mean(axis=(0, 1)))
    else:
        light = rgb @ _WEIGHTS
        own = light[face] if face is not None and face.any() else light.ravel()
        wanted = (colours if style_face is None or not len(style_face) else style_face / 255.0) @ _WEIGHTS
        gain = np.clip(wanted.std() / max(float(own.std()), 1e-6), *_GAIN)
        moved = colour_of_luminance(colours, wanted.mean() + gain * (light - own.mean()))
    return torch.tensor(moved, dtype=texture.dtype, device=texture.device).permute(2, 0, 1)[None]


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
