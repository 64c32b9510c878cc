"""Scaled orthographic camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Camera:
    """Weak-perspective projection from head space (cm, y up) to image space (px, y down).

    ``p = scale * rotation @ v``; image x = p_x + t_x, image y = -p_y + t_y; p_z (px) grows towards the viewer.

    Attributes:
        rotation: (3, 3) proper rotation.
        scale: pixels per centimetre, > 0.
        translation: (2,) pixels, the image of the head-space origin.
    """

    rotation: np.ndarray
    scale: float
    translation: np.ndarray

    def project(self, vertices: np.ndarray) -> np.ndarray:
        """Head-space points (..., 3) -> (..., 3): image x, image y (px, down), depth (px, towards the viewer)."""
        p = self.scale * np.asarray(vertices) @ self.rotation.T
        return np.stack([p[..., 0] + self.translation[0], self.translation[1] - p[..., 1], p[..., 2]], axis=-1)

    def unproject(self, points: np.ndarray) -> np.ndarray:
        """Inverse of :meth:`project`: (..., 3) image x, y and depth -> head-space points (..., 3)."""
        points = np.asarray(points)
        p = np.stack(
            [points[..., 0] - self.translation[0], self.translation[1] - points[..., 1], points[..., 2]], axis=-1
        )
        return (p / self.scale) @ self.rotation

    def frontal(self) -> Camera:
        """The camera with the same scale and translation that looks straight at the face."""
        return Camera(np.eye(3), self.scale, self.translation)
