"""Gram matrices in place of STROTSS' losses, on the texture (Differentiable Image Parameterizations, Mordvintsev et al.
2018) or on the vertices alone (Paparazzi, Liu et al. 2018), two of the systems of Fig. 7.

Gram matrices know no places and no regions: colours of hair and surroundings mix into the skin. Vertices alone buy
strokes with dents, and the colours stay the photo's.
"""

from __future__ import annotations

import torch

from ...base.device import Hardware
from ...base.progress import Progress, silent
from ...texture.optimisation_step import Optimisation
from ...texture.optimise import TextureRun
from ...texture.params import TextureParams
from ...texture.result import Stylisation, run_method
from ...texture.subject import Subject
from ...texture.view_set import on_background
from .joint import JointOptimisation, JointWork, with_vertices

_BLOCKS = (3, 64, 64, 128, 128, 256, 256, 256, 512, 512)  # channels of the picture and of the nine taps
_CONTENT = 8  # block whose features are the content
_STYLE = 3.0  # weight of the style at content weight 1


def gram_distance(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """(B,) sum over blocks of |X'X / N - Y'Y / M|^2 / |Y'Y / M|^2 of hypercolumns x (B, N, d) and y (B, M, d)."""
    total = x.new_zeros(len(x))
    for own, other in zip(x.split(_BLOCKS, dim=2), y.split(_BLOCKS, dim=2), strict=True):
        ours, theirs = (part.mT @ part / part.shape[1] for part in (own, other))
        total = total + _share((ours - theirs).square().sum(dim=(1, 2)), theirs.square().sum(dim=(1, 2)))
    return total / len(_BLOCKS)


def _share(part: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
    return part / whole.clamp_min(1e-6)  # the deepest block of a tiny picture may be all 0


class GramOptimisation(Optimisation):
    """The same loop: views, samples and pyramid are those of the paper's."""

    def losses(self, textures, views, pick, channels, kind: int = 0) -> torch.Tensor:
        """(P, 5) terms; ``emd`` is the distance of Gram matrices, ``moments`` and ``colour`` are 0."""
        seen, each = self.scale.sets[kind], views.shape[1]
        flat, half = views.reshape(-1), max(len(pick) // 2, 1)
        image = on_background(seen.views, textures, views, seen.background)
        x = self.network.columns(image, seen.taps.take(flat, pick))
        rows = (flat[:, None] * seen.content.shape[1] + pick[None, :half]).reshape(-1)
        known = seen.content.flatten(0, 1).index_select(0, rows).view(len(flat), half, -1).float()
        ours, theirs = (part.split(_BLOCKS, dim=2)[_CONTENT] for part in (x[:, :half], known))
        content = _share((ours - theirs).square().mean(dim=(1, 2)), theirs.square().mean(dim=(1, 2)))
        style = gram_distance(x, seen.style.repeat_interleave(each, 0))
        none = torch.zeros_like(style)
        loss = self.scale.level.content_weight * content + _STYLE * style
        return torch.stack([loss, content, style, none, none], dim=1).view(-1, each, 5).mean(dim=1)


class _Gram(TextureRun):
    kind = GramOptimisation


class _Still(JointOptimisation, GramOptimisation):
    """Vertices move; textures stay as they started."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.optimisers = []


class _Geometry(JointWork):
    kind = _Still


def gram(
    subject: Subject,
    params: TextureParams,
    progress: Progress = silent,
    *,
    seed: int = 0,
    hardware: Hardware | None = None,
) -> Stylisation:
    """Texture by Gram matrices on the mesh."""
    return run_method(subject, params, progress, _Gram, seed=seed, hardware=hardware)


def image_gradients(
    subject: Subject,
    params: TextureParams,
    progress: Progress = silent,
    *,
    seed: int = 0,
    hardware: Hardware | None = None,
) -> Stylisation:
    """Geometry by image gradients, the photo's texture unchanged in the artwork's palette."""
    return with_vertices(_Geometry, subject, params, progress, seed, hardware)
