"""The STROTSS losses on sets of hypercolumns (Kolkin et al. 2019; section 5.2, eqs. 11-13).

All functions take B problems at once: samples x (B, N, d) of results, y (B, M, d) of exemplars, and give (B,).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch

from ..base.device import side_by_side

# Rows: (r + g + b) / sqrt(3), then two orthonormal opponent axes (STROTSS' decorrelated colours).
_OPPONENT = (
    (0.577350269, 0.577350269, 0.577350269),
    (-0.577350269, 0.788675135, -0.211324865),
    (-0.577350269, -0.211324865, 0.788675135),
)
_FAR = 1e4


@dataclass(frozen=True)
class Matching:
    """Who is compared with whom: G groups of samples, each compared as a distribution of its own.

    Of the first T groups every sample of y must be found in x too (R_Y of eq. 11); the others compare one way, x with y
    (R_X). Sums over groups weigh each by its share of x.

    Attributes:
        x: (B, G, N) weights of the groups' samples of x, 1 / count inside, 0 outside. y: (B, G, M) the same of y.
        share: (B, G) share of x that belongs to the group.
        forward: (B, N, M) added to distances before the nearest y of every x is searched.
        backward: (B, N, M) the same for the nearest x of every y.
        two_way: T.
    """

    x: torch.Tensor
    y: torch.Tensor
    share: torch.Tensor
    forward: torch.Tensor
    backward: torch.Tensor
    two_way: int


def match(x: torch.Tensor, y: torch.Tensor, two_way: int, penalty: torch.Tensor | None = None) -> Matching:
    """Groups from masks.

    Args:
        x: (B, G, N), y: (B, G, M), 1 for a group's samples, else 0; a sample of x belongs to at most one group, one
            of y to at most one two-way group.
        two_way: T.
        penalty: (B, N, M) added to the distance in the search only: guides who is compared with whom.
    """
    forward = _FAR - _FAR * (x.mT @ y)
    backward = _FAR - _FAR * (x[:, :two_way].mT @ y[:, :two_way])
    if penalty is not None:
        forward, backward = forward + penalty, backward + penalty
    count = x.sum(dim=2)
    inside, outside = x / count.clamp_min(1.0)[..., None], y / y.sum(dim=2).clamp_min(1.0)[..., None]
    return Matching(inside, outside, count / x.shape[2], forward, backward, two_way)


def whole(x: torch.Tensor, y: torch.Tensor, two_way: bool = True) -> Matching:
    """All samples of (B, N, d) and (B, M, d) in one group."""
    return match(torch.ones_like(x[:, None, :, 0]), torch.ones_like(y[:, None, :, 0]), int(two_way))


def relaxed_emd(
    x: torch.Tensor, y: torch.Tensor, matching: Matching, search: torch.dtype | None = None
) -> torch.Tensor:
    """Relaxed earth mover's distance with the cosine distance (eq. 11).

    R = max(mean_i min_j D_ij, mean_j min_i D_ij), D_ij = 1 - x_i . y_j / (|x_i| |y_j|).

    The nearest neighbours are searched without gradients and only the chosen pairs are differentiated, which is the
    same value and the same gradient at the cost of the forward pass alone.

    Args:
        search: type of the search (bfloat16 for speed); None is the type of ``x``.
    """
    x, y = (unit(part) for part in (x, y))
    with torch.no_grad():
        kind = search or x.dtype
        distance = 1 - (x.detach().to(kind) @ y.detach().to(kind).mT).to(x.dtype)
    return _relaxed(x, y, distance, matching, lambda a, b: 1 - (a * b).sum(dim=2))


def colour_emd(x: torch.Tensor, y: torch.Tensor, matching: Matching) -> torch.Tensor:
    """Relaxed earth mover's distance of RGB colours (B, N, 3) and (B, M, 3) on opponent axes.

    D = cosine distance + E, E = sqrt(clamp(|x - y|^2, 1e-5, 1e5) / 3).
    """
    matrix = _opponent(x.dtype, x.device)
    x, y = (_with_direction(part @ matrix.T) for part in (x, y))
    with torch.no_grad():
        cosine = x[..., 3:] @ y[..., 3:].mT
        a, b = x[..., :3], y[..., :3]
        squared = a.square().sum(dim=2)[:, :, None] + b.square().sum(dim=2)[:, None] - 2 * a @ b.mT
        distance = 1 - cosine + _euclidean(squared)
    return _relaxed(x, y, distance, matching, _colour_cost)


@lru_cache(maxsize=8)  # copied to the device once: copies from the host cannot be part of a CUDA graph
def _opponent(dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    return torch.tensor(_OPPONENT, dtype=dtype, device=device)


def _with_direction(colours: torch.Tensor) -> torch.Tensor:
    """(B, N, 6): colours and their unit vectors."""
    return torch.cat([colours, unit(colours)], dim=2)


def _euclidean(squared: torch.Tensor) -> torch.Tensor:
    return (squared.clamp(1e-5, 1e5) / 3).sqrt()


def _colour_cost(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    cosine = (x[..., 3:] * y[..., 3:]).sum(dim=2)
    return 1 - cosine + _euclidean((x[..., :3] - y[..., :3]).square().sum(dim=2))


def _relaxed(
    x: torch.Tensor, y: torch.Tensor, distance: torch.Tensor, matching: Matching, cost: Callable
) -> torch.Tensor:
    """R of every group by its share. ``cost`` gives (B, K) of K pairs (B, K, d); ``distance`` only finds the pairs."""
    groups = matching.two_way
    nearest_y = (distance + matching.forward).argmin(dim=2)
    nearest_x = (distance + matching.backward).argmin(dim=1)
    forward = (matching.x @ cost(x, _rows(y, nearest_y))[..., None])[..., 0]
    backward = (matching.y[:, :groups] @ cost(_rows(x, nearest_x), y)[..., None])[..., 0]
    both = torch.maximum(forward[:, :groups], backward)
    return (matching.share * torch.cat([both, forward[:, groups:]], dim=1)).sum(dim=1)


def _rows(x: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """x[b, index[b]]; its gradient is summed in a fixed order on the CPU, so results repeat to the bit there."""
    count, number, size = x.shape
    if count > 1:
        index = index + torch.arange(count, device=x.device)[:, None] * number
    return x.reshape(-1, size).index_select(0, index.reshape(-1)).view(count, -1, size)


@dataclass(frozen=True)
class Moments:
    """Means (B, T, c) and covariances (B, T, c, c), divided by n, of the two-way groups; 0 where a group is empty."""

    mean: torch.Tensor
    covariance: torch.Tensor

    def of(self, channels: torch.Tensor) -> Moments:
        """Those of some channels."""
        covariance = self.covariance.index_select(2, channels).index_select(3, channels)
        return Moments(self.mean.index_select(2, channels), covariance)


def moments(x: torch.Tensor, weight: torch.Tensor) -> Moments:
    """Moments of x (B, N, c) under weights (B, T, N) of a :class:`Matching`."""
    mean = weight @ x
    weighted = weight[..., None] * x[:, None]
    # Sum of w (x - m)(x - m)' = sum of w x x' - m m', for m the mean.
    return Moments(mean, weighted.mT @ x[:, None] - mean[..., :, None] * mean[..., None, :])


def exemplar_moments(x: torch.Tensor, weight: torch.Tensor) -> Moments:
    """:func:`moments`, of each group over its own samples alone: faster, but the sizes hang on the values."""

    def group(ours: torch.Tensor, share: torch.Tensor) -> Moments:
        inside = share > 0
        return moments(ours[inside][None], share[inside][None, None])

    parts = side_by_side(
        [lambda b=b, t=t: group(x[b], weight[b, t]) for b in range(len(x)) for t in range(weight.shape[1])]
    )
    shape = weight.shape[:2]
    mean, covariance = (torch.cat([getattr(part, name) for part in parts]) for name in ("mean", "covariance"))
    return Moments(mean.view(*shape, -1), covariance.view(*shape, *covariance.shape[2:]))


def moment_distance(x: torch.Tensor, y: Moments, matching: Matching) -> torch.Tensor:
    """Mean |mu_x - mu_y| over channels plus mean |Sigma_x - Sigma_y| over entries, of every two-way group by its share.

    A random subset of the channels gives an estimate of the value for all of them, up to the weight of the diagonal:
    cheap enough for every step.

    Args:
        x: (B, N, c). y: moments of the exemplars' same channels.
    """
    ours = moments(x, matching.x[:, : matching.two_way])
    value = (ours.mean - y.mean).abs().mean(dim=2) + (ours.covariance - y.covariance).abs().mean(dim=(2, 3))
    return (matching.share[:, : matching.two_way] * value).sum(dim=1)


def self_similarity(x: torch.Tensor, c: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
    """Content loss (eq. 12): difference of the two sets' normalised matrices of cosine distances.

    Args:
        x: (B, N, d) of the result. c: (B, N, d) of the content at the same positions.
        weight: (B, N) 1 for samples that take part, else 0; the others might as well not be there.

    Returns:
        (B,): the sum of |Dx / colsum(Dx) - Dc / colsum(Dc)| over the number of samples that take part.
    """
    difference = (_normalised_distances(x, weight) - _normalised_distances(c, weight)).abs()
    if weight is None:
        return difference.mean(dim=(1, 2)) * x.shape[1]
    return (difference.sum(dim=1) * weight).sum(dim=1) / weight.sum(dim=1).clamp_min(1.0)


def paired_distance(x: torch.Tensor, y: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """(B,) mean over samples of weight times the cosine distance of x (B, N, d) and y (B, N, d), pair by pair.

    Args:
        weight: (B, N).
    """
    x, y = (unit(part) for part in (x, y))
    return (weight * (1 - (x * y).sum(dim=2))).mean(dim=1)


def _normalised_distances(x: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
    """(B, N, N) with columns of sum 1; rows of samples that take no part are 0."""
    x = unit(x)
    distance = 1 - _Gram.apply(x)
    if weight is not None:
        distance = distance * weight[:, :, None]
    return distance / distance.sum(dim=1, keepdim=True).clamp_min(1e-8)


def unit(x: torch.Tensor) -> torch.Tensor:
    """Vectors (B, N, d) by their length."""
    return _Unit.apply(x)


class _Unit(torch.autograd.Function):
    """``functional.normalize`` at half the cost: its gradient is what of G is across x, by the length of x."""

    @staticmethod
    def forward(ctx, x: torch.Tensor) -> torch.Tensor:
        length = torch.linalg.vector_norm(x, dim=2, keepdim=True).clamp_min_(1e-8)
        result = x / length
        ctx.save_for_backward(result, length)
        return result

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> torch.Tensor:
        along, length = ctx.saved_tensors
        return torch.addcmul(gradient, along, (along * gradient).sum(dim=2, keepdim=True), value=-1).div_(length)


class _Gram(torch.autograd.Function):
    """x x' of (B, N, d). Its gradient (G + G') x takes one product, where that of a product of two takes two."""

    @staticmethod
    def forward(ctx, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x @ x.mT

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        return (gradient + gradient.mT) @ x
