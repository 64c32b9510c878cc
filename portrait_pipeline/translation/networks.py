"""The networks of section 4.1.

The paper counts layers (content encoders 8, style encoder 16, decoders 8, discriminator and classifier 4) and
gives no widths. The reading taken here: a count is the number of fully connected layers with a ReLU after
every one but the last. Encoders and decoders are an input layer, pairs of layers with a skip connection
around each pair, and an output layer; without the skips 16 ReLU layers hardly train. Content encoders add
their result to their input and decoders add theirs to the content code, as the released code does, so that an
untrained network changes nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

CONTENT_LAYERS, STYLE_LAYERS, DECODER_LAYERS, CRITIC_LAYERS = 8, 16, 8, 4
STYLE_SIZE = 16
WIDTH = 96
CRITIC_WIDTHS = (128, 128, 64)
LOG_VARIANCE_LIMITS = (-8.0, 4.0)


class SkipMlp(nn.Module):
    """(B, inputs) -> (B, outputs) through ``layers`` fully connected layers (even, at least 4)."""

    def __init__(self, inputs: int, outputs: int, layers: int, width: int = WIDTH) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, width)
        self.pairs = nn.ModuleList(
            nn.ModuleList((nn.Linear(width, width), nn.Linear(width, width))) for _ in range((layers - 2) // 2)
        )
        self.last = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.first(x))
        for inner, outer in self.pairs:
            h = torch.relu(h + outer(torch.relu(inner(h))))
        return self.last(h)


class ContentEncoder(nn.Module):
    """E_X or E_Y^C: whitened coefficients (B, K) -> content code (B, K)."""

    def __init__(self, components: int) -> None:
        super().__init__()
        self.layers = SkipMlp(components, components, CONTENT_LAYERS)

    def forward(self, shape: Tensor) -> Tensor:
        return shape + self.layers(shape)


class StyleEncoder(nn.Module):
    """E_Y^S: whitened coefficients (B, K) -> mean (B, 16) and log variance (B, 16) of the style code."""

    def __init__(self, components: int) -> None:
        super().__init__()
        self.layers = SkipMlp(components, 2 * STYLE_SIZE, STYLE_LAYERS)

    def forward(self, shape: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.layers(shape).chunk(2, dim=-1)
        return mean, log_variance.clamp(*LOG_VARIANCE_LIMITS)


class FaceDecoder(nn.Module):
    """G_X: content code (B, K) -> whitened coefficients (B, K)."""

    def __init__(self, components: int) -> None:
        super().__init__()
        self.layers = SkipMlp(components, components, DECODER_LAYERS)

    def forward(self, content: Tensor) -> Tensor:
        return content + self.layers(content)


class ArtDecoder(nn.Module):
    """G_Y: content code (B, K) and style code (B, 16) -> whitened coefficients (B, K)."""

    def __init__(self, components: int) -> None:
        super().__init__()
        self.layers = SkipMlp(components + STYLE_SIZE, components, DECODER_LAYERS)

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        return content + self.layers(torch.cat((content, style), dim=-1))


def critic(components: int, outputs: int) -> nn.Sequential:
    """D_Y (one output) or the classifier (one logit a class): 4 fully connected layers."""
    widths = (components, *CRITIC_WIDTHS, outputs)
    layers: list[nn.Module] = []
    for i in range(CRITIC_LAYERS):
        layers.append(nn.Linear(widths[i], widths[i + 1]))
        if i < CRITIC_LAYERS - 1:
            layers.append(nn.LeakyReLU(0.1))
    return nn.Sequential(*layers)


class Autoencoder(nn.Module):
    """Stage one: E_X and G_X."""

    def __init__(self, components: int) -> None:
        super().__init__()
        self.encoder = ContentEncoder(components)
        self.decoder = FaceDecoder(components)

    def forward(self, shape: Tensor) -> Tensor:
        return self.decoder(self.encoder(shape))


class ArtBranch(nn.Module):
    """Stage two: E_Y^C, E_Y^S and G_Y."""

    def __init__(self, components: int) -> None:
        super().__init__()
        self.content = ContentEncoder(components)
        self.style = StyleEncoder(components)
        self.decoder = ArtDecoder(components)


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Kaiming-normal weights and zero biases from one generator; output layers of skip networks start
    small.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            nn.init.zeros_(layer.bias)
    with torch.no_grad():
        for layer in module.modules():
            if isinstance(layer, SkipMlp):
                layer.last.weight.mul_(0.1)
                for _, outer in layer.pairs:
                    outer.weight.mul_(0.5)


def count_layers(module: nn.Module) -> int:
    """Number of fully connected layers."""
    return sum(isinstance(layer, nn.Linear) for layer in module.modules())
