"""Hypercolumns: the features of all layers at one image position, stacked."""

from __future__ import annotations

import torch


def sample_columns(maps: list[torch.Tensor], points: torch.Tensor) -> torch.Tensor:
    """Bilinear samples of every map at the same positions.

    Args:
        maps: feature maps (1, C_l, h_l, w_l) of one image, any sizes.
        points: (N, 2) x and y in [0, 1] of the image's width and height, origin at its top-left corner (the centre
            of pixel (r, c) of a map of size h x w is ((c + 0.5) / w, (r + 0.5) / h)). This is what upsampling all
            maps to the image's size and reading one pixel gives, at a fraction of the memory.

    Returns:
        (N, sum C_l) float32 (float64 if the maps are).
    """
    columns = []
    for feature in maps:
        channels, height, width = feature.shape[1:]
        index, weight = _taps(points, height, width)
        rows = feature[0].permute(1, 2, 0).reshape(height * width, channels)  # a view for channels-last features
        taps = rows.index_select(0, index.reshape(-1)).view(len(points), 4, channels)
        kind = torch.promote_types(feature.dtype, torch.float32)
        columns.append((taps.to(kind) * weight.to(kind)[:, :, None]).sum(dim=1))
    return torch.cat(columns, dim=1)


def _taps(points: torch.Tensor, height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Flat indices and weights (N, 4) of the pixels about each point; the border is repeated outwards."""
    x = (points[:, 0] * width - 0.5).clamp(0, width - 1)
    y = (points[:, 1] * height - 0.5).clamp(0, height - 1)
    left, top = x.floor(), y.floor()
    fx, fy = x - left, y - top
    left, top = left.long(), top.long()
    right, bottom = (left + 1).clamp(max=width - 1), (top + 1).clamp(max=height - 1)
    index = torch.stack([top * width + left, top * width + right, bottom * width + left, bottom * width + right], 1)
    weight = torch.stack([(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy], dim=1)
    return index, weight
