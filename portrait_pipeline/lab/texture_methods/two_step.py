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
from torch.nn import functional

from ...base.device import Hardware
from ...base.progress import Progress, silent
from ...mesh.mesh import Mesh
from ...mesh.render import Framing, View
from ...texture.optimisation_step import Optimisation
from ...texture.optimise import History, Work, window_size
from ...texture.params import TextureParams
from ...texture.pyramid import resize
from ...texture.rendering.base import RenderedViews, Renderer, Shot, Surface, texel_weights
from ...texture.result import Stylisation, run_method
from ...texture.scale import build_scale
from ...texture.schedule import Stage, schedule
from ...texture.subject import Subject
from .fitting import fit_texture

FIXED_VIEWS = (View(), View(-30.0, 0.0), View(30.0, 0.0), View(0.0, -20.0), View(0.0, 20.0))
"""The authors' five: frontal, left, right, from below, from above."""
_WINDOWS = 4  # where a scale shows parts of the views only, as many parts of each
_SUPERSAMPLE = 2


@dataclass(frozen=True)
class PictureViews:
    """Windows of pictures in place of views of a texture; see :class:`..rendering.RenderedViews`.

    Attributes:
        windows: (N, 3) of each: x and y of its middle in [-1, 1] (right, down) and its side over the picture's.
        surface: what the windows' pixels see. texture_size: side of the pictures.
    """

    windows: torch.Tensor
    surface: Surface
    texture_size: int
    capturable: bool = False

    def render(self, texture: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        """Windows of pictures (P, 3, h, w), black (times coverage) where the head is not."""
        size = self.surface.coverage.shape[1]
        chosen = index.reshape(-1)
        part = texture.repeat_interleave(index.shape[1], dim=0)
        if self.texture_size != size:
            x, y, side = self.windows.index_select(0, chosen).unbind(1)
            zero = torch.zeros_like(x)
            affine = torch.stack([torch.stack([side, zero, x], 1), torch.stack([zero, side, y], 1)], 1)
            grid = functional.affine_grid(affine, [len(part), 3, size, size], align_corners=False)
            part = functional.grid_sample(part, grid, padding_mode="border", align_corners=False)
        return part * self.surface.coverage.index_select(0, chosen)[:, None]


@torch.no_grad()
def head_colours(views: RenderedViews, texture: torch.Tensor, plain: torch.Tensor) -> torch.Tensor:
    """(V, 3, h, w) colours of the head, also in pixels that it covers in part; ``plain`` (3,) where it is not.

    Pictures and fit multiply by the coverage themselves: a mixture with the background would end in the texture.
    """
    coverage = views.surface.coverage[:, None]
    colour = views.render(texture, torch.arange(len(coverage), device=texture.device)[None])
    return torch.where(coverage > 0, colour / coverage.clamp_min(1e-3), plain.view(1, 3, 1, 1))


class _TwoStep(Work):
    """Scales of pictures instead of scales of textures; then the fit."""

    def run(self, progress: Progress) -> list[tuple[np.ndarray, History]]:
        (head,) = self.heads
        stages = schedule(self.params, self.size, window_size(self.params, self.device))
        total = sum(stage.iterations for stage in stages)
        pictures = before = None
        for stage in stages:
            views = self._whole(stage)
            content, first = (
                head_colours(views, resize(texture, (views.texture_size,) * 2), head.style_mean)
                for texture in (head.photo, self._first(stage.texture_size))
            )
            if pictures is not None:
                shape = content.shape[2:]
                first = resize(pictures, shape) + content - resize(before, shape)
            pictures, before = self._pictures(stage, first, progress, total), content
        start = self._first(stages[-1].texture_size)
        texture = fit_texture(views, pictures * views.surface.coverage[:, None], start)
        self._complete_later(texel_weights(views))
        start, texture = (self._enlarged(part, self.size) for part in (start, texture))
        return [(self._finished(head, start[0], texture[0], 0), self.histories[0])]

    def _whole(self, stage: Stage) -> RenderedViews:
        head = self.heads[0]
        shots = [Shot(view, head.framing) for view in FIXED_VIEWS]
        return self.renderer.prepare([head.subject.mesh], [shots], stage.size, stage.texture_size, _SUPERSAMPLE)

    def _pictures(self, stage: Stage, first: torch.Tensor, progress: Progress, total: int) -> torch.Tensor:
        """(V, 3, h, w) optimised, every picture alone."""
        self.recorded = len(self.histories[0])
        if stage.iterations == 0:
            return first
        alone = [
            self._optimisation(stage, view, picture) for view, picture in zip(FIXED_VIEWS, first.split(1), strict=True)
        ]
        for step in range(stage.iterations):
            for optimisation in alone:
                optimisation.step()
            history = torch.stack([optimisation.history[: step + 1] for optimisation in alone])
            self._record(history.mean(dim=0), stage, progress, total)
        return torch.cat([optimisation.textures for optimisation in alone])

    def _optimisation(self, stage: Stage, view: View, picture: torch.Tensor) -> Optimisation:
        renderer = _FromOneSide(self.renderer, self.heads[0].framing, view)
        parts = 1 if stage.window == stage.size else _WINDOWS
        scale = build_scale(stage, self.heads, [View()] * parts, [], self.network, renderer, self.generator, self.rng)
        windows = torch.tensor(renderer.windows, dtype=torch.float32, device=self.device)
        scale = replace(
            scale,
            stage=replace(stage, texture_size=stage.size),
            views=PictureViews(windows, scale.views.surface, stage.size),
        )
        return Optimisation(scale, picture, self.network)


class _FromOneSide:
    """Shows heads from one side whatever view is asked for, so that windows are drawn in the frame of the picture.

    Attributes:
        windows: of the last ``prepare``: x and y (right, down) of each shot's middle in [-1, 1] of the whole frame, and
            its side over the frame's.
    """

    def __init__(self, renderer: Renderer, whole: Framing, view: View) -> None:
        self._renderer, self._whole, self._view = renderer, whole, view
        self.windows: list[list[float]] = []

    def prepare(
        self, meshes: Sequence[Mesh], shots: Sequence[Sequence[Shot]], size: int, texture_size: int, supersample: int
    ) -> RenderedViews:
        """See :class:`~portrait_pipeline.texture.rendering.base.Renderer`; shots must be frontal."""
        self.windows = []
        turned = [[self._turned(shot.framing) for shot in group] for group in shots]
        return self._renderer.prepare(meshes, turned, size, texture_size, supersample)

    def _turned(self, framing: Framing) -> Shot:
        shift = framing.centre - self._whole.centre
        side = framing.half_extent / self._whole.half_extent
        self.windows.append([*(shift[:2] / self._whole.half_extent * [1, -1]), side])
        return Shot(self._view, Framing(self._whole.centre + self._view.rotation().T @ shift, framing.half_extent))


def two_step(
    subject: Subject,
    params: TextureParams,
    progress: Progress = silent,
    *,
    seed: int = 0,
    hardware: Hardware | None = None,
) -> Stylisation:
    """Every picture takes the schedule's steps, so that this takes five times as long as the paper's loop.

    ``texture.views`` and the like have no effect.
    """
    return run_method(subject, params, progress, _TwoStep, seed=seed, hardware=hardware)
