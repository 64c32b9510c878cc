"""All that one scale of the optimisation needs, gathered on the device before its first step.

Views, samples, and the hypercolumns of content and style do not change during a scale, and which view and which
samples a step uses is drawn beforehand too: a step reads row t of tables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..base.device import on_device
from ..perceptual.perceptual import PerceptualNetwork
from .rendering.base import Renderer
from .schedule import Level
from .shots import Directions, Shots, all_shots
from .subject import Prepared
from .view_set import ViewSet, build_view_set

_MOMENT_CHANNELS = 256


@dataclass(frozen=True)
class Plan:
    """The random choices of the T steps that look at one kind of views.

    Attributes:
        views: (T, P, K) numbers of the views. picks: (T, n) of the candidates. channels: (T, c) of the moments.
    """

    views: torch.Tensor
    picks: torch.Tensor
    channels: torch.Tensor


@dataclass(frozen=True)
class Scale:
    """P scenes at one scale.

    Attributes:
        sets: kinds of views, the head's first. plans: of each kind.
        order: which kind each step looks at.
    """

    level: Level
    sets: list[ViewSet]
    plans: list[Plan]
    order: list[int]

    @property
    def capturable(self) -> bool:
        """Whether steps may be recorded in a CUDA graph."""
        return all(part.views.capturable for part in self.sets)


def build_scale(
    level: Level,
    scenes: list[Prepared],
    directions: Directions,
    network: PerceptualNetwork,
    renderer: Renderer,
    generator: torch.Generator,
    rng: np.random.Generator,
) -> Scale:
    """Gather the views of heads and draw the plan.

    Args:
        directions: the same for all scenes.
        generator: on the device, for samples. rng: for windows and the order of views.
    """
    return gather_scale(level, all_shots(level, scenes, directions, rng), scenes, network, renderer, generator, rng)


def gather_scale(
    level: Level,
    kinds: list[Shots],
    scenes: list[Prepared],
    network: PerceptualNetwork,
    renderer: Renderer,
    generator: torch.Generator,
    rng: np.random.Generator,
) -> Scale:
    """The same with views that are chosen already."""
    sets = [build_view_set(level, shots, scenes, network, renderer, level.style_points, generator) for shots in kinds]
    order = interleaved([shots.steps for shots in kinds], level.iterations)
    plans = [
        _plan(level, part, order.count(number), len(scenes), level.views_per_step, rng)
        for number, part in enumerate(sets)
    ]
    return Scale(level, sets, plans, order)


def interleaved(shares: list[float], steps: int) -> list[int]:
    """Which of several kinds each step takes, as evenly as their shares (which sum to 1) allow."""
    owed, order = np.zeros(len(shares)), []
    for _ in range(steps):
        owed += shares
        chosen = int(np.argmax(np.round(owed, 9)))
        owed[chosen] -= 1
        order.append(chosen)
    return order


def _plan(level: Level, views: ViewSet, steps: int, scenes: int, used: int, rng: np.random.Generator) -> Plan:
    """Views in random order, all of them before one comes again; random candidates and channels.

    The first half of a step's picks are from the first half of the candidates, where the content is known.
    """
    each, device = views.each, views.background.device
    pool, channels = views.content.shape[1:]
    rounds = -(-steps * used // each) if steps else 0
    order = np.concatenate([rng.permutation(each) for _ in range(rounds)] or [np.zeros(0, int)])[: steps * used]
    numbers = order.reshape(steps, 1, used) + np.arange(scenes)[None, :, None] * each
    known = max(level.points // 2, 1)
    picks = [
        np.concatenate([rng.choice(pool, known, False), pool + rng.choice(pool, level.points - known, False)])
        for _ in range(steps)
    ]
    some = [np.sort(rng.choice(channels, min(_MOMENT_CHANNELS, channels), replace=False)) for _ in range(steps)]
    picks = np.reshape(picks, (steps, level.points))
    some = np.reshape(some, (steps, min(_MOMENT_CHANNELS, channels)))
    return Plan(*(on_device(part, device, np.int64) for part in (numbers, picks, some)))
