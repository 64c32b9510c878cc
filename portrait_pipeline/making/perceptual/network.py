"""VGG-16 with batch norm, and the plain VGG-16 that computes the same."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...perceptual.layers import CONVOLUTIONS, DEVIATION, MEAN, WIDTHS, run, shapes


class ClassifierVGG(nn.Module):
    """VGG-16's convolutions, each followed by batch norm and ReLU; global mean; dropout; one linear layer.

    The large fully connected layers of the original are left out: they are no part of the features, and without them
    any image size fits.

    Args:
        classes: number of outputs.
        dropout: part of the 512 means that is dropped in training.
        generator: draws the first weights (on the CPU).
    """

    def __init__(self, classes: int, dropout: float, generator: torch.Generator) -> None:
        super().__init__()
        self.convolutions = nn.ModuleDict()
        self.norms = nn.ModuleDict()
        for index, (after, before) in shapes().items():
            # The bias is the batch norm's.
            convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)
            nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu", generator=generator)
            self.convolutions[str(index)], self.norms[str(index)] = convolution, nn.BatchNorm2d(after)
        self.dropout = dropout
        self.classifier = nn.Linear(WIDTHS[-1], classes)
        nn.init.normal_(self.classifier.weight, std=0.01, generator=generator)
        nn.init.zeros_(self.classifier.bias)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(1, 3, 1, 1), persistent=False)

    def maps(self, images: Tensor) -> list[Tensor]:
        """The nine taps, each (B, C, h, w), of images (B, 3, H, W) in [0, 1]."""
        x = ((images - self.mean) / self.deviation).contiguous(memory_format=torch.channels_last)
        return run(x, lambda index, x: self.norms[str(index)](self.convolutions[str(index)](x)))

    def forward(self, images: Tensor, kept: Tensor | None = None) -> Tensor:
        """Class scores (B, classes) of images (B, 3, H, W) in [0, 1].

        Args:
            kept: (B, 512) of 0 and 1: which means survive the dropout; None for all. Drawn outside, from a seed.
        """
        means = self.maps(images)[-1].float().mean(dim=(2, 3))
        if kept is not None:
            means = means * kept / (1 - self.dropout)
        return functional.linear(means, self.classifier.weight, self.classifier.bias)


@torch.no_grad()
def fold(network: ClassifierVGG) -> dict[str, Tensor]:
    """Weights of a VGG-16 without batch norm whose features are those of ``network`` in evaluation mode.

    A batch norm multiplies by g = gamma / sqrt(variance + eps) and adds beta - g mean: a convolution can do both.

    Returns:
        torchvision's names ``features.N.weight`` and ``features.N.bias``, float32 on the CPU.
    """
    tensors = {}
    for index in CONVOLUTIONS:
        norm = network.norms[str(index)]
        weight = network.convolutions[str(index)].weight.double()
        gain = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
        shift = norm.bias.double() - gain * norm.running_mean.double()
        tensors[f"features.{index}.weight"] = (weight * gain[:, None, None, None]).float().cpu().contiguous()
        tensors[f"features.{index}.bias"] = shift.float().cpu()
    return tensors
