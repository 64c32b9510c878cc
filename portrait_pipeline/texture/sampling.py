"""Which positions of a view or of the artwork enter the losses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch.nn import functional

from ..base.device import one_thread
from ..regions.labels import EYES, HAIR, LIPS

HEAD_SHARES: Mapping[int, float] = {EYES: 0.10, LIPS: 0.06, HAIR: 0.15}
"""Least share of the samples where visible: eyes and lips are small and carry the likeness, hair may be a rim."""


@dataclass(frozen=True)
class Samples:
    """Positions in N images and what is known about them.

    Attributes:
        points: (N, n, 2) float32 x and y in [0, 1] of width and height.
        region: (N, n) uint8 labels of :mod:`..regions.labels`.
        position: (N, n, 2) float32, place on the frontal face in face widths.
    """

    points: torch.Tensor
    region: torch.Tensor
    position: torch.Tensor


@one_thread()  # sums over all pixels would be cut by the number of threads
def draw_pixels(
    mask: torch.Tensor, labels: torch.Tensor, count: int, generator: torch.Generator, shares: Mapping[int, float]
) -> torch.Tensor:
    """Flat indices (N, count) of pixels inside each (N, H, W) bool mask, drawn with repetition.

    Args:
        labels: (N, H, W). shares: least share of the samples that a label gets where it is seen.
    """
    weight = mask.flatten(1).float()
    labels = labels.flatten(1)
    for label, share in shares.items():
        members = weight * (labels == label)
        size, whole = members.sum(1, keepdim=True), weight.sum(1, keepdim=True)
        rest = (whole - size).clamp_min(1.0)
        # The members weigh share / (1 - share) of the rest together, unless they do so already.
        gain = (share / (1 - share) * rest / size.clamp_min(1.0)).clamp_min(1.0)
        weight = torch.where((members > 0) & (size >= 4), members * gain, weight)
    return torch.multinomial(weight, count, replacement=True, generator=generator)


def pixel_points(index: torch.Tensor, shape: tuple[int, int], generator: torch.Generator) -> torch.Tensor:
    """Positions (N, n, 2) in [0, 1] of flat pixel indices (N, n), jittered inside their pixels."""
    height, width = shape
    jitter = torch.rand((*index.shape, 2), generator=generator, device=index.device) * 0.8 + 0.1
    cell = torch.stack([index % width, index // width], dim=-1)
    return (cell + jitter) / torch.tensor([width, height], device=index.device)


def inner(mask: torch.Tensor, pixels: int) -> torch.Tensor:
    """(N, H, W) bool masks drawn in by ``pixels``; the image's border does not count as an outline.

    A mask of which nothing would be left stays as it is; an empty one becomes full.
    """
    outside = 1.0 - mask[:, None].float()
    grown = functional.max_pool2d(outside, 2 * pixels + 1, stride=1, padding=pixels)[:, 0] if pixels else outside[:, 0]
    smaller = grown < 0.5
    kept = torch.where(smaller.flatten(1).any(1)[:, None, None], smaller, mask)
    return kept | ~kept.flatten(1).any(1)[:, None, None]


def map_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Sizes of the network's feature maps: the image's, halved by each pool."""
    return [(height >> pools, width >> pools) for pools in range(5)]
