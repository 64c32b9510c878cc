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

from ...base.device import Hardware, on_device
from ...base.progress import Progress, silent
from ...mesh.mesh import Mesh
from ...mesh.render import Framing, View
from ...mesh.texels import texel_map
from ...texture.optimise import TextureRun
from ...texture.params import TextureParams
from ...texture.pyramid import resize
from ...texture.rendering.base import Shot, VisibleSurface
from ...texture.result import Stylisation, run_method
from ...texture.shots import Directions
from ...texture.subject import Prepared, Subject

_FACE = 0.55  # of the layout's side, about the width of a face in it


@dataclass(frozen=True)
class FlatViews:
    """The layout as :class:`~portrait_pipeline.texture.rendering.base.RenderedViews`."""

    surface: VisibleSurface
    texture_sizes: tuple[int, ...]
    capturable: bool = False

    def render(self, textures: Sequence[torch.Tensor], index: torch.Tensor) -> torch.Tensor:
        (texture,) = textures
        return resize(texture, self.surface.coverage.shape[1:])


class FlatRenderer:
    """Shows one texture as it is (see :class:`~portrait_pipeline.texture.rendering.base.Renderer`)."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def prepare(
        self,
        scenes: Sequence[Sequence[Mesh]],
        shots: Sequence[Sequence[Shot]],
        size: int,
        texture_sizes: Sequence[int],
        supersample: int,
    ) -> FlatViews:
        """See :class:`~portrait_pipeline.texture.rendering.base.Renderer`; whatever the shot, all of the layout."""
        ((mesh,),) = scenes
        middle = (np.arange(size) + 0.5) / size
        uv = np.stack(np.meshgrid(middle, 1 - middle), axis=-1)
        points = texel_map(mesh, size).interpolate(mesh.triangles, mesh.vertices)
        owner = torch.zeros((1, size, size), dtype=torch.int64, device=self.device)
        coverage, uv, points = (on_device(part[None], self.device) for part in (np.ones((size, size)), uv, points))
        return FlatViews(VisibleSurface(coverage, owner, uv, points), tuple(texture_sizes))


class _Flat(TextureRun):
    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.directions, self.window = Directions([View()], []), max(self.params.scales)
        self.scenes = [_as_layout(scene) for scene in self.scenes]
        self.renderer = FlatRenderer(self.device)


def _as_layout(head: Prepared) -> Prepared:
    """Framed so that the layout fills the frame, for the artwork's face to become as wide as the layout's."""
    share = _FACE if head.places is None else float(np.linalg.norm(head.places[16] - head.places[0]))
    return replace(head, framing=Framing(np.zeros(3), head.width / (2 * share)))


def uv_space(
    subject: Subject,
    params: TextureParams,
    progress: Progress = silent,
    *,
    seed: int = 0,
    hardware: Hardware | None = None,
) -> Stylisation:
    """Style transfer in the layout; ``texture.views`` and the like have no effect."""
    return run_method(subject, params, progress, _Flat, seed=seed, hardware=hardware)
