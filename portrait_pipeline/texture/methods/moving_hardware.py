"""Views of a head whose vertices move, with nvdiffrast: outlines give gradients too, and mip maps are read."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from ...mesh import Mesh
from ..rendering import Shot, Surface
from .moving_views import camera_space


@dataclass(frozen=True)
class MovingHardwareViews:
    """As :class:`.moving_views.MovingViews`; ``raster`` is ``nvdiffrast.torch`` and ``context`` its rasteriser's."""

    mesh: Mesh
    vertices: torch.Tensor
    shots: list[Shot]
    supersample: int
    surface: Surface
    background: torch.Tensor
    texture_size: int
    raster: ModuleType
    context: Any
    capturable: bool = False

    def render(self, texture: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        """Images (K, 3, h, w) of one texture (1, 3, S, S), differentiable in it and in ``vertices``."""
        return torch.cat([self._view(texture, number) for number in index.reshape(-1).tolist()])

    def _view(self, texture: torch.Tensor, number: int) -> torch.Tensor:
        fine = self.surface.coverage.shape[1] * self.supersample
        device = self.vertices.device
        triangles, uv_triangles = (
            torch.as_tensor(np.asarray(part, np.int32), device=device)
            for part in (self.mesh.triangles, self.mesh.uv_triangles)
        )
        corners = torch.as_tensor(np.asarray(self.mesh.uv, np.float32), device=device)[None]
        clip = _clip_space(camera_space(self.vertices, self.shots[number]))
        fragments, derivatives = self.raster.rasterize(self.context, clip, triangles, (fine, fine))
        uv, change = self.raster.interpolate(corners, fragments, uv_triangles, rast_db=derivatives, diff_attrs="all")
        # nvdiffrast wraps v as well as u: kept half a texel inside, the crown does not mix with the neck.
        margin = 0.5 / texture.shape[2]
        down = torch.stack([uv[..., 0], (1 - uv[..., 1]).clamp(margin, 1 - margin)], dim=-1).contiguous()
        change = (change * change.new_tensor([1.0, 1.0, -1.0, -1.0])).contiguous()
        colour = self.raster.texture(
            texture.permute(0, 2, 3, 1).contiguous(), down, change, filter_mode="linear-mipmap-linear",
            boundary_mode="wrap",
        )
        inside = (fragments[..., 3:] > 0).float()
        layers = torch.cat([colour * inside, inside], dim=-1).contiguous()
        layers = self.raster.antialias(layers, fragments, clip, triangles)
        picture = functional.avg_pool2d(layers.permute(0, 3, 1, 2), self.supersample)
        uncovered = self.surface.coverage[number] - picture[:, 3:]
        return picture[:, :3] + uncovered * self.background.view(1, 3, 1, 1)


def _clip_space(camera: torch.Tensor) -> torch.Tensor:
    """(1, V, 4) of normalised camera space: rows grow downwards as in an image, near is small."""
    reach = 1.05 * camera[:, 2:].detach().abs().max().clamp_min(1e-6)
    parts = [camera[:, :1], -camera[:, 1:2], -camera[:, 2:] / reach, torch.ones_like(camera[:, :1])]
    return torch.cat(parts, dim=1)[None].contiguous()
