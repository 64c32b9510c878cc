"""MLP blocks in the place of the rivals' convolution blocks: as deep and as wide as our network's.

What an image network does for each channel of a feature map, these do for each hidden activation: instance
normalisation becomes layer normalisation, and a code spread over all pixels becomes a code read by every layer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from ...translation.method import Method
from ...translation.networks import WIDTH, SkipMlp, critic, initialise


class Residual(nn.Module):
    """(B, inputs) -> (B, inputs): the input plus an MLP of it; untrained, nearly the identity."""

    def __init__(self, inputs: int, layers: int) -> None:
        super().__init__()
        self.layers = SkipMlp(inputs, inputs, layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class CodeMlp(SkipMlp):
    """(B, inputs) and a code (B, code) -> (B, outputs); every layer but the second of a pair reads the code too."""

    def __init__(self, inputs: int, code: int, outputs: int, layers: int, width: int = WIDTH) -> None:
        super().__init__(inputs + code, outputs, layers, width)
        for pair in self.pairs:
            pair[0] = nn.Linear(width + code, width)
        self.last = nn.Linear(width + code, outputs)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        h = torch.relu(self.first(torch.cat((x, code), dim=-1)))
        for inner, outer in self.pairs:
            h = torch.relu(h + outer(torch.relu(inner(torch.cat((h, code), dim=-1)))))
        return self.last(torch.cat((h, code), dim=-1))


class AdainMlp(SkipMlp):
    """(B, inputs) and a code (B, code) -> (B, outputs) through pairs of layers with adaptive normalisation.

    The hidden activations of a sample are normalised to mean 0 and variance 1 after each layer of a pair, then
    scaled and shifted one by one by numbers that a three-layer MLP makes of the code.
    """

    def __init__(self, inputs: int, code: int, outputs: int, layers: int, width: int = WIDTH) -> None:
        super().__init__(inputs, outputs, layers, width)
        self.width = width
        self.norms = 2 * len(self.pairs)
        self.styles = nn.Sequential(
            nn.Linear(code, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, 2 * self.norms * width),
        )

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        scales, shifts = self.styles(code).unflatten(-1, (2, self.norms, self.width)).unbind(-3)

        def norm(h: Tensor, number: int) -> Tensor:
            return (1 + scales[..., number, :]) * layer_norm(h, (self.width,)) + shifts[..., number, :]

        h = torch.relu(self.first(x))
        for i, (inner, outer) in enumerate(self.pairs):
            h = h + norm(outer(torch.relu(norm(inner(h), 2 * i))), 2 * i + 1)
        return self.last(h)


class Rival(Method):
    """What the rivals have in common: translator, critics and published weights of the terms.

    Args:
        translator: all networks that translate. judges: names of the critics.
        components: K, number of whitened coefficients. generator: source of the initial weights.
        weights: of terms, in place of the published ones.
    """

    published: ClassVar[Mapping[str, float]]

    def __init__(
        self,
        translator: nn.Module,
        judges: Iterable[str],
        components: int,
        generator: torch.Generator,
        weights: Mapping[str, float] | None,
    ) -> None:
        super().__init__()
        self.translator = translator
        self.judges = nn.ModuleDict({name: critic(components, 1) for name in judges})
        self._weights = {**self.published, **(weights or {})}
        initialise(self.translator, generator)
        initialise(self.judges, generator)

    def weights(self) -> dict[str, float]:
        return dict(self._weights)
