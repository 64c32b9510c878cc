"""Layer balance: how much each layer counts in a hypercolumn, set without changing what the network computes.

STROTSS compares hypercolumns by angles, so a layer counts as much as it contributes to a hypercolumn's squared
length. A ReLU is positively homogeneous, and so is a max pool: scaling weight and bias of one convolution and dividing
the next one's weight by the same number scales one layer and leaves all others as they were. Unbalanced, two or three
layers decide everything and the texture turns to coloured noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch.nn import functional

from ..samples.sources import resolve, sample_names
from .layers import CONVOLUTIONS, DEVIATION, MEAN, TAPS, layers_of, run

# Percent of a hypercolumn's squared norm, image first: what the bundled network carries on portraits (the mean over
# 20 photos and 20 artworks).
PORTRAIT_SHARES = (2.0, 6.0, 8.0, 12.0, 14.0, 16.0, 16.0, 14.0, 10.0, 2.0)
# What the same network carries on the calibration images below, eight of ten of them drawn by a program, with less
# fine structure in the deep layers. Bringing every network to these shares on these images gives all of them the
# balance that is PORTRAIT_SHARES on portraits, and leaves the bundled one alone.
CALIBRATION_SHARES = (1.40, 6.66, 10.24, 13.51, 15.30, 16.82, 14.71, 11.86, 7.60, 1.90)
CALIBRATION_SIZE = 160
TOLERANCE = 0.01


def calibration_images(size: int = CALIBRATION_SIZE) -> list[torch.Tensor]:
    """The sample photos and artworks, each (1, 3, H, W) float32 RGB in [0, 1] with the longer side ``size``.

    Raises:
        MissingDependencyError: a package that holds a sample photo is not installed.
    """
    from ..base.images import load_image

    names = sample_names()
    pictures = [load_image(resolve(f"sample:{name}").path, size) for name in (*names.photos, *names.artworks)]
    return [torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255 for picture in pictures]


@torch.no_grad()
def energies(tensors: Mapping[str, torch.Tensor], images: Sequence[torch.Tensor]) -> np.ndarray:
    """Mean squared length of the feature vectors of the image and the nine taps.

    Args:
        tensors: VGG-16 by torchvision's names, any floating type; computed in float32 on the CPU.
        images: (B, 3, H, W) RGB in [0, 1] each, sizes may differ.

    Returns:
        (10,) float64, averaged over the pixels of a map, then over the images.
    """
    layers = {i: (w.float().cpu(), b.float().cpu()) for i, (w, b) in layers_of(tensors).items()}
    mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, DEVIATION))
    rows = []
    for image in images:
        maps = run((image - mean) / deviation, lambda i, x: functional.conv2d(x, *layers[i], padding=1))
        rows.append([float(m.double().square().sum(dim=1).mean()) for m in (image, *maps)])
    return np.mean(rows, axis=0)


def layer_shares(tensors: Mapping[str, torch.Tensor], images: Sequence[torch.Tensor]) -> np.ndarray:
    """Percent of a hypercolumn's squared norm that the image and the nine taps carry, (10,); see :func:`energies`."""
    values = energies(tensors, images)
    return 100 * values / values.sum()


def balance(
    tensors: Mapping[str, torch.Tensor],
    images: Sequence[torch.Tensor],
    shares: Sequence[float] = CALIBRATION_SHARES,
) -> dict[str, torch.Tensor]:
    """Rescale the layers so that the image and the nine taps carry the given shares on the given images.

    Args:
        tensors: as :func:`energies`.
        images: as :func:`energies`.
        shares: ten positive numbers; only their ratios count.

    Returns:
        new tensors by the same names, float32; those of a network within 1 % of the shares unchanged. Every feature
        map is the old one times one positive number.

    Raises:
        ValueError: shares are not ten positive numbers, or a tap is zero on all images.
    """
    wanted = np.asarray(shares, dtype=np.float64)
    if wanted.shape != (len(TAPS) + 1,) or not np.all(np.isfinite(wanted) & (wanted > 0)):
        raise ValueError(f"shares must be {len(TAPS) + 1} positive numbers, got {list(shares)}")
    wanted = wanted / wanted.sum()
    found = energies(tensors, images)
    if not np.all(np.isfinite(found) & (found > 0)):
        raise ValueError(f"a layer is dead or not finite: squared lengths {found.tolist()}")
    if np.all(np.abs(found / found.sum() / wanted - 1) < TOLERANCE):
        return {name: tensor.float() for name, tensor in tensors.items()}
    # The image cannot be scaled: its energy is the unit.
    return scaled(tensors, np.sqrt(wanted[1:] / wanted[0] * found[0] / found[1:]))


def scaled(tensors: Mapping[str, torch.Tensor], factors: Sequence[float]) -> dict[str, torch.Tensor]:
    """Multiply the maps of the nine taps by positive factors; float32.

    Convolutions between two taps take equal steps of the way, so that their activations stay in range. Factors are
    rounded to five digits: the last bits of a convolution differ between machines, the weights made here must not.
    """
    at_tap = {-1: 1.0, **{tap - 1: float(f"{factor:.5g}") for tap, factor in zip(TAPS, factors, strict=True)}}
    known = sorted(at_tap)
    positions = [-1, *CONVOLUTIONS]
    steps = np.interp(range(len(positions)), [positions.index(i) for i in known], [np.log(at_tap[i]) for i in known])
    total = dict(zip(positions, np.exp(steps), strict=True))
    result = {}
    for before, index in zip(positions, CONVOLUTIONS, strict=False):
        weight, bias = (tensors[f"features.{index}.{part}"].double() for part in ("weight", "bias"))
        result[f"features.{index}.weight"] = (weight * (total[index] / total[before])).float()
        result[f"features.{index}.bias"] = (bias * total[index]).float()
    return result
