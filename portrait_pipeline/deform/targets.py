"""Where the landmark vertices should go, in head space."""

from __future__ import annotations

import numpy as np

from ..base.errors import LandmarkError
from ..head.camera import Camera


def shrink_ratio(content: np.ndarray, target: np.ndarray) -> float:
    """Root mean square of the change of the face's width (jaw ends) and height (brow to chin).

    sqrt((w^2 + h^2) / 2) with w from landmarks 0 and 16 and h from 8 and 19, as the authors' tool computes
    it.

    Args:
        content: (68, 2) landmarks before.
        target: (68, 2) landmarks after, same units.
    """
    width = (target[16, 0] - target[0, 0]) / (content[16, 0] - content[0, 0])
    height = (target[19, 1] - target[8, 1]) / (content[19, 1] - content[8, 1])
    return float(np.sqrt((width**2 + height**2) / 2.0))


def landmark_targets(
    mesh_vertices: np.ndarray,
    landmark_ids: np.ndarray,
    camera_frontal: Camera,
    content: np.ndarray,
    translated: np.ndarray,
) -> np.ndarray:
    """Head-space targets of the landmark vertices (eq. 8, with a depth for every point).

    x and y are those of ``translated``; the depth is the vertex's own times :func:`shrink_ratio`, so that a face that
    gets smaller also gets flatter.

    Args:
        mesh_vertices: (V, 3) fitted head.
        landmark_ids: (68,) vertex ids.
        camera_frontal: frontal camera of the fit, ``fit.camera.frontal()``.
        content: (68, 2) landmarks of the photo in the frontal view, px.
        translated: (68, 2) translated landmarks in the same frame, px, exaggerated as far as is wanted.

    Returns:
        (68, 3) head space, cm.

    Raises:
        LandmarkError: wrong shapes, numbers that are not finite, or a content face without width or height.
    """
    for name, points in (("content", content), ("translated", translated)):
        if np.shape(points) != (68, 2) or not np.isfinite(points).all():
            raise LandmarkError(f"{name} landmarks: shape {np.shape(points)}, expected 68 finite points x y")
    if content[16, 0] == content[0, 0] or content[19, 1] == content[8, 1]:
        raise LandmarkError("content landmarks: the face has no width or no height; check the order of the points")
    depth = camera_frontal.project(mesh_vertices[landmark_ids])[:, 2] * shrink_ratio(content, translated)
    return camera_frontal.unproject(np.column_stack([translated, depth]))
