"""The eyeball: an ellipsoid behind the lids, its mesh, and keeping lids outside of it.

An eyeball is a sphere of radius ``radius`` that turns about its centre and is then stretched along the head's axes,
so that a tall or wide stylised eye is filled and its iris still turns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..mesh.mesh import Mesh

# The average eyeball behind the lids of the average head (measured on ICT-FaceKit's): its radius, and its centre from
# the middle between the corners of the opening, x away from the nose. Share of the opening's length in (x, z).
RADIUS = 0.633
CENTRE = (-0.059, 0.066, -0.364)
CLEARANCE = 0.02  # cm between lids at rest and eyeball
RINGS, SECTORS = 22, 40
FRONT_SHARE = 1.6  # rings are denser at the front: polar angle grows with this power of the ring


@dataclass(frozen=True)
class Eyeball:
    """The ellipsoid of an eye.

    Attributes:
        centre: (3,) head space, cm.
        radius: cm, of the sphere before it is stretched.
        stretch: (3,) factors along x, y and z.
    """

    centre: np.ndarray
    radius: float
    stretch: np.ndarray

    def distance(self, points: np.ndarray) -> np.ndarray:
        """(...) signed distance in cm, to first order, of points (..., 3); > 0 outside."""
        local = (points - self.centre) / self.stretch
        length = np.maximum(np.linalg.norm(local, axis=-1), 1e-9)
        slope = np.linalg.norm(local / self.stretch / length[..., None], axis=-1)
        return (length - self.radius) / np.maximum(slope, 1e-9)

    def normal(self, points: np.ndarray) -> np.ndarray:
        """(..., 3) unit normals of the ellipsoid's level sets at points (..., 3)."""
        gradient = (points - self.centre) / self.stretch**2
        return gradient / np.maximum(np.linalg.norm(gradient, axis=-1, keepdims=True), 1e-9)

    def surface(self, points: np.ndarray, offset: float | np.ndarray = 0.0) -> np.ndarray:
        """(N, 3) points (N, 3) moved along the normal to ``offset`` cm outside of the eyeball."""
        result = points
        for _ in range(3):
            away = offset - self.distance(result)
            result = result + away[..., None] * self.normal(result)
        return result


def fit_eyeball(rim: np.ndarray, reference: np.ndarray) -> Eyeball:
    """The eyeball behind the rim (R, 3) of an eye opening.

    Its size and place are the average eye's, carried over by how wide and tall the opening is compared with the
    average head's rim ``reference`` (R, 3); its depth and its half axis in z follow from the depth of the rim.
    """
    rim, reference = np.asarray(rim, float), np.asarray(reference, float)
    average = average_eyeball(reference)
    shift, scale = _axis_map(reference[:, :2], rim[:, :2])
    # A blinking eye's ball stays as tall as it was: only wide eyes get taller balls, never slits flat ones.
    scale[1] = np.clip(scale[1], 0.75 * scale[0], 1.6 * scale[0])
    middle = reference[:, :2].mean(axis=0)
    centre = middle + shift + scale * (average.centre[:2] - middle)
    axes = average.radius * scale
    across = 1.0 - (((rim[:, :2] - centre) / axes) ** 2).sum(axis=1)
    height = np.sqrt(np.maximum(across, 0.02))
    depth = _depth_axis(height, rim[:, 2], float(np.sqrt(axes[0] * axes[1])))
    axes = np.r_[axes, depth]
    ball = Eyeball(np.r_[centre, (rim[:, 2] - depth * height).min()], 1.0, axes)
    radius = float(np.cbrt(axes.prod()))
    ball = Eyeball(ball.centre, radius, axes / radius)
    for _ in range(4):  # back until no lid is nearer than the clearance
        near = (ball.distance(rim) - CLEARANCE).min()
        ball = Eyeball(ball.centre + np.array([0.0, 0.0, min(near, 0.15) / 1.2]), radius, ball.stretch)
    near = min((ball.distance(rim) - CLEARANCE).min(), 0.0)
    return Eyeball(ball.centre + np.array([0.0, 0.0, 2 * near]), radius, ball.stretch)


