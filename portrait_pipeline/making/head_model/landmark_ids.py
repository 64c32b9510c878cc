"""The 68 landmark vertices, the rows along which jaw points slide, and the regions of the head."""

from __future__ import annotations

import numpy as np
import trimesh
from scipy.spatial import cKDTree

from ...head.points import MIRROR
from .features import ear_mask
from .remesh import Points

BACK, FRONT = 4, 10  # candidates behind and in front of a jaw landmark
# Reach of a row along the surface, cm. The underside of the chin never is the jaw line of a face seen from
# the front, so the rows hardly go there; beside the cheeks they go further back.
BACK_REACH = np.array([1.8, 1.8, 1.8, 1.8, 1.7, 1.5, 1.2, 0.9, 0.8, 0.9, 1.2, 1.5, 1.7, 1.8, 1.8, 1.8, 1.8])
FRONT_REACH = 3.6
RAY_CENTRE = 3.5  # cm from the landmark towards the inside, where the rays of a row start

# Outlines in (z, y), cm, of the measured neutral head: below JAW_LINE is neck, behind HAIR_LINE is scalp.
JAW_LINE = np.array([[-12.0, -3.2], [-2.0, -3.2], [2.6, -4.6], [5.0, -7.0], [8.0, -8.9], [12.0, -9.4]])
HAIR_LINE = np.array([[-20.0, 2.6], [4.0, 2.6], [6.0, 3.0], [8.0, 3.8], [9.5, 5.0], [10.5, 7.0], [11.2, 12.0]])


def landmark_vertices(points: Points, base: dict[int, int], mirror: np.ndarray) -> np.ndarray:
    """(68,) vertex ids from the base vertices of the landmarks with x >= 0."""
    ids = np.full(68, -1)
    whole = points.weights[:, 0] == 1
    for number, vertex in base.items():
        ids[number] = int(np.flatnonzero(whole & (points.ids[:, 0] == vertex))[0])
    missing = ids < 0
    ids[missing] = mirror[ids[MIRROR[missing]]]
    return ids


def regions(mean: np.ndarray, eye: np.ndarray, mouth: np.ndarray) -> np.ndarray:
    """(V,) region of every vertex, index into ``FaceModel.REGIONS``.

    Args:
        mean: (V, 3) in the measured heads' frame. eye, mouth: (V,) bool, inside of the patches.
    """
    x, y, z = mean.T
    result = np.zeros(len(mean), np.int8)
    result[z < np.interp(y, HAIR_LINE[:, 0], HAIR_LINE[:, 1])] = 5
    result[y > HAIR_LINE[-1, 0]] = 5
    result[y < np.interp(z, JAW_LINE[:, 0], JAW_LINE[:, 1])] = 6
    result[ear_mask(mean)] = 4
    result[eye & (x > 0)], result[eye & (x < 0)] = 1, 2
    result[mouth] = 3
    return result


def jaw_contours(
    mean: np.ndarray, triangles: np.ndarray, landmarks: np.ndarray, mirror: np.ndarray, ear: np.ndarray
) -> np.ndarray:
    """(17, BACK + 1 + FRONT) vertex ids along which each jaw landmark slides, from the back to the face.

    A row follows the section of the head by the plane through the landmark that holds z and the normal of the
    frontal jaw line there.
    """
    solid = trimesh.Trimesh(mean, triangles[~ear[triangles].any(axis=1)], process=False)
    jaw = mean[landmarks[:17], :2]
    rows = np.zeros((17, BACK + 1 + FRONT), np.int32)
    for i in range(8, 17):
        tangent = jaw[min(i + 1, 16)] - jaw[max(i - 1, 0)]
        outward = np.array([tangent[1], -tangent[0], 0.0]) / np.linalg.norm(tangent)
        allowed = np.flatnonzero(np.abs(mean[:, 0]) < 1e-9) if i == 8 else np.flatnonzero(~ear)
        curve, length = section(solid, mean[landmarks[i]], outward)
        rows[i] = snap(mean, allowed, curve, length, int(landmarks[i]), float(BACK_REACH[i]))
        rows[16 - i] = mirror[rows[i]]
    return rows


def section(solid: trimesh.Trimesh, place: np.ndarray, outward: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) where rays in the plane of ``outward`` and z leave the head, back to front.

    Returns:
        the points, and their signed length along the surface from ``place`` (n,), positive to the front.
    """
    centre = place - RAY_CENTRE * (outward + np.array([0.0, 0.0, 0.6]))
    towards = place - centre
    first = np.arctan2(towards[2], towards @ outward)
    angle = first + np.linspace(-1.6, 1.3, 400)
    rays = np.cos(angle)[:, None] * outward + np.sin(angle)[:, None] * np.array([0.0, 0.0, 1.0])
    reach = 30.0
    origin = centre + reach * rays
    places, index, _ = solid.ray.intersects_location(origin, -rays, multiple_hits=False)
    order = np.argsort(index)
    curve, index = places[order], index[order]
    length = np.r_[0, np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))]
    nearest = int(np.linalg.norm(curve - place, axis=1).argmin())
    return curve, length - length[nearest]


def snap(
    mean: np.ndarray, allowed: np.ndarray, curve: np.ndarray, length: np.ndarray, own: int, back: float
) -> np.ndarray:
    """Distinct allowed vertices nearest to evenly spaced curve points, ``own`` among them, back to front."""
    wanted = np.r_[-back * np.arange(BACK, 0, -1) / BACK, FRONT_REACH * np.arange(1, FRONT + 1) / FRONT]
    wanted = np.clip(wanted, length[0], length[-1])
    points = np.stack([np.interp(wanted, length, curve[:, k]) for k in range(3)], axis=1)
    near = cKDTree(mean[allowed]).query(points, 30)[1]
    used, row = {own}, [own]
    for candidates in allowed[near]:
        vertex = next(int(v) for v in candidates if int(v) not in used)
        used.add(vertex)
        row.append(vertex)
    place = length[cKDTree(curve).query(mean[row])[1]]
    return np.array(row, np.int32)[np.argsort(place, kind="stable")]
