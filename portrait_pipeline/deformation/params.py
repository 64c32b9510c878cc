"""Parameters of the stage ``deform``, and the settings of the Laplacian deformation (eqs. 8-10)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..base.params import Positive, Section, Weight


class DeformSettings(Section):
    """All that decides a deformation beside its targets (eqs. 8-10)."""

    solver: Literal["direct", "adam"] = "direct"
    """Sparse direct solve, or the paper's Adam."""
    laplacian: Literal["uniform", "cotangent", "similarity"] = "similarity"
    """Detail that is kept: that of the plain graph (the paper), of the surface whatever its triangulation, or the
    latter turned and scaled with its surroundings."""
    alpha: Positive = 1.0
    """Weight of the Laplacian term (eq. 10). The paper's 10 leaves three times the residual; the authors' tool
    behaves like 1."""
    follow: Literal["axes", "similarity", "none"] = "similarity"
    """How the whole head follows the size of the face: width and height apart, one factor, or not at all."""
    skull: Weight = 0.03
    """How firmly ears, back of the head and nape keep their shape; 0 leaves them to the Laplacian alone (the paper)."""


PAPER = DeformSettings(solver="adam", laplacian="uniform", alpha=10.0, follow="none", skull=0.0)
"""Section 4.2 to the letter."""


class DeformParams(Section):
    """Landmark-guided Laplacian deformation (eqs. 8-10)."""

    scale: Annotated[float, Field(ge=0, le=5, allow_inf_nan=False)] = 1.0
    """Geometric exaggeration: 0 none, 1 as translated, above 1 more."""
    alpha: Positive = 1.0
    """Weight of the Laplacian term (eq. 10): above it the surface is smoother and the landmarks are met less."""
    paper_letter: bool = False
    """Section 4.2 to the letter, whatever ``alpha`` is: Adam, uniform Laplacian, alpha 10, a skull that stays."""

    def settings(self) -> DeformSettings:
        """What these parameters ask for; ``scale`` is applied to the targets."""
        return PAPER if self.paper_letter else DeformSettings(alpha=self.alpha)
