"""All that one scale of the optimisation needs, gathered on the device before its first step.

Views, samples, and the hypercolumns of content and style do not change during a scale, and which view and which
samples a step uses is drawn beforehand too: a step reads row t of tables.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from ..base.device import on_device
from ..mesh.render import View
from ..perceptual.hypercolumns import Taps, find_taps
from ..perceptual.perceptual import PerceptualNetwork
from ..regions.labels import BACKGROUND, HAIR, OUTER, SKIN, TEETH, face_coordinates
from .losses import Moments, moments
from .pyramid import resize
from .rendering.base import RenderedViews, Renderer, Shot
from .sampling import Samples, draw_pixels, inner, pixel_points
from .schedule import Level
from .subject import Prepared, to_image
from .views import crop_framing

TWO_WAY = 2
_CANDIDATES = 2
_MOMENT_CHANNELS = 512
_ART_ENLARGEMENT = 1.25
_AT_ONCE = 2**20  # pixels whose features are computed together


@dataclass(frozen=True)
class Plan:
    """The random choices of each step.

    Attributes:
        views: (T, P, K) numbers of the views. picks: (T, n) of the candidates. channels: (T, c) of the moments.
    """

    views: torch.Tensor
    picks: torch.Tensor
    channels: torch.Tensor


@dataclass(frozen=True)
class Scale:
    """P heads at one scale, each with N views and C sample candidates a view, M style samples and D channels.

    Attributes:
        views: all views, head after head. background: (P, 3).
        samples: candidates of all views, (P * N, C). taps: where their hypercolumns are read.
        content: (P * N, C / 2, D) bfloat16 hypercolumns of the photo's texture at the first half of the candidates.
        style: (P, M, D) hypercolumns of the artworks. style_samples: (P, M). style_moments: of the two-way groups.
        groups, style_groups: (P * N, 3, C) and (P, 3, M), what is compared with what; see :func:`style_groups`.
    """

    level: Level
    views: RenderedViews
    background: torch.Tensor
    samples: Samples
    taps: Taps
    content: torch.Tensor
    style: torch.Tensor
    style_samples: Samples
    groups: torch.Tensor
    style_groups: torch.Tensor
    style_moments: Moments
    plan: Plan


def build_scale(
    level: Level,
    heads: list[Prepared],
    front: list[View],
    surround: list[View],
    network: PerceptualNetwork,
    renderer: Renderer,
    generator: torch.Generator,
    rng: np.random.Generator,
) -> Scale:
    """Rasterise the views, draw the candidates, compute the hypercolumns of content and style, draw the plan.

    Args:
        front, surround: directions, the same for all heads.
        generator: on the device, for samples. rng: for windows and the order of views.
    """
    directions = [*front, *surround]
    framings = [[_window(head, view, level, rng) for view in directions] for head in heads]
    shots = [[Shot(view, framing) for view, framing in zip(directions, own, strict=True)] for own in framings]
    supersample = max(2, min(4, 256 // level.window))
    views = renderer.prepare(
        [head.subject.mesh for head in heads], shots, level.window, level.texture_size, supersample
    )
    background = torch.stack([head.style_mean for head in heads])
    samples = _candidates(views, heads, len(directions), level.window, level.points * _CANDIDATES, generator)
    taps = find_taps(samples.points, map_sizes(level.window, level.window))
    content = _content(views, heads, background, taps.first(level.points * _CANDIDATES // 2), network)
    drawn = [_style(head, level, network, generator) for head in heads]
    style_samples = Samples(
        *(torch.stack([getattr(part, name) for _, part in drawn]) for name in ("points", "region", "position"))
    )
    facing = on_device(([True] * len(front) + [False] * len(surround)) * len(heads), background.device, bool)
    ours, theirs = style_groups(samples.region, style_samples.region, facing)
    style = torch.stack([columns for columns, _ in drawn])
    known = theirs[:, :TWO_WAY] / theirs[:, :TWO_WAY].sum(dim=2, keepdim=True).clamp_min(1.0)
    return Scale(
        level,
        views,
        background,
        samples,
        taps,
        content,
        style,
        style_samples,
        ours,
        theirs,
        moments(style, known),
        _plan(level, len(heads), len(directions), content.shape[2], background.device, rng),
    )


def style_groups(region: torch.Tensor, style: torch.Tensor, front: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Which parts of head and artwork are compared as distributions; the first ``TWO_WAY`` of three groups both ways.

    The face seen from the front, both ways; hair with hair, both ways; what the artwork has no part of its own for
    (neck and ears, the face's sides seen from behind, hair where the artwork shows none), one way: it takes colours and
    strokes, but nothing of the artwork has to be found there. Teeth that the artwork does not show take no part:
    whatever else they were compared with would show.

    Args:
        region: (P * N, C) labels of the heads' samples. style: (P, M) of the artworks'.
        front: (P * N,) bool, views of the face.

    Returns:
        (P * N, 3, C) and (P, 3, M) masks as float32.
    """
    shows_hair, shows_teeth, shows_skin = ((style == label).any(dim=1, keepdim=True) for label in (HAIR, TEETH, SKIN))
    each = len(region) // len(style)
    example_hair, example_teeth = (part.repeat_interleave(each, 0) for part in (shows_hair, shows_teeth))
    styled = (region != TEETH) | example_teeth
    hair = (region == HAIR) & example_hair
    face = front[:, None] & (region != OUTER) & (region != HAIR) & styled
    ours = torch.stack([face, hair, styled & ~hair & ~face], dim=1)
    theirs = torch.stack([style != HAIR, style == HAIR, (style == SKIN) | ~shows_skin], dim=1)
    return ours.float(), theirs.float()


