"""The loss terms of section 4.1, one function each, on whitened coefficients and codes."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def l1(a: Tensor, b: Tensor) -> Tensor:
    """L1 distance of (B, K) tensors as in eqs. 1, 2, 5 and 6, over sqrt(K), mean over the batch.

    The full norm (a sum over K) drowns the class and adversarial terms at the paper's weights, the mean over K is
    drowned by them; the square root lies between the two and gave the best Frechet distance.
    """
    return (a - b).abs().sum(-1).mean() / math.sqrt(a.shape[-1])


def adversarial(fake_scores: Tensor) -> Tensor:
    """Generator's part of eq. 3 in its least-squares form: mean (D(fake) - 1)^2."""
    return ((fake_scores - 1) ** 2).mean()


def discriminator(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """Discriminator's part of eq. 3 in its least-squares form: mean (D(real) - 1)^2 + mean D(fake)^2."""
    return ((real_scores - 1) ** 2).mean() + (fake_scores**2).mean()


def classification(logits: Tensor, labels: Tensor) -> Tensor:
    """Eq. 4: cross entropy of (B, classes) logits and (B,) labels of the exemplars."""
    return cross_entropy(logits, labels)


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, I)) of (B, S) codes, per code dimension (divided by S), mean over the
    batch.
    """
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean()


def content_domain(art_codes: Tensor, normal_codes: Tensor) -> Tensor:
    """L1 distance of the means and of the standard deviations of two batches of content codes (B, K), over sqrt(K).

    The paper wants E_Y^C and E_X to share one domain, so that c_y is "the corresponding normal human face
    shape", but eq. 5 asks it only of translated faces. Without this term the content code of a real art face
    carries most of the exaggeration, which is then missing from the style code.
    """
    means = art_codes.mean(0) - normal_codes.mean(0)
    deviations = art_codes.std(0) - normal_codes.std(0)
    return (means.abs() + deviations.abs()).sum() / math.sqrt(len(means))


def sample_code(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """Reparameterisation: mean + standard deviation * noise."""
    return mean + torch.exp(log_variance / 2) * noise
