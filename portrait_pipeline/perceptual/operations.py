"""How many floating-point operations one step of the texture optimisation takes: what bounds its speed.

Counted are products of matrices and convolutions, an addition and a multiplication each; everything else moves bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from .layers import CHANNELS, POOLS, shapes


@dataclass(frozen=True)
class StepOperations:
    """FLOP of one view of one head in a step.

    Attributes:
        network: convolutions, forwards and back to the image (the weights are fixed).
        losses: tables of distances and covariances.
    """

    network: float
    losses: float

    @property
    def total(self) -> float:
        """Both."""
        return self.network + self.losses


def step_operations(size: int, points: int, style_points: int, moment_channels: int = 512) -> StepOperations:
    """Operations for a square view.

    Args:
        size: side of the view, pixels. points: its samples. style_points: the artwork's.
        moment_channels: channels whose covariance is compared.
    """
    half = max(points // 2, 1)
    search = 2 * points * style_points * CHANNELS  # pairs are searched without gradients
    similarity = 2 * half**2 * CHANNELS * (2 + 2)  # of result and content, and the two gradients of the first
    covariance = 2 * 2 * points * moment_channels**2 * 3  # of two groups, with the two gradients
    return StepOperations(2.0 * network_operations(size), float(search + similarity + covariance))


def network_operations(size: int) -> float:
    """FLOP of the network's convolutions on one image of side ``size``, forwards."""
    total = 0.0
    for index, (out, into) in shapes().items():
        side = size >> sum(pool < index for pool in POOLS)
        total += 2.0 * 9 * out * into * side**2
    return total
