"""Parameters of the stage ``fit``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..base.params import Section, Source, Weight


class FitParams(Section):
    """Fit of the 3DMM to 68 landmarks. Prior weights are relative to the data term at the given noise."""

    model: Source = "bundled"
    """3D morphable model of fit and expressions: ``bundled``, or a file that ``portrait model convert`` wrote; keep it
    under data/models, where changes are noticed."""

    identity_prior: Weight = 1.0
    """Weight of the identity prior (squared coefficients)."""
    expression_prior: Weight = 1.0
    """Weight of the expression prior (squared coefficients over 0.4)."""
    pose_prior: Weight = 1.0
    """Weight of the prior for a frontal pose (yaw over 30 and pitch over 15 degrees, squared)."""
    camera: Literal["perspective", "weak"] = "perspective"
    """Camera of a photo: a pinhole whose axis passes the image centre, or weak perspective. Artworks: always weak."""
    focal_length: Annotated[float, Field(ge=0, le=2000, allow_inf_nan=False)] = 0.0
    """Focal length of the photo in mm on 35 mm film (diagonal 43.3 mm), if it is known and the photo is not cropped;
    0: estimated, with a prior around portraits."""
    camera_prior: Weight = 1.0
    """Weight of the priors of a photo's camera: 90 cm away and 55 mm, each within a factor of 1.6."""
    noise: Annotated[float, Field(gt=0, le=1)] = 0.015
    """Expected error of a photo's landmarks, as a share of the distance between the outer eye corners."""
    art_noise: Annotated[float, Field(gt=0, le=1)] = 0.08
    """The same for an artwork: its exaggerations are no identity, and stay in the residual."""
    art_pose_prior: Weight = 20.0
    """``pose_prior`` for an artwork, where a whole row of points may be off in the same way."""
    jaw_weight: Weight = 0.5
    """Weight of the 17 jaw points, which are placed less exactly than the others."""
    brow_weight: Weight = 0.1
    """Weight of the 10 brow points: a model of the skin does not know where the hair of the brows grows."""
    shared_error: Annotated[float, Field(ge=0, le=1)] = 0.7
    """Part of the landmarks' errors that is the same in all photos of a person: so much less do further photos add."""
    refine: Literal["none", "photo"] = "none"
    """Refine identity and camera by the photo's shading, assuming symmetric skin (a few seconds a photo)."""
    iterations: Annotated[int, Field(ge=4, le=10_000)] = 40
    """Gauss-Newton steps at most."""

    def for_art(self) -> FitParams:
        """The parameters for an artwork: ``art_noise`` and ``art_pose_prior`` in place of theirs; weak perspective."""
        return self.model_copy(
            update={"noise": self.art_noise, "pose_prior": self.art_pose_prior, "camera": "weak", "focal_length": 0.0}
        )
