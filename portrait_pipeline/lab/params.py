"""Parameters of the laboratory: stages/lab/params.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from ..base.params import Count, Positive, Section, Seed, Weight, read_yaml, validate

TextureMethod = Literal["multi_view", "two_step", "uv_space", "single_view", "joint"]


class CycleganParams(Section):
    """Weights of CycleGAN (Zhu et al. 2017); defaults as in the authors' cycle_gan_model.py."""

    learning_rate: Positive = 1e-3
    """Adam, in place of ``translation.learning_rate``, at which this method does not settle."""
    weight_adversarial: Weight = 1.0
    """Least-squares GAN of both directions."""
    weight_cycle: Weight = 10.0
    """L1 after there and back, both directions (lambda_A = lambda_B = 10)."""
    weight_identity: Weight = 5.0
    """L1 of faces that are in the target domain already (lambda_identity 0.5 of lambda_A)."""


class MunitParams(Section):
    """Weights of MUNIT (Huang et al. 2018); defaults as in the authors' summer2winter_yosemite256_folder.yaml."""

    learning_rate: Positive = 1e-3
    """Adam, in place of ``translation.learning_rate``, at which this method does not settle."""
    weight_adversarial: Weight = 1.0
    """Least-squares GAN of both domains (gan_w)."""
    weight_reconstruction: Weight = 10.0
    """L1 of faces decoded from their own codes (recon_x_w)."""
    weight_style_code: Weight = 1.0
    """L1 of random style codes read back from translations (recon_s_w)."""
    weight_content_code: Weight = 1.0
    """L1 of content codes read back from translations (recon_c_w)."""
    weight_cycle: Weight = 10.0
    """L1 after there and back with the face's own style (recon_x_cyc_w; 0 in the authors' edges2* settings)."""
    style_size: Count = 8
    """Length of the style code (style_dim)."""


class DritParams(Section):
    """Weights of DRIT++ (Lee et al. 2020); defaults as in the authors' model.py."""

    learning_rate: Positive = 1e-3
    """Adam, in place of ``translation.learning_rate``, at which this method does not settle."""
    weight_adversarial: Weight = 1.0
    """GAN of both domains, for exemplars' and for random attributes."""
    weight_content_adversarial: Weight = 1.0
    """Critic that tells the domain from the content code."""
    weight_cross_cycle: Weight = 10.0
    """L1 after contents were exchanged twice."""
    weight_reconstruction: Weight = 10.0
    """L1 of faces decoded from their own codes."""
    weight_kl: Weight = 0.01
    """KL divergence of attribute codes from N(0, I), summed over the code."""
    weight_content_size: Weight = 0.01
    """Mean square of content codes."""
    weight_latent: Weight = 10.0
    """L1 of random attributes read back from translations."""
    weight_mode_seeking: Weight = 1.0
    """Inverse of how far translations with two random attributes differ."""
    attribute_size: Count = 8
    """Length of the attribute code (nz)."""
    content_noise: Weight = 1.0
    """Standard deviation of the noise on content codes in training."""


class ComparisonParams(Section):
    """Training of all methods of Table 1, each with the schedule of ``translation``."""

    seeds: Annotated[int, Field(ge=1, le=100)] = 1
    """Trainings of each method; metrics are their means and spreads (each takes about a minute a method)."""


class FiguresParams(Section):
    """Pictures of the comparison (Figs. 3 and 6)."""

    contents: Annotated[int, Field(ge=1, le=8)] = 2
    """Photos in the figures: those of the first so many pairs."""
    exemplars: Annotated[list[str], Field(min_length=2, max_length=8)] = [
        "sample:ink_caricature",
        "sample:stained_glass",
        "sample:halftone_poster",
    ]
    """Artworks in the figures, each a path or ``sample:<name>``; styles are interpolated from the first to the second,
    and small differences are tried on the first."""
    steps: Annotated[int, Field(ge=2, le=12)] = 5
    """Pictures of a style interpolation."""


