"""The coarse-to-fine schedule (section 5.1)."""

from __future__ import annotations

from dataclasses import dataclass

from .params import TextureParams

_PIXELS = 8  # pixels a sample, at least: denser samples of a small image repeat each other


@dataclass(frozen=True)
class Level:
    """One level of the schedule.

    Attributes:
        size: side of the rendered head, pixels. window: side of the images that are
            compared; smaller than ``size`` they show parts of the head.
        iterations: steps. learning_rate: of RMSprop. content_weight: a of the loss.
        texture_size: side of the texture. points: samples of each view a step.
    """

    size: int
    window: int
    iterations: int
    learning_rate: float
    content_weight: float
    texture_size: int
    points: int


def schedule(params: TextureParams, texture_size: int, crop: int) -> list[Level]:
    """Scales, iterations, learning rates and content weights: a = 16 w beta, halved at each scale."""
    levels = []
    for index, (size, iterations) in enumerate(zip(params.scales, params.iterations, strict=True)):
        last = index == len(params.scales) - 1
        rate = params.learning_rate * (0.5 if last else 1.0)
        weight = 16.0 * params.content_weight * params.beta / 2**index
        window = min(size, crop)
        points = min(params.points, max(window**2 // _PIXELS, 16))
        levels.append(Level(size, window, iterations, rate, weight, min(texture_size, 2 * size), points))
    return levels
