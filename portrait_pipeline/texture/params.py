"""Parameters of the stage ``texture``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..base.params import Positive, Section, Seed, Weight


class TextureParams(Section):
    """Multi-view texture optimisation (section 5)."""

    beta: Weight = 1.0
    """Weight of content against style (eq. 13): 1 balanced, below 1 more style, above 1 more of the photo."""
    strength: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 1.0
    """Blend of the result with the photo texture: 0 photo, 1 fully stylised."""
    scales: Annotated[list[Annotated[int, Field(ge=32, le=2048)]], Field(min_length=1, max_length=8)] = [
        64,
        128,
        256,
        512,
    ]
    """Sizes at which the head is rendered, coarse to fine (pixels)."""
    iterations: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=8)] = [80, 80, 45, 35]
    """Steps at each scale (paper: 600 in all)."""
    crop: Literal["auto"] | Annotated[int, Field(ge=32, le=2048)] = "auto"
    """Scales above this size use random windows of this size; auto: 256 on the CPU, whole views on a GPU."""
    views: Annotated[int, Field(ge=1, le=1000)] = 10
    """Random views of the face, drawn once and rasterised once a scale."""
    azimuth: Annotated[float, Field(ge=0, le=180, allow_inf_nan=False)] = 30.0
    """Views turn at most this far sideways (degrees; paper: 30)."""
    elevation: Annotated[float, Field(ge=0, le=80, allow_inf_nan=False)] = 20.0
    """Views tilt at most this far up or down (degrees; paper: 20)."""
    views_per_step: Annotated[int, Field(ge=1, le=16)] = 1
    """Views rendered and compared in each step."""
    surround: Annotated[int, Field(ge=0, le=1000)] = 5
    """Further views of sides and back, so that a turning head shows no unpainted part."""
    shell_views: Annotated[int, Field(ge=0, le=1000)] = 16
    """Windows on hair and clothes as close as the views of the head, half of them from behind (with a shell)."""
    bust_views: Annotated[int, Field(ge=0, le=1000)] = 6
    """Views of the whole bust, a third of them from behind (with a shell)."""
    points: Annotated[int, Field(ge=16, le=16384)] = 1024
    """Samples of the rendered head a step."""
    style_points: Annotated[int, Field(ge=16, le=16384)] = 1500
    """Samples of the artwork a scale."""
    content_weight: Weight = 0.3
    """w in a = 16 w beta, the content weight of the first scale, halved at each further one."""
    features: Weight = 0.5
    """Further content weight of eyes and mouth, which are sampled more finely, over that of the rest."""
    regions: bool = True
    """Compare eyes with eyes, lips with lips, hair with hair, and prefer the same place on the face."""
    guidance: Weight = 0.2
    """Preference for the same place on the face when samples are compared with the artwork."""
    learning_rate: Positive = 2e-3
    """RMSprop (paper: 0.002); halved at the last scale."""
    grading: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 1.0
    """How far the finished skin and hair are moved to the mean and spread of the artwork's colours there."""
    start: Literal["photo", "mean", "palette"] = "palette"
    """First texture: the photo, the photo in the style's mean colour, or its light and dark in the style's colours."""
    weights: str = "bundled"
    """``bundled``, ``imagenet`` (first ``portrait weights download imagenet``), or a file by torchvision's names."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; auto is a GPU where there is one."""
    renderer: Literal["auto", "nvdiffrast", "cpu"] = "auto"
    """auto is nvdiffrast where there is a GPU that has it."""
    seed: Seed = 0
    """Seed of views and samples."""
