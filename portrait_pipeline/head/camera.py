"""Cameras: weak perspective (scaled orthographic) and perspective, with one interface.

Both turn head space (cm, y up, z out of the face) into **camera space** by a rotation: x right, y up, z towards the
viewer; then into image space (px, y down; see :mod:`portrait_pipeline.mesh.mesh`) plus a depth in px that grows
towards the viewer and is 0 at the head-space origin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ROW_LENGTH = 16  # of a camera as a row of numbers


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

    def derivative(self, points: np.ndarray) -> np.ndarray:
        """How image x and y (px) change with head-space points (..., 3), px per cm: (..., 2, 3)."""
        rows = self.scale * self.rotation[:2] * [[1.0], [-1.0]]
        return np.broadcast_to(rows, (*np.shape(points)[:-1], 2, 3)).copy()

    def towards(self, points: np.ndarray) -> np.ndarray:
        """Unit head-space directions (..., 3) from head-space points (..., 3) to the viewer."""
        return np.broadcast_to(self.rotation[2], np.shape(points)).copy()

    def frontal(self) -> Camera:
        """The camera with the same scale and translation that looks straight at the face."""
        return Camera(np.eye(3), self.scale, self.translation)

    def row(self) -> np.ndarray:
        """(16,) numbers for a file; see :func:`camera_from_row`."""
        return np.concatenate([self.rotation.ravel(), [0.0, self.scale], self.translation, [0.0, 0.0, 0.0]])


@dataclass(frozen=True)
class PerspectiveCamera:
    """Pinhole projection from head space (cm, y up) to image space (px, y down); same interface as :class:`Camera`.

    ``p = rotation @ v + translation`` with the viewer in the origin, so p_z < 0 for what is seen;
    image x = principal_x + focal * p_x / -p_z, image y = principal_y - focal * p_y / -p_z.

    Attributes:
        rotation: (3, 3) proper rotation.
        translation: (3,) cm, the head-space origin in camera space; z < 0.
        focal: focal length in px, > 0.
        principal: (2,) px, where the optical axis meets the image.
    """

    rotation: np.ndarray
    translation: np.ndarray
    focal: float
    principal: np.ndarray

    @property
    def distance(self) -> float:
        """From the viewer to the head-space origin along the optical axis, cm."""
        return float(-self.translation[2])

    @property
    def scale(self) -> float:
        """Pixels per centimetre at the depth of the head-space origin."""
        return self.focal / self.distance

    def project(self, vertices: np.ndarray) -> np.ndarray:
        """Head-space points (..., 3) -> (..., 3): image x, image y (px, down), depth (px, towards the viewer)."""
        p = np.asarray(vertices) @ self.rotation.T + self.translation
        factor = self.focal / -p[..., 2]
        depth = self.scale * (p[..., 2] - self.translation[2])
        return np.stack(
            [self.principal[0] + factor * p[..., 0], self.principal[1] - factor * p[..., 1], depth], axis=-1
        )

    def unproject(self, points: np.ndarray) -> np.ndarray:
        """Inverse of :meth:`project`: (..., 3) image x, y and depth -> head-space points (..., 3)."""
        points = np.asarray(points)
        z = points[..., 2] / self.scale + self.translation[2]
        factor = -z / self.focal
        p = np.stack(
            [(points[..., 0] - self.principal[0]) * factor, (self.principal[1] - points[..., 1]) * factor, z], axis=-1
        )
        return (p - self.translation) @ self.rotation

    def derivative(self, points: np.ndarray) -> np.ndarray:
        """How image x and y (px) change with head-space points (..., 3), px per cm: (..., 2, 3)."""
        p = np.asarray(points) @ self.rotation.T + self.translation
        factor = (self.focal / -p[..., 2])[..., None, None]
        slope = p[..., :2] / -p[..., 2:]
        rows = self.rotation[:2] + slope[..., None] * self.rotation[2]
        return factor * rows * [[1.0], [-1.0]]

    def towards(self, points: np.ndarray) -> np.ndarray:
        """Unit head-space directions (..., 3) from head-space points (..., 3) to the viewer."""
        rays = -self.translation @ self.rotation - np.asarray(points)
        return rays / np.linalg.norm(rays, axis=-1, keepdims=True)

    def frontal(self) -> Camera:
        """The weak-perspective camera straight in front of the face that sees its origin at the same size and place."""
        x, y, _ = self.project(np.zeros(3))
        return Camera(np.eye(3), self.scale, np.array([x, y]))

    def row(self) -> np.ndarray:
        """(16,) numbers for a file; see :func:`camera_from_row`."""
        return np.concatenate([self.rotation.ravel(), [self.focal, 0.0], self.translation, self.principal])


AnyCamera = Camera | PerspectiveCamera


def camera_from_row(row: np.ndarray) -> AnyCamera:
    """The camera whose ``row()`` is given: rotation (9), focal length (0: weak perspective), scale, translation (3),
    principal point (2)."""
    rotation, focal = np.asarray(row[:9], float).reshape(3, 3), float(row[9])
    if focal == 0:
        return Camera(rotation, float(row[10]), np.asarray(row[11:13], float))
    return PerspectiveCamera(rotation, np.asarray(row[11:14], float), focal, np.asarray(row[14:16], float))
