"""The GPU renderer: nvdiffrast rasterises once, then samples textures with mip maps in every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import torch
from torch.nn import functional

from ...base.device import on_device
from ...base.errors import NVDIFFRAST_INSTALL, MissingDependencyError, ParameterError
from ...mesh.mesh import Mesh, join
from ...mesh.render import MIN_AREA
from .base import Shot, VisibleSurface

_AT_ONCE = 2**23  # samples rasterised together, so that the rasteriser's buffers stay small


def load_nvdiffrast() -> ModuleType:
    """``nvdiffrast.torch``.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import nvdiffrast.torch
    except ImportError as error:
        raise MissingDependencyError(
            f"the renderer is nvdiffrast, which is not installed ({error}); "
            f"run `{NVDIFFRAST_INSTALL}`, or set PORTRAIT_RENDERER to cpu"
        ) from error
    return nvdiffrast.torch


@dataclass(frozen=True)
class HardwareViews:
    """Views as texture coordinates and mip levels of their samples; see :class:`RenderedViews`.

    Attributes:
        uv: (N, s, s, 2) of each sample, v downwards as nvdiffrast wants it, on the texture of the part that it meets;
            level: (N, s, s) mip level.
        inside: (N, s, s) of each part, 1 where a sample meets it, else 0. supersample: samples per pixel and axis.
    """

    raster: ModuleType
    uv: torch.Tensor
    level: torch.Tensor
    inside: list[torch.Tensor]
    supersample: int
    surface: VisibleSurface
    texture_sizes: tuple[int, ...]
    capturable: bool = True

    def render(self, textures: Sequence[torch.Tensor], index: torch.Tensor) -> torch.Tensor:
        scenes, views = index.shape
        side, chosen = self.uv.shape[1], index.reshape(-1)
        # The views of one scene lie below each other in one tall image: one fetch a texture serves them all.
        uv = self.uv.index_select(0, chosen).view(scenes, views * side, side, 2)
        level = self.level.index_select(0, chosen).view(scenes, views * side, side)
        picture = 0.0
        for texture, inside in zip(textures, self.inside, strict=True):
            colour = self.raster.texture(
                texture.permute(0, 2, 3, 1).contiguous(),
                uv,
                mip_level_bias=level,
                filter_mode="linear-mipmap-linear",
                boundary_mode="wrap",
            )
            picture = picture + colour.view(-1, side, side, 3) * inside.index_select(0, chosen)[..., None]
        return functional.avg_pool2d(picture.permute(0, 3, 1, 2), self.supersample)


