"""Landmark-guided Laplacian deformation of a fitted head (eqs. 8-10)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from threadpoolctl import threadpool_limits

from ..base.errors import LandmarkError
from ..mesh.mesh import Mesh
from .energy import Energy
from .folds import Gaps, Heights, ease_shifts, flipped_triangles
from .follow import follow_landmarks
from .intersections import intersecting_pairs
from .order import keep_order
from .params import DeformSettings

UNCROSS_ROUNDS = 4
INNER_FACE = slice(31, 68)  # nostrils, eyes, mouth
NEAR = 0.15  # eye distances: as far from their landmarks triangles are kept from crossing


@dataclass(frozen=True)
class Deformation:
    """A deformed head and how well it came out.

    Attributes:
        vertices: (V, 3) head space, cm.
        residual: (N,) cm, distance of each landmark vertex from its target.
        eased: (N,) cm, how far each target was moved because the surface would have folded.
        flipped: number of triangles that faced the viewer before and are turned over now.
    """

    vertices: np.ndarray
    residual: np.ndarray
    eased: np.ndarray
    flipped: int


def deform(mesh: Mesh, landmark_ids: np.ndarray, targets: np.ndarray, params: DeformSettings) -> np.ndarray:
    """Vertices (V, 3) of :func:`deform_with_report`, same arguments."""
    return deform_with_report(mesh, landmark_ids, targets, params).vertices


def deform_with_report(
    mesh: Mesh, landmark_ids: np.ndarray, targets: np.ndarray, params: DeformSettings
) -> Deformation:
    """Move the landmark vertices to their targets and let the surface follow smoothly.

    Minimises ``sum_i |v[id_i] - t_i|^2 + alpha |L v - T L v_fit|^2 + skull |strain behind the face|^2``, in cm; see
    :class:`~portrait_pipeline.deformation.energy.Energy`. T is the scaling of ``follow``, or with
    ``laplacian="similarity"`` the similarity of each vertex's own ring. The energy does not feel a motion of the parts
    far from any landmark: without ``follow`` the skull would keep its size while the face grows, and without ``skull``
    it would be sheared and bent by whatever happens to the jaw line.

    Targets in which lids or lips cross are first put in order (:func:`keep_order`). Where the surface still folds
    (triangles that faced the viewer turn over) or passes through itself at nostrils, lids and lips,
    targets give way as little as possible (:func:`ease_shifts`).

    Args:
        mesh: the fitted head.
        landmark_ids: (N,) vertex ids, 68 in iBUG order for a face.
        targets: (N, 3) head space, from :func:`landmark_targets`.
        params: weights, Laplacian and solver; ``deform.scale`` has been applied to the targets.

    Raises:
        LandmarkError: wrong shapes or numbers that are not finite.
    """
    ids, targets = np.asarray(landmark_ids, np.int64), np.asarray(targets, float)
    if targets.shape != (len(ids), 3) or not np.isfinite(targets).all():
        raise LandmarkError(f"deformation targets: shape {targets.shape}, expected ({len(ids)}, 3) finite numbers")
    before = np.asarray(mesh.vertices, float)
    rest = follow_landmarks(before, ids, targets, params.follow)
    energy = Energy.of(mesh, rest, ids, params)
    wanted = keep_order(rest[ids], targets) - rest[ids]
    with threadpool_limits(1):  # many small products: threads would only wait for each other
        shifts, offset, vertices = _without_folds(energy, wanted)
    if params.solver == "adam":
        vertices = rest + energy.by_adam(shifts, offset)
    return Deformation(
        vertices,
        residual=np.linalg.norm(vertices[ids] - targets, axis=1),
        eased=np.linalg.norm(shifts - wanted, axis=1),
        flipped=len(flipped_triangles(before, vertices, mesh.triangles)),
    )


def _without_folds(energy: Energy, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shifts (N, 3), right side (V, 3) of the detail, and vertices (V, 3) without folds and crossings.

    First without turned differentials, which must not be told from a folded surface, then with them.
    """
    heights = Heights.of(energy.before, energy.triangles)
    none = np.zeros_like(energy.rest)
    plain = _eased(energy, wanted, np.zeros_like(wanted), none, heights)
    result = _eased(energy, wanted, plain[0], energy.detail(plain[0]), heights) if energy.similar else plain
    result = _uncrossed(energy, wanted, *result, heights)
    if (heights.of_vertices(result[2]) > 0.0).all():
        return result
    return plain


def _eased(
    energy: Energy,
    wanted: np.ndarray,
    start: np.ndarray,
    offset: np.ndarray,
    heights: Heights,
    gaps: Gaps | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The wanted shifts if they fold nothing, else the nearest that do not; ``offset`` and vertices with them."""
    vertices = energy.rest + energy.displacement(wanted, offset)
    if gaps is None and (heights.of_vertices(vertices) > 0.0).all():
        return wanted, offset, vertices
    base = energy.rest + energy.displacement(np.zeros_like(wanted), offset)
    shifts, vertices = ease_shifts(base, energy.spread, wanted, start, heights, gaps)
    return shifts, offset, vertices


def _uncrossed(
    energy: Energy, wanted: np.ndarray, shifts: np.ndarray, offset: np.ndarray, vertices: np.ndarray, heights: Heights
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same with room kept between triangles at nostrils, lids and lips that came to pass through each other."""
    near = _inner_triangles(energy)
    if len(near) == 0:
        return shifts, offset, vertices
    triangles = energy.triangles[near]
    apart = _codes(intersecting_pairs(energy.before, triangles), len(near))
    found = np.zeros((0, 2), np.int64)
    for _ in range(UNCROSS_ROUNDS):
        pairs = intersecting_pairs(vertices, triangles)
        pairs = pairs[~np.isin(_codes(pairs, len(near)), apart)]
        if len(pairs) == 0:
            break
        found = np.concatenate([found, pairs])  # those that still cross are given more room each time
        gaps = Gaps.of(energy.before, triangles, *np.unique(found, axis=0, return_counts=True))
        shifts, offset, vertices = _eased(energy, wanted, shifts, offset, heights, gaps)
    return shifts, offset, vertices


def _codes(pairs: np.ndarray, count: int) -> np.ndarray:
    return pairs @ [count, 1]


def _inner_triangles(energy: Energy) -> np.ndarray:
    """Indices of the triangles about nostrils, eyes and mouth; none where the landmarks are not the 68."""
    if len(energy.ids) != 68:
        return np.zeros(0, np.int64)
    spots = energy.before[energy.ids]
    reach = NEAR * np.linalg.norm(spots[45] - spots[36])
    middles = energy.before[energy.triangles].mean(axis=1)
    return np.flatnonzero(cKDTree(spots[INNER_FACE]).query(middles)[0] <= reach)
