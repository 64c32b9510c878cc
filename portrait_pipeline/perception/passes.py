"""Passes of crops through the network that give the same bits whatever the number of threads.

PyTorch splits sums differently for one thread and for two, and for batches of different sizes. Here every crop is a
pass of its own on one thread, and several passes run side by side, one a core: as fast as one batch on all cores
(on two cores a pass takes about 50 ms either way), and without the waits of threads on a busy machine. The cost: a
single pass cannot use a second core.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from ..base.device import side_by_side
from ..head.points import MIRROR
from .crops import SIZE, Frame, Picture
from .network import Network

_MIRROR = torch.from_numpy(MIRROR.copy())


class Look(NamedTuple):
    """What one crop says, in terms of the picture."""

    points: np.ndarray
    """(68, 2) pixels of the picture."""
    errors: np.ndarray
    """(68,) expected error as a share of half the face's size."""
    face: float
    """Face score, a logit."""

    @property
    def doubt(self) -> float:
        """Mean natural logarithm of the errors."""
        return float(np.log(self.errors).mean())


def look(network: Network, picture: Picture, frames: Sequence[Frame], *, mirror: bool = True) -> list[Look]:
    """Read the points of crops.

    Args:
        network: as :func:`~portrait_pipeline.perception.weights.load` gives it.
        picture: the picture.
        frames: the crops.
        mirror: read the mirror image of each crop as well, and take the mean; where the two disagree the error grows.
    """
    views = [_tensor(network, picture.cut(frame)) for frame in frames]
    inputs = [side for view in views for side in ((view, view.flip(3)) if mirror else (view,))]
    tasks = [lambda view=view: _pass(network, view) for view in inputs]
    answers = side_by_side(tasks)
    if mirror:
        pairs = zip(answers[0::2], answers[1::2], strict=True)
        answers = [_mean(straight, flipped) for straight, flipped in pairs]
    return [_look(answer, frame) for answer, frame in zip(answers, frames, strict=True)]


class _Raw(NamedTuple):
    points: torch.Tensor  # (68, 2) crop coordinates
    errors: torch.Tensor  # (68,)
    face: float


def _tensor(network: Network, crop: np.ndarray) -> torch.Tensor:
    """(1, 3, S, S) float in [0, 1] where the network lies."""
    values = torch.from_numpy(crop).to(network.grid.device).permute(2, 0, 1)[None]
    return values.float().div(255).contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def _pass(network: Network, view: torch.Tensor) -> _Raw:
    answer = network(view, parts=False)
    return _Raw(answer.points[0].cpu(), answer.log_errors[0].exp().cpu(), float(answer.face[0]))


def _mean(straight: _Raw, flipped: _Raw) -> _Raw:
    points = flipped.points[_MIRROR] * torch.tensor([-1.0, 1.0])
    gap = (straight.points - points).norm(dim=1)
    return _Raw(
        (straight.points + points) / 2,
        (straight.errors + flipped.errors[_MIRROR]) / 2 + gap / 4,
        (straight.face + flipped.face) / 2,
    )


def _look(raw: _Raw, frame: Frame) -> Look:
    points = frame.to_picture((raw.points.numpy().astype(np.float64) + 1) * (SIZE / 2))
    return Look(points, raw.errors.numpy().astype(np.float64), raw.face)


def parse(network: Network, picture: Picture, near: Frame, far: Frame) -> tuple[np.ndarray, np.ndarray]:
    """Parts of two crops, (14, 96, 96) float32 probabilities each; the nearer is the mean with its mirror image."""

    def task(view: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            return network.parse_alone(view)[0].float().softmax(dim=0).cpu()

    close, wide = (_tensor(network, picture.cut(frame)) for frame in (near, far))
    tasks = [lambda view=view: task(view) for view in (close, close.flip(3), wide)]
    straight, flipped, outer = side_by_side(tasks)
    return ((straight + flipped.flip(2)) / 2).numpy(), outer.numpy()


def glance(network: Network, picture: Picture, frames: Sequence[Frame]) -> list[tuple[np.ndarray, float]]:
    """Coarse points (68, 2) in pixels of the picture, and the face score, of each crop: half the time of a look."""

    def task(frame: Frame) -> tuple[np.ndarray, float]:
        with torch.inference_mode():
            coarse, face = network.glance(_tensor(network, picture.cut(frame)))
        points = frame.to_picture((coarse[0].cpu().numpy().astype(np.float64) + 1) * (SIZE / 2))
        return points, float(face[0])

    return side_by_side([lambda frame=frame: task(frame) for frame in frames])
