"""One kind of views at one scale: what they see, where their samples lie, and what these show of photo and artwork."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from ..base.device import on_device, side_by_side
from ..perceptual.hypercolumns import Taps, find_taps
from ..perceptual.perceptual import PerceptualNetwork
from ..regions.labels import EYES, LIPS, TEETH
from .groups import style_groups
from .losses import Moments, exemplar_moments
from .pyramid import resize
from .rendering.base import RenderedViews, Renderer, VisibleSurface
from .sampling import Samples, draw_pixels, inner, map_sizes, pixel_points
from .schedule import Level
from .shots import Shots
from .style import draw_style
from .subject import Prepared, to_image

_CANDIDATES = 2
_FEATURES = 256  # samples of eyes and mouth a view
_FEATURE_PIXELS = 24  # that a view must show of them
_AT_ONCE = 2**20  # pixels whose features are computed together


@dataclass(frozen=True)
class Features:
    """Finer samples of eyes and mouth in P * N views, for the content alone.

    Attributes:
        taps: of F samples a view. content: (P * N, F, D) bfloat16 hypercolumns of the photo's textures there.
        shown: (P * N,) 1 for views that show enough of eyes or mouth, else 0.
    """

    taps: Taps
    content: torch.Tensor
    shown: torch.Tensor


@dataclass(frozen=True)
class Guide:
    """What P * N views should look like in the end.

    Attributes:
        columns: (P * N, C / 2, D) bfloat16 hypercolumns of the parts' guides, at the candidates of ``content``.
        weight: (P * N, C / 2) in [0, 1], how much they count.
    """

    columns: torch.Tensor
    weight: torch.Tensor


@dataclass(frozen=True)
class ViewSet:
    """P scenes, each with N views and C sample candidates a view, M style samples and D channels.

    Attributes:
        views: all views, scene after scene. background: (P, 3).
        samples: candidates of all views, (P * N, C). taps: where their hypercolumns are read.
        content: (P * N, C / 2, D) bfloat16 hypercolumns of the photo's textures at the first half of the candidates.
        trust: (P * N, C / 2) 1 where the photo shows something at these candidates, else 0.
        content_weight: of the content loss, over the scale's.
        features: further samples of eyes and mouth; None where no view shows any. guide: None without one.
        style: (P, M, D) hypercolumns of the artworks. style_samples: (P, M). style_moments: of the two-way groups.
        groups, style_groups: (P * N, G, C) and (P, G, M), what is compared with what, the first ``two_way`` both ways;
            see :mod:`.groups`.
    """

    views: RenderedViews
    background: torch.Tensor
    samples: Samples
    taps: Taps
    content: torch.Tensor
    trust: torch.Tensor
    content_weight: float
    features: Features | None
    guide: Guide | None
    style: torch.Tensor
    style_samples: Samples
    groups: torch.Tensor
    style_groups: torch.Tensor
    two_way: int
    style_moments: Moments

    @property
    def each(self) -> int:
        """N."""
        return len(self.samples.region) // len(self.style)


def build_view_set(
    level: Level,
    shots: Shots,
    scenes: list[Prepared],
    network: PerceptualNetwork,
    renderer: Renderer,
    style_points: int,
    generator: torch.Generator,
) -> ViewSet:
    """Rasterise the views, draw the candidates, compute the hypercolumns of content and style.

    Args:
        generator: on the device, for samples.
    """
    supersample = max(2, min(4, 256 // shots.size))
    views = renderer.prepare(
        [scene.meshes for scene in scenes], shots.shots, shots.size, level.texture_sizes, supersample
    )
    background = torch.stack([scene.style_mean for scene in scenes])
    samples = _candidates(views.surface, scenes, shots, level.points * _CANDIDATES, generator)
    taps = find_taps(samples.points, map_sizes(shots.size, shots.size))
    first = taps.first(level.points * _CANDIDATES // 2)
    trust = _trust(views.surface, scenes, samples.points[:, : first.index.shape[1]])
    finer = _feature_taps(views.surface, scenes, shots, generator) if shots.features else None
    photos = [scene.photos for scene in scenes]
    content = _columns(views, photos, background, first if finer is None else first.joined(finer[0]), network)
    known = first.index.shape[1]
    features = None if finer is None else Features(finer[0], content[:, known:].contiguous(), finer[1])
    content = content[:, :known].contiguous()
    drawn = [
        draw_style(scene, density, shots.size, style_points, shots.art_shares, network, generator)
        for scene, density in zip(scenes, shots.density, strict=True)
    ]
    style_samples = Samples(
        *(torch.stack([getattr(part, name) for _, part in drawn]) for name in ("points", "region", "position"))
    )
    facing = on_device(shots.facing * len(scenes), background.device, bool)
    ours, theirs, two_way = style_groups(samples.region, style_samples.region, facing)
    style = torch.stack([columns for columns, _ in drawn])
    known = theirs[:, :two_way] / theirs[:, :two_way].sum(dim=2, keepdim=True).clamp_min(1.0)
    return ViewSet(
        views,
        background,
        samples,
        taps,
        content,
        trust,
        shots.content_weight,
        features,
        _guide(views, scenes, background, first, samples.points, network),
        style,
        style_samples,
        ours,
        theirs,
        two_way,
        exemplar_moments(style, known),
    )


def _candidates(
    surface: VisibleSurface, scenes: list[Prepared], shots: Shots, count: int, generator: torch.Generator
) -> Samples:
    """Sample candidates (P * N, count) of all views, on the parts."""
    each, size = len(shots.facing), shots.size
    mask = inner(surface.coverage > 0.999, max(1, size // 128))
    labels = at_surface(surface, scenes, [[part.labels for part in scene.subject.parts] for scene in scenes])
    index = draw_pixels(mask, labels, count, generator, shots.shares)
    region = labels.flatten(1).gather(1, index)
    place = surface.points[..., :2].flatten(1, 2).gather(1, index[..., None].expand(-1, -1, 2))
    width = on_device([np.inf if scene.frame is None else scene.width for scene in scenes], index.device)
    position = place / width.repeat_interleave(each)[:, None, None]
    return Samples(pixel_points(index, (size, size), generator), region, position)


def _trust(surface: VisibleSurface, scenes: list[Prepared], points: torch.Tensor) -> torch.Tensor:
    """(P * N, C) float32 at positions (P * N, C, 2) in [0, 1]: 1 where the parts' photos are to be trusted."""
    maps = [
        [np.ones_like(part.labels) if part.trust is None else part.trust for part in scene.subject.parts]
        for scene in scenes
    ]
    return _at_points(at_surface(surface, scenes, maps), points)


