"""Views of a head whose vertices move, with nvdiffrast: outlines give gradients too, and mip maps are read."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch.nn import functional

from ...texture.rendering.hardware import clip_space, topology
from .moving_views import MovingViews, camera_space


@dataclass(frozen=True)
class MovingHardwareViews(MovingViews):
    """As :class:`.moving_views.MovingViews`; ``raster`` is ``nvdiffrast.torch`` and ``context`` its rasteriser's."""

    raster: ModuleType
    context: Any

    def _view(self, texture: torch.Tensor, number: int) -> torch.Tensor:
        fine = self.surface.coverage.shape[1] * self.supersample
        triangles, uv_triangles, corners = topology(self.mesh, self.vertices.device)
        clip = clip_space(camera_space(self.vertices, self.shots[number])[None])
        fragments, derivatives = self.raster.rasterize(self.context, clip, triangles, (fine, fine))
        uv, change = self.raster.interpolate(
            corners[None], fragments, uv_triangles, rast_db=derivatives, diff_attrs="all"
        )
        # nvdiffrast wraps v as well as u: kept half a texel inside, the crown does not mix with the neck.
        margin = 0.5 / texture.shape[2]
        down = torch.stack([uv[..., 0], (1 - uv[..., 1]).clamp(margin, 1 - margin)], dim=-1).contiguous()
        change = (change * change.new_tensor([1.0, 1.0, -1.0, -1.0])).contiguous()
        colour = self.raster.texture(
            texture.permute(0, 2, 3, 1).contiguous(),
            down,
            change,
            filter_mode="linear-mipmap-linear",
            boundary_mode="wrap",
        )
        inside = (fragments[..., 3:] > 0).float()
        layers = torch.cat([colour * inside, inside], dim=-1).contiguous()
        layers = self.raster.antialias(layers, fragments, clip, triangles)
        picture = functional.avg_pool2d(layers.permute(0, 3, 1, 2), self.supersample)
        uncovered = self.surface.coverage[number] - picture[:, 3:]
        return picture[:, :3] + uncovered * self.background.view(1, 3, 1, 1)
