"""Two steps, as the authors' released code: stylise a few fixed views as pictures, then fit the texture to them.

Each view is optimised alone, so what two views make of the same cheek need not agree; the texture then averages it.
The pictures are optimised by the same losses, samples and schedule as the paper's loop, and the fit is by least
squares instead of the released code's perceptual distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ...base.device import Hardware
from ...base.progress import Progress, silent
from ...mesh.render import View
from ...texture.optimisation_step import Optimisation
from ...texture.optimise import History, TextureRun
from ...texture.params import TextureParams
from ...texture.pyramid import resize
from ...texture.rendering.base import RenderedViews, Shot, VisibleSurface, texel_weights
from ...texture.result import Stylisation, run_method
from ...texture.scale import build_scale
from ...texture.schedule import Level, schedule
from ...texture.shots import Directions
from ...texture.subject import Subject

FIXED_VIEWS = (View(), View(-30.0, 0.0), View(30.0, 0.0), View(0.0, -20.0), View(0.0, 20.0))
"""The authors' five: frontal, left, right, from below, from above."""
_SUPERSAMPLE = 2


@dataclass(frozen=True)
class PictureViews:
    """Pictures in place of views of a texture; see :class:`~portrait_pipeline.texture.rendering.base.RenderedViews`.

    Attributes:
        surface: what the pictures' pixels see. texture_sizes: side of the pictures.
    """

    surface: VisibleSurface
    texture_sizes: tuple[int, ...]
    capturable: bool = False

    def render(self, textures: Sequence[torch.Tensor], index: torch.Tensor) -> torch.Tensor:
        """Pictures (P, 3, h, w), black (times coverage) where the head is not."""
        (texture,) = textures
        part = texture.repeat_interleave(index.shape[1], dim=0)
        return part * self.surface.coverage.index_select(0, index.reshape(-1))[:, None]


@torch.no_grad()
def head_colours(views: RenderedViews, texture: torch.Tensor, plain: torch.Tensor) -> torch.Tensor:
    """(V, 3, h, w) colours of the head, also in pixels that it covers in part; ``plain`` (3,) where it is not.

    Pictures and fit multiply by the coverage themselves: a mixture with the background would end in the texture.
    """
    coverage = views.surface.coverage[:, None]
    colour = views.render([texture], torch.arange(len(coverage), device=texture.device)[None])
    return torch.where(coverage > 0, colour / coverage.clamp_min(1e-3), plain.view(1, 3, 1, 1))


def fit_texture(
    views: RenderedViews, images: torch.Tensor, start: torch.Tensor, steps: int = 40, pull: float = 0.03
) -> torch.Tensor:
    """Minimise sum_v |render_v(t) - image_v|^2 + pull m |t - start|^2 by conjugate gradients on the normal equations.

    Rendering is linear in the texture, so the gradient at 0 of half the squared norm is all the method needs. m is
    the largest share that a texel has in the pictures: texels that no view shows keep their start.

    Args:
        views: N views of one head. images: (N, 3, h, w) wanted, times coverage, as ``views.render`` gives them.
        start: (1, 3, S, S). steps: of conjugate gradients. pull: towards the start. Pictures that contradict each other
            or hold more than the texture can show turn into speckles without it (at 0.001 neighbouring texels differ
            four times as much as at 0.03, for a quarter less residual).

    Returns:
        (1, 3, S, S), not clamped.
    """
    ones = torch.ones_like(start)
    scale = float(_adjoint(views, _render(views, ones), start).max()) * pull
    texture = start.clone()
    residual = _adjoint(views, images - _render(views, start), start)
    direction, size = residual.clone(), residual.square().sum()
    for _ in range(steps):
        if float(size) <= 1e-20:
            break
        image = _adjoint(views, _render(views, direction), start) + scale * direction
        length = size / (direction * image).sum()
        texture, residual = texture + length * direction, residual - length * image
        before, size = size, residual.square().sum()
        direction = residual + (size / before) * direction
    return texture


def _numbers(views: RenderedViews, device: torch.device) -> torch.Tensor:
    return torch.arange(len(views.surface.coverage), device=device)[None]


@torch.no_grad()
def _render(views: RenderedViews, texture: torch.Tensor) -> torch.Tensor:
    return views.render([texture], _numbers(views, texture.device))


def _adjoint(views: RenderedViews, images: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """The transpose of rendering: (1, 3, S, S) from (N, 3, h, w)."""
    texture = torch.zeros_like(like, requires_grad=True)
    views.render([texture], _numbers(views, like.device)).backward(images)
    return texture.grad


class _TwoStep(TextureRun):
    """Scales of pictures instead of scales of textures; then the fit."""

    def run(self, progress: Progress) -> list[tuple[np.ndarray, History]]:
        (head,) = self.scenes
        levels = schedule(self.params, self.sizes, max(self.params.scales))
        total = sum(level.iterations for level in levels)
        shots = [Shot(view, head.framing) for view in FIXED_VIEWS]
        pictures = before = None
        for level in levels:
            views = self.renderer.prepare([head.meshes], [shots], level.size, level.texture_sizes, _SUPERSAMPLE)
            content, first = (
                head_colours(views, resize(texture, views.texture_sizes * 2), head.style_mean)
                for texture in (head.photos[0], self._first(level.texture_sizes)[0])
            )
            if pictures is not None:
                shape = content.shape[2:]
                first = resize(pictures, shape) + content - resize(before, shape)
            pictures, before = self._pictures(level, first, progress, total), content
        (start,) = self._first(levels[-1].texture_sizes)
        texture = fit_texture(views, pictures * views.surface.coverage[:, None], start)
        self._complete_later(texel_weights(views))
        start, texture = (self._enlarged([part], self.sizes)[0] for part in (start, texture))
        return [(self._finished(head, [start[0]], [texture[0]], 0), self.histories[0])]

    def _pictures(self, level: Level, first: torch.Tensor, progress: Progress, total: int) -> torch.Tensor:
        """(V, 3, h, w) optimised, every picture alone."""
        self.recorded = len(self.histories[0])
        if level.iterations == 0:
            return first
        alone = [
            self._optimisation(level, view, picture) for view, picture in zip(FIXED_VIEWS, first.split(1), strict=True)
        ]
        for step in range(level.iterations):
            for optimisation in alone:
                optimisation.step()
            history = torch.stack([optimisation.history[: step + 1] for optimisation in alone])
            self._record(history.mean(dim=0), level, progress, total)
        return torch.cat([optimisation.textures[0] for optimisation in alone])

    def _optimisation(self, level: Level, view: View, picture: torch.Tensor) -> Optimisation:
        ways = Directions([view], [])
        scale = build_scale(level, self.scenes, ways, self.network, self.renderer, self.generator, self.rng)
        (seen,) = scale.sets
        scale = replace(scale, sets=[replace(seen, views=PictureViews(seen.views.surface, (level.size,)))])
        return Optimisation(scale, [picture], self.network)


def two_step(
    subject: Subject,
    params: TextureParams,
    progress: Progress = silent,
    *,
    seed: int = 0,
    hardware: Hardware | None = None,
) -> Stylisation:
    """Every picture takes the schedule's steps, so that this takes five times as long as the paper's loop.

    ``texture.views``, ``texture.crop`` and the like have no effect: pictures are optimised whole.
    """
    return run_method(subject, params, progress, _TwoStep, seed=seed, hardware=hardware)
