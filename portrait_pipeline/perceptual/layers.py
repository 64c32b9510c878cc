"""VGG-16's layers in torchvision's numbering, and the places where STROTSS reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor
from torch.nn import functional

# Configuration D: convolutions (each followed by a ReLU) and max pools.
CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
POOLS = (4, 9, 16, 23)
WIDTHS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
TAPS = (1, 3, 6, 8, 11, 13, 15, 22, 29)
CHANNELS = 3 + 64 + 64 + 128 + 128 + 256 + 256 + 256 + 512 + 512
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


def shapes() -> dict[int, tuple[int, int]]:
    """Channels (out, in) of each convolution, by its index."""
    return {index: pair for index, *pair in zip(CONVOLUTIONS, WIDTHS, (3, *WIDTHS[:-1]), strict=True)}


def layers_of(tensors: Mapping[str, Tensor]) -> dict[int, tuple[Tensor, Tensor]]:
    """Weight and bias of each convolution, from torchvision's names ``features.N.weight`` and ``features.N.bias``."""
    return {i: (tensors[f"features.{i}.weight"], tensors[f"features.{i}.bias"]) for i in CONVOLUTIONS}


def run(x: Tensor, convolve: Callable[[int, Tensor], Tensor]) -> list[Tensor]:
    """Feature maps at the nine taps.

    Args:
        x: normalised images (B, 3, H, W), H and W at least 16.
        convolve: ``convolve(index, x)`` is the output of the convolution ``index`` before its ReLU; overwritten.

    Returns:
        nine tensors (B, C, h, w).
    """
    maps = []
    for index in range(TAPS[-1] + 1):
        if index in CONVOLUTIONS:
            x = functional.relu_(convolve(index, x))
        elif index in POOLS:
            x = functional.max_pool2d(x, 2)
        if index in TAPS:
            maps.append(x)
    return maps
