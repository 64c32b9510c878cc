"""The pixel grid on which the shell is found: the photo's view at a fixed size of the face, with room around it.

**Canvas space**: px; x to the right, y down, z towards the viewer (0 at the depth of the head-space origin), pixel
centres at + 0.5. The face (points 0 and 16 of the fitted head) is ``FACE_WIDTH`` px wide whatever the photo's size, and
the chin lies in the middle column.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from ..head.camera import AnyCamera
from ..head.model import FaceModel

FACE_WIDTH = 84.0
_HALF, _ABOVE, _BELOW = 2.1, 1.75, 1.35  # face widths: beside the chin, above the nose's root, below the chin
_CHIN, _NOSE_ROOT = 8, 27


@dataclass(frozen=True)
class Canvas:
    """The grid, and the fitted head on it.

    Attributes:
        camera: head space to photo px.
        scale: canvas px per photo px. corner: (2,) photo px of the canvas' top left corner.
        shape: (rows, columns).
        cm: canvas px per centimetre.
        yaw: of the head in the photo, degrees, > 0 where the nose points to the image's right.
        vertices: (V, 3) fitted head, canvas space. landmarks: (68, 3) its landmark vertices.
    """

    camera: AnyCamera
    scale: float
    corner: np.ndarray
    shape: tuple[int, int]
    cm: float
    yaw: float
    vertices: np.ndarray
    landmarks: np.ndarray

    @classmethod
    def of(cls, model: FaceModel, vertices: np.ndarray, camera: AnyCamera) -> Canvas:
        """The canvas about a fitted head (V, 3) in head space."""
        vertices = np.asarray(vertices, float)
        places = camera.project(vertices[model.landmarks])
        width = float(np.linalg.norm(places[16] - places[0]))
        scale = FACE_WIDTH / width
        columns = 2 * round(_HALF * FACE_WIDTH)
        top, bottom = places[_NOSE_ROOT, 1] - _ABOVE * width, places[_CHIN, 1] + _BELOW * width
        corner = np.array([places[_CHIN, 0] - columns / 2 / scale, top])
        forward = camera.rotation[:, 2]
        blank = cls(
            camera=camera,
            scale=scale,
            corner=corner,
            shape=(round((bottom - top) * scale), columns),
            cm=FACE_WIDTH / float(np.linalg.norm(np.diff(vertices[model.landmarks[[0, 16]]], axis=0))),
            yaw=float(np.degrees(np.arctan2(forward[0], forward[2]))),
            vertices=vertices,
            landmarks=places,
        )
        seen = blank.to_canvas(vertices)
        return replace(blank, vertices=seen, landmarks=seen[model.landmarks])

    def to_canvas(self, points: np.ndarray) -> np.ndarray:
        """Head-space points (..., 3) -> canvas space."""
        return (self.camera.project(points) - [*self.corner, 0.0]) * self.scale

    def to_head(self, points: np.ndarray) -> np.ndarray:
        """Canvas-space points (..., 3) -> head space."""
        return self.camera.unproject(np.asarray(points, float) / self.scale + [*self.corner, 0.0])

    def resample(self, image: np.ndarray, factor: float = 1.0, border: int = cv2.BORDER_CONSTANT) -> np.ndarray:
        """A photo-sized image (H, W[, C]) on the canvas, times ``factor`` finer; area-filtered where it shrinks."""
        scale = self.scale * factor
        if scale < 0.9:
            image = cv2.GaussianBlur(image, (0, 0), 0.45 / scale)
        shift = scale * (0.5 - self.corner) - 0.5
        matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
        size = (round(self.shape[1] * factor), round(self.shape[0] * factor))
        return cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=border)

    def inside(self, shape: tuple[int, ...]) -> np.ndarray:
        """(rows, columns) bool, what lies inside a photo of that shape."""
        y, x = self.grid()
        x, y = x / self.scale + self.corner[0], y / self.scale + self.corner[1]
        margin = 0.5 / self.scale
        return (x > margin) & (y > margin) & (x < shape[1] - margin) & (y < shape[0] - margin)

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """y and x (rows, columns) of the pixel centres."""
        y, x = np.mgrid[: self.shape[0], : self.shape[1]].astype(float)
        return y + 0.5, x + 0.5

    @property
    def chin(self) -> np.ndarray:
        """(3,) the chin's landmark."""
        return self.landmarks[_CHIN]
