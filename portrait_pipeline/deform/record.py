"""What the room ``deform`` leaves for those after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from ..base.artifacts import Record
from ..base.layout import Array


@dataclass(frozen=True)
class DeformedHead(Record):
    """v_z of the paper.

    Attributes:
        vertices: (V, 3) head space.
        targets: (68, 3) head space.
        residual: mean distance of landmark vertices to their targets in the frontal plane, as a share of the
            outer-eye distance of the targets.
        eased_landmarks: landmarks whose targets gave way by more than 0.5 % of that distance, lest the surface fold.
        flipped_triangles: triangles that faced the viewer on the fitted head and are turned over now.
    """

    kind: ClassVar[str] = "deform"
    vertices: Annotated[np.ndarray, Array("f", "V", 3)]
    targets: Annotated[np.ndarray, Array("f", 68, 3)]
    residual: float
    eased_landmarks: int
    flipped_triangles: int
