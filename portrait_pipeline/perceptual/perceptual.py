"""VGG-16 features as STROTSS uses them: nine taps, ImageNet input normalisation, frozen weights."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch
from torch.nn import functional

from . import fused
from .hypercolumns import Taps, sample_columns
from .layers import CHANNELS, DEVIATION, MEAN, TAPS, layers_of, run
from .weights import BUNDLED, IMAGENET, load_weights

__all__ = ["CHANNELS", "TAPS", "PerceptualNetwork", "network_for"]

SOURCES = (BUNDLED, IMAGENET)


class PerceptualNetwork:
    """The convolutional part of VGG-16 with fixed weights.

    Args:
        weights: ``"bundled"``, ``"imagenet"`` or the path of a safetensors file; see
            :func:`~portrait_pipeline.perceptual.weights.load_weights`. All come with the same layer balance.
        device: where to compute.
        precision: type of the convolutions and of the feature maps.

    Raises:
        InputFileError: the file is missing, damaged or not VGG-16.
        MissingDependencyError: ``"imagenet"`` has not been downloaded yet.
    """

    def __init__(
        self,
        weights: str | Path = "bundled",
        device: str | torch.device = "cpu",
        precision: torch.dtype = torch.float32,
    ) -> None:
        self.device = torch.device(device)
        self.precision = precision
        self._layers = {
            index: (
                weight.to(self.device, precision, memory_format=torch.channels_last),
                bias.to(self.device, precision),
            )
            for index, (weight, bias) in layers_of(load_weights(weights)).items()
        }
        self._fused = None
        if self.device.type == "cuda" and fused.hypercolumns is not None:
            self._fused = fused.prepare(self._layers, self.device)
        self._mean = torch.tensor(MEAN, device=self.device).view(1, 3, 1, 1)
        self._deviation = torch.tensor(DEVIATION, device=self.device).view(1, 3, 1, 1)

    def columns(self, image: torch.Tensor, taps: Taps) -> torch.Tensor:
        """Hypercolumns (B, n, 2179) float32 of images (B, 3, H, W) in [0, 1] at positions in them.

        On a GPU one operation computes maps and columns together; see :mod:`.fused`.
        """
        if self._fused is not None:
            return fused.hypercolumns(image, taps, self._layers, self._fused)
        return sample_columns(self.features(image), taps)

    def features(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Feature maps of RGB images (B, 3, H, W) in [0, 1], H and W at least 16.

        Each image of a batch is treated alone: a batch gives what its images give one by one.

        Returns:
            The images themselves and the nine taps, each (B, C, h, w); 2 179 channels in all, the taps in
            ``precision`` and channels-last.
        """
        x = ((image - self._mean) / self._deviation).to(self.precision)
        return [image, *run(x.contiguous(memory_format=torch.channels_last), self._convolve)]

    def _convolve(self, index: int, x: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(x, *self._layers[index], padding=1)


@lru_cache(maxsize=2)
def named_network(source: str, device: torch.device, precision: torch.dtype) -> PerceptualNetwork:
    """The network of ``bundled`` or ``imagenet`` weights, kept for the next pair: reading them takes time."""
    return PerceptualNetwork(source, device, precision)


def network_for(weights: str, device: torch.device, precision: torch.dtype) -> PerceptualNetwork:
    """A network for ``texture.weights``; a file is read each time, for it may have changed."""
    make = named_network if weights in SOURCES else PerceptualNetwork
    return make(weights, device, precision)
