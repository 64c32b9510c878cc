"""CycleGAN (Zhu et al., ICCV 2017) on landmarks, as CariGAN migrated it: one answer for a face, no exemplar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from ...translation import losses
from ...translation.method import Batch
from ...translation.networks import CONTENT_LAYERS, DECODER_LAYERS
from .layers import Residual, Rival

GENERATOR_LAYERS = CONTENT_LAYERS + DECODER_LAYERS


class Cyclegan(Rival):
    """Generators G_XY and G_YX, critics D_X and D_Y, least-squares GAN, cycle and identity terms.

    The authors' pool of 50 earlier fakes is left out: it steadies batches of one image, and a batch here holds
    hundreds of faces.
    """

    name: ClassVar[str] = "cyclegan"
    section: ClassVar[str] = "cyclegan"
    published: ClassVar[Mapping[str, float]] = {
        "adversarial": 1.0,  # least-squares GAN of both directions
        "cycle": 10.0,  # L1 after there and back, both directions (lambda_A = lambda_B = 10)
        "identity": 5.0,  # L1 of faces that are in the target domain already (lambda_identity 0.5 of lambda_A)
    }
    """As in the authors' cycle_gan_model.py."""

    def __init__(self, components: int, generator: torch.Generator, weights: Mapping[str, float] | None = None) -> None:
        generators = {name: Residual(components, GENERATOR_LAYERS) for name in ("xy", "yx")}
        super().__init__(nn.ModuleDict(generators), ("x", "y"), components, generator, weights)

    def make(self, batch: Batch) -> dict[str, Tensor]:
        """``y_fake`` and ``x_fake`` (translations), ``x_again`` and ``y_again`` (there and back), ``x_same`` and
        ``y_same`` (faces that are in the target domain already).
        """
        y_fake, y_same = self.translator["xy"](torch.cat((batch.x, batch.y))).chunk(2)
        x_fake, x_same = self.translator["yx"](torch.cat((batch.y, batch.x))).chunk(2)
        return {
            "y_fake": y_fake,
            "x_fake": x_fake,
            "x_again": self.translator["yx"](y_fake),
            "y_again": self.translator["xy"](x_fake),
            "x_same": x_same,
            "y_same": y_same,
        }

    def judge_terms(self, batch: Batch, made: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Least squares for each domain, halved as the authors do."""
        x_judge, y_judge = self.judges["x"], self.judges["y"]
        return {
            "discriminator_x": losses.discriminator(x_judge(batch.x), x_judge(made["x_fake"].detach())) / 2,
            "discriminator_y": losses.discriminator(y_judge(batch.y), y_judge(made["y_fake"].detach())) / 2,
        }

    def terms(self, batch: Batch, made: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Each term is the sum over both directions."""
        x, y = batch.x, batch.y
        return {
            "adversarial": losses.adversarial(self.judges["x"](made["x_fake"]))
            + losses.adversarial(self.judges["y"](made["y_fake"])),
            "cycle": l1_loss(made["x_again"], x) + l1_loss(made["y_again"], y),
            "identity": l1_loss(made["x_same"], x) + l1_loss(made["y_same"], y),
        }

    def translate(self, x: Tensor, y: Tensor) -> Tensor:
        """G_XY(x); the exemplar is not heard."""
        return self.translator["xy"](x)

    def content(self, x: Tensor) -> Tensor:
        """The face itself: there is no code."""
        return x

    def art_content(self, y: Tensor) -> Tensor:
        """G_YX(y), the normal face of an art face."""
        return self.translator["yx"](y)

    def reconstruct(self, y: Tensor) -> Tensor:
        """G_XY(G_YX(y))."""
        return self.translator["xy"](self.translator["yx"](y))
