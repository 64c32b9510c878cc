"""All weights of a module as one vector: one fused Adam step and one running average instead of one a layer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def flatten(module: nn.Module) -> Tensor:
    """Move all parameters of ``module`` into one vector, of which they become views.

    Returns:
        (P,) the vector, sharing memory with the parameters; changes of one are changes of the other.
    """
    parameters = list(module.parameters())
    if not parameters:
        return torch.empty(0)
    vector = torch.cat([parameter.detach().reshape(-1) for parameter in parameters])
    start = 0
    for parameter in parameters:
        parameter.data = vector[start : start + parameter.numel()].view_as(parameter)
        start += parameter.numel()
    return vector


class FlatAdam:
    """Adam over one vector of weights, free of host synchronisation.

    Args:
        vector: from :func:`flatten`. rate: initial learning rate. betas: decay of the moments.
    """

    def __init__(self, vector: Tensor, rate: float, betas: tuple[float, float]) -> None:
        self.vector = nn.Parameter(vector)  # shares the memory of ``vector``
        self.vector.grad = torch.zeros_like(vector)
        self.rate = torch.tensor(rate, device=vector.device)
        self.adam = torch.optim.Adam([self.vector], lr=self.rate, betas=betas, fused=True, capturable=vector.is_cuda)

    def descend(self, loss: Tensor, parameters: Sequence[Tensor]) -> None:
        """One step against the gradient of ``loss``; ``parameters`` in the order of the vector."""
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
        torch.cat([gradient.reshape(-1) for gradient in gradients], out=self.vector.grad)
        self.adam.step()

    def state(self) -> dict[str, Tensor]:
        """Moments and step number by name, created on the first call after which they stay in place."""
        if not self.adam.state:
            rate = self.rate.clone()
            kept = self.vector.detach().clone()
            self.rate.zero_()
            self.adam.step()
            self.rate.copy_(rate)
            with torch.no_grad():
                self.vector.copy_(kept)
            for value in self.adam.state[self.vector].values():
                value.zero_()
        return self.adam.state[self.vector]
