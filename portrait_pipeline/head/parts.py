"""Parts of the head that the model's own regions only name roughly, and how open to the light each place is."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from ..mesh.geometry import vertex_normals
from ..mesh.mesh import Mesh
from ..mesh.rays import RayScene, sphere_points
from .model import FaceModel

_EAR_REACH = 1.8  # cm about the ear's own vertices that are skin too, although the model counts them as scalp


def regions_with_whole_ears(model: FaceModel) -> np.ndarray:
    """(V,) the model's regions, with the scalp close about the ears (their hollow and back) counted as ear."""
    region = model.regions.copy()
    ear = FaceModel.REGIONS.index("ear")
    members = model.regions == ear
    if members.any():
        distance, _ = cKDTree(model.mean[members]).query(model.mean)
        region[(distance < _EAR_REACH) & (region == FaceModel.REGIONS.index("scalp"))] = ear
    return region


def openness(mesh: Mesh, where: np.ndarray | None = None, rays: int = 64, strength: float = 0.45) -> np.ndarray:
    """(V,) factor in [1 - strength, 1] by which a plain fill is darkened in hollows, so that an ear stays an ear.

    The share of ``rays`` directions (a fixed spiral on the sphere) above each vertex that meet no other part of the
    head, against that of an open, convex place.

    Args:
        where: (V,) bool, vertices that are asked for; the others get 1.
    """
    vertices = np.asarray(mesh.vertices, float)
    where = np.ones(len(vertices), bool) if where is None else where
    scene = RayScene(vertices, mesh.triangles)
    normals = vertex_normals(vertices, mesh.triangles)[where]
    origins = (vertices[where] + 0.05 * normals).astype(np.float32)
    free, total = np.zeros(len(origins)), np.zeros(len(origins))
    for direction in sphere_points(rays):
        above = np.clip(normals @ direction, 0, None)
        free += above * (scene.first_hits(origins, direction) < 0)
        total += above
    result = np.ones(len(vertices))
    result[where] = 1 - strength * (1 - np.clip(free / np.maximum(total, 1e-9) / 0.9, 0, 1))
    return result
