"""Cameras as the fit moves them: many views at once, weak perspective as the limit of an infinite distance.

With q = R v, the pixels per centimetre s at the head's origin, the image o of that origin, the principal point c
and the distance d of the viewer, a pinhole camera of focal length s d sees

    x = c_x + (o_x - c_x + s q_x) / (1 - q_z / d),    y = c_y + (o_y - c_y - s q_y) / (1 - q_z / d).

These seven numbers (rotation, log s, o, log d) are nearly independent of each other, unlike focal length and
translation, and 1 / d = 0 is weak perspective.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..head.camera import AnyCamera, Camera, PerspectiveCamera
from ..head.pose import rotation_from_vector, skew

CAMERA_PARAMETERS = 7  # rotation vector applied on the left (3), log s, o (2), log d
LONGEST_STEP = 0.5  # of log s, log d and the rotation


@dataclass(frozen=True)
class Views:
    """N cameras.

    Attributes:
        rotation: (N, 3, 3). log_scale: (N,) of px per cm. origin: (N, 2) px. log_distance: (N,) of cm, or inf.
        principal: (N, 2) px.
    """

    rotation: np.ndarray
    log_scale: np.ndarray
    origin: np.ndarray
    log_distance: np.ndarray
    principal: np.ndarray

    def project(self, points: np.ndarray) -> np.ndarray:
        """Head-space points (N, ..., 3) -> image px (N, ..., 2)."""
        flat = points.reshape(len(points), -1, 3)
        turned = flat @ self.rotation.transpose(0, 2, 1)
        return self._image(turned)[0].reshape(*points.shape[:-1], 2)

    def _image(self, turned: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        nearness = np.exp(-self.log_distance)[:, None]
        # Points behind the viewer occur only in a trial step too bold; they are put very near instead.
        factor = 1.0 / np.maximum(1.0 - nearness * turned[..., 2], 0.05)
        ray = np.exp(self.log_scale)[:, None, None] * turned[..., :2] * [1.0, -1.0]
        ray += (self.origin - self.principal)[:, None]
        return self.principal[:, None] + factor[..., None] * ray, factor

    def derivatives(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Image px (N, P, 2) of (N, P, 3), its derivatives by the camera (N, P, 2, 7) and by the point (N, P, 2, 3)."""
        turned = points @ self.rotation.transpose(0, 2, 1)
        image, factor = self._image(turned)
        nearness = np.exp(-self.log_distance)[:, None]
        scale = np.exp(self.log_scale)[:, None]
        by_turned = np.zeros((*points.shape[:2], 2, 3))
        by_turned[..., 0, 0] = scale * factor
        by_turned[..., 1, 1] = -scale * factor
        offset = image - self.principal[:, None]
        by_turned[..., 2] = offset * (factor * nearness)[..., None]
        camera = np.empty((*points.shape[:2], 2, CAMERA_PARAMETERS))
        camera[..., :3] = -by_turned @ skew(turned)
        camera[..., 3] = (scale * factor)[..., None] * turned[..., :2] * [1.0, -1.0]
        camera[..., 4:6] = factor[..., None, None] * np.eye(2)
        camera[..., 6] = -offset * (factor * nearness * turned[..., 2])[..., None]
        return image, camera, by_turned @ self.rotation[:, None]

    def moved(self, step: np.ndarray) -> Views:
        """The cameras after the step (N, 7)."""
        step = step.copy()
        step[:, [0, 1, 2, 3, 6]] = np.clip(step[:, [0, 1, 2, 3, 6]], -LONGEST_STEP, LONGEST_STEP)
        turns = np.stack([rotation_from_vector(vector) for vector in step[:, :3]])
        left, _, right = np.linalg.svd(turns @ self.rotation)
        return Views(
            left @ right,
            self.log_scale + step[:, 3],
            self.origin + step[:, 4:6],
            self.log_distance + step[:, 6],
            self.principal,
        )

    def camera(self, index: int) -> AnyCamera:
        """One of the cameras, as others use it."""
        rotation, scale = self.rotation[index], float(np.exp(self.log_scale[index]))
        if np.isinf(self.log_distance[index]):
            return Camera(rotation, scale, self.origin[index])
        distance = float(np.exp(self.log_distance[index]))
        aside = (self.origin[index] - self.principal[index]) * [1.0, -1.0] / scale
        return PerspectiveCamera(rotation, np.append(aside, -distance), scale * distance, self.principal[index])
