"""One step of the texture optimisation: render, compare, move (section 5.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import torch

from ..base.device import fast_type, side_by_side
from ..perceptual.perceptual import PerceptualNetwork
from .losses import Moments, colour_emd, match, moment_distance, paired_distance, relaxed_emd, self_similarity
from .pyramid import analyse, synthesise
from .sampling import Samples
from .scale import Scale
from .view_set import ViewSet, on_background

TERMS = ("loss", "content", "emd", "moments", "colour")
_OTHER_REGION = 10.0
_FLOOR = 0.3
GUIDANCE = 0.2
"""Preference for the same place on the face when samples are compared with the artwork."""
FEATURES = 0.5
"""Further content weight of eyes and mouth, which are sampled more finely, over that of the rest."""
GUIDE = 2.0
"""Weight of the guide of a part that has one, over that of the whole loss."""
_FEW = 0.12  # share of the samples below which what the photo shows is no content
_FIELDS = ("points", "region", "position")
Loss = Callable[[torch.Tensor], torch.Tensor]


class Optimisation:
    """The textures of one scale while they are optimised.

    Args:
        textures: (P, 3, S, S) of each part to start from.

    Attributes:
        history: (T, P, 5) the terms of every step, named by ``TERMS``.
        step_number: (1,) on the device; taken: the same of each kind of views.
    """

    def __init__(self, scale: Scale, textures: Sequence[torch.Tensor], network: PerceptualNetwork) -> None:
        self.scale, self.network = scale, network
        device, scenes = textures[0].device, len(textures[0])
        self.pyramids = [
            [level.clone().requires_grad_() for level in analyse(part, max(1, min(5, part.shape[2].bit_length() - 4)))]
            for part in textures
        ]
        self.optimisers = [TextureRMSprop(levels, scale.level.learning_rate, _FLOOR) for levels in self.pyramids]
        self.step_number, *self.taken = (
            torch.zeros(1, dtype=torch.int64, device=device) for _ in range(1 + len(scale.sets))
        )
        self.history = torch.zeros(max(scale.level.iterations, 1), scenes, len(TERMS), device=device)
        self._search = fast_type(device)

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
        finer = seen.features
        columns = self.network.columns(image, taps if finer is None else taps.joined(finer.taps.images(flat)))
        count, half = len(pick), max(len(pick) // 2, 1)
        rows = (flat[:, None] * seen.content.shape[1] + pick[None, :half]).reshape(-1)
        content = seen.content.flatten(0, 1).index_select(0, rows).view(len(flat), half, -1).float()
        trust = seen.trust.index_select(0, flat).index_select(1, pick[:half])
        tasks = [
            lambda x: self_similarity(x[:, :half], content, trust),
            *self._style(seen, samples, views, pick, channels),
        ]
        if finer is not None:
            known = finer.content.index_select(0, flat).float()
            tasks.append(lambda x: self_similarity(x[:, count:], known))
        parts = list(in_streams(tasks, columns) if columns.is_cuda else on_threads(tasks, columns))
        a = self._content_weight(seen, trust)
        loss = (a * parts[0] + parts[1] + parts[2] + parts[3] / a.clamp_min(1.0)) / (a + 2.0)
        if finer is not None:
            strength = self.scale.level.content_weight * FEATURES
            share = strength / (self.scale.level.content_weight + 2.0) * finer.shown.index_select(0, flat)
            loss = loss + share * parts.pop()
        if seen.guide is not None:
            guide = seen.guide.columns.flatten(0, 1).index_select(0, rows).view(len(flat), half, -1).float()
            weight = seen.guide.weight.index_select(0, flat).index_select(1, pick[:half])
            loss = loss + GUIDE * paired_distance(columns[:, :half], guide, weight)
        return torch.stack([loss, *parts], dim=1).view(-1, each, len(TERMS)).mean(dim=1)

    def _content_weight(self, seen: ViewSet, trust: torch.Tensor) -> torch.Tensor:
        """(B,) weight of the content: less where the photo shows little, none where next to nothing."""
        share = trust.mean(dim=1)
        return self.scale.level.content_weight * seen.content_weight * share * (share > _FEW)

    def _style(
        self,
        seen: ViewSet,
        samples: Samples,
        views: torch.Tensor,
        pick: torch.Tensor,
        channels: torch.Tensor,
    ) -> list[Loss]:
        """Of columns (B, N + F, D), of which the first N are of ``samples``."""
        each, count = views.shape[1], len(pick)
        style, y, theirs = seen.style_samples, seen.style, seen.style_groups
        known = seen.style_moments.of(channels)
        if each > 1:  # every view of a scene has the same artwork
            style = Samples(*(getattr(style, name).repeat_interleave(each, 0) for name in _FIELDS))
            y, theirs = y.repeat_interleave(each, 0), theirs.repeat_interleave(each, 0)
            known = Moments(known.mean.repeat_interleave(each, 0), known.covariance.repeat_interleave(each, 0))
        ours = seen.groups.index_select(0, views.reshape(-1)).index_select(2, pick)
        matching = match(ours, theirs, seen.two_way, self._penalty(samples, style))
        return [
            lambda x: relaxed_emd(x[:, :count], y, matching, self._search),
            lambda x: moment_distance(x[:, :count].index_select(2, channels), known, matching),
            lambda x: colour_emd(x[:, :count, :3], y[..., :3], matching),
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
            # Rows first: a sum over all texels would be cut by the number of threads.
            mean = square.mean(dim=-1, keepdim=True).mean(dim=tuple(range(1, square.ndim)), keepdim=True)
            scale.add_(mean.sqrt_().mul_(self._floor).add_(1e-8))
        torch._foreach_addcdiv_(self.variables, gradients, scales, -self._rate)
        for variable in self.variables:
            variable.grad = None


def on_threads(losses: Sequence[Loss], x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Every loss (B,) of x (B, ...) on the CPU, with its gradient on one thread, the losses side by side."""
    return _OnThreads.apply(x, losses)


