"""Laplacian pyramid of a texture: the variable of the optimisation.

The texture's left and right border are one place on the head, so enlarging goes round; else each level would leave a
step at the seam.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from ..base.device import one_thread


def resize(image: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Bilinear resampling of (B, C, H, W) to ``size``, antialiased when it shrinks."""
    smaller = size[0] < image.shape[2] or size[1] < image.shape[3]
    with one_thread():  # the last bits of a pixel hang on where the share of its thread begins
        return functional.interpolate(image, size=size, mode="bilinear", align_corners=False, antialias=smaller)


def enlarge(image: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Bilinear enlargement of (B, C, H, W) that goes round at the left and right border.

    Where ``size`` is no whole multiple of the width it is plain :func:`resize`.
    """
    width = image.shape[3]
    factor = size[1] // width
    if factor * width != size[1] or factor < 2:
        return resize(image, size)
    wide = torch.cat([image[..., -1:], image, image[..., :1]], dim=3)
    return resize(wide, (size[0], size[1] + 2 * factor))[..., factor:-factor]


def half(image: torch.Tensor) -> torch.Tensor:
    """Area average to half the size (at least 1 x 1)."""
    height, width = max(image.shape[2] // 2, 1), max(image.shape[3] // 2, 1)
    return functional.adaptive_avg_pool2d(image, (height, width))


def analyse(image: torch.Tensor, levels: int) -> list[torch.Tensor]:
    """``levels`` Laplacian levels of (B, C, H, W), finest first, and the low-pass residual last."""
    pyramid = []
    for _ in range(levels):
        low = half(image)
        pyramid.append(image - enlarge(low, tuple(image.shape[2:])))
        image = low
    return [*pyramid, image]


def synthesise(pyramid: list[torch.Tensor]) -> torch.Tensor:
    """The image of a pyramid; exact inverse of :func:`analyse`."""
    image = pyramid[-1]
    for level in reversed(pyramid[:-1]):
        image = level + enlarge(image, tuple(level.shape[2:]))
    return image
