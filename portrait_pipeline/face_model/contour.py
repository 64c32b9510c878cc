"""Jaw landmarks that slide along the outline of the face as the head turns."""

from __future__ import annotations

import numpy as np

FULL_TURN = np.sin(np.radians(20.0))


def turned_share(rotation: np.ndarray) -> float:
    """How much of the way to the outline the jaw landmarks slide: 0 seen frontally, 1 from 20 degrees on."""
    return float(min(1.0, np.hypot(rotation[0, 2], rotation[1, 2]) / FULL_TURN))


def outline_vertices(
    contours: np.ndarray, projected: np.ndarray, start: np.ndarray, share: float = 1.0
) -> np.ndarray:
    """Choose for each jaw landmark the candidate vertex that is on the outline in the current view.

    A candidate is on the outline when no other of its row lies further out, measured along the normal of the
    projected jaw line. Annotators put the points of a frontal face a little inside its outline (``start``),
    so the landmark goes only ``share`` of the way along its row; that also makes it slide steadily as the
    head turns.

    Args:
        contours: (17, C) columns into ``projected``, rows ordered from the ear to the face.
        projected: (N, 2) image positions of the candidates, px, y down.
        start: (17,) column of each row that is used for a frontal face (an index in [0, C)).
        share: in [0, 1], see :func:`turned_share`.

    Returns:
        (17,) chosen column of each row.
    """
    rows = np.arange(len(contours))
    current = projected[contours[rows, start]]
    normals = _outward_normals(current)
    reach = np.einsum("ick,ik->ic", projected[contours] - current[:, None], normals)
    return start + np.rint(share * (reach.argmax(axis=1) - start)).astype(int)


def _outward_normals(line: np.ndarray) -> np.ndarray:
    """Unit normals (N, 2) of an open polyline, pointing away from the middle of its two ends."""
    tangent = np.gradient(line, axis=0)
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)
    outward = line - 0.5 * (line[0] + line[-1])
    # The jaw is one convex arc, so one sign serves all of its points; the chin decides it.
    sign = np.sign(np.einsum("ik,ik->i", normal, outward)[len(line) // 2]) or 1.0
    return sign * normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
