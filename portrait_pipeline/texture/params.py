"""Parameters of the stage ``texture``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..base.params import Section, Weight


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
    iterations: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=8)] = [80, 60, 40, 30]
    """Steps at each scale (paper: 600 in all)."""
    views: Annotated[int, Field(ge=1, le=1000)] = 10
    """Random views of the face, drawn once and rasterised once a scale."""
    azimuth: Annotated[float, Field(ge=0, le=180, allow_inf_nan=False)] = 30.0
    """Views turn at most this far sideways (degrees; paper: 30)."""
    elevation: Annotated[float, Field(ge=0, le=80, allow_inf_nan=False)] = 20.0
    """Views tilt at most this far up or down (degrees; paper: 20)."""
    surround: Annotated[int, Field(ge=0, le=1000)] = 5
    """Further views of sides and back, so that a turning head shows no unpainted part."""
    points: Annotated[int, Field(ge=16, le=16384)] = 1024
    """Samples of the rendered head a step."""
    regions: bool = True
    """Compare eyes with eyes, lips with lips, hair with hair, and prefer the same place on the face."""
    grading: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 1.0
    """How far the finished skin and hair are moved to the mean and spread of the artwork's colours there."""
    start: Literal["photo", "mean", "palette"] = "palette"
    """First texture: the photo, the photo in the style's mean colour, or its light and dark in the style's colours."""
    weights: str = "bundled"
    """``bundled``, ``imagenet`` (first ``portrait weights download imagenet``), or a file by torchvision's names."""
