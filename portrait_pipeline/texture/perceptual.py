"""VGG-16 features as STROTSS uses them: nine taps, ImageNet input normalisation, frozen weights."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch.nn import functional

from ..errors import InputFileError

# torchvision's numbering of VGG-16 configuration D: convolutions (each followed by a ReLU) and max pools.
_CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
_POOLS = (4, 9, 16, 23)
_CHANNELS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
TAPS = (1, 3, 6, 8, 11, 13, 15, 22, 29)
CHANNELS = 3 + 64 + 64 + 128 + 128 + 256 + 256 + 256 + 512 + 512
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)


class PerceptualNetwork:
    """The convolutional part of VGG-16 with fixed weights.

    Args:
        weights: ``"bundled"`` (trained for this project, layers balanced for hypercolumns; see NOTICE), or the path
            of a safetensors file with torchvision's names ``features.N.weight`` and ``features.N.bias``.
        device: where to compute.
        precision: type of the convolutions; the features come back in float32.

    Raises:
        InputFileError: the file is missing, damaged or not VGG-16.
    """

    def __init__(
        self, weights: str | Path = "bundled", device: str | torch.device = "cpu",
        precision: torch.dtype = torch.float32,
    ) -> None:
        self.device = torch.device(device)
        self.precision = precision
        tensors = _load(weights)
        self._layers = {
            index: (
                tensors[f"features.{index}.weight"].to(self.device, precision, memory_format=torch.channels_last),
                tensors[f"features.{index}.bias"].to(self.device, precision),
            )
            for index in _CONVOLUTIONS
        }
        self._mean = torch.tensor(_MEAN, device=self.device).view(1, 3, 1, 1)
        self._deviation = torch.tensor(_DEVIATION, device=self.device).view(1, 3, 1, 1)

    def features(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Feature maps of an RGB image (1, 3, H, W) in [0, 1], H and W at least 16.

        Returns:
            The image itself and the nine taps, each (1, C, h, w); 2 179 channels in all, in ``precision``.
        """
        maps = [image]
        x = ((image - self._mean) / self._deviation).to(self.precision)
        x = x.contiguous(memory_format=torch.channels_last)
        for index in range(TAPS[-1] + 1):
            if index in self._layers:
                x = functional.relu(functional.conv2d(x, *self._layers[index], padding=1))
            elif index in _POOLS:
                x = functional.max_pool2d(x, 2)
            if index in TAPS:
                maps.append(x)
        return maps


def _load(weights: str | Path) -> dict[str, torch.Tensor]:
    if str(weights) == "bundled":
        with as_file(files("portrait_pipeline.texture") / "assets" / "vgg16_features.safetensors") as path:
            return _read(path)
    return _read(Path(weights))


def _read(path: Path) -> dict[str, torch.Tensor]:
    remedy = "use 'bundled' or a safetensors file with torchvision's VGG-16 names (features.N.weight)"
    if not path.is_file():
        raise InputFileError(f"{path}: perceptual weights are missing; {remedy}")
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputFileError(f"{path}: perceptual weights cannot be read ({error}); {remedy}") from error
    inputs = (3, *_CHANNELS[:-1])
    for index, before, after in zip(_CONVOLUTIONS, inputs, _CHANNELS, strict=True):
        weight, bias = tensors.get(f"features.{index}.weight"), tensors.get(f"features.{index}.bias")
        if weight is None or bias is None or weight.shape != (after, before, 3, 3) or bias.shape != (after,):
            raise InputFileError(f"{path}: layer features.{index} is missing or not VGG-16's; {remedy}")
        if not (torch.isfinite(weight).all() and torch.isfinite(bias).all()):
            raise InputFileError(f"{path}: layer features.{index} has a non-finite number; {remedy}")
    return tensors
