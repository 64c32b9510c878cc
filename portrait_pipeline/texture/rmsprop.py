"""RMSprop for textures: the step of a texel is normalised, but not below a share of the level's own gradients."""

from __future__ import annotations

import torch


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
            mean = square.mean(dim=tuple(range(1, square.ndim)), keepdim=True)
            scale.add_(mean.sqrt_().mul_(self._floor).add_(1e-8))
        torch._foreach_addcdiv_(self.variables, gradients, scales, -self._rate)
        for variable in self.variables:
            variable.grad = None
