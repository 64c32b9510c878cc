"""What the room ``fit`` leaves for those after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from ..base.artifacts import Record
from ..base.layout import Array
from ..head.camera import ROW_LENGTH, AnyCamera, camera_from_row


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
    vertices: Annotated[np.ndarray, Array("f", "V", 3)]
    identity: Annotated[np.ndarray, Array("f", "K")]
    expression: Annotated[np.ndarray, Array("f", "E")]
    camera_row: Annotated[np.ndarray, Array("f", ROW_LENGTH)]
    more_vertices: Annotated[np.ndarray, Array("f", "M", "V", 3)]
    more_camera_rows: Annotated[np.ndarray, Array("f", "M", ROW_LENGTH)]
    content_points: Annotated[np.ndarray, Array("f", 68, 2)]
    style_points: Annotated[np.ndarray, Array("f", 68, 2)]
    inner_error: float
    jaw_error: float

    def flaw(self) -> str | None:
        """See :meth:`portrait_pipeline.base.artifacts.Record.flaw`."""
        if len(self.more_vertices) != len(self.more_camera_rows):
            return f"{len(self.more_vertices)} further heads for {len(self.more_camera_rows)} cameras"
        rows = np.vstack([self.camera_row, self.more_camera_rows])
        turns = np.clip(rows[:, :9], -2.0, 2.0).reshape(-1, 3, 3)  # of what is no rotation, nothing overflows
        proper = (
            np.allclose(turns @ turns.transpose(0, 2, 1), np.eye(3), atol=1e-3) and (np.linalg.det(turns) > 0).all()
        )
        focal, scale = rows[:, 9], rows[:, 10]
        return None if proper and ((focal > 0) | (focal == 0) & (scale > 0)).all() else "a row is no camera"

    @property
    def camera(self) -> AnyCamera:
        """Camera of the photo."""
        return camera_from_row(self.camera_row)

    @property
    def more_cameras(self) -> list[AnyCamera]:
        """Cameras of the further photos."""
        return [camera_from_row(row) for row in self.more_camera_rows]
