"""Landmark-guided Laplacian deformation of a fitted head (eqs. 8-10)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree

from ..errors import LandmarkError
from ..mesh import Mesh
from ..params import DeformParams
from .laplacian import graph_laplacian
from .order import keep_order
from .solve import DirectSolver, solve_adam

REPAIR_ROUNDS = 60
REPAIR_FACTOR = 0.4  # on the weights of the landmarks beside a fold, each round
LEAST_WEIGHT = 1e-3  # a landmark below it no longer speaks, and the next nearest is asked
AXIS_LIMITS = (0.25, 4.0)


@dataclass(frozen=True)
class Deformation:
    """A deformed head and how well it came out.

    Attributes:
        vertices: (V, 3) head space, cm.
        residual: (68,) cm, distance of each landmark vertex from its target.
        weights: (68,) weight each landmark ended with; below 1 where its target would have folded the face.
        share: of all shifts that could be kept, 1 unless lower weights alone did not undo the folds.
        flipped: number of triangles that faced the viewer before and are turned over now.
    """

    vertices: np.ndarray
    residual: np.ndarray
    weights: np.ndarray
    share: float
    flipped: int


def deform(mesh: Mesh, landmark_ids: np.ndarray, targets: np.ndarray, params: DeformParams) -> np.ndarray:
    """Vertices (V, 3) of :func:`deform_with_report`, same arguments."""
    return deform_with_report(mesh, landmark_ids, targets, params).vertices


def deform_with_report(
    mesh: Mesh, landmark_ids: np.ndarray, targets: np.ndarray, params: DeformParams
) -> Deformation:
    """Move the landmark vertices to their targets and let the surface follow smoothly.

    Minimises ``sum_i |v[id_i] - t_i|^2 + alpha |L v - L v_rest|^2`` with L = I - D^-1 A, in cm. Both terms
    are squared lengths, so alpha has no unit; it depends on the mesh's density only. ``v_rest`` is the head
    after the axis-wise scaling and shift that brings its landmarks closest to the targets
    (``params.follow``): the energy does not feel a motion of the parts far from any landmark, and without
    this the skull would keep its size while the face grows.

    Targets in which lids or lips cross are first put in order (:func:`keep_order`). Where the surface still
    folds (triangles that faced the viewer turn over), the weights of the nearest landmarks are lowered until
    it is whole again; ``weights`` tells which.

    Args:
        mesh: the fitted head.
        landmark_ids: (68,) vertex ids.
        targets: (68, 3) head space, from :func:`landmark_targets`.
        params: alpha, solver, follow (``scale`` is applied by :func:`landmark_targets`).

    Raises:
        LandmarkError: wrong shapes or numbers that are not finite.
    """
    ids, targets = np.asarray(landmark_ids, np.int64), np.asarray(targets, float)
    if targets.shape != (len(ids), 3) or not np.isfinite(targets).all():
        raise LandmarkError(
            f"deformation targets: shape {targets.shape}, expected ({len(ids)}, 3) finite numbers"
        )
    before = np.asarray(mesh.vertices, float)
    rest = follow_landmarks(before, ids, targets, params.follow)
    laplacian = graph_laplacian(mesh.triangles, len(before))
    shift = keep_order(rest[ids], targets) - rest[ids]
    moved, weights, share = _move_without_folds(mesh, rest, laplacian, ids, shift, params.alpha)
    if params.solver == "adam":
        moved = solve_adam(laplacian, ids, share * shift, params.alpha, weights)
    vertices = rest + moved
    residual = np.linalg.norm(vertices[ids] - targets, axis=1)
    flipped = flipped_triangles(before, vertices, mesh.triangles)
    return Deformation(vertices, residual, weights, share, len(flipped))


def _move_without_folds(
    mesh: Mesh, rest: np.ndarray, laplacian: sp.csr_matrix, ids: np.ndarray, shift: np.ndarray, alpha: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Displacement (V, 3), landmark weights, and share of all shifts, with which no triangle is turned over.

    First the landmarks beside the folds lose weight, round by round; should folds remain, all shifts are
    reduced.
    """
    before = np.asarray(mesh.vertices, float)
    solver, weights = DirectSolver(laplacian, ids, alpha), np.ones(len(ids))
    for turn in range(REPAIR_ROUNDS + 1):
        moved = solver.displacement(shift, weights)
        folded = flipped_triangles(before, rest + moved, mesh.triangles)
        if len(folded) == 0:
            return moved, weights, 1.0
        if turn < REPAIR_ROUNDS:
            weights[_landmarks_beside(rest, ids, mesh.triangles[folded], weights)] *= REPAIR_FACTOR
    share = 1.0
    while share > 1e-3 and len(flipped_triangles(before, rest + share * moved, mesh.triangles)):
        share *= 0.9
    return share * moved, weights, share


def follow_landmarks(vertices: np.ndarray, ids: np.ndarray, targets: np.ndarray, follow: str) -> np.ndarray:
    """The head (V, 3) scaled and shifted so that its landmarks come closest to the targets.

    Args:
        vertices: (V, 3).
        ids: (N,) landmark vertices.
        targets: (N, 3).
        follow: ``similarity`` scales by the common factor of x and y; ``axes`` lets x and y differ from it by
            the square root of what the landmarks ask for (a long face gets a longer skull, but not as long);
            ``none`` leaves the head as it is (the paper's letter). No shear and no turn in any of them.
    """
    if follow == "none":
        return vertices
    source, middle = vertices[ids].mean(axis=0), targets.mean(axis=0)
    a, b = vertices[ids] - source, targets - middle
    products, squares = (a * b).sum(axis=0), (a * a).sum(axis=0)
    common = np.clip(products[:2].sum() / squares[:2].sum(), *AXIS_LIMITS)
    factor = np.full(3, common)
    if follow == "axes":
        factor[:2] *= np.sqrt(np.clip(products / squares, *AXIS_LIMITS)[:2] / common)
    return (vertices - source) * factor + middle


def flipped_triangles(before: np.ndarray, after: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Indices of the triangles that face the viewer (+z) in ``before`` and are turned over in ``after``.

    Turned over is a triangle within 60 degrees of the viewer that faces away afterwards, and a more slanted
    one whose normal has turned by more than 90 degrees: near the outline (under the chin) a surface may pass
    out of sight without any fold. Triangles more than 84 degrees from the viewer do not count.
    """
    first, last = _normals(before, triangles), _normals(after, triangles)
    facing = first[:, 2] / np.maximum(np.linalg.norm(first, axis=1), 1e-30)
    away = (facing > 0.5) & (last[:, 2] <= 0.0)
    return np.flatnonzero(away | ((facing > 0.1) & ((first * last).sum(axis=1) <= 0.0)))


def _normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    return np.cross(b - a, c - a)


def _landmarks_beside(
    vertices: np.ndarray, ids: np.ndarray, folded: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """The two landmarks nearest to each folded triangle that still have some weight, without repeats."""
    alive = np.flatnonzero(weights > LEAST_WEIGHT)
    if len(alive) < 2:
        return alive
    return alive[np.unique(cKDTree(vertices[ids[alive]]).query(vertices[folded].mean(axis=1), k=2)[1])]
