"""The coarse-to-fine schedule (section 5.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .params import TextureParams

CONTENT_WEIGHT = 16.0 * 0.3
"""a of the first scale at beta 1: STROTSS starts at 16 times a weight, here 0.3; halved at each further scale."""
LEARNING_RATE = 2e-3
"""Of RMSprop (as in the paper); halved at the last scale."""
STYLE_POINTS = 1024
"""Samples of the artwork a scale."""
_WIDER = 2  # sides of other textures over the head's: a shell has some four times its surface
_PIXELS = 8  # pixels a sample, at least: denser samples of a small image repeat each other


@dataclass(frozen=True)
class Level:
    """One level of the schedule.

    Attributes:
        size: side of the rendered head, pixels. window: side of the images that are
            compared; smaller than ``size`` they show parts of the head.
        iterations: steps. learning_rate: of RMSprop. content_weight: a of the loss.
        texture_sizes: sides of the parts' textures. points: samples of each view a step. style_points: of the artwork.
        views_per_step: views rendered and compared in each step.
    """

    size: int
    window: int
    iterations: int
    learning_rate: float
    content_weight: float
    texture_sizes: tuple[int, ...]
    points: int
    style_points: int = STYLE_POINTS
    views_per_step: int = 1


def schedule(params: TextureParams, texture_sizes: Sequence[int], crop: int) -> list[Level]:
    """Scales, iterations, learning rates and content weights: a = 4.8 beta, halved at each scale.

    Args:
        texture_sizes: sides of the finished textures, the head's first. crop: largest image compared.
    """
    levels = []
    for index, (size, iterations) in enumerate(zip(params.scales, params.iterations, strict=True)):
        last = index == len(params.scales) - 1
        rate = LEARNING_RATE * (0.5 if last else 1.0)
        weight = CONTENT_WEIGHT * params.beta / 2**index
        window = min(size, crop)
        points = min(params.points, max(window**2 // _PIXELS, 16))
        sides = tuple(min(full, 2 * size * (_WIDER if part else 1)) for part, full in enumerate(texture_sizes))
        levels.append(Level(size, window, iterations, rate, weight, sides, points))
    return levels
