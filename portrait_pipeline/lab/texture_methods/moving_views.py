"""Views of a head whose vertices move: gradients reach them through what each pixel reads of the texture.

Visibility is found anew for every picture with rays; for the triangle that a sample sees, its weights are recomputed
from the moving corners with gradients. That holds inside the silhouette only: how an outline moves over its background
gives no gradient. The texture is read without mip maps, which supersampling makes up for as long as a texel is not much
smaller than a sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch.nn import functional

from ...mesh.mesh import Mesh
from ...mesh.render import embree_rasterise
from ...texture.rendering.base import Shot, VisibleSurface


@dataclass(frozen=True)
class MovingViews:
    """Views of one head; see :class:`~portrait_pipeline.texture.rendering.base.RenderedViews`.

    Attributes:
        mesh: for its topology and UV. vertices: (V, 3) float32 head space, cm; what moves.
        shots: N views. supersample: samples per pixel and axis.
        surface: what the views saw before anything moved. background: (3,) shown where the head has drawn back.
    """

    mesh: Mesh
    vertices: torch.Tensor
    shots: list[Shot]
    supersample: int
    surface: VisibleSurface
    background: torch.Tensor
    texture_sizes: tuple[int, ...]
    capturable: ClassVar[bool] = False

    def render(self, textures: Sequence[torch.Tensor], index: torch.Tensor) -> torch.Tensor:
        """Images (K, 3, h, w) of one texture (1, 3, S, S), differentiable in it and in ``vertices``."""
        (texture,) = textures
        return torch.cat([self._view(texture, number) for number in index.reshape(-1).tolist()])

    def _view(self, texture: torch.Tensor, number: int) -> torch.Tensor:
        size = self.surface.coverage.shape[1]
        camera = camera_space(self.vertices, self.shots[number])
        fine = size * self.supersample
        hit, _ = embree_rasterise(camera.detach().cpu().double().numpy(), self.mesh.triangles, fine)
        sample = np.flatnonzero(hit.ravel() >= 0)
        triangle = hit.ravel()[sample]
        corners = camera[torch.as_tensor(self.mesh.triangles[triangle].astype(np.int64), device=camera.device)]
        points = torch.as_tensor(_centres(sample, fine), dtype=camera.dtype, device=camera.device)
        uv = torch.as_tensor(self.mesh.uv[self.mesh.uv_triangles[triangle]], dtype=camera.dtype, device=camera.device)
        place = (barycentric(points, corners[..., :2])[..., None] * uv).sum(dim=1)
        colour = _read(texture, place)
        where = torch.as_tensor(sample, device=camera.device)
        picture = colour.new_zeros(fine * fine, 4).index_copy(0, where, functional.pad(colour, (0, 1), value=1.0))
        picture = functional.avg_pool2d(picture.T.reshape(1, 4, fine, fine), self.supersample)
        uncovered = self.surface.coverage[number] - picture[:, 3:]
        return picture[:, :3] + uncovered * self.background.view(1, 3, 1, 1)


def camera_space(vertices: torch.Tensor, shot: Shot) -> torch.Tensor:
    """(V, 3) normalised camera space; see :func:`portrait_pipeline.mesh.render.camera_vertices`."""
    turn, centre = (
        torch.as_tensor(part, dtype=vertices.dtype, device=vertices.device)
        for part in (shot.view.rotation(), np.asarray(shot.framing.centre, float))
    )
    return (vertices - centre) @ turn.T / shot.framing.half_extent


def barycentric(points: torch.Tensor, corners: torch.Tensor) -> torch.Tensor:
    """(N, 3) weights of the corners (N, 3, 2) at points (N, 2) that lie inside, with gradients.

    Triangles seen edge on (less than a millionth of the frame) give equal weights without gradients.
    """
    a, b, p = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], points - corners[:, 0]
    area = _cross(a, b)
    thin = area.abs() < 1e-8
    area = torch.where(thin, torch.ones_like(area), area)
    second, third = _cross(p, b) / area, _cross(a, p) / area
    weights = torch.stack([1 - second - third, second, third], dim=1)
    return torch.where(thin[:, None], torch.full_like(weights, 1 / 3), weights)


def _cross(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def _centres(sample: np.ndarray, size: int) -> np.ndarray:
    """(N, 2) x and y (up) in [-1, 1] of flat pixel numbers."""
    rows, columns = np.divmod(sample, size)
    return np.stack([2 * (columns + 0.5) / size - 1, 1 - 2 * (rows + 0.5) / size], axis=1)


def _read(texture: torch.Tensor, uv: torch.Tensor) -> torch.Tensor:
    """(N, 3) bilinear samples; the texture is continued over its seam."""
    size = texture.shape[3]
    wide = functional.pad(texture, (1, 1, 0, 0), mode="circular")
    x = (uv[:, 0] * size + 1) / (size + 2) * 2 - 1
    grid = torch.stack([x, 1 - 2 * uv[:, 1]], dim=1).clamp(-1.0, 1.0)
    return functional.grid_sample(wide, grid[None, None], padding_mode="border", align_corners=False)[0, :, 0].T
