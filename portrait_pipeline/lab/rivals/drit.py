"""DRIT++ (Lee et al., IJCV 2020) on landmarks: a shared content space, an attribute code for each domain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import l1_loss, softplus

from ...translation.losses import sample_code
from ...translation.method import Batch
from ...translation.networks import CONTENT_LAYERS, DECODER_LAYERS, LOG_VARIANCE_LIMITS, SkipMlp
from .layers import CodeMlp, Residual, Rival

MODE_SEEKING_FLOOR = 1e-5
ATTRIBUTE_SIZE = 8
"""Length of the attribute code (nz)."""
CONTENT_NOISE = 1.0
"""Standard deviation of the noise on content codes in training."""


class Domain(nn.Module):
    """One domain's own layers."""

    def __init__(self, components: int, attribute_size: int) -> None:
        super().__init__()
        self.content = Residual(components, CONTENT_LAYERS - 2)
        self.attribute = SkipMlp(components, 2 * attribute_size, CONTENT_LAYERS)
        self.decoder = CodeMlp(components, attribute_size, components, DECODER_LAYERS - 2)


class Translator(nn.Module):
    """Encoders and decoders of both domains, ``x`` and ``y``; ends of encoders and starts of decoders are shared."""

    def __init__(self, components: int, attribute_size: int) -> None:
        super().__init__()
        self.domains = nn.ModuleDict({name: Domain(components, attribute_size) for name in ("x", "y")})
        self.encoder_end, self.decoder_start = Residual(components, 2), Residual(components, 2)

    def content(self, domain: str, face: Tensor) -> Tensor:
        """Faces (B, K) of a domain -> content codes (B, K), without noise."""
        return self.encoder_end(self.domains[domain].content(face))

    def attribute(self, domain: str, face: Tensor) -> tuple[Tensor, Tensor]:
        """Faces (B, K) -> mean (B, S) and log variance (B, S) of their attribute codes."""
        return _mean_and_log_variance(self.domains[domain].attribute(face))

    def decode(self, domain: str, content: Tensor, attribute: Tensor) -> Tensor:
        """Content (B, K) and attribute codes (B, S) -> faces (B, K) of a domain."""
        start = self.decoder_start(content)
        return start + self.domains[domain].decoder(start, attribute)

    def attribute_by_fixed(self, domain: str, face: Tensor) -> Tensor:
        """Mean attribute codes, with gradients for the faces but not for the encoder's weights."""
        encoder = self.domains[domain].attribute
        fixed = {name: weight.detach() for name, weight in encoder.named_parameters()}
        return _mean_and_log_variance(functional_call(encoder, fixed, face))[0]


