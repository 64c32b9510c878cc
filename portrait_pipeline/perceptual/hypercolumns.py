"""Hypercolumns: the features of all layers at one image position, stacked."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Taps:
    """Where to read the maps for n positions in each of B images.

    Attributes:
        index: (B, n, L, 4) int64, the four pixels about each position in maps of L sizes, row * width + column.
        weight: (B, n, L, 4) float32, their bilinear weights. sizes: (height, width) of the L sizes.
    """

    index: torch.Tensor
    weight: torch.Tensor
    sizes: tuple[tuple[int, int], ...]

    def first(self, count: int) -> Taps:
        """The first ``count`` positions of every image."""
        return Taps(self.index[:, :count], self.weight[:, :count], self.sizes)

    def joined(self, other: Taps) -> Taps:
        """The positions of both, of the same images and sizes."""
        index, weight = (torch.cat([getattr(self, name), getattr(other, name)], dim=1) for name in ("index", "weight"))
        return Taps(index, weight, self.sizes)

    def images(self, which: torch.Tensor) -> Taps:
        """All positions of the images ``which`` (B',)."""
        return Taps(self.index.index_select(0, which), self.weight.index_select(0, which), self.sizes)

    def take(self, images: torch.Tensor, pick: torch.Tensor) -> Taps:
        """The positions ``pick`` (n',) of the ``images`` (B',)."""
        index, weight = (part.index_select(0, images).index_select(1, pick) for part in (self.index, self.weight))
        return Taps(index, weight, self.sizes)


def find_taps(points: torch.Tensor, sizes: list[tuple[int, int]]) -> Taps:
    """Taps for positions in maps of the given sizes (each different one is kept once).

    Args:
        points: (B, n, 2) x and y in [0, 1] of the images' width and height, origin at their top-left corner (the
            centre of pixel (r, c) of a map of size h x w is ((c + 0.5) / w, (r + 0.5) / h)).
    """
    different = tuple(dict.fromkeys(sizes))
    parts = [_taps(points, *size) for size in different]
    index, weight = (torch.stack(part, dim=2) for part in zip(*parts, strict=True))
    return Taps(index, weight, different)


def sample_columns(maps: list[torch.Tensor], taps: Taps) -> torch.Tensor:
    """Bilinear samples of every map at the same positions.

    This is what upsampling all maps to the image's size and reading one pixel gives, at a fraction of the memory.

    Args:
        maps: feature maps (B, C_l, h_l, w_l) of B images. taps: of all their sizes.

    Returns:
        (B, n, sum C_l) float32 (float64 if the maps are).
    """
    count, number = taps.index.shape[:2]
    columns = []
    for feature in maps:
        channels, height, width = feature.shape[1:]
        slot = taps.sizes.index((height, width))
        rows = feature.permute(0, 2, 3, 1).reshape(-1, channels)  # a view for channels-last features
        start = torch.arange(count, device=rows.device)[:, None, None] * (height * width)
        read = rows.index_select(0, (taps.index[:, :, slot] + start).reshape(-1)).view(count, number, 4, channels)
        kind = torch.promote_types(feature.dtype, torch.float32)
        columns.append((read.to(kind) * taps.weight[:, :, slot].to(kind)[..., None]).sum(dim=2))
    return torch.cat(columns, dim=2)


def _taps(points: torch.Tensor, height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Flat indices and weights (B, n, 4) of the pixels about each point; the border is repeated outwards."""
    x = (points[..., 0] * width - 0.5).clamp(0, width - 1)
    y = (points[..., 1] * height - 0.5).clamp(0, height - 1)
    left, top = x.floor(), y.floor()
    fx, fy = x - left, y - top
    left, top = left.long(), top.long()
    right, bottom = (left + 1).clamp(max=width - 1), (top + 1).clamp(max=height - 1)
    index = torch.stack([top * width + left, top * width + right, bottom * width + left, bottom * width + right], -1)
    weight = torch.stack([(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy], dim=-1)
    return index, weight
