"""The paper's method: explicit disentanglement of a normal face and the exemplar's exaggeration (section 4.1)."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from . import losses
from .method import Batch, Method, Trainable
from .networks import STYLE_SIZE, ArtBranch, Autoencoder, critic, initialise
from .params import LossWeights


class AutoencoderTraining(Trainable):
    """Stage one: E_X and G_X by eq. 1."""

    name = section = "autoencoder"

    def __init__(self, components: int, generator: torch.Generator) -> None:
        super().__init__()
        self.autoencoder = Autoencoder(components)
        self.judges = nn.ModuleDict()
        initialise(self, generator)

    @property
    def trained(self) -> nn.Module:
        return self.autoencoder

    def make(self, batch: Batch) -> dict[str, Tensor]:
        return {"x_again": self.autoencoder(batch.x)}

    def terms(self, batch: Batch, made: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"reconstruction": losses.l1(made["x_again"], batch.x)}

    def weights(self) -> dict[str, float]:
        return {"reconstruction": 1.0}


class ClassifierTraining(Trainable):
    """The classifier CL of eq. 4 on real art faces (logits into cross entropy)."""

    name = "classifier"

    def __init__(self, components: int, classes: int, generator: torch.Generator) -> None:
        super().__init__()
        self.classifier = critic(components, classes)
        self.judges = nn.ModuleDict()
        initialise(self, generator)

    @property
    def trained(self) -> nn.Module:
        return self.classifier

    def make(self, batch: Batch) -> dict[str, Tensor]:
        return {"logits": self.classifier(batch.y)}

    def terms(self, batch: Batch, made: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"class": losses.classification(made["logits"], batch.labels)}

    def weights(self) -> dict[str, float]:
        return {"class": 1.0}


class Exemplar(Method):
    """Stage two: E_Y^C, E_Y^S and G_Y by eqs. 2-7, with E_X, G_X and CL fixed.

    The style code of eqs. 3-6 is the exemplar's own, s_y ~ E_Y^S(l_y). Eqs. 3, 5 and 6 also see codes from N(0, I).

    Args:
        autoencoder: E_X and G_X of stage one. classifier: CL of eq. 4, trained. Both are copied.
        params: weights of the terms. generator: source of the initial weights.
    """

    def __init__(
        self, autoencoder: Autoencoder, classifier: nn.Module, params: LossWeights, generator: torch.Generator
    ) -> None:
        super().__init__()
        components = autoencoder.encoder.layers.first.in_features
        self.autoencoder = copy.deepcopy(autoencoder).requires_grad_(False)
        self.classifier = copy.deepcopy(classifier).requires_grad_(False)
        self.translator = ArtBranch(components)
        self.judges = nn.ModuleDict({"art": critic(components, 1)})
        if params.weight_class_adversarial:
            self.judges["class"] = critic(components, classifier[-1].out_features)
        self.params = params
        initialise(self.translator, generator)
        initialise(self.judges, generator)

    @property
    def name(self) -> str:
        """``ours``, or ``ours_without_class_loss``."""
        with_class = self.params.weight_class or self.params.weight_class_adversarial
        return "ours" if with_class else "ours_without_class_loss"

    def make(self, batch: Batch) -> dict[str, Tensor]:
        """Codes ``c_x``, ``c_y``, ``s_y`` (drawn around ``mean`` with ``log_variance``), ``s_random`` from N(0, I);
        the reconstruction ``y_again`` and the translations ``z`` and ``z_random``.
        """
        branch = self.translator
        with torch.no_grad():
            c_x = self.autoencoder.encoder(batch.x)
        mean, log_variance = branch.style(batch.y)
        s_y = losses.sample_code(mean, log_variance, batch.noise(*mean.shape))
        s_random = batch.noise(len(batch.x), STYLE_SIZE)
        c_y = branch.content(batch.y)
        faces = branch.decoder(torch.cat((c_y, c_x, c_x)), torch.cat((s_y, s_y, s_random))).chunk(3)
        codes = {"c_x": c_x, "c_y": c_y, "mean": mean, "log_variance": log_variance, "s_y": s_y, "s_random": s_random}
        return codes | dict(zip(("y_again", "z", "z_random"), faces, strict=True))

    def judge_terms(self, batch: Batch, made: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The discriminator's part of eq. 3, and of its form within the exemplar's class."""
        z, z_random, real = made["z"].detach(), made["z_random"].detach(), len(batch.y)
        scores = self.judges["art"](torch.cat((batch.y, z, z_random)))
        terms = {"discriminator": losses.discriminator(scores[:real], scores[real:])}
        if "class" in self.judges:
            scores = self.judges["class"](torch.cat((batch.y, z))).gather(1, batch.labels.repeat(2)[:, None])
            terms["class_discriminator"] = losses.discriminator(scores[:real], scores[real:])
        return terms

    def terms(self, batch: Batch, made: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The terms of eq. 7, and those of ours that are not in the paper; absent where the weight is zero."""
        params, z = self.params, made["z"]
        both = torch.cat((z, made["z_random"])) if params.weight_random_codes else z
        contents = self.translator.content(both).split(len(z))
        styles = self.translator.style(both)[0].split(len(z))
        terms = {
            "art_reconstruction": losses.l1(made["y_again"], batch.y),
            "content_code": losses.l1(contents[0], made["c_x"]),
            "style_code": losses.l1(styles[0], made["s_y"]),
            "kl": losses.kl_divergence(made["mean"], made["log_variance"]),
            "adversarial": losses.adversarial(self.judges["art"](torch.cat((z, made["z_random"])))),
        }
        if params.weight_class:
            terms["class"] = losses.classification(self.classifier(z), batch.labels)
        if params.weight_class_adversarial:
            scores = self.judges["class"](z).gather(1, batch.labels[:, None])
            terms["class_adversarial"] = losses.adversarial(scores)
        if params.weight_random_codes:
            terms["random_codes"] = params.weight_content_code * losses.l1(contents[1], made["c_x"])
            terms["random_codes"] = terms["random_codes"] + losses.l1(styles[1], made["s_random"])
        if params.weight_content_domain:
            terms["content_domain"] = losses.content_domain(made["c_y"], made["c_x"])
        return terms

    def weights(self) -> dict[str, float]:
        """From ``params``."""
        names = (
            "art_reconstruction",
            "content_code",
            "style_code",
            "kl",
            "adversarial",
            "class",
            "class_adversarial",
            "random_codes",
            "content_domain",
        )
        return {name: getattr(self.params, f"weight_{name}") for name in names}

    def style(self, y: Tensor) -> Tensor:
        """Style codes (B, 16) of exemplars (B, K), without noise."""
        return self.translator.style(y)[0]

    def translate(self, x: Tensor, y: Tensor) -> Tensor:
        """l_z = G_Y(E_X(l_x), E_Y^S(l_y))."""
        return self.translator.decoder(self.content(x), self.style(y))

    def content(self, x: Tensor) -> Tensor:
        """E_X."""
        return self.autoencoder.encoder(x)

    def art_content(self, y: Tensor) -> Tensor:
        """E_Y^C."""
        return self.translator.content(y)

    def reconstruct(self, y: Tensor) -> Tensor:
        """G_Y(E_Y^C(l_y), E_Y^S(l_y))."""
        return self.translator.decoder(self.art_content(y), self.style(y))
