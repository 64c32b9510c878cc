"""What a trainable model is to the trainer, and a translation method to the evaluation: networks, losses, answers.

Our network and the paper's rivals (section 6.1) differ in their networks and losses only; everything else, from
batches to checkpoints, is the same code for all of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Batch:
    """One step's samples, in whitened coefficients.

    Attributes:
        x: (B, K) normal faces. y: (B, K) art faces, unrelated to ``x``.
        labels: (B,) int64 style classes of ``y``.
        generator: source of all further randomness of the step, on the samples' device.
    """

    x: Tensor
    y: Tensor
    labels: Tensor
    generator: torch.Generator

    def noise(self, *shape: int) -> Tensor:
        """Standard normal numbers on the samples' device."""
        return torch.randn(*shape, generator=self.generator, device=self.x.device)


class Trainable(nn.Module, ABC):
    """Networks and the losses they are trained by.

    The trainer descends the sum of ``judge_terms`` over the weights of ``judges``, and then the weighted ``terms``
    over those of ``trained``. All other weights are frozen. The methods are free of host synchronisation and of
    branches on values, so that a whole step can be captured as a CUDA graph.

    Attributes:
        name: key in metrics, messages and file names.
        section: section of params.yaml that holds its schedule.
        judges: discriminators; an empty ModuleDict where there are none.
    """

    name: ClassVar[str]
    section: ClassVar[str] = "translation"
    judges: nn.Module

    @property
    @abstractmethod
    def trained(self) -> nn.Module:
        """What the training is for; its exponential average is what remains."""

    @abstractmethod
    def make(self, batch: Batch) -> Mapping[str, Tensor]:
        """Forward pass of a step: all codes and faces that the terms need, by name, with gradients."""

    def judge_terms(self, batch: Batch, made: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Losses of the judges on real and detached made faces: scalars by name."""
        return {}

    @abstractmethod
    def terms(self, batch: Batch, made: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Losses of ``trained``: unweighted scalars by name."""

    @abstractmethod
    def weights(self) -> dict[str, float]:
        """Weight of each of ``terms``."""


class Method(Trainable):
    """One unpaired translation of faces from the normal domain X to the art domain Y.

    Attributes:
        translator: all networks that translate, of both domains where there are two.
    """

    translator: nn.Module

    @property
    def trained(self) -> nn.Module:
        return self.translator

    @abstractmethod
    def translate(self, x: Tensor, y: Tensor) -> Tensor:
        """Normal faces (B, K) in the style of exemplars (B, K): (B, K). Used without noise, after training."""

    @abstractmethod
    def content(self, x: Tensor) -> Tensor:
        """Content codes (B, C) of normal faces (B, K)."""

    @abstractmethod
    def art_content(self, y: Tensor) -> Tensor:
        """Content codes (B, C) of art faces (B, K), comparable with those of ``content``."""

    @abstractmethod
    def reconstruct(self, y: Tensor) -> Tensor:
        """Art faces (B, K) through the method's own codes and back: (B, K)."""
