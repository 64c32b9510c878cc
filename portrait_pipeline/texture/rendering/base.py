"""The protocol of renderers for the texture optimisation.

Geometry does not change while a texture is optimised, so a renderer works in two steps: ``prepare`` finds out once what
each pixel of a set of views sees; the views it returns then turn any texture into images, with gradients. Conventions
(axes, pixel centres, texel centres, mip levels, u wraps and v is clamped) are those of
:mod:`portrait_pipeline.mesh.render`; both implementations pass the same tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from ...mesh.mesh import Mesh
from ...mesh.render import Framing, View
from ..pyramid import half


@dataclass(frozen=True)
class Shot:
    """A direction and what the square image shows of it."""

    view: View
    framing: Framing


@dataclass(frozen=True)
class VisibleSurface:
    """What the pixels of N views see.

    Attributes:
        coverage: (N, h, w) float32, share of each pixel that any part covers.
        part: (N, h, w) int64, which part one point in each pixel lies on, -1 where empty.
        uv: (N, h, w, 2) float32 texture coordinates of that point, on its part's texture; 0 where empty.
        points: (N, h, w, 3) float32 head-space position of the same point, cm, 0 where empty.
    """

    coverage: torch.Tensor
    part: torch.Tensor
    uv: torch.Tensor
    points: torch.Tensor


class RenderedViews(Protocol):
    """N views of one or several scenes, ready to show textures.

    Attributes:
        surface: what their pixels see.
        texture_sizes: side of the texture of each part of a scene.
        capturable: whether ``render`` may be recorded in a CUDA graph.
    """

    surface: VisibleSurface
    texture_sizes: tuple[int, ...]
    capturable: bool

    def render(self, textures: Sequence[torch.Tensor], index: torch.Tensor) -> torch.Tensor:
        """Images of textures, black where a pixel is empty (times coverage at the outline).

        Args:
            textures: (P, 3, S, S) of each part of P scenes. index: (P, K) int64, for each scene the numbers of K of
                the N views.

        Returns:
            (P * K, 3, h, w), differentiable in ``textures``.
        """
        ...


class Renderer(Protocol):
    """Prepares views; see the module's text."""

    def prepare(
        self,
        scenes: Sequence[Sequence[Mesh]],
        shots: Sequence[Sequence[Shot]],
        size: int,
        texture_sizes: Sequence[int],
        supersample: int,
    ) -> RenderedViews:
        """Views of every scene, numbered one scene after the other.

        Args:
            scenes: meshes with UV that are seen together (a head; a head and its shell), as many in each scene.
            shots: the views of each scene.
            size: side of the images. texture_sizes: side of the texture of each part.
            supersample: samples per pixel and axis.
        """
        ...


def mip_chain(texture: torch.Tensor) -> torch.Tensor:
    """(1, 3, S, S) texture -> (texels of all mip levels, 3): area-averaged halves down to one texel."""
    parts = [texture]
    while parts[-1].shape[2] > 1:
        parts.append(half(parts[-1]))
    return torch.cat([part[0].reshape(texture.shape[1], -1).T for part in parts])


def texel_weights(views: RenderedViews, scenes: int = 1) -> list[torch.Tensor]:
    """(P, S, S) float32 of each part: how much of all the pixels of its views each texel makes up (0: unseen)."""
    count, device = len(views.surface.coverage) // scenes, views.surface.coverage.device
    textures = [torch.zeros(scenes, 3, size, size, device=device, requires_grad=True) for size in views.texture_sizes]
    numbers = torch.arange(scenes * count, device=device).view(scenes, count)
    for some in numbers.split(4, dim=1):
        views.render(textures, some).sum().backward()
    return [texture.grad[:, 0] for texture in textures]
