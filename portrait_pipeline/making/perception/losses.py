"""What training minimises: distance of the points against the error that the network owns up to, heat, and parts."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch.nn import functional

from ...perception.crops import SIZE
from ...perception.network import HEAT_SIZE, Answer
from .data import UNKNOWN

HEAT_SPREAD = 1.2
"""Standard deviation of the wanted heat around a point, cells."""
WEIGHTS = {"points": 1.0, "coarse": 0.5, "local": 0.3, "heat": 0.2, "parts": 0.6, "face": 0.2}


class Target(NamedTuple):
    """What a batch of B crops should give."""

    points: torch.Tensor
    """(B, 68, 2) crop coordinates, NaN where unknown."""
    labels: torch.Tensor
    """(B, 96, 96) int64 parts, 255 where unknown."""
    face: torch.Tensor
    """(B,) float, 1 where the crop shows a face."""


def losses(answer: Answer, target: Target) -> dict[str, torch.Tensor]:
    """The weighted terms; their sum is the loss."""
    known = torch.isfinite(target.points).all(dim=2)
    truth = torch.nan_to_num(target.points)
    size = _half_size(truth, known)
    count = known.sum().clamp_min(1)

    def mean(values: torch.Tensor) -> torch.Tensor:
        return (values * known).sum() / count

    def distance(points: torch.Tensor) -> torch.Tensor:
        return ((points.float() - truth) ** 2).sum(dim=2).add(1e-8).sqrt() / size[:, None]

    off = distance(answer.points)
    terms = {
        # Laplace: off / error + log error. The distance itself keeps pulling where the error has grown large.
        "points": mean(off / answer.log_errors.exp() * 0.5 + answer.log_errors) * 0.3 + 3 * mean(off),
        "coarse": 3 * mean(distance(answer.coarse)),
        "local": 3 * mean(distance(answer.local)),
        "heat": mean(_heat(answer.heat.float(), truth)),
        "face": functional.binary_cross_entropy_with_logits(answer.face.float(), target.face),
    }
    if answer.parts is not None and (target.labels != UNKNOWN).any():
        terms["parts"] = functional.cross_entropy(answer.parts.float(), target.labels, ignore_index=UNKNOWN)
    return {name: WEIGHTS[name] * value for name, value in terms.items()}


def point_error(answer: Answer, target: Target) -> float:
    """Mean distance of known points over the face's half size."""
    known = torch.isfinite(target.points).all(dim=2)
    truth = torch.nan_to_num(target.points)
    off = (answer.points - truth).norm(dim=2) / _half_size(truth, known)[:, None]
    return float((off * known).sum() / known.sum().clamp_min(1))


def _half_size(points: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """(B,) half the longer side of the known points' box; 1 where nothing is known."""
    low = points.masked_fill(~known[..., None], torch.inf).amin(dim=1)
    high = points.masked_fill(~known[..., None], -torch.inf).amax(dim=1)
    size = (high - low).amax(dim=1) / 2
    return torch.where(torch.isfinite(size), size, torch.ones_like(size)).clamp_min(8 / SIZE)


def _heat(heat: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """(B, 68) cross entropy between heat maps and a bell around the truth."""
    cells = (torch.arange(HEAT_SIZE, device=heat.device) + 0.5) * 2 / HEAT_SIZE - 1
    spread = HEAT_SPREAD * 2 / HEAT_SIZE
    over_x = torch.exp(-((cells - truth[..., :1]) ** 2) / (2 * spread**2))
    over_y = torch.exp(-((cells - truth[..., 1:]) ** 2) / (2 * spread**2))
    wanted = over_y[..., :, None] * over_x[..., None, :]
    wanted = wanted / wanted.sum(dim=(2, 3), keepdim=True).clamp_min(1e-6)
    return -(wanted.flatten(2) * heat.flatten(2).log_softmax(dim=2)).sum(dim=2)