def map_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Sizes of the network's feature maps: the image's, halved by each pool."""
    return [(height >> pools, width >> pools) for pools in range(5)]


def _window(head: Prepared, view: View, level: Level, rng: np.random.Generator):
    zoom = level.size / level.window
    if zoom <= 1.0:
        return head.framing
    reach = 1 - 1 / zoom
    place = np.clip(rng.normal(0.0, 0.45, size=2), -1, 1) * reach * np.array([0.8, 0.9])
    return crop_framing(head.framing, view, float(place[0]), float(place[1]), zoom)


def _candidates(
    views: RenderedViews, heads: list[Prepared], each: int, size: int, count: int, generator: torch.Generator
) -> Samples:
    """Sample candidates (P * N, count) of all views, inside the head."""
    surface = views.surface
    mask = inner(surface.coverage > 0.999, max(1, size // 128))
    labels = torch.cat(
        [_labels(surface.uv[i * each : (i + 1) * each], head.subject.labels) for i, head in enumerate(heads)]
    )
    index = draw_pixels(mask, labels, count, generator)
    region = labels.flatten(1).gather(1, index)
    place = surface.points[..., :2].flatten(1, 2).gather(1, index[..., None].expand(-1, -1, 2))
    width = on_device([np.inf if head.frame is None else head.width for head in heads], index.device)
    position = place / width.repeat_interleave(each)[:, None, None]
    return Samples(pixel_points(index, (size, size), generator), region, position)


def _labels(uv: torch.Tensor, regions: np.ndarray) -> torch.Tensor:
    """(N, h, w) uint8 regions at texture coordinates (N, h, w, 2)."""
    labels = on_device(regions, uv.device, np.uint8)
    size = labels.shape[0]
    column = (uv[..., 0] * size).long().clamp(0, size - 1)
    row = ((1 - uv[..., 1]) * size).long().clamp(0, size - 1)
    return labels[row, column]


@torch.no_grad()
def _content(
    views: RenderedViews,
    heads: list[Prepared],
    background: torch.Tensor,
    taps: Taps,
    network: PerceptualNetwork,
) -> torch.Tensor:
    count, size = views.surface.coverage.shape[:2]
    each = count // len(heads)
    step = max(1, min(each, _AT_ONCE // size**2)) if background.device.type == "cuda" else 1
    parts = []
    for number, head in enumerate(heads):
        texture = resize(head.photo, (views.texture_size, views.texture_size))
        for first in range(number * each, (number + 1) * each, step):
            last = min(first + step, (number + 1) * each)
            index = torch.arange(first, last, device=background.device)
            image = on_background(views, texture, index[None], background[number : number + 1])
            part = Taps(taps.index[first:last], taps.weight[first:last], taps.sizes)
            columns = network.columns(image, part)
            parts.append(columns.to(torch.bfloat16))
    return torch.cat(parts)


def on_background(
    views: RenderedViews, texture: torch.Tensor, index: torch.Tensor, background: torch.Tensor
) -> torch.Tensor:
    """Images (P * K, 3, h, w) of textures (P, 3, S, S) in views (P, K) on plain backgrounds (P, 3)."""
    coverage = views.surface.coverage.index_select(0, index.reshape(-1))
    colour = background.repeat_interleave(index.shape[1], dim=0)
    return views.render(texture, index) + (1 - coverage)[:, None] * colour[:, :, None, None]


def _style(
    head: Prepared, level: Level, network: PerceptualNetwork, generator: torch.Generator
) -> tuple[torch.Tensor, Samples]:
    """Hypercolumns (M, D) and samples of the artwork at the size at which its face is as large as the rendered one."""
    face = np.linalg.norm(head.art_points[16] - head.art_points[0])
    factor = min(head.width / (2 * head.framing.half_extent) * level.size / face, _ART_ENLARGEMENT)
    height, wide = (max(16, int(round(side * factor))) for side in head.art.shape[:2])
    device = head.photo.device
    image = resize(to_image(head.art, device), (height, wide))
    small = cv2.resize(head.art_labels, (wide, height), interpolation=cv2.INTER_NEAREST)
    labels = on_device(small, device, np.uint8)
    usable = inner((labels != BACKGROUND)[None], max(1, level.window // 128))
    if not (head.subject.labels == TEETH).any():
        usable = usable & (labels != TEETH)
    index = draw_pixels(usable, labels[None], level.style_points, generator)
    where = pixel_points(index, (height, wide), generator)
    position = torch.zeros_like(where[0])
    if head.frame is not None:
        points = head.art_points * np.array([wide / head.art.shape[1], height / head.art.shape[0]])
        pixels = where[0].double().cpu().numpy() * [wide, height]
        place = face_coordinates(pixels, points, head.frame) / head.width
        position = on_device(place, device)
    with torch.no_grad():
        columns = network.columns(image, find_taps(where, map_sizes(height, wide)))[0]
    return columns, Samples(where[0], labels.flatten()[index[0]], position)


def _plan(
    level: Level,
    heads: int,
    each: int,
    channels: int,
    device: torch.device,
    rng: np.random.Generator,
) -> Plan:
    """Views in random order, all of them before one comes again; random candidates and channels.

    The first half of a step's picks are from the first half of the candidates, where the content is known.
    """
    steps, used = level.iterations, level.views_per_step
    rounds = -(-steps * used // each) if steps else 0
    order = np.concatenate([rng.permutation(each) for _ in range(rounds)] or [np.zeros(0, int)])[: steps * used]
    views = order.reshape(steps, 1, used) + np.arange(heads)[None, :, None] * each
    pool, known = level.points * _CANDIDATES // 2, max(level.points // 2, 1)
    picks = [
        np.concatenate([rng.choice(pool, known, False), pool + rng.choice(pool, level.points - known, False)])
        for _ in range(steps)
    ]
    some = [np.sort(rng.choice(channels, min(_MOMENT_CHANNELS, channels), replace=False)) for _ in range(steps)]
    return Plan(*(on_device(part, device, np.int64) for part in (views, picks, some)))
