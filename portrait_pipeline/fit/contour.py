"""Jaw landmarks that slide along the outline of the face as the head turns."""

from __future__ import annotations

import numpy as np

FLATNESS = 1e-3  # reach that counts as equally far, in lengths of the jaw line (0.35 mm)
# How many candidates towards the ear of their frontal place the ends of the jaw may slide: beside the ear, annotators
# follow the border between cheek and ear, which is no outline. The other rows are free.
BACK_LIMITS = np.array([0.5, 1.0, *[np.inf] * 13, 1.0, 0.5])


def outline_positions(candidates: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Where along its row of candidates each jaw landmark lies in the current view.

    The outline passes where the row reaches furthest out, measured along the normal of the projected jaw line. Where
    a cheek is nearly flat, several candidates reach equally far; the mean of their places, weighted by the
    exponential of the reach, then moves steadily with the view instead of jumping from one to the next.

    Args:
        candidates: (..., 17, C, 2) image positions, px, y down; rows ordered from the ear to the face.
        start: (17,) position of each row that is used for a frontal face.

    Returns:
        (..., 17) positions in [0, C - 1].
    """
    rows = np.arange(len(start))
    current = candidates[..., rows, start, :]
    normals = _outward_normals(current)
    reach = np.einsum("...ick,...ik->...ic", candidates - current[..., None, :], normals)
    length = np.linalg.norm(np.diff(current, axis=-2), axis=-1).sum(axis=-1)[..., None, None]
    weights = np.exp((reach - reach.max(axis=-1, keepdims=True)) / (FLATNESS * np.maximum(length, 1e-12)))
    top = weights @ np.arange(reach.shape[-1]) / weights.sum(axis=-1)
    return np.maximum(top, start - BACK_LIMITS)


def jaw_tangents(line: np.ndarray) -> np.ndarray:
    """Unit tangents (..., N, 2) of an open polyline (..., N, 2)."""
    tangent = np.gradient(line, axis=-2)
    return tangent / np.maximum(np.linalg.norm(tangent, axis=-1, keepdims=True), 1e-12)


def _outward_normals(line: np.ndarray) -> np.ndarray:
    """Unit normals (..., N, 2) of an open polyline, pointing away from the middle of its two ends."""
    tangent = jaw_tangents(line)
    normal = np.stack([tangent[..., 1], -tangent[..., 0]], axis=-1)
    outward = line - 0.5 * (line[..., :1, :] + line[..., -1:, :])
    # The jaw is one convex arc, so one sign serves all of its points; the chin decides it.
    chin = line.shape[-2] // 2
    sign = np.sign(np.einsum("...k,...k->...", normal[..., chin, :], outward[..., chin, :]))
    return np.where(sign == 0, 1.0, sign)[..., None, None] * normal