class Drit(Rival):
    """Content, attributes, and the terms of the authors' ``model.py`` with its defaults.

    As there: binary cross entropy for all critics; separate critics for translations with an exemplar's and with
    random attributes; unit noise on content codes in training; the regression of random attributes does not
    train the attribute encoder. One critic stands for three at three scales of an image. The content critic takes
    one step a batch at the common rate instead of three at 0.4 of it.
    """

    name: ClassVar[str] = "drit"
    section: ClassVar[str] = "drit"
    published: ClassVar[Mapping[str, float]] = {
        "adversarial": 1.0,  # GAN of both domains, for exemplars' attributes
        "adversarial_random": 1.0,  # and for random ones
        "content_adversarial": 1.0,  # critic that tells the domain from the content code
        "cross_cycle": 10.0,  # L1 after contents were exchanged twice
        "reconstruction": 10.0,  # L1 of faces decoded from their own codes
        "kl": 0.01,  # KL divergence of attribute codes from N(0, I), summed over the code
        "content_size": 0.01,  # mean square of content codes
        "latent": 10.0,  # L1 of random attributes read back from translations
        "mode_seeking": 1.0,  # inverse of how far translations with two random attributes differ
    }
    """As in the authors' model.py."""

    def __init__(self, components: int, generator: torch.Generator, weights: Mapping[str, float] | None = None) -> None:
        judges = ("x", "y", "x_random", "y_random", "content")
        super().__init__(Translator(components, ATTRIBUTE_SIZE), judges, components, generator, weights)

    def make(self, batch: Batch) -> dict[str, Tensor]:
        """All codes and faces of a step, by name.

        ``c_x, c_y``: content codes with noise; ``mean_x, log_variance_x`` and the same of y: attributes;
        ``a_random, a_random_2``: random attributes. For domain x, and likewise for y: ``x_fake`` (y's content, own
        attributes), ``x_again`` (own content and attributes), ``x_random, x_random_2`` (y's content, random
        attributes), ``a_x_random`` (attributes read from ``x_random``), ``x_cycle`` (content of ``y_fake``, attributes
        of ``x_fake``).
        """
        net = self.translator
        a_random, a_random_2, *noise = batch.noise(6, len(batch.x), ATTRIBUTE_SIZE).unbind()
        content_noise = CONTENT_NOISE * batch.noise(4, *batch.x.shape)
        c_x, c_y = net.content("x", batch.x) + content_noise[0], net.content("y", batch.y) + content_noise[1]
        made = {"c_x": c_x, "c_y": c_y, "a_random": a_random, "a_random_2": a_random_2}
        for i, (name, face, own, other) in enumerate((("x", batch.x, c_x, c_y), ("y", batch.y, c_y, c_x))):
            mean, log_variance = net.attribute(name, face)
            attribute = sample_code(mean, log_variance, noise[i])
            attributes = torch.cat((attribute, attribute, a_random, a_random_2))
            faces = net.decode(name, torch.cat((other, own, other, other)), attributes).chunk(4)
            kinds = ("fake", "again", "random", "random_2")
            made |= {f"{name}_{kind}": face for kind, face in zip(kinds, faces, strict=True)}
            made |= {f"mean_{name}": mean, f"log_variance_{name}": log_variance}
            made[f"a_{name}_random"] = net.attribute_by_fixed(name, made[f"{name}_random"])
        for i, (name, other) in enumerate((("x", "y"), ("y", "x"))):
            content = net.content(other, made[f"{other}_fake"]) + content_noise[2 + i]
            attribute = sample_code(*net.attribute(name, made[f"{name}_fake"]), noise[2 + i])
            made[f"{name}_cycle"] = net.decode(name, content, attribute)
        return made

    def judge_terms(self, batch: Batch, made: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Binary cross entropy of each critic; the content critic calls the normal domain 0 and the art domain 1."""
        terms = {}
        for name, real in (("x", batch.x), ("y", batch.y)):
            judge, random_judge = self.judges[name], self.judges[f"{name}_random"]
            terms[f"discriminator_{name}"] = real_or_fake(judge(real), judge(made[f"{name}_fake"].detach()))
            fakes = torch.cat((made[f"{name}_random"], made[f"{name}_random_2"])).detach()
            # Two real batches and two made ones in the original: twice the term with both made ones in one mean.
            terms[f"discriminator_{name}_random"] = 2 * real_or_fake(random_judge(real), random_judge(fakes))
        judge = self.judges["content"]
        terms["discriminator_content"] = real_or_fake(judge(made["c_y"].detach()), judge(made["c_x"].detach()))
        return terms

    def terms(self, batch: Batch, made: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Each term is the sum over both domains."""
        x, y, judges, a_random = batch.x, batch.y, self.judges, made["a_random"]
        return {
            "adversarial": taken_for_real(judges["x"](made["x_fake"])) + taken_for_real(judges["y"](made["y_fake"])),
            "adversarial_random": sum(
                taken_for_real(judges[f"{name}_random"](made[key]))
                for name in ("x", "y")
                for key in (f"{name}_random", f"{name}_random_2")
            ),
            "content_adversarial": undecided(judges["content"](made["c_x"]))
            + undecided(judges["content"](made["c_y"])),
            "cross_cycle": l1_loss(made["x_cycle"], x) + l1_loss(made["y_cycle"], y),
            "reconstruction": l1_loss(made["x_again"], x) + l1_loss(made["y_again"], y),
            "kl": kl_divergence(made["mean_x"], made["log_variance_x"])
            + kl_divergence(made["mean_y"], made["log_variance_y"]),
            "content_size": (made["c_x"] ** 2).mean() + (made["c_y"] ** 2).mean(),
            "latent": l1_loss(made["a_x_random"], a_random) + l1_loss(made["a_y_random"], a_random),
            "mode_seeking": mode_seeking(made["x_random"], made["x_random_2"], a_random, made["a_random_2"])
            + mode_seeking(made["y_random"], made["y_random_2"], a_random, made["a_random_2"]),
        }

    def translate(self, x: Tensor, y: Tensor) -> Tensor:
        """The normal face's content with the exemplar's mean attributes."""
        return self.translator.decode("y", self.content(x), self.translator.attribute("y", y)[0])

    def content(self, x: Tensor) -> Tensor:
        """Content code, without noise."""
        return self.translator.content("x", x)

    def art_content(self, y: Tensor) -> Tensor:
        """Content code, without noise."""
        return self.translator.content("y", y)

    def reconstruct(self, y: Tensor) -> Tensor:
        """The art face's own content and mean attributes."""
        return self.translator.decode("y", self.art_content(y), self.translator.attribute("y", y)[0])


def _mean_and_log_variance(both: Tensor) -> tuple[Tensor, Tensor]:
    mean, log_variance = both.chunk(2, dim=-1)
    return mean, log_variance.clamp(*LOG_VARIANCE_LIMITS)


def real_or_fake(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """Critic's term: binary cross entropy with 1 for real and 0 for made, scores before the sigmoid."""
    return softplus(-real_scores).mean() + softplus(fake_scores).mean()


def taken_for_real(fake_scores: Tensor) -> Tensor:
    """Translator's term: binary cross entropy with 1."""
    return softplus(-fake_scores).mean()


def undecided(scores: Tensor) -> Tensor:
    """Content encoders' term: binary cross entropy with 1/2, so that the critic cannot tell the domain."""
    return (softplus(scores) - scores / 2).mean()


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, I)), summed over the code as in the original, mean over the batch."""
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(-1).mean()


def mode_seeking(a: Tensor, b: Tensor, code_a: Tensor, code_b: Tensor) -> Tensor:
    """Inverse of how far two translations of one content move apart, for each unit their codes are apart."""
    return 1 / (l1_loss(a, b) / l1_loss(code_a, code_b) + MODE_SEEKING_FLOOR)
