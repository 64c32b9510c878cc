"""One step of the texture optimisation: render, compare, move (section 5.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from ..perceptual.perceptual import PerceptualNetwork
from .groups import TWO_WAY
from .losses import Moments, colour_emd, match, moment_distance, relaxed_emd, self_similarity
from .params import TextureParams
from .pyramid import analyse, synthesise
from .rmsprop import TextureRMSprop
from .sampling import Samples
from .scale import Scale
from .streams import side_by_side
from .view_set import ViewSet, on_background

TERMS = ("loss", "content", "emd", "moments", "colour")
_OTHER_REGION = 10.0
_FLOOR = 0.3
_FEW = 0.12  # share of the samples below which what the photo shows is no content
_FIELDS = ("points", "region", "position")


class Optimisation:
    """The textures of one scale while they are optimised.

    Args:
        textures: (P, 3, S, S) of each part to start from.

    Attributes:
        history: (T, P, 5) the terms of every step, named by ``TERMS``.
        step_number: (1,) on the device; taken: the same of each kind of views.
    """

    def __init__(
        self, scale: Scale, textures: Sequence[torch.Tensor], network: PerceptualNetwork, params: TextureParams
    ) -> None:
        self.scale, self.network, self.params = scale, network, params
        device, scenes = textures[0].device, len(textures[0])
        self.pyramids = [
            [level.clone().requires_grad_() for level in analyse(part, max(1, min(5, part.shape[2].bit_length() - 4)))]
            for part in textures
        ]
        self.optimisers = [TextureRMSprop(levels, scale.stage.learning_rate, _FLOOR) for levels in self.pyramids]
        self.step_number, *self.taken = (
            torch.zeros(1, dtype=torch.int64, device=device) for _ in range(1 + len(scale.sets))
        )
        self.history = torch.zeros(max(scale.stage.iterations, 1), scenes, len(TERMS), device=device)
        self._search = torch.bfloat16

    @property
    def textures(self) -> list[torch.Tensor]:
        """(P, 3, S, S) of each part as they are now."""
        with torch.no_grad():
            return [synthesise(levels) for levels in self.pyramids]

    @property
    def state(self) -> list[torch.Tensor]:
        """All that a step changes."""
        moving = [part for levels in self.pyramids for part in levels]
        squares = [part for optimiser in self.optimisers for part in optimiser.squares]
        return [self.step_number, *self.taken, self.history, *moving, *squares]

    def step(self, kind: int = 0) -> None:
        """The next row of the plan of one kind of views; nothing in here waits for a GPU: it can be recorded."""
        plan, row = self.scale.plans[kind], self.taken[kind]
        views, pick = plan.views.index_select(0, row)[0], plan.picks.index_select(0, row)[0]
        textures = [synthesise(levels) for levels in self.pyramids]
        terms = self.losses(textures, views, pick, plan.channels.index_select(0, row)[0], kind)
        terms[:, 0].sum().backward()
        for optimiser in self.optimisers:
            optimiser.step()
        self.history.index_copy_(0, self.step_number, terms.detach()[None])
        self.step_number += 1
        row += 1

    def losses(
        self,
        textures: Sequence[torch.Tensor],
        views: torch.Tensor,
        pick: torch.Tensor,
        channels: torch.Tensor,
        kind: int = 0,
    ) -> torch.Tensor:
        """(P, 5) terms of ``TERMS``, means over the K views of each scene.

        Args:
            views: (P, K). pick: (n,) candidates of each view. channels: (c,) for the moments. kind: of views.
        """
        seen, each = self.scale.sets[kind], views.shape[1]
        flat = views.reshape(-1)
        samples = _taken(seen.samples, flat, pick)
        image = on_background(seen.views, textures, views, seen.background)
        taps = seen.taps.take(flat, pick)
        finer = seen.features if self.params.features > 0 else None
        columns = self.network.columns(image, taps if finer is None else taps.joined(finer.taps.images(flat)))
        x, half = columns[:, : len(pick)], max(len(pick) // 2, 1)
        rows = (flat[:, None] * seen.content.shape[1] + pick[None, :half]).reshape(-1)
        content = seen.content.flatten(0, 1).index_select(0, rows).view(len(flat), half, -1).float()
        trust = seen.trust.index_select(0, flat).index_select(1, pick[:half])
        style = self._style(seen, x, samples, views, pick, channels)
        parts = side_by_side([lambda: self_similarity(x[:, :half], content, trust), *style], x.device)
        a = self._content_weight(seen, trust)
        loss = (a * parts[0] + parts[1] + parts[2] + parts[3] / a.clamp_min(1.0)) / (a + 2.0)
        if finer is not None:
            known = finer.content.index_select(0, flat).float()
            strength = self.scale.stage.content_weight * self.params.features
            share = strength / (self.scale.stage.content_weight + 2.0) * finer.shown.index_select(0, flat)
            loss = loss + share * self_similarity(columns[:, len(pick) :], known)
        return torch.stack([loss, *parts], dim=1).view(-1, each, len(TERMS)).mean(dim=1)

    def _content_weight(self, seen: ViewSet, trust: torch.Tensor) -> torch.Tensor:
        """(B,) weight of the content: less where the photo shows little, none where next to nothing."""
        share = trust.mean(dim=1)
        return self.scale.stage.content_weight * seen.content_weight * share * (share > _FEW)

    def _style(
        self,
        seen: ViewSet,
        x: torch.Tensor,
        samples: Samples,
        views: torch.Tensor,
        pick: torch.Tensor,
        channels: torch.Tensor,
    ) -> list[Callable[[], torch.Tensor]]:
        each = views.shape[1]
        style, y, theirs = seen.style_samples, seen.style, seen.style_groups
        known = seen.style_moments.of(channels)
        if each > 1:  # every view of a scene has the same artwork
            style = Samples(*(getattr(style, name).repeat_interleave(each, 0) for name in _FIELDS))
            y, theirs = y.repeat_interleave(each, 0), theirs.repeat_interleave(each, 0)
            known = Moments(known.mean.repeat_interleave(each, 0), known.covariance.repeat_interleave(each, 0))
        ours = seen.groups.index_select(0, views.reshape(-1)).index_select(2, pick)
        matching = match(ours, theirs, TWO_WAY, self._penalty(samples, style))
        return [
            lambda: relaxed_emd(x, y, matching, self._search),
            lambda: moment_distance(x.index_select(2, channels), known, matching),
            lambda: colour_emd(x[..., :3], y[..., :3], matching),
        ]

    def _penalty(self, samples: Samples, style: Samples) -> torch.Tensor:
        """(B, N, M): places far apart on the face, and other regions within a group, are compared less readily."""
        other = samples.region[:, :, None] != style.region[:, None]
        squared = (samples.position[:, :, None] - style.position[:, None]).square().sum(dim=3)
        return squared.clamp(max=1.0) * self.params.guidance + other * _OTHER_REGION


def _taken(samples: Samples, views: torch.Tensor, pick: torch.Tensor) -> Samples:
    """Candidates ``pick`` of the chosen views: (len(views), len(pick))."""
    return Samples(*(getattr(samples, name).index_select(0, views).index_select(1, pick) for name in _FIELDS))