class _OnThreads(torch.autograd.Function):
    """The gradients are added up in the order of the losses: autograd's order hangs on who computed what when."""

    @staticmethod
    def forward(ctx, x: torch.Tensor, losses: Sequence[Loss]) -> tuple[torch.Tensor, ...]:
        def one(loss: Loss) -> tuple[torch.Tensor, torch.Tensor]:
            with torch.enable_grad():
                own = x.detach().requires_grad_()
                values = loss(own)
                return values.detach(), torch.autograd.grad(values.sum(), own)[0]

        values, gradients = zip(*side_by_side([lambda loss=loss: one(loss) for loss in losses]), strict=True)
        ctx.save_for_backward(*gradients)
        return values

    @staticmethod
    def backward(ctx, *weights: torch.Tensor) -> tuple[torch.Tensor, None]:
        # No loss mixes the B problems: the gradient of the sum holds that of each.
        gradients = ctx.saved_tensors
        total = gradients[0] * weights[0][:, None, None]
        for gradient, weight in zip(gradients[1:], weights[1:], strict=True):
            total.addcmul_(gradient, weight[:, None, None])
        return total, None


def in_streams(losses: Sequence[Loss], x: torch.Tensor) -> list[torch.Tensor]:
    """Every loss of x; on a GPU each but the first runs on a stream of its own, in a CUDA graph too.

    The losses are chains of small kernels that leave a GPU mostly idle one after the other. Autograd runs each
    operation's gradient on the stream of its forward pass, so the gradients run side by side as well.
    """
    main, results = torch.cuda.current_stream(x.device), []
    streams = [_stream(number, x.device) for number in range(len(losses) - 1)]
    for stream in streams:
        stream.wait_stream(main)
    for loss, stream in zip(losses[1:], streams, strict=True):
        with torch.cuda.stream(stream):
            results.append(loss(x))
    results.insert(0, losses[0](x))
    for stream in streams:
        main.wait_stream(stream)
    return results


@lru_cache(maxsize=32)
def _stream(number: int, device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)


def capture(optimisation: Optimisation) -> list[torch.cuda.CUDAGraph]:
    """Record one step of each kind of views as a CUDA graph; the optimisation's state is as before.

    A kind that no step looks at has an empty graph.
    """
    before = [part.detach().clone() for part in optimisation.state]

    def restore() -> None:
        with torch.no_grad():
            for part, value in zip(optimisation.state, before, strict=True):
                part.copy_(value)

    stream = torch.cuda.Stream()  # its own: cuBLAS keeps scratch memory a stream, which running graphs must not share
    graphs = []
    for kind in range(len(optimisation.scale.sets)):
        graph = torch.cuda.CUDAGraph()
        graphs.append(graph)
        if kind not in optimisation.scale.order:
            continue
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            optimisation.step(kind)  # what libraries set up at first use must not be recorded
            restore()
        torch.cuda.current_stream().wait_stream(stream)
        with torch.cuda.graph(graph, stream=stream):
            optimisation.step(kind)
        restore()
    return graphs
