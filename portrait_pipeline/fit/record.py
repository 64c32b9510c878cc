"""What the room ``fit`` leaves for those after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..base.artifacts import Record
from ..head.camera import AnyCamera, camera_from_row


@dataclass(frozen=True)
class FittedPair(Record):
    """The 3DMM fitted to the photo, and both sets of points brought to the frontal view.

    Attributes:
        vertices: (V, 3) head space, in the photo's expression, with every landmark vertex on its landmark.
        identity, expression: model coefficients.
        camera_row: (16,) camera of the photo, see :attr:`camera`.
        more_vertices: (M, V, 3) the same head in the expressions of the further photos; more_camera_rows: (M, 16).
        content_points: (68, 2) the photo's points seen frontally, photo px.
        style_points: (68, 2) the artwork's points seen frontally, artwork px.
        inner_error, jaw_error: mean distance of points 17-59 and 0-16, as a share of the outer-eye distance.
    """

    kind: ClassVar[str] = "fit"
    vertices: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    camera_row: np.ndarray
    more_vertices: np.ndarray
    more_camera_rows: np.ndarray
    content_points: np.ndarray
    style_points: np.ndarray
    inner_error: float
    jaw_error: float

    @property
    def camera(self) -> AnyCamera:
        """Camera of the photo."""
        return camera_from_row(self.camera_row)

    @property
    def more_cameras(self) -> list[AnyCamera]:
        """Cameras of the further photos."""
        return [camera_from_row(row) for row in self.more_camera_rows]
