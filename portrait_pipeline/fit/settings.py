"""All numbers of the fit: the user's parameters with the constants of the method."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..base.params import Weight
from .params import FitParams

ART_NOISE = 0.08
"""``noise`` of an artwork's landmarks: its exaggerations are no identity, and stay in the residual."""
ART_POSE_PRIOR = 20.0
"""``pose_prior`` of an artwork, where a whole row of points may be off in the same way."""


class FitSettings(FitParams):
    """What the fit of one face goes by. Prior weights are relative to the data term at the given noise."""

    pose_prior: Weight = 1.0
    """Weight of the prior for a frontal pose (yaw over 30 and pitch over 15 degrees, squared)."""
    camera_prior: Weight = 1.0
    """Weight of the priors of a photo's camera: 90 cm away and 55 mm, each within a factor of 1.6."""
    noise: Annotated[float, Field(gt=0, le=1)] = 0.015
    """Expected error of a photo's landmarks, as a share of the distance between the outer eye corners."""
    jaw_weight: Weight = 0.5
    """Weight of the 17 jaw points, which are placed less exactly than the others."""
    brow_weight: Weight = 0.1
    """Weight of the 10 brow points: a model of the skin does not know where the hair of the brows grows."""
    shared_error: Annotated[float, Field(ge=0, le=1)] = 0.7
    """Part of the landmarks' errors that is the same in all photos of a person: so much less do further photos add."""
    iterations: Annotated[int, Field(ge=4, le=10_000)] = 40
    """Gauss-Newton steps at most."""

    @classmethod
    def of(cls, params: FitParams | None) -> FitSettings:
        """The settings for a photo; those that are settings already stay as they are."""
        if isinstance(params, cls):
            return params
        return cls(**(params or FitParams()).model_dump())

    @classmethod
    def for_art(cls, params: FitParams | None) -> FitSettings:
        """The settings for an artwork: a loose data term, a firm pose, weak perspective."""
        changes = {"noise": ART_NOISE, "pose_prior": ART_POSE_PRIOR, "camera": "weak", "focal_length": 0.0}
        return cls.of(params).model_copy(update=changes)
