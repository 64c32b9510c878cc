"""Parameters of the stage ``fit``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..base.params import Section, Source, Weight


class FitParams(Section):
    """Fit of the 3DMM to 68 landmarks. Prior weights are relative to the data term; see also :mod:`.settings`."""

    model: Source = "bundled"
    """3D morphable model of fit and expressions: ``bundled``, or a file that ``portrait model convert`` wrote."""

    identity_prior: Weight = 1.0
    """Weight of the identity prior (squared coefficients)."""
    expression_prior: Weight = 1.0
    """Weight of the expression prior (squared coefficients over 0.4)."""
    camera: Literal["perspective", "weak"] = "perspective"
    """Camera of a photo: a pinhole whose axis passes the image centre, or weak perspective. Artworks: always weak."""
    focal_length: Annotated[float, Field(ge=0, le=2000, allow_inf_nan=False)] = 0.0
    """Focal length of the photo in mm on 35 mm film (diagonal 43.3 mm), if it is known and the photo is not cropped;
    0: estimated, with a prior around portraits."""
    refine: Literal["none", "photo"] = "none"
    """Refine identity and camera by the photo's shading, assuming symmetric skin (a few seconds a photo)."""
