"""The training samples of both domains in memory, on the device that trains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..base.device import on_device
from ..shapes.space import ShapeSet, ShapeSpace


@dataclass(frozen=True)
class TrainingData:
    """The samples that are not held out.

    Attributes:
        normal: (Nx, K), art: (Ny, K) float32 whitened coefficients.
        labels, mirrored_labels: (Ny,) int64 classes of the art faces and of their mirror images.
        parity: (K,) float32 signs that reflect a face.
    """

    normal: Tensor
    art: Tensor
    labels: Tensor
    mirrored_labels: Tensor
    parity: Tensor

    @classmethod
    def of(cls, space: ShapeSpace, shapes: ShapeSet, device: str | torch.device = "cpu") -> TrainingData:
        """The training samples of a shape set on a device."""
        art = shapes.art[~shapes.art_held_out]
        return cls(
            on_device(shapes.normal[~shapes.normal_held_out], device),
            on_device(art, device),
            on_device(shapes.art_labels[~shapes.art_held_out], device, np.int64),
            on_device(space.classify(art * space.parity), device, np.int64),
            on_device(space.parity, device),
        )

    @property
    def device(self) -> torch.device:
        """Where the samples are."""
        return self.normal.device

    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name, for the fingerprint of a checkpoint."""
        return dict(vars(self))

    def flip(self, samples: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Reflect each of (B, K) samples with probability one half: samples and the (B,) bool flags."""
        flags = torch.rand(len(samples), generator=generator, device=samples.device) < 0.5
        return torch.where(flags[:, None], samples * self.parity, samples), flags