def _at_points(maps: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """(P * N, C) float32 values of maps (P * N, h, h) at positions (P * N, C, 2) in [0, 1]."""
    size = maps.shape[1]
    cell = (points * size).long().clamp(0, size - 1)
    return maps.flatten(1).gather(1, cell[..., 1] * size + cell[..., 0]).float()


def _guide(
    views: RenderedViews,
    scenes: list[Prepared],
    background: torch.Tensor,
    taps: Taps,
    points: torch.Tensor,
    network: PerceptualNetwork,
) -> Guide | None:
    if any(part.guide is None for scene in scenes for part in scene.subject.parts):
        return None
    weight = at_surface(views.surface, scenes, [[part.guided for part in scene.subject.parts] for scene in scenes])
    images = [[to_image(part.guide, background.device) for part in scene.subject.parts] for scene in scenes]
    columns = _columns(views, images, background, taps, network)
    return Guide(columns, _at_points(weight, points[:, : taps.index.shape[1]]) / 255.0)


def _feature_taps(
    surface: VisibleSurface, scenes: list[Prepared], shots: Shots, generator: torch.Generator
) -> tuple[Taps, torch.Tensor] | None:
    """Where eyes and mouth are sampled, and (P * N,) which views show them; None if none does."""
    size = shots.size
    labels = at_surface(surface, scenes, [[part.labels for part in scene.subject.parts] for scene in scenes])
    members = torch.stack([labels == label for label in (EYES, LIPS, TEETH)]).any(dim=0) & (surface.part >= 0)
    reach = max(1, size // 64)
    wide = functional.max_pool2d(members[:, None].float(), 2 * reach + 1, stride=1, padding=reach)[:, 0] > 0
    wide &= surface.coverage > 0.999
    shown = wide.flatten(1).sum(dim=1) > _FEATURE_PIXELS
    if not bool(shown.any()):
        return None
    wide |= ~shown[:, None, None]
    index = torch.multinomial(wide.flatten(1).float(), _FEATURES, replacement=True, generator=generator)
    taps = find_taps(pixel_points(index, (size, size), generator), map_sizes(size, size))
    return taps, shown.float()


def at_surface(surface: VisibleSurface, scenes: list[Prepared], maps: Sequence[Sequence[np.ndarray]]) -> torch.Tensor:
    """(P * N, h, w) uint8 values of the maps (S, S) of each scene's parts at what the pixels see."""
    each = len(surface.part) // len(scenes)
    result = torch.zeros_like(surface.part, dtype=torch.uint8)
    for number, own in enumerate(maps):
        rows = slice(number * each, (number + 1) * each)
        for part, values in enumerate(own):
            found = _read(surface.uv[rows], values)
            # What no part covers counts as the first: masks leave it out.
            here = surface.part[rows] == part if part else surface.part[rows] <= 0
            result[rows] = torch.where(here, found, result[rows])
    return result


def _read(uv: torch.Tensor, values: np.ndarray) -> torch.Tensor:
    """(N, h, w) uint8 values of an image (S, S) at texture coordinates (N, h, w, 2)."""
    texels = on_device(values, uv.device, np.uint8)
    size = texels.shape[0]
    column = (uv[..., 0] * size).long().clamp(0, size - 1)
    row = ((1 - uv[..., 1]) * size).long().clamp(0, size - 1)
    return texels[row, column]


def _columns(
    views: RenderedViews,
    pictures: Sequence[Sequence[torch.Tensor]],
    background: torch.Tensor,
    taps: Taps,
    network: PerceptualNetwork,
) -> torch.Tensor:
    """(P * N, n, D) bfloat16 hypercolumns of each scene's textures (1, 3, S, S) in its views."""
    count, size = views.surface.coverage.shape[:2]
    each = count // len(pictures)

    @torch.no_grad()
    def columns(textures: Sequence[torch.Tensor], number: int, some: slice) -> torch.Tensor:
        index = torch.arange(some.start, some.stop, device=background.device)
        image = on_background(views, textures, index[None], background[number : number + 1])
        part = Taps(taps.index[some], taps.weight[some], taps.sizes)
        return network.columns(image, part).to(torch.bfloat16)

    step = max(1, min(each, _AT_ONCE // size**2)) if background.is_cuda else 1
    tasks = []
    for number, own in enumerate(pictures):
        textures = [resize(picture, (side, side)) for picture, side in zip(own, views.texture_sizes, strict=True)]
        for first in range(number * each, (number + 1) * each, step):
            some = slice(first, min(first + step, (number + 1) * each))
            tasks.append(lambda textures=textures, number=number, some=some: columns(textures, number, some))
    return torch.cat([task() for task in tasks] if background.is_cuda else side_by_side(tasks))


def on_background(
    views: RenderedViews, textures: Sequence[torch.Tensor], index: torch.Tensor, background: torch.Tensor
) -> torch.Tensor:
    """Images (P * K, 3, h, w) of textures (P, 3, S, S) of each part in views (P, K), on plain backgrounds (P, 3)."""
    coverage = views.surface.coverage.index_select(0, index.reshape(-1))
    colour = background.repeat_interleave(index.shape[1], dim=0)
    return views.render(textures, index) + (1 - coverage)[:, None] * colour[:, :, None, None]
