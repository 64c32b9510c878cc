"""One step of the texture optimisation: render, compare, move (section 5.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import torch

from ..perceptual.perceptual import PerceptualNetwork
from .losses import Moments, colour_emd, match, moment_distance, relaxed_emd, self_similarity
from .pyramid import analyse, synthesise
from .sampling import Samples
from .scale import TWO_WAY, Scale, on_background

TERMS = ("loss", "content", "emd", "moments", "colour")
_OTHER_REGION = 10.0
_FLOOR = 0.3
GUIDANCE = 0.2
"""Preference for the same place on the face when samples are compared with the artwork."""
_FIELDS = ("points", "region", "position")


class Optimisation:
    """The textures of one scale while they are optimised.

    Args:
        textures: (P, 3, S, S) to start from.

    Attributes:
        history: (T, P, 5) the terms of every step, named by ``TERMS``. step_number: (1,) on the device.
    """

    def __init__(self, scale: Scale, textures: torch.Tensor, network: PerceptualNetwork) -> None:
        self.scale, self.network = scale, network
        device = textures.device
        levels = max(1, min(5, scale.level.texture_size.bit_length() - 4))
        self.pyramid = [part.clone().requires_grad_() for part in analyse(textures, levels)]
        self.optimiser = TextureRMSprop(self.pyramid, scale.level.learning_rate, _FLOOR)
        self.step_number = torch.zeros(1, dtype=torch.int64, device=device)
        self.history = torch.zeros(max(scale.level.iterations, 1), len(textures), len(TERMS), device=device)
        self._search = torch.bfloat16

    @property
    def textures(self) -> torch.Tensor:
        """(P, 3, S, S) as they are now."""
        with torch.no_grad():
            return synthesise(self.pyramid)

    def step(self) -> None:
        """Row ``step_number`` of the plan; nothing in here waits for a GPU, so it can be recorded as a graph."""
        plan, row = self.scale.plan, self.step_number
        views, pick = plan.views.index_select(0, row)[0], plan.picks.index_select(0, row)[0]
        terms = self.losses(synthesise(self.pyramid), views, pick, plan.channels.index_select(0, row)[0])
        terms[:, 0].sum().backward()
        self.optimiser.step()
        self.history.index_copy_(0, row, terms.detach()[None])
        self.step_number += 1

    def losses(
        self, textures: torch.Tensor, views: torch.Tensor, pick: torch.Tensor, channels: torch.Tensor
    ) -> torch.Tensor:
        """(P, 5) terms of ``TERMS``, means over the K views of each texture.

        Args:
            views: (P, K). pick: (n,) candidates of each view. channels: (c,) for the moments.
        """
        scale, each = self.scale, views.shape[1]
        flat = views.reshape(-1)
        samples = _taken(scale.samples, flat, pick)
        image = on_background(scale.views, textures, views, scale.background)
        x = self.network.columns(image, scale.taps.take(flat, pick))
        half = max(len(pick) // 2, 1)
        rows = (flat[:, None] * scale.content.shape[1] + pick[None, :half]).reshape(-1)
        content = scale.content.flatten(0, 1).index_select(0, rows).view(len(flat), half, -1).float()
        style = self._style(x, samples, views, pick, channels)
        parts = side_by_side([lambda: self_similarity(x[:, :half], content), *style], x.device)
        a = scale.level.content_weight
        loss = (a * parts[0] + parts[1] + parts[2] + parts[3] / max(a, 1.0)) / (a + 2.0)
        return torch.stack([loss, *parts], dim=1).view(-1, each, len(TERMS)).mean(dim=1)

    def _style(
        self, x: torch.Tensor, samples: Samples, views: torch.Tensor, pick: torch.Tensor, channels: torch.Tensor
    ) -> list[Callable[[], torch.Tensor]]:
        scale, each = self.scale, views.shape[1]
        style, y, theirs = scale.style_samples, scale.style, scale.style_groups
        known = scale.style_moments.of(channels)
        if each > 1:  # every view of a head has the same artwork
            style = Samples(*(getattr(style, name).repeat_interleave(each, 0) for name in _FIELDS))
            y, theirs = y.repeat_interleave(each, 0), theirs.repeat_interleave(each, 0)
            known = Moments(known.mean.repeat_interleave(each, 0), known.covariance.repeat_interleave(each, 0))
        ours = scale.groups.index_select(0, views.reshape(-1)).index_select(2, pick)
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
        return squared.clamp(max=1.0) * GUIDANCE + other * _OTHER_REGION


def _taken(samples: Samples, views: torch.Tensor, pick: torch.Tensor) -> Samples:
    """Candidates ``pick`` of the chosen views: (len(views), len(pick))."""
    return Samples(*(getattr(samples, name).index_select(0, views).index_select(1, pick) for name in _FIELDS))


class TextureRMSprop:
    """RMSprop (decay 0.99) over a few tensors with a floor under the normaliser.

    x <- x - rate * g / (sqrt(v) + floor * rms(v)), v the running mean of g^2 and rms(v) the root of its mean over the
    tensor. Plain RMSprop (floor 0) moves every texel by the same amount however small its gradient is, so texels that
    few samples touch, or that lie in plain areas, fill with noise.

    Args:
        variables: tensors (P, ...) that require gradients, changed in place; the P entries do not influence each other.
        rate: step size. floor: share of an entry's root mean square gradient.
    """

    def __init__(self, variables: list[torch.Tensor], rate: float, floor: float) -> None:
        self.variables, self._rate, self._floor = variables, rate, floor
        self.squares = [torch.zeros_like(variable) for variable in variables]

    @torch.no_grad()
    def step(self) -> None:
        """One update from the gradients, which are then dropped."""
        gradients = [variable.grad for variable in self.variables]
        torch._foreach_mul_(self.squares, 0.99)
        torch._foreach_addcmul_(self.squares, gradients, gradients, 0.01)
        scales = torch._foreach_sqrt(self.squares)
        for scale, square in zip(scales, self.squares, strict=True):
            mean = square.mean(dim=tuple(range(1, square.ndim)), keepdim=True)
            scale.add_(mean.sqrt_().mul_(self._floor).add_(1e-8))
        torch._foreach_addcdiv_(self.variables, gradients, scales, -self._rate)
        for variable in self.variables:
            variable.grad = None


def side_by_side(tasks: Sequence[Callable[[], torch.Tensor]], device: torch.device) -> list[torch.Tensor]:
    """Results of the tasks; on a GPU each but the first runs on a stream of its own, in a CUDA graph too.

    The losses are chains of small kernels that leave a GPU mostly idle one after the other. Autograd runs each
    operation's gradient on the stream of its forward pass, so the gradients run side by side as well.
    """
    if device.type != "cuda":
        return [task() for task in tasks]
    main, results = torch.cuda.current_stream(device), []
    streams = [_stream(number, device) for number in range(len(tasks) - 1)]
    for stream in streams:
        stream.wait_stream(main)
    for task, stream in zip(tasks[1:], streams, strict=True):
        with torch.cuda.stream(stream):
            results.append(task())
    results.insert(0, tasks[0]())
    for stream in streams:
        main.wait_stream(stream)
    return results


@lru_cache(maxsize=32)
def _stream(number: int, device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)


def capture(optimisation: Optimisation) -> torch.cuda.CUDAGraph:
    """Record one step as a CUDA graph; the optimisation's state is as before."""
    state = [optimisation.step_number, optimisation.history, *optimisation.pyramid, *optimisation.optimiser.squares]
    before = [part.detach().clone() for part in state]

    def restore() -> None:
        with torch.no_grad():
            for part, value in zip(state, before, strict=True):
                part.copy_(value)

    stream = torch.cuda.Stream()  # its own: cuBLAS keeps scratch memory a stream, which running graphs must not share
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        optimisation.step()  # what libraries set up at first use must not be recorded
        optimisation.step_number.zero_()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        optimisation.step()
    restore()
    return graph
