"""The naive way (section 5): style transfer of the texture as if it were a picture, shown on the head afterwards.

The layout is treated as one flat picture whose content is the photo's texture: samples lie all over it, whatever their
area on the head, features see the face as stretched as the layout has it, and no sample looks across its left and
right border, which meet at the back of the head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ...base.device import on_device
from ...base.progress import Progress, silent
from ...mesh.mesh import Mesh
from ...mesh.render import Framing, View
from ...mesh.texels import texel_map
from ...texture.optimise import Work
from ...texture.params import TextureParams
from ...texture.pyramid import resize
from ...texture.rendering.base import Shot, Surface
from ...texture.result import Stylisation, run_method
from ...texture.shots import Directions
from ...texture.subject import Prepared, Subject

_WINDOWS = 8  # where a scale shows parts of the layout only, as many parts
_FACE = 0.55  # of the layout's side, about the width of a face in it


@dataclass(frozen=True)
class FlatViews:
    """Windows of the layout as :class:`~portrait_pipeline.texture.rendering.base.RenderedViews`.

    Attributes:
        corners: top row and left column of each of the N windows, texels. side: of all windows, texels.
    """

    corners: list[tuple[int, int]]
    side: int
    surface: Surface
    texture_sizes: tuple[int, ...]
    capturable: bool = False

    def render(self, textures: Sequence[torch.Tensor], index: torch.Tensor) -> torch.Tensor:
        (texture,) = textures
        size = self.surface.coverage.shape[1]
        windows = [
            texture[number : number + 1, :, top : top + self.side, left : left + self.side]
            for number, views in enumerate(index.tolist())
            for top, left in (self.corners[view] for view in views)
        ]
        return resize(torch.cat(windows), (size, size))


@dataclass(frozen=True)
class FlatRenderer:
    """Shows textures as they are (see :class:`~portrait_pipeline.texture.rendering.base.Renderer`).

    Attributes:
        device: where the textures are. whole: the framing that stands for the whole layout; that of a shot names a
            part of it, right and up being those of the texture.
    """

    device: torch.device
    whole: Framing

    def prepare(
        self,
        scenes: Sequence[Sequence[Mesh]],
        shots: Sequence[Sequence[Shot]],
        size: int,
        texture_sizes: Sequence[int],
        supersample: int,
    ) -> FlatViews:
        """See :class:`~portrait_pipeline.texture.rendering.base.Renderer`; all shots must be equally close."""
        (texture_size,) = texture_sizes
        meshes = [mesh for (mesh,) in scenes]
        framings = [shot.framing for group in shots for shot in group]
        side = max(1, round(framings[0].half_extent / self.whole.half_extent * texture_size))
        corners = [self._corner(framing, texture_size, side) for framing in framings]
        owner = [number for number, group in enumerate(shots) for _ in group]
        texels = [texel_map(mesh, texture_size) for mesh in meshes]
        places = [part.interpolate(mesh.triangles, mesh.vertices) for part, mesh in zip(texels, meshes, strict=True)]
        rows = [top + _steps(size, side) for top, _ in corners]
        columns = [left + _steps(size, side) for _, left in corners]
        uv = [
            np.stack(np.meshgrid((column + 0.5) / texture_size, 1 - (row + 0.5) / texture_size), axis=-1)
            for row, column in zip(rows, columns, strict=True)
        ]
        points = [places[number][np.ix_(row, column)] for number, row, column in zip(owner, rows, columns, strict=True)]
        coverage = np.ones((len(corners), size, size))
        part = torch.zeros(coverage.shape, dtype=torch.int64, device=self.device)
        surface = Surface(
            on_device(coverage, self.device), part, *(on_device(np.stack(p), self.device) for p in (uv, points))
        )
        return FlatViews(corners, side, surface, tuple(texture_sizes))

    def _corner(self, framing: Framing, size: int, side: int) -> tuple[int, int]:
        x, y = (framing.centre - self.whole.centre)[:2] / self.whole.half_extent
        top, left = (round((1 + float(offset)) / 2 * size - side / 2) for offset in (-y, x))
        return min(max(top, 0), size - side), min(max(left, 0), size - side)


def _steps(size: int, side: int) -> np.ndarray:
    """(size,) the texel of a window of ``side`` texels under the centre of each of ``size`` pixels."""
    return ((np.arange(size) + 0.5) * side / size).astype(int)


class _Flat(Work):
    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.directions = Directions([View()] * _WINDOWS, [])
        self.scenes = [_as_layout(scene) for scene in self.scenes]
        self.renderer = FlatRenderer(self.device, self.scenes[0].framing)


def _as_layout(head: Prepared) -> Prepared:
    """Framed so that the layout fills the frame, for the artwork's face to become as wide as the layout's."""
    share = _FACE if head.places is None else float(np.linalg.norm(head.places[16] - head.places[0]))
    return replace(head, framing=Framing(np.zeros(3), head.width / (2 * share)))


def uv_space(subject: Subject, params: TextureParams, progress: Progress = silent) -> Stylisation:
    """Style transfer in the layout; ``texture.views`` and the like have no effect."""
    return run_method(subject, params, progress, _Flat)
