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

from ...base.device import Hardware
from ...base.progress import Progress, silent
from ...mesh.mesh import Mesh
from ...mesh.render import Framing, View
from ...mesh.texels import texel_map
from ...texture.optimise import TextureRun
from ...texture.params import TextureParams
from ...texture.pyramid import resize
from ...texture.rendering.base import Shot, VisibleSurface
from ...texture.result import Stylisation, run_method
from ...texture.subject import Prepared, Subject

_FACE = 0.55  # of the layout's side, about the width of a face in it


@dataclass(frozen=True)
class FlatViews:
    """The layout as :class:`~portrait_pipeline.texture.rendering.base.RenderedViews`."""

    surface: VisibleSurface
    texture_size: int
    capturable: bool = False

    def render(self, texture: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        return resize(texture, self.surface.coverage.shape[1:])


class FlatRenderer:
    """Shows one texture as it is (see :class:`~portrait_pipeline.texture.rendering.base.Renderer`)."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def prepare(
        self, meshes: Sequence[Mesh], shots: Sequence[Sequence[Shot]], size: int, texture_size: int, supersample: int
    ) -> FlatViews:
        """See :class:`~portrait_pipeline.texture.rendering.base.Renderer`; whatever the shot, all of the layout."""
        (mesh,) = meshes
        middle = (np.arange(size) + 0.5) / size
        uv = np.stack(np.meshgrid(middle, 1 - middle), axis=-1)
        points = texel_map(mesh, size).interpolate(mesh.triangles, mesh.vertices)
        parts = (np.ones((size, size)), uv, points)
        surface = VisibleSurface(*(torch.tensor(part[None], dtype=torch.float32, device=self.device) for part in parts))
        return FlatViews(surface, texture_size)


class _Flat(TextureRun):
    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.front, self.surround, self.window = [View()], [], max(self.params.scales)
        self.heads = [_as_layout(head) for head in self.heads]
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
