"""MUNIT (Huang et al., ECCV 2018) on landmarks: a content and a style code for each domain, AdaIN decoders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from ...translation import losses
from ...translation.method import Batch
from ...translation.networks import CONTENT_LAYERS, DECODER_LAYERS, SkipMlp
from .layers import AdainMlp, Residual, Rival

STYLE_SIZE = 8
"""Length of the style code (style_dim)."""


class Domain(nn.Module):
    """Auto-encoder of one domain: content code (B, K), style code (B, S) and decoder."""

    def __init__(self, components: int, style_size: int) -> None:
        super().__init__()
        self.content = Residual(components, CONTENT_LAYERS)
        self.style = SkipMlp(components, style_size, CONTENT_LAYERS)
        self.layers = AdainMlp(components, style_size, components, DECODER_LAYERS)

    def decode(self, content: Tensor, style: Tensor) -> Tensor:
        """Codes -> whitened coefficients (B, K)."""
        return content + self.layers(content, style)


class Munit(Rival):
    """Two auto-encoders; a translation joins one domain's content code with a style code of the other.

    While it trains, the style codes of translations are drawn from N(0, I); an exemplar's own code is used
    afterwards. One critic a domain stands for the authors' three, which see an image at three scales.
    """

    name: ClassVar[str] = "munit"
    section: ClassVar[str] = "munit"
    published: ClassVar[Mapping[str, float]] = {
        "adversarial": 1.0,  # least-squares GAN of both domains (gan_w)
        "reconstruction": 10.0,  # L1 of faces decoded from their own codes (recon_x_w)
        "style_code": 1.0,  # L1 of random style codes read back from translations (recon_s_w)
        "content_code": 1.0,  # L1 of content codes read back from translations (recon_c_w)
        "cycle": 10.0,  # L1 after there and back with the face's own style (recon_x_cyc_w; 0 in their edges2* settings)
    }
    """As in the authors' summer2winter_yosemite256_folder.yaml."""

    def __init__(self, components: int, generator: torch.Generator, weights: Mapping[str, float] | None = None) -> None:
        domains = {name: Domain(components, STYLE_SIZE) for name in ("x", "y")}
        super().__init__(nn.ModuleDict(domains), ("x", "y"), components, generator, weights)

    def make(self, batch: Batch) -> dict[str, Tensor]:
        """Codes ``c_x, s_x, c_y, s_y`` of the samples, random styles ``s_x_random, s_y_random``, reconstructions
        ``x_again, y_again``, translations ``x_fake, y_fake``, the codes of those (``c_x_cycle`` and ``s_y_cycle``
        of ``y_fake``, ``c_y_cycle`` and ``s_x_cycle`` of ``x_fake``) and the way back ``x_cycle, y_cycle``.
        """
        x_side, y_side = self.translator["x"], self.translator["y"]
        s_x_random, s_y_random = batch.noise(2, len(batch.x), STYLE_SIZE).unbind()
        c_x, s_x = x_side.content(batch.x), x_side.style(batch.x)
        c_y, s_y = y_side.content(batch.y), y_side.style(batch.y)
        x_again, x_fake = x_side.decode(torch.cat((c_x, c_y)), torch.cat((s_x, s_x_random))).chunk(2)
        y_again, y_fake = y_side.decode(torch.cat((c_y, c_x)), torch.cat((s_y, s_y_random))).chunk(2)
        c_x_cycle, s_y_cycle = y_side.content(y_fake), y_side.style(y_fake)
        c_y_cycle, s_x_cycle = x_side.content(x_fake), x_side.style(x_fake)
        made = {"c_x": c_x, "s_x": s_x, "c_y": c_y, "s_y": s_y, "s_x_random": s_x_random, "s_y_random": s_y_random}
        made |= {"x_again": x_again, "y_again": y_again, "x_fake": x_fake, "y_fake": y_fake}
        made |= {"c_x_cycle": c_x_cycle, "s_y_cycle": s_y_cycle, "c_y_cycle": c_y_cycle, "s_x_cycle": s_x_cycle}
        made |= {"x_cycle": x_side.decode(c_x_cycle, s_x), "y_cycle": y_side.decode(c_y_cycle, s_y)}
        return made

    def judge_terms(self, batch: Batch, made: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Least squares for each domain."""
        x_judge, y_judge = self.judges["x"], self.judges["y"]
        return {
            "discriminator_x": losses.discriminator(x_judge(batch.x), x_judge(made["x_fake"].detach())),
            "discriminator_y": losses.discriminator(y_judge(batch.y), y_judge(made["y_fake"].detach())),
        }

    def terms(self, batch: Batch, made: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Each term is the sum over both domains."""
        x, y = batch.x, batch.y
        return {
            "adversarial": losses.adversarial(self.judges["x"](made["x_fake"]))
            + losses.adversarial(self.judges["y"](made["y_fake"])),
            "reconstruction": l1_loss(made["x_again"], x) + l1_loss(made["y_again"], y),
            "style_code": l1_loss(made["s_x_cycle"], made["s_x_random"])
            + l1_loss(made["s_y_cycle"], made["s_y_random"]),
            "content_code": l1_loss(made["c_x_cycle"], made["c_x"]) + l1_loss(made["c_y_cycle"], made["c_y"]),
            "cycle": l1_loss(made["x_cycle"], x) + l1_loss(made["y_cycle"], y),
        }

    def translate(self, x: Tensor, y: Tensor) -> Tensor:
        """The normal face's content with the exemplar's style."""
        return self.translator["y"].decode(self.content(x), self.translator["y"].style(y))

    def content(self, x: Tensor) -> Tensor:
        """Content code of the normal domain's encoder."""
        return self.translator["x"].content(x)

    def art_content(self, y: Tensor) -> Tensor:
        """Content code of the art domain's encoder."""
        return self.translator["y"].content(y)

    def reconstruct(self, y: Tensor) -> Tensor:
        """The art face's own content and style."""
        return self.translator["y"].decode(self.art_content(y), self.translator["y"].style(y))
