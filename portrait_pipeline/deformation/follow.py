"""How the parts of the head without landmarks follow the face: its size at rest, and a skull that keeps its shape."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from ..mesh.laplacian import cotangent_weights, stiffness

AXIS_LIMITS = (0.25, 4.0)
JAW_ENDS = [0, 16]
SKULL_DEPTH = 0.35  # eye distances behind the ends of the jaw line at which the skull's stiffness is full


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


def skull_stiffness(vertices: np.ndarray, triangles: np.ndarray, ids: np.ndarray) -> sp.csr_matrix:
    """(V, V) matrix K: ``u' K u`` measures how much a displacement u strains ears, back of the head and nape.

    Edges count by their cotangent weight and by how far they lie behind the ends of the jaw line: not at all on the
    face, fully from 0.35 eye distances on. The face changes freely, and what lies behind moves with it as a whole.
    Heads whose landmarks are not the 68 have no known skull: K is zero.

    Args:
        vertices: (V, 3) head space. triangles: (F, 3). ids: (68,) landmark vertices.
    """
    if len(ids) != 68:
        return sp.csr_matrix((len(vertices), len(vertices)))
    eyes = np.linalg.norm(vertices[ids[45]] - vertices[ids[36]])
    behind = vertices[ids[JAW_ENDS], 2].mean() - vertices[:, 2]
    share = np.clip(behind / max(SKULL_DEPTH * eyes, 1e-12), 0.0, 1.0)
    share *= share * (3.0 - 2.0 * share)  # a smooth step: no crease where it begins
    weights = cotangent_weights(vertices, triangles).tocoo()
    values = weights.data * 0.5 * (share[weights.row] + share[weights.col])
    return stiffness(sp.csr_matrix((values, (weights.row, weights.col)), shape=weights.shape))
