"""RMSprop for textures: the step of a texel is normalised, but not below a share of the level's own gradients."""

from __future__ import annotations

import torch


class TextureRMSprop:
    """RMSprop (decay 0.99) over a few tensors with a floor under the normaliser.

    x <- x - rate * g / (sqrt(v) + floor * rms(v)), v the running mean of g^2 and rms(v) the root of its mean over the
    tensor. Plain RMSprop (floor 0) moves every texel by the same amount however small its gradient is, so texels that
    few samples touch, or that lie in plain areas, fill with noise.

    Args:
        variables: tensors that require gradients, changed in place.
        rate: step size. floor: share of the tensor's root mean square gradient.
    """

    def __init__(self, variables: list[torch.Tensor], rate: float, floor: float) -> None:
        self._variables, self._rate, self._floor = variables, rate, floor
        self._squares = [torch.zeros_like(variable) for variable in variables]

    @torch.no_grad()
    def step(self) -> None:
        """One update from the gradients, which are then dropped."""
        for variable, square in zip(self._variables, self._squares, strict=True):
            gradient = variable.grad
            square.mul_(0.99).addcmul_(gradient, gradient, value=0.01)
            scale = square.sqrt().add_(self._floor * square.mean().sqrt() + 1e-8)
            variable.addcdiv_(gradient, scale, value=-self._rate)
            variable.grad = None
