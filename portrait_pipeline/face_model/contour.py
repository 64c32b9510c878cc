"""Jaw landmarks that slide along the outline of the face as the head turns."""

from __future__ import annotations

import numpy as np


def outline_vertices(contours: np.ndarray, projected: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Choose for each jaw landmark the candidate vertex that is on the outline in the current view.

    A candidate is on the outline when no other of its row lies further out, measured along the normal of the
    projected jaw line. Near the frontal view the differences within a row are small, so a candidate must beat the
    current vertex by a small margin; that keeps the choice from flickering.

    Args:
        contours: (17, C) columns into ``projected``, rows ordered from the ear to the face.
        projected: (N, 2) image positions of the candidates, px, y down.
        start: (17,) column of each row in use so far (an index in [0, C)).

    Returns:
        (17,) chosen column of each row.
    """
    rows = np.arange(len(contours))
    current = projected[contours[rows, start]]
    normals = _outward_normals(current)
    reach = np.einsum("ick,ik->ic", projected[contours] - current[:, None], normals)
    best = reach.argmax(axis=1)
    margin = 0.002 * np.linalg.norm(current[-1] - current[0])
    return np.where(reach[rows, best] > margin, best, start)


def _outward_normals(line: np.ndarray) -> np.ndarray:
    """Unit normals (N, 2) of an open polyline, pointing away from the middle of its two ends."""
    tangent = np.gradient(line, axis=0)
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)
    outward = line - 0.5 * (line[0] + line[-1])
    # The jaw is one convex arc, so one sign serves all of its points; the chin decides it.
    sign = np.sign(np.einsum("ik,ik->i", normal, outward)[len(line) // 2]) or 1.0
    return sign * normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
