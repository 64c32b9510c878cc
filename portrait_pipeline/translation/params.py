"""Parameters of the stages ``autoencoder``, ``translation`` and ``translate``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..base.params import Count, Positive, Section, Seed, Weight


class ScheduleParams(Section):
    """What every training has."""

    epochs: Count = 20
    """Passes over the samples (paper: 800)."""
    batch_size: Annotated[int, Field(ge=2)] = 256
    """Samples a step (paper: 68)."""
    learning_rate: Positive = 1e-3
    """Adam (paper: 5e-4)."""
    decay_from: Annotated[float, Field(ge=0, le=1)] = 0.4
    """Share of the epochs after which the learning rate falls linearly to a tenth (1 = fixed, the paper)."""
    average_decay: Annotated[float, Field(ge=0, lt=1)] = 0.998
    """The result is a running average of the weights with this decay a step (0 = the last weights, the paper)."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; ``auto`` takes a GPU where PyTorch sees one. Only the CPU promises the same bits."""
    seed: Seed = 0
    """Seed of initialisation, batches and random codes."""


class AutoencoderParams(ScheduleParams):
    """Stage one of the translation network: E_X and G_X (eq. 1)."""


class TranslationParams(ScheduleParams):
    """Stage two of the translation network (eqs. 2-7)."""

    epochs: Count = 45
    """Passes over the larger domain (paper: 800)."""
    batch_size: Annotated[int, Field(ge=2)] = 128
    """Samples a step (paper: 68)."""
    learning_rate: Positive = 6e-3
    """Adam (paper: 5e-4; so short a schedule wants larger steps)."""
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
    """Weight of eq. 3 within the exemplar's class, a sharper class loss (0 = the paper)."""
    weight_random_codes: Weight = 1.0
    """Weight of eqs. 5 and 6 on styles drawn from N(0, I), as the released code has them (0 = the paper)."""
    weight_content_domain: Weight = 2.0
    """Weight of keeping the content codes of art faces in the domain of normal ones (0 = eq. 7 to the letter)."""


class TranslateParams(Section):
    """Application of the trained translation network to one pair."""

    bound: Annotated[float, Field(gt=0, le=20, allow_inf_nan=False)] = 4.0
    """Each whitened PCA coefficient of exemplar and result stays within this many standard deviations."""
