"""The coarse-to-fine schedule (section 5.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .params import TextureParams

_WIDER = 2  # sides of other textures over the head's: a shell has some four times its surface
_PIXELS = 8  # pixels a sample, at least: denser samples of a small image repeat each other


@dataclass(frozen=True)
class Stage:
    """One scale.

    Attributes:
        size: side of the rendered head, pixels. window: side of the images that are
            compared; smaller than ``size`` they show parts of the head.
        iterations: steps. learning_rate: of RMSprop. content_weight: a of the loss.
        texture_sizes: sides of the parts' textures. points: samples of each view a step.
    """

    size: int
    window: int
    iterations: int
    learning_rate: float
    content_weight: float
    texture_sizes: tuple[int, ...]
    points: int


def schedule(params: TextureParams, texture_sizes: Sequence[int], crop: int) -> list[Stage]:
    """Scales, iterations, learning rates and content weights: a = 16 w beta, halved at each scale.

    Args:
        texture_sizes: sides of the finished textures, the head's first. crop: largest image compared.
    """
    stages = []
    for index, (size, iterations) in enumerate(zip(params.scales, params.iterations, strict=True)):
        last = index == len(params.scales) - 1
        rate = params.learning_rate * (0.5 if last else 1.0)
        weight = 16.0 * params.content_weight * params.beta / 2**index
        window = min(size, crop)
        points = min(params.points, max(window**2 // _PIXELS, 16))
        sides = tuple(min(full, 2 * size * (_WIDER if part else 1)) for part, full in enumerate(texture_sizes))
        stages.append(Stage(size, window, iterations, rate, weight, sides, points))
    return stages