@dataclass(frozen=True)
class HardwareRenderer:
    """Rasterises with CUDA; see :class:`Renderer`.

    Raises:
        MissingDependencyError: nvdiffrast is not installed.
        ParameterError: one of ``texture_sizes`` is not a power of two.
    """

    device: torch.device

    def prepare(
        self,
        scenes: Sequence[Sequence[Mesh]],
        shots: Sequence[Sequence[Shot]],
        size: int,
        texture_sizes: Sequence[int],
        supersample: int,
    ) -> HardwareViews:
        raster = load_nvdiffrast()
        for texture_size in texture_sizes:
            if texture_size & (texture_size - 1):
                raise ParameterError(
                    f"the texture's side is {texture_size}: nvdiffrast needs a power of two, such as 512 or 1024 "
                    "(photo_texture.size and shell.size; twice each of texture.scales up to it), "
                    "or set PORTRAIT_RENDERER to cpu"
                )
        context = raster.RasterizeCudaContext(self.device)
        parts = [
            self._of_scene(raster, context, meshes, group, size * supersample, texture_sizes, supersample)
            for meshes, group in zip(scenes, shots, strict=True)
        ]
        uv, level, owner, uv_middle, points = (torch.cat(part) for part in zip(*parts, strict=True))
        coverage = functional.avg_pool2d((owner >= 0).float()[:, None], supersample)[:, 0]
        middle = supersample // 2
        return HardwareViews(
            raster,
            uv,
            level,
            [(owner == number).float() for number in range(len(texture_sizes))],
            supersample,
            VisibleSurface(
                coverage, owner[:, middle::supersample, middle::supersample].contiguous(), uv_middle, points
            ),
            tuple(texture_sizes),
        )

    def _of_scene(
        self,
        raster: ModuleType,
        context,
        meshes: Sequence[Mesh],
        shots: Sequence[Shot],
        side: int,
        texture_sizes: Sequence[int],
        supersample: int,
    ) -> tuple[torch.Tensor, ...]:
        """uv, level, part of all samples and uv, points of each pixel's middle one."""
        mesh = join(meshes)
        ends = torch.tensor(np.cumsum([len(part.triangles) for part in meshes]), device=self.device)
        texels = torch.tensor(texture_sizes, dtype=torch.float32, device=self.device)
        triangles, uv_triangles, corners = topology(mesh, self.device)
        vertices = on_device(mesh.vertices, self.device)
        cameras = _cameras(mesh, shots, self.device)
        density = _log_density(cameras, triangles.long(), corners[uv_triangles.long()])
        results = []
        step = max(1, _AT_ONCE // side**2)
        for first in range(0, len(shots), step):
            part = slice(first, first + step)
            fragments, _ = raster.rasterize(context, clip_space(cameras[part]), triangles, (side, side))
            seen = fragments[..., 3] > 0
            found = torch.searchsorted(ends, fragments[..., 3].long() - 1, right=True)
            owner = torch.where(seen, found, -1)
            sizes = texels[owner.clamp_min(0)]
            uv, _ = raster.interpolate(corners[None], fragments, uv_triangles)
            level, _ = raster.interpolate(density[part, :, None].contiguous(), fragments, triangles)
            level = level[..., 0] + torch.log2(2.0 / side * sizes)
            level = torch.minimum(level.clamp_min(0.0), torch.log2(sizes)) * seen
            middle = fragments[:, supersample // 2 :: supersample, supersample // 2 :: supersample].contiguous()
            points, _ = raster.interpolate(vertices[None], middle, triangles)
            uv_middle, _ = raster.interpolate(corners[None], middle, uv_triangles)
            results.append((_flipped(uv, level, sizes), level, owner, uv_middle, points))
        return tuple(torch.cat(part) for part in zip(*results, strict=True))


def topology(mesh: Mesh, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Triangles and UV triangles (F, 3) int32, and UV (T, 2) float32."""
    triangles, uv_triangles = (on_device(part, device, np.int32) for part in (mesh.triangles, mesh.uv_triangles))
    return triangles, uv_triangles, on_device(mesh.uv, device)


def _cameras(mesh: Mesh, shots: Sequence[Shot], device: torch.device) -> torch.Tensor:
    """(N, V, 3) normalised camera space of every shot; see :func:`portrait_pipeline.mesh.render.camera_vertices`."""
    vertices = on_device(mesh.vertices, device, np.float64)
    centres, turns, extents = (
        on_device(np.stack(part), device, np.float64)
        for part in zip(*((s.framing.centre, s.view.rotation(), s.framing.half_extent) for s in shots), strict=True)
    )
    return ((vertices - centres[:, None]) @ turns.mT / extents[:, None, None]).float()


def _log_density(cameras: torch.Tensor, triangles: torch.Tensor, corners: torch.Tensor) -> torch.Tensor:
    """(N, V): :func:`portrait_pipeline.mesh.render.log_density` of every view; corners are (T, 3, 2) UV."""
    areas = _double_area(cameras[:, triangles.flatten(), :2].view(len(cameras), -1, 3, 2))
    ratio = _double_area(corners)[None] / areas.clamp_min(MIN_AREA)
    value = (0.5 * torch.log2(ratio.clamp_min(MIN_AREA))).repeat_interleave(3, dim=1)
    index = triangles.flatten()
    total = torch.zeros(cameras.shape[:2], device=cameras.device).index_add_(1, index, value)
    return total / torch.bincount(index, minlength=cameras.shape[1]).clamp_min(1)


def _double_area(corners: torch.Tensor) -> torch.Tensor:
    a, b = corners[..., 1, :] - corners[..., 0, :], corners[..., 2, :] - corners[..., 0, :]
    return (a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]).abs()


def clip_space(cameras: torch.Tensor) -> torch.Tensor:
    """(N, V, 4) of normalised camera space (N, V, 3): rows grow downwards as in an image, near is small."""
    depth = -cameras[..., 2:] / (1.05 * cameras[..., 2].detach().abs().max().clamp_min(1e-6))
    return torch.cat([cameras[..., :1], -cameras[..., 1:2], depth, torch.ones_like(depth)], dim=-1).contiguous()


def _flipped(uv: torch.Tensor, level: torch.Tensor, sizes: torch.Tensor) -> torch.Tensor:
    """v downwards, and held half a texel of the coarser of the two mip levels inside: nvdiffrast would wrap it too."""
    margin = 0.5 * torch.exp2(level.ceil()) / sizes
    down = 1 - uv[..., 1]
    return torch.stack([uv[..., 0], torch.minimum(torch.maximum(down, margin), 1 - margin)], dim=-1)