def average_eyeball(rim: np.ndarray) -> Eyeball:
    """The measured average eyeball placed behind the rim (R, 3) of a head of average eyes."""
    inner, outer = rim[np.abs(rim[:, 0]).argmin()], rim[np.abs(rim[:, 0]).argmax()]
    length = float(np.linalg.norm((outer - inner)[[0, 2]]))
    side = np.sign(outer[0])
    centre = (inner + outer) / 2 + length * np.array([side * CENTRE[0], CENTRE[1], CENTRE[2]])
    return Eyeball(centre, RADIUS * length, np.ones(3))


def _axis_map(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shift of the mean and factors (sx, sy) of the spread from (R, 2) to (R, 2)."""
    shift = target.mean(axis=0) - source.mean(axis=0)
    spread = np.ptp(target, axis=0) / np.maximum(np.ptp(source, axis=0), 1e-6)
    return shift, spread


def _depth_axis(height: np.ndarray, z: np.ndarray, usual: float) -> float:
    """Half axis in z for which the ellipsoid's front follows the rim's depth, near the ``usual`` one (cm)."""
    h, d = height - height.mean(), z - z.mean()
    held = 4.0 * (h**2).mean() * len(h)  # the rim alone says little when it is flat
    return float(np.clip((h @ d + held * usual) / (h @ h + held), 0.75 * usual, 1.2 * usual))


def sphere_mesh(radius: float) -> Mesh:
    """A sphere about the origin, its pole at +z; UV: equal-area disk about the pole, the back at its edge."""
    polar = np.pi * (np.arange(1, RINGS + 1) / RINGS) ** FRONT_SHARE
    turn = 2 * np.pi * np.arange(SECTORS) / SECTORS
    theta, phi = (grid.ravel() for grid in np.meshgrid(polar[:-1], turn, indexing="ij"))
    theta, phi = np.r_[0.0, theta], np.r_[0.0, phi]
    front = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=1)
    vertices = radius * np.concatenate([front, [[0.0, 0.0, -1.0]]])
    share = np.sin(theta / 2)
    uv = np.stack([share * np.cos(phi), share * np.sin(phi)], axis=1)
    back = np.stack([np.cos(turn), np.sin(turn)], axis=1)  # the pole behind, once a sector
    triangles, uv_triangles = _sphere_triangles(len(front))
    return Mesh(vertices, triangles, 0.5 + 0.49 * np.concatenate([uv, back]), uv_triangles)


def _sphere_triangles(last: int) -> tuple[np.ndarray, np.ndarray]:
    here, after = np.arange(SECTORS), (np.arange(SECTORS) + 1) % SECTORS
    parts = [np.stack([np.zeros(SECTORS, int), 1 + here, 1 + after], axis=1)]
    for ring in range(RINGS - 2):
        a, b = 1 + ring * SECTORS, 1 + (ring + 1) * SECTORS
        parts.append(np.stack([a + here, b + here, b + after], axis=1))
        parts.append(np.stack([a + here, b + after, a + after], axis=1))
    a = 1 + (RINGS - 2) * SECTORS
    close = np.stack([a + here, np.full(SECTORS, last), a + after], axis=1)
    close_uv = np.stack([a + here, last + here, a + after], axis=1)
    body = np.concatenate(parts)
    return (np.concatenate([body, part]).astype(np.int32) for part in (close, close_uv))


def uv_directions(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit directions (S, S, 3) that the texels of a sphere's texture show, and where there are any (S, S) bool."""
    x = (np.arange(size) + 0.5) / size
    across, up = np.meshgrid((x - 0.5) / 0.49, (0.5 - x) / 0.49)
    share = np.hypot(across, up)
    theta = 2 * np.arcsin(np.clip(share, 0, 1))
    sine = np.where(share > 1e-9, np.sin(theta) / np.maximum(share, 1e-9), 2.0)
    return np.stack([sine * across, sine * up, np.cos(theta)], axis=2), share <= 1.0
