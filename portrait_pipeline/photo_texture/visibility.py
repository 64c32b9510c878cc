"""What a camera sees of a head: facing, hidden by nothing, and clear of the outlines of nearer parts."""

from __future__ import annotations

import cv2
import numpy as np

from ..head.camera import AnyCamera
from ..mesh.geometry import vertex_normals
from ..mesh.mesh import Mesh
from ..mesh.rays import RayScene
from ..mesh.render import embree_rasterise
from ..mesh.texels import TexelMap
from ..regions.labels import disc
from .sampling import bilinear

_GRAZING, _FACING = 0.10, 0.36  # cosine between normal and view: nothing below the first, full weight above the second
_LIFT = 1e-3  # of the head's size: rays start this far above the surface, in both directions
_MARGIN = 0.012  # of the face's width: fits are off by about as much, so outlines of nearer parts are kept clear
_STEEP = 4.0  # depth over distance above which a step is an outline rather than a slope
_DEPTH_SIDE = 512


def facing(mesh: Mesh, texels: TexelMap, camera: AnyCamera) -> np.ndarray:
    """Weight (S, S) in [0, 1] that is 0 at grazing views."""
    normals = vertex_normals(mesh.vertices, mesh.triangles)
    both = np.concatenate([normals, camera.towards(np.asarray(mesh.vertices, float))], axis=1)
    both = texels.interpolate(mesh.triangles, both)
    normal, view = both[..., :3], both[..., 3:]
    size = np.linalg.norm(normal, axis=-1) * np.linalg.norm(view, axis=-1)
    cosine = (normal * view).sum(axis=-1) / np.maximum(size, 1e-9)
    share = np.clip((cosine - _GRAZING) / (_FACING - _GRAZING), 0, 1)
    return share * share * (3 - 2 * share)


def unhidden(mesh: Mesh, texels: TexelMap, camera: AnyCamera, asked: np.ndarray) -> np.ndarray:
    """(S, S) 1 where nothing lies between the surface point and the camera; 0 where it is not asked."""
    vertices = np.asarray(mesh.vertices, float)
    lift = _LIFT * float(np.linalg.norm(np.ptp(vertices, axis=0)))
    views = camera.towards(vertices)
    lifted = vertices + lift * (vertex_normals(vertices, mesh.triangles) + views)
    rays = texels.interpolate(mesh.triangles, np.concatenate([lifted, views], axis=1))[asked].astype(np.float32)
    visible = np.zeros(asked.shape)
    visible[asked] = RayScene(vertices, mesh.triangles).first_hits(rays[:, :3], rays[:, 3:]) < 0
    return visible


def clear_of_outlines(mesh: Mesh, projected: np.ndarray, position: np.ndarray, face_width: float) -> np.ndarray:
    """(S, S) in [0, 1]: 0 beside the outline of a nearer part of the head (cheek beside nose, ear behind cheek).

    There the photo mixes both parts, and a fit that is a little off takes one for the other.

    Args:
        projected: (V, 3) vertices in the photo: px and depth in px towards the viewer.
        position: (S, S, 2) photo positions of the texels, px. face_width: px; the margin is 1.2 % of it.
    """
    low, high = projected[:, :2].min(axis=0), projected[:, :2].max(axis=0)
    side = float((high - low).max()) * 1.02
    middle, half = (low + high) / 2, side / 2
    work = int(np.clip(side, 16, _DEPTH_SIDE))
    flat = (projected - [*middle, 0.0]) * (1, -1, 1) / half
    triangle, weights = embree_rasterise(flat, mesh.triangles, work)
    depth = np.where(triangle >= 0, (weights * flat[..., 2][mesh.triangles[triangle]]).sum(axis=-1), -1e3)
    radius = max(1.0, _MARGIN * face_width / side * work)
    nearest = cv2.dilate(depth.astype(np.float32), disc(radius))
    step = _STEEP * 2 * max(1, round(radius)) / work  # depth is in halves of the side
    near = ((triangle >= 0) & (nearest - depth > step)).astype(np.float32)
    near = cv2.GaussianBlur(near, (0, 0), max(0.8, radius / 3))
    inside = (position - (middle - half)) / side * work
    return np.clip(1 - 1.5 * bilinear(near[..., None], inside)[..., 0], 0, 1)
