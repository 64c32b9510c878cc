"""Expressions carried through a deformation (section 7.1: displacements scaled by the local deformation).

A displacement field b of the fitted head bends and stretches every triangle by a linear map S (from its frames, two
edges and the normal). The field u of the stylised head is the one whose gradients are nearest to S - I on its own
triangles, integrated over it (deformation transfer, Sumner and Popovic 2004): where the head was stretched, the same
gradients add up to longer displacements. Scaling each displacement by a smoothed local map instead folds lips that
the style has squeezed.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from ..mesh.geometry import triangle_areas
from ..mesh.laplacian import factorise

STILL = 0.02  # cm; what no expression of the fitted head moves by more stays where it is
ANCHOR = 1.0  # weight of that
PATCH_WEIGHT = 1e-3  # of triangles that are not trusted


def carry_expressions(
    basis: np.ndarray, source: np.ndarray, deformed: np.ndarray, triangles: np.ndarray, trust: np.ndarray
) -> np.ndarray:
    """(E, V, 3) float64 displacements (cm) of the deformed head for those, ``basis`` (E, V, 3), of the fitted one.

    Args:
        basis: cm. source, deformed: (V, 3) of one topology in one expression, cm. triangles: (F, 3).
        trust: (F,) bool, False where a patch is squeezed to nothing and says little about the skin.
    """
    source, deformed = np.asarray(source, float), np.asarray(deformed, float)
    gradient, weight = gradients(deformed, triangles)
    weight = np.repeat(np.where(trust, weight, PATCH_WEIGHT * weight), 3)
    still = np.abs(basis).max(axis=(0, 2), initial=0.0) < STILL
    anchors = sp.diags(ANCHOR * still + 1e-9)
    divergence = (gradient.T @ sp.diags(weight)).tocsr()
    solver = factorise(divergence @ gradient + anchors)
    frames = triangle_frames(source[triangles])
    inverse = np.linalg.inv(frames)
    tangent = tangent_projections(deformed[triangles])
    result = np.zeros(basis.shape)
    for index in np.flatnonzero(np.abs(basis).max(axis=(1, 2)) > 1e-6):
        change = (triangle_frames((source + basis[index])[triangles]) - frames) @ inverse @ tangent
        result[index] = solver.solve(divergence @ change.transpose(0, 2, 1).reshape(-1, 3))
    return result


def triangle_frames(corners: np.ndarray) -> np.ndarray:
    """(F, 3, 3) frames, columns two edges and the normal as long as the root of the parallelogram's area."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    normal = np.cross(a, b)
    normal /= np.sqrt(np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12))
    return _regular(np.stack([a, b, normal], axis=2))


def _regular(frames: np.ndarray) -> np.ndarray:
    """Frames with the unit matrix in place of those of triangles without area."""
    empty = np.abs(np.linalg.det(frames)) < 1e-12
    frames[empty] = np.eye(3)
    return frames


def tangent_projections(corners: np.ndarray) -> np.ndarray:
    """(F, 3, 3) projections onto the planes of the triangles (F, 3, 3)."""
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    return np.eye(3) - normal[:, :, None] * normal[:, None, :]


def gradients(vertices: np.ndarray, triangles: np.ndarray) -> tuple[sp.csr_matrix, np.ndarray]:
    """Matrix (3 F, V) from values at vertices to the gradient on each triangle, and the triangles' areas (F,)."""
    frames, area = triangle_frames(vertices[triangles]), triangle_areas(vertices, triangles)
    first, second = np.linalg.inv(frames)[:, :2].transpose(1, 0, 2)
    rows = np.arange(3 * len(triangles))
    parts = [
        sp.coo_matrix((part.ravel(), (rows, np.repeat(triangles[:, corner], 3))), (len(rows), len(vertices)))
        for corner, part in enumerate((-first - second, first, second))
    ]
    return sum(parts).tocsr(), area