class FitProofParams(Section):
    """Known heads, drawn from the face model, that the fit has to recover."""

    heads: Annotated[int, Field(ge=4, le=10_000)] = 200
    """Heads drawn; all are fitted once."""
    compared: Annotated[int, Field(ge=2, le=10_000)] = 50
    """The first so many are also fitted with wrong points, missing points, a weak-perspective camera, as mean head."""
    max_yaw: Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)] = 45.0
    """Heads turn at most this far sideways (degrees)."""
    max_pitch: Annotated[float, Field(ge=0, le=45, allow_inf_nan=False)] = 15.0
    """Heads nod at most this far (degrees)."""
    max_roll: Annotated[float, Field(ge=0, le=45, allow_inf_nan=False)] = 15.0
    """Heads tilt at most this far (degrees)."""
    image_size: Annotated[int, Field(ge=64, le=8192)] = 512
    """Side of the pictures that the heads would be seen in (pixels)."""
    noise: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 1.0
    """Standard deviation of the error of each point (pixels)."""
    outliers: Annotated[float, Field(ge=0, le=0.5, allow_inf_nan=False)] = 0.1
    """Share of wrong points, 0.1 to 0.5 eye distances off."""
    coefficients: Annotated[int, Field(ge=3, le=1000)] = 10
    """Leading identity coefficients whose correlation with the true ones is measured."""
    seed: Seed = 0
    """Seed of heads, poses and points."""


class PhotoTextureProofParams(Section):
    """Painted heads whose texture has to come back from their photographs."""

    heads: Annotated[int, Field(ge=1, le=100)] = 2
    """Heads painted, each with other colours and light."""
    yaws: Annotated[
        list[Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]], Field(min_length=1, max_length=16)
    ] = [0.0, 15.0, 30.0, 45.0]
    """Each head is photographed once at each of these angles (degrees)."""
    size: Annotated[int, Field(ge=128, le=2048)] = 320
    """Side of the textures (texels)."""
    photo_size: Annotated[int, Field(ge=128, le=4096)] = 448
    """Side of the photographs (pixels)."""
    seed: Seed = 0
    """Seed of heads, paint and cameras."""


class TextureComparisonParams(Section):
    """All methods of texture stylisation side by side on one pair; all else is at the defaults of ``texture``.

    So trying out a parameter of the texture does not run all methods again.
    """

    pair: str = ""
    """Name of the pair; empty is the first one."""
    methods: Annotated[list[TextureMethod], Field(min_length=1, max_length=5)] = [
        "multi_view",
        "two_step",
        "uv_space",
        "single_view",
        "joint",
    ]
    """Rows of the sheet, from top to bottom."""
    scales: Annotated[list[Annotated[int, Field(ge=32, le=2048)]], Field(min_length=1, max_length=8)] = [64, 128]
    """In place of ``texture.scales``: five methods should take minutes on a CPU."""
    iterations: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=8)] = [30, 30]
    """In place of ``texture.iterations``."""
    size: Annotated[int, Field(ge=64, le=4096)] = 512
    """Side of the textures in texels, at most that of the photo texture."""
    view_size: Annotated[int, Field(ge=64, le=1024)] = 128
    """Side of the views in which style and content are measured, in pixels."""


class LabParams(Section):
    """All of stages/lab/params.yaml."""

    cyclegan: CycleganParams = CycleganParams()
    munit: MunitParams = MunitParams()
    drit: DritParams = DritParams()
    comparison: ComparisonParams = ComparisonParams()
    figures: FiguresParams = FiguresParams()
    fit_proof: FitProofParams = FitProofParams()
    photo_texture_proof: PhotoTextureProofParams = PhotoTextureProofParams()
    texture_comparison: TextureComparisonParams = TextureComparisonParams()


def load_lab_params(path: str | Path = "stages/lab/params.yaml") -> LabParams:
    """Read and check the laboratory's parameters.

    Raises:
        ParameterError: missing file, bad YAML, unknown name, wrong type or value out of range.
    """
    return validate(LabParams, read_yaml(path), str(path))
