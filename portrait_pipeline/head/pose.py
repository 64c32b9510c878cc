"""Rotations and the linear weak-perspective pose."""

from __future__ import annotations

import numpy as np

from ..base.errors import FitError
from .camera import Camera


def skew(vectors: np.ndarray) -> np.ndarray:
    """Cross-product matrices (..., 3, 3) of (..., 3) vectors: ``skew(a) @ b = a x b``."""
    x, y, z = np.moveaxis(np.asarray(vectors, float), -1, 0)
    zero = np.zeros_like(x)
    rows = [[zero, -z, y], [z, zero, -x], [-y, x, zero]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def rotation_from_vector(vector: np.ndarray) -> np.ndarray:
    """Rotation (3, 3) about the (3,) axis-angle vector in radians (Rodrigues)."""
    vector = np.asarray(vector, float)
    angle = np.linalg.norm(vector)
    if angle < 1e-12:
        return np.eye(3) + skew(vector)
    cross = skew(vector / angle)
    return np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * cross @ cross


def rotation_from_angles(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Head rotation (3, 3) from degrees, applied in the order yaw, pitch, roll.

    Positive yaw turns the nose to image right, positive pitch lifts it, positive roll turns the head
    anticlockwise in the image.
    """
    yaw, pitch, roll = np.radians([yaw, pitch, roll])
    turn = rotation_from_vector(np.array([0.0, yaw, 0.0]))
    nod = rotation_from_vector(np.array([-pitch, 0.0, 0.0]))
    tilt = rotation_from_vector(np.array([0.0, 0.0, roll]))
    return tilt @ nod @ turn


def angles_from_rotation(rotation: np.ndarray) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees of a head rotation; the inverse of :func:`rotation_from_angles`."""
    rotation = np.asarray(rotation, float)
    # rotation = tilt @ nod @ turn, and the tilt leaves the last row alone: it is (-cos(pitch) sin(yaw), ...).
    pitch = np.arcsin(np.clip(-rotation[2, 1], -1.0, 1.0))
    yaw = np.arctan2(-rotation[2, 0], rotation[2, 2])
    roll = np.arctan2(-rotation[0, 1], rotation[1, 1])
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))


def linear_pose(shape: np.ndarray, points: np.ndarray, weights: np.ndarray) -> Camera:
    """Least-squares affine camera, brought to the nearest scaled rotation.

    Args:
        shape: (N, 3) head-space points, not all in one plane.
        points: (N, 2) image points, px, y down.
        weights: (N,) non-negative weights of the squared distances.

    Returns:
        The weak-perspective camera.

    Raises:
        FitError: the image points are (nearly) collinear or coincident.
    """
    total = weights.sum()
    upright = points * [1.0, -1.0]
    centre3, centre2 = weights @ shape / total, weights @ upright / total
    root = np.sqrt(weights)[:, None]
    solution = np.linalg.lstsq(root * (shape - centre3), root * (upright - centre2), rcond=None)[0]
    left, singular, right = np.linalg.svd(solution.T, full_matrices=False)
    if not singular[1] > 0.02 * singular[0]:
        raise FitError(
            "landmarks: the points used for the pose lie on a line or on top of each other; "
            "give 68 distinct points of a face"
        )
    rows = left @ right
    rotation = np.vstack([rows, np.cross(rows[0], rows[1])])
    scale = float(singular.mean())
    shift = centre2 - scale * rows @ centre3
    return Camera(rotation, scale, np.array([shift[0], -shift[1]]))
