"""Laplacian pyramid of a texture: the variable of the optimisation."""

from __future__ import annotations

import torch
from torch.nn import functional


def resize(image: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Bilinear resampling of (1, C, H, W) to ``size``, antialiased when it shrinks."""
    smaller = size[0] < image.shape[2] or size[1] < image.shape[3]
    return functional.interpolate(image, size=size, mode="bilinear", align_corners=False, antialias=smaller)


def half(image: torch.Tensor) -> torch.Tensor:
    """Area average to half the size (at least 1 x 1)."""
    height, width = max(image.shape[2] // 2, 1), max(image.shape[3] // 2, 1)
    return functional.adaptive_avg_pool2d(image, (height, width))


def analyse(image: torch.Tensor, levels: int) -> list[torch.Tensor]:
    """``levels`` Laplacian levels of (1, C, H, W), finest first, and the low-pass residual last."""
    pyramid = []
    for _ in range(levels):
        low = half(image)
        pyramid.append(image - resize(low, tuple(image.shape[2:])))
        image = low
    return [*pyramid, image]


def synthesise(pyramid: list[torch.Tensor]) -> torch.Tensor:
    """The image of a pyramid; exact inverse of :func:`analyse`."""
    image = pyramid[-1]
    for level in reversed(pyramid[:-1]):
        image = level + resize(image, tuple(level.shape[2:]))
    return image
