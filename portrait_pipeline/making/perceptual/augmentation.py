"""Random crops, mirror images and colour changes of a batch, all at once on the device that trains."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from ...base.images import LUMINANCE
from .recipe import Recipe


def draw_crops(count: int, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Affine maps (N, 2, 3) from a crop to its image, in the coordinates of ``affine_grid`` (-1 to 1); half mirrored.

    Area uniform in [smallest_crop, 1] of the image, the logarithm of the aspect ratio uniform, place uniform inside.
    """
    area, ratio, x, y, mirror = torch.rand(5, count, generator=generator)
    area = recipe.smallest_crop + (1 - recipe.smallest_crop) * area
    ratio = ((2 * ratio - 1) * math.log(recipe.aspect)).exp()
    width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    zero = torch.zeros(count)
    sign = torch.where(mirror < 0.5, -1.0, 1.0)
    rows = [
        torch.stack([width * sign, zero, (2 * x - 1) * (1 - width)], dim=1),
        torch.stack([zero, height, (2 * y - 1) * (1 - height)], dim=1),
    ]
    return torch.stack(rows, dim=1)


def crop(images: Tensor, maps: Tensor, size: int) -> Tensor:
    """Crops (N, 3, size, size) of images (N, 3, S, S), bilinear, borders repeated."""
    grid = functional.affine_grid(maps, [len(images), 3, size, size], align_corners=False)
    return functional.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def jitter_colour(images: Tensor, factors: Tensor) -> Tensor:
    """Brightness, contrast and saturation of images (N, 3, H, W) in [0, 1] times factors (3, N); clipped."""
    brightness, contrast, saturation = factors[:, :, None, None, None]
    images = images * brightness
    luma = torch.tensor(LUMINANCE, device=images.device).view(1, 3, 1, 1)
    grey = (images * luma).sum(dim=1, keepdim=True)
    images = grey + (images - grey) * saturation
    mean = grey.mean(dim=(2, 3), keepdim=True)
    return (mean + (images - mean) * contrast).clamp(0, 1)


def augment(images: Tensor, size: int, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Training pictures of a step.

    Args:
        images: (N, S, S, 3) uint8 on any device.
        size: side of the result.
        generator: on the CPU, so that the draws are the same on every device.

    Returns:
        (N, 3, size, size) float32 in [0, 1] on the device of ``images``.
    """
    maps = draw_crops(len(images), recipe, generator)
    factors = 1 + recipe.jitter * (2 * torch.rand(3, len(images), generator=generator) - 1)
    pictures = crop(to_float(images), maps.to(images.device, non_blocking=True), size)
    return jitter_colour(pictures, factors.to(images.device, non_blocking=True))


def to_float(images: Tensor) -> Tensor:
    """(N, S, S, 3) uint8 to (N, 3, S, S) float32 in [0, 1]."""
    return images.permute(0, 3, 1, 2).float() / 255
