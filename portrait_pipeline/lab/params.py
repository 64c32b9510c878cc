"""Parameters of the laboratory: stages/lab/params.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from ..base.params import Count, Positive, Section, Seed, Weight, read_yaml, validate

TextureMethod = Literal[
    "multi_view", "two_step", "uv_space", "single_view", "joint", "gram", "image_gradients", "picture_first"
]
HairStyle = Literal["short", "tall", "bun", "bob", "long"]
Yaw = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]


class ComparisonParams(Section):
    """Training of all methods of Table 1, each with the schedule of ``translation`` and its published weights."""

    seeds: Annotated[int, Field(ge=1, le=100)] = 1
    """Trainings of each method; metrics are their means and spreads (each takes about a minute a method)."""
    rival_learning_rate: Positive = 1e-3
    """Adam, in place of ``translation.learning_rate``, at which the rivals do not settle."""


class FiguresParams(Section):
    """Pictures of the comparison (Figs. 3 and 6)."""

    contents: Annotated[int, Field(ge=1, le=8)] = 2
    """Photos in the figures: those of the first so many pairs."""
    exemplars: Annotated[list[str], Field(min_length=2, max_length=8)] = [
        "sample:ink_caricature",
        "sample:stained_glass",
        "sample:halftone_poster",
    ]
    """Artworks, each a path or ``sample:<name>``; styles are interpolated from the first to the second."""
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
    image_size: Annotated[int, Field(ge=64, le=8192)] = 512
    """Side of the pictures that the heads would be seen in (pixels)."""
    noise: Weight = 1.0
    """Standard deviation of the error of each point (pixels)."""
    seed: Seed = 0
    """Seed of heads, poses and points."""


class PhotoTextureProofParams(Section):
    """Painted heads whose texture has to come back from their photographs."""

    heads: Annotated[int, Field(ge=1, le=100)] = 2
    """Heads painted, each with other colours and light."""
    yaws: Annotated[list[Yaw], Field(min_length=1, max_length=16)] = [0.0, 15.0, 30.0, 45.0]
    """Each head is photographed once at each of these angles (degrees)."""
    size: Annotated[int, Field(ge=128, le=2048)] = 320
    """Side of the textures (texels)."""
    photo_size: Annotated[int, Field(ge=128, le=4096)] = 448
    """Side of the photographs (pixels)."""
    seed: Seed = 0
    """Seed of heads, paint and cameras."""


class ShellProofParams(Section):
    """Known busts whose hair and shoulders have to come back from one photo."""

    styles: Annotated[list[HairStyle], Field(min_length=1)] = list(HairStyle.__args__)
    """How the hair of the busts is worn."""
    yaws: Annotated[list[Yaw], Field(min_length=1, max_length=16)] = [0.0, 25.0]
    """Each bust is photographed at each of these angles (degrees)."""
    photo_size: Annotated[int, Field(ge=128, le=4096)] = 512
    """Side of the photographs (pixels)."""
    density: Annotated[float, Field(ge=0.6, le=1.4, allow_inf_nan=False)] = 1.0
    """As ``shell.density``."""
    seed: Seed = 0
    """Seed of heads, hair and cameras."""


class TextureComparisonParams(Section):
    """All methods of texture stylisation side by side on one pair; all else is at the defaults of ``texture``.

    So trying out a parameter of the texture does not run all methods again.
    """

    pair: str = ""
    """Name of the pair; empty is the first one."""
    methods: Annotated[list[TextureMethod], Field(min_length=1)] = list(TextureMethod.__args__)
    """Rows of the sheet, from top to bottom."""
    scales: Annotated[list[Annotated[int, Field(ge=32, le=2048)]], Field(min_length=1, max_length=8)] = [64, 128]
    """In place of ``texture.scales``: the methods should take minutes on a CPU."""
    iterations: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=8)] = [30, 30]
    """In place of ``texture.iterations``."""
    size: Count = 512
    """Side of the textures in texels, at most that of the photo texture."""


class LabParams(Section):
    """All of stages/lab/params.yaml."""

    comparison: ComparisonParams = ComparisonParams()
    figures: FiguresParams = FiguresParams()
    fit_proof: FitProofParams = FitProofParams()
    photo_texture_proof: PhotoTextureProofParams = PhotoTextureProofParams()
    shell_proof: ShellProofParams = ShellProofParams()
    texture_comparison: TextureComparisonParams = TextureComparisonParams()


def load_lab_params(path: str | Path = "stages/lab/params.yaml") -> LabParams:
    """Read and check the laboratory's parameters.

    Raises:
        ParameterError: missing file, bad YAML, unknown name, wrong type or value out of range.
    """
    return validate(LabParams, read_yaml(path), str(path))
