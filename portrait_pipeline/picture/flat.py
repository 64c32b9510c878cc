"""A square picture in place of the views of a head: windows are cut out of it, pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..base.device import on_device
from ..mesh.mesh import Mesh
from ..texture.pyramid import resize
from ..texture.rendering.base import Shot, VisibleSurface


@dataclass(frozen=True)
class FlatViews:
    """Windows of one picture; see :class:`~portrait_pipeline.texture.rendering.base.RenderedViews`.

    Attributes:
        cells: (N, w * w) int64 pixels of each window in the whole. side: of the whole at this scale.
    """

    surface: VisibleSurface
    texture_sizes: tuple[int, ...]
    cells: torch.Tensor
    side: int
    capturable: bool = True

    def render(self, textures: Sequence[torch.Tensor], index: torch.Tensor) -> torch.Tensor:
        """(K, 3, w, w) of one picture (1, 3, S, S)."""
        (texture,) = textures
        whole = texture if texture.shape[2] == self.side else resize(texture, (self.side, self.side))
        numbers = index.reshape(-1)
        cells = self.cells.index_select(0, numbers)
        size = self.surface.coverage.shape[1]
        picked = whole[0].flatten(1).index_select(1, cells.reshape(-1)).view(3, len(numbers), size, size)
        return picked.transpose(0, 1) * self.surface.coverage.index_select(0, numbers)[:, None]


@dataclass(frozen=True)
class FlatRenderer:
    """Cuts windows; see :class:`~portrait_pipeline.texture.rendering.base.Renderer`.

    The scene is the plane z = 0 with x to the right and y up from the square's top edge, in pixels of its full size.

    Attributes:
        painted: (S, S) bool, what of the square is seen at all.
    """

    painted: np.ndarray
    device: torch.device

    def prepare(
        self,
        scenes: Sequence[Sequence[Mesh]],
        shots: Sequence[Sequence[Shot]],
        size: int,
        texture_sizes: Sequence[int],
        supersample: int,
    ) -> FlatViews:
        """See the protocol; windows begin at whole pixels of their scale."""
        (group,) = shots
        full = len(self.painted)
        side = round(size * full / (2 * group[0].framing.half_extent))
        cells, covered, uv, points = [], [], [], []
        for shot in group:
            left, top = np.array([1, -1]) * shot.framing.centre[:2] - shot.framing.half_extent
            corner = np.clip(np.rint(np.array([left, top]) * side / full), 0, side - size).astype(int)
            column, row = np.meshgrid(*(start + np.arange(size) for start in corner))
            middle = np.stack([column + 0.5, row + 0.5], axis=-1) / side
            at = (middle * full).astype(int)
            cells.append((row * side + column).ravel())
            covered.append(self.painted[at[..., 1], at[..., 0]])
            uv.append(np.stack([middle[..., 0], 1 - middle[..., 1]], axis=-1))
            points.append(np.concatenate([middle * full * [1, -1], np.zeros((size, size, 1))], axis=-1))
        coverage, uv, points = (on_device(np.stack(part), self.device) for part in (covered, uv, points))
        surface = VisibleSurface(coverage, torch.where(coverage > 0, 0, -1), uv, points)
        return FlatViews(surface, tuple(texture_sizes), on_device(cells, self.device, np.int64), side)
