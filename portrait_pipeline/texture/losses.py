"""The STROTSS losses on sets of hypercolumns (Kolkin et al. 2019; section 5.2, eqs. 11-13)."""

from __future__ import annotations

import torch
from torch.nn import functional

# Rows: (r + g + b) / sqrt(3), then two orthonormal opponent axes (STROTSS' decorrelated colours).
_OPPONENT = (
    (0.577350269, 0.577350269, 0.577350269),
    (-0.577350269, 0.788675135, -0.211324865),
    (-0.577350269, -0.211324865, 0.788675135),
)


def relaxed_emd(
    x: torch.Tensor, y: torch.Tensor, penalty: torch.Tensor | None = None, search: torch.dtype | None = None,
    one_way: bool = False,
) -> torch.Tensor:
    """Relaxed earth mover's distance with the cosine distance (eq. 11).

    R = max(mean_i min_j D_ij, mean_j min_i D_ij), D_ij = 1 - x_i . y_j / (|x_i| |y_j|).

    The nearest neighbours are searched without gradients and only the chosen pairs are differentiated, which is the
    same value and the same gradient at the cost of the forward pass alone.

    Args:
        x: (N, d). y: (M, d).
        penalty: (N, M) added to D in the search only: guides who is compared with whom.
        search: type of the search (bfloat16 for speed); None is the type of ``x``.
        one_way: only the first mean: every x must have a neighbour in y, but not every y one in x.
    """
    x, y = functional.normalize(x, dim=1, eps=1e-8), functional.normalize(y, dim=1, eps=1e-8)
    with torch.no_grad():
        kind = search or x.dtype
        distance = 1 - (x.detach().to(kind) @ y.detach().to(kind).T).to(x.dtype)
    return _relaxed(distance, penalty, lambda i, j: (1 - (_rows(x, i) * _rows(y, j)).sum(dim=1)).mean(), one_way)


def colour_emd(
    x: torch.Tensor, y: torch.Tensor, penalty: torch.Tensor | None = None, one_way: bool = False
) -> torch.Tensor:
    """Relaxed earth mover's distance of RGB colours (N, 3) and (M, 3) on opponent axes.

    D = cosine distance + E, E = sqrt(clamp(|x - y|^2, 1e-5, 1e5) / 3); other arguments as in :func:`relaxed_emd`.
    """
    matrix = torch.tensor(_OPPONENT, dtype=x.dtype, device=x.device)
    x, y = x @ matrix.T, y @ matrix.T
    with torch.no_grad():
        distance = 1 - functional.normalize(x, dim=1, eps=1e-8) @ functional.normalize(y, dim=1, eps=1e-8).T
        distance = distance + _euclidean((x[:, None] - y[None]).square().sum(dim=2))
    return _relaxed(distance, penalty, lambda i, j: _colour_cost(_rows(x, i), _rows(y, j)).mean(), one_way)


def _relaxed(distance: torch.Tensor, penalty: torch.Tensor | None, cost, one_way: bool) -> torch.Tensor:
    if penalty is not None:
        distance = distance + penalty
    rows = torch.arange(distance.shape[0], device=distance.device)
    forward = cost(rows, distance.argmin(dim=1))
    if one_way:
        return forward
    columns = torch.arange(distance.shape[1], device=distance.device)
    return torch.maximum(forward, cost(distance.argmin(dim=0), columns))


def _rows(x: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """x[index]; unlike that, its gradient is summed in a fixed order, so results repeat to the bit."""
    return x.index_select(0, index)


def _euclidean(squared: torch.Tensor) -> torch.Tensor:
    return (squared.clamp(1e-5, 1e5) / 3).sqrt()


def _colour_cost(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    cosine = (functional.normalize(x, dim=1, eps=1e-8) * functional.normalize(y, dim=1, eps=1e-8)).sum(dim=1)
    return 1 - cosine + _euclidean((x - y).square().sum(dim=1))


def moment_distance(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Mean |mu_x - mu_y| over channels plus mean |Sigma_x - Sigma_y| over entries; covariance divided by n.

    Args:
        x: (N, d). y: (M, d). A random subset of the channels gives an estimate of the value for all of them, up to
            the weight of the diagonal: cheap enough for every step.
    """
    mean_x, mean_y = x.mean(dim=0), y.mean(dim=0)
    centred_x, centred_y = x - mean_x, y - mean_y
    covariance = centred_x.T @ centred_x / len(x) - centred_y.T @ centred_y / len(y)
    return (mean_x - mean_y).abs().mean() + covariance.abs().mean()


def self_similarity(x: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
    """Content loss (eq. 12): difference of the two sets' normalised matrices of cosine distances.

    Args:
        x: (N, d) of the result. c: (N, d) of the content at the same positions.

    Returns:
        N times the mean of |Dx / colsum(Dx) - Dc / colsum(Dc)|.
    """
    return (_normalised_distances(x) - _normalised_distances(c)).abs().mean() * len(x)


def _normalised_distances(x: torch.Tensor) -> torch.Tensor:
    x = functional.normalize(x, dim=1, eps=1e-8)
    distance = 1 - x @ x.T
    return distance / distance.sum(dim=0, keepdim=True).clamp_min(1e-8)
