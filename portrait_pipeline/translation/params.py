"""Parameters of the stages ``autoencoder``, ``translation`` and ``translate``, and what trainings make of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..base.params import Count, Positive, Section, Seed, Weight


class Schedule(Section):
    """How a network is trained."""

    epochs: Count
    """Passes over the samples."""
    batch_size: Annotated[int, Field(ge=2)]
    """Samples a step."""
    learning_rate: Positive
    """Adam."""
    decay_from: Annotated[float, Field(ge=0, le=1)] = 0.4
    """Share of the epochs after which the learning rate falls linearly to a tenth; 1 is fixed."""
    average_decay: Annotated[float, Field(ge=0, lt=1)] = 0.998
    """The result is a running average of the weights with this decay a step; 0 is the last weights."""
    seed: Seed = 0
    """Seed of initialisation, batches and random codes."""


PAPER_SCHEDULE = Schedule(epochs=800, batch_size=68, learning_rate=5e-4, decay_from=1.0, average_decay=0.0)
"""Of both stages in the paper."""


class LossWeights(Section):
    """Weights of the terms of stage two: the lambdas of eq. 7, and those of the terms that are ours."""

    weight_art_reconstruction: Weight = 1.0
    """lambda^Y_recon of eq. 7."""
    weight_content_code: Weight = 0.2
    """lambda^C_recon of eq. 7 (paper: 0.5, with which results follow their exemplars less)."""
    weight_style_code: Weight = 1.0
    """lambda^S_recon of eq. 7."""
    weight_kl: Weight = 1.0
    """lambda_KL of eq. 7."""
    weight_adversarial: Weight = 1.0
    """lambda_adv of eq. 7."""
    weight_class: Weight = 1.0
    """lambda_class of eq. 7."""
    weight_class_adversarial: Weight = 1.0
    """Of eq. 3 within the exemplar's class, a sharper class loss (0 = the paper)."""
    weight_random_codes: Weight = 1.0
    """Of eqs. 5 and 6 on styles drawn from N(0, I), as the released code has them (0 = the paper)."""
    weight_content_domain: Weight = 2.0
    """Of keeping the content codes of art faces in the domain of normal ones (0 = eq. 7 to the letter)."""


PAPER_WEIGHTS = LossWeights(
    weight_content_code=0.5, weight_class_adversarial=0.0, weight_random_codes=0.0, weight_content_domain=0.0
)
"""Eq. 7 to the letter."""


class AutoencoderParams(Section):
    """Stage one of the translation network: E_X and G_X (eq. 1)."""

    epochs: Count = 20
    """Passes over the normal faces (paper: 800)."""
    batch_size: Annotated[int, Field(ge=2)] = 256
    """Samples a step (paper: 68)."""
    learning_rate: Positive = 1e-3
    """Adam (paper: 5e-4); falls to a tenth over the last 60 % of the epochs."""
    paper_letter: bool = False
    """The paper's schedule whatever else stands here: 800 epochs, batches of 68, 5e-4 throughout, the last weights."""

    def schedule(self, seed: int = 0) -> Schedule:
        """The schedule that these parameters ask for."""
        if self.paper_letter:
            return PAPER_SCHEDULE.model_copy(update={"seed": seed})
        return Schedule(epochs=self.epochs, batch_size=self.batch_size, learning_rate=self.learning_rate, seed=seed)


class TranslationParams(AutoencoderParams):
    """Stage two of the translation network (eqs. 2-7)."""

    epochs: Count = 45
    """Passes over the larger domain (paper: 800)."""
    batch_size: Annotated[int, Field(ge=2)] = 128
    """Samples a step (paper: 68)."""
    learning_rate: Positive = 6e-3
    """Adam (paper: 5e-4; so short a schedule wants larger steps); falls to a tenth over the last 60 % of the epochs."""
    weight_content_code: Weight = 0.2
    """lambda^C_recon of eq. 7: above it more of the person is kept (paper: 0.5, results follow exemplars less)."""
    weight_style_code: Weight = 1.0
    """lambda^S_recon of eq. 7: above it more of the exemplar is taken."""
    weight_class: Weight = 1.0
    """lambda_class of eq. 7: how firmly results belong to the exemplar's class."""
    paper_letter: bool = False
    """Eq. 7 and the paper's schedule to the letter, whatever else stands here: 800 epochs, batches of 68, 5e-4
    throughout, the last weights."""

    def weights(self) -> LossWeights:
        """The weights that these parameters ask for."""
        if self.paper_letter:
            return PAPER_WEIGHTS
        return LossWeights(
            weight_content_code=self.weight_content_code,
            weight_style_code=self.weight_style_code,
            weight_class=self.weight_class,
        )


class TranslateParams(Section):
    """Application of the trained translation network to one pair."""

    bound: Annotated[float, Field(gt=0, le=20, allow_inf_nan=False)] = 4.0
    """Each whitened PCA coefficient of exemplar and result stays within this many standard deviations."""
