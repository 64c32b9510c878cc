"""How well the fit recovers heads that are known: shape, identity and pose, with noise, wrong and missing points."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from ...fit.fit import Fit, fit_errors
from ...head.camera import AnyCamera, Camera
from ...head.model import FaceModel
from ...head.points import eye_distance
from ...head.pose import angles_from_rotation, rotation_from_vector
from ...mesh.similarity import fit_similarity
from ..params import FitProofParams
from .known_heads import KnownHead, add_outliers, annotated_face, draw_head, far_side

MM_PER_CM = 10.0
OUTLIERS = 0.1
"""Share of wrong points, 0.1 to 0.5 eye distances off."""
IDENTITIES = 10
"""Leading identity coefficients whose correlation with the true ones is measured."""


def draw_heads(
    model: FaceModel, drawn: FitProofParams, rng: np.random.Generator
) -> Iterable[tuple[KnownHead, dict[str, tuple[np.ndarray, np.ndarray]]]]:
    """Known heads with three inputs each: points (68, 2) px and weights (68,), 0 for missing points.

    ``noise``: all points with noise; ``outliers``: a share of them wrong; ``missing``: jaw, brow and eye of the side
    turned away have weight 0 (and lie in the corner of the image, to show if a fit reads them). A longer run starts
    with the heads of a shorter one.
    """
    edges = annotated_face(model)
    for own in rng.spawn(drawn.heads):
        head = draw_head(model, drawn, edges, own)
        noisy, ones = head.points + own.normal(0.0, drawn.noise, head.points.shape), np.ones(68)
        wrong = add_outliers(noisy, OUTLIERS, eye_distance(head.points), own)
        seen = ones.copy()
        seen[far_side(head.angles[0])] = 0.0
        missing = np.where(seen[:, None] > 0, noisy, 0.0)
        yield head, {"noise": (noisy, ones), "outliers": (wrong, ones), "missing": (missing, seen)}


def measure_head(model: FaceModel, head: KnownHead, fitted: Fit) -> dict[str, float]:
    """Errors of one fit.

    Returns:
        ``face_mm``, ``head_mm``: median distance of the vertices of the face and of all after their best similarity;
        ``face_rigid_mm``: with the fit's own size in cm; ``neutral_mm``: as ``face_mm`` with both expressions at 0;
        ``correlation``: Pearson's, of the identity coefficients; ``yaw_deg``, ``pitch_deg``, ``roll_deg``: signed pose
        errors; ``turn_deg``: angle of the whole rotation between the poses; ``points_px``: mean distance of the fit's
        landmarks inside the face to the exact ones.
    """
    found, face = model.vertices(fitted.identity, fitted.expression), face_vertices(model)
    neutral = model.vertices(fitted.identity, np.zeros(len(head.expression)))
    own, true = seen_rotation(fitted.camera), seen_rotation(head.camera)
    angles = (np.subtract(angles_from_rotation(own), angles_from_rotation(true)) + 180.0) % 360.0 - 180.0
    return {
        "face_mm": _distance(found[face], head.vertices[face]),
        "face_rigid_mm": _distance(found[face], head.vertices[face], scale=False),
        "head_mm": _distance(found, head.vertices),
        "neutral_mm": _distance(neutral[face], head.neutral[face]),
        "correlation": correlation(fitted.identity[:IDENTITIES], head.identity[:IDENTITIES]),
        **dict(zip(("yaw_deg", "pitch_deg", "roll_deg"), angles.tolist(), strict=True)),
        "turn_deg": float(np.degrees(np.arccos(np.clip((np.trace(own @ true.T) - 1.0) / 2.0, -1.0, 1.0)))),
        "points_px": float(fit_errors(model, fitted, head.points)[17:].mean()),
    }


def _distance(moving: np.ndarray, fixed: np.ndarray, scale: bool = True) -> float:
    left = fit_similarity(moving, fixed, scale=scale).apply(moving) - fixed
    return float(np.median(np.linalg.norm(left, axis=1))) * MM_PER_CM


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's correlation of two vectors; 0 if one is constant (it then says nothing about the other)."""
    constant = min(np.ptp(first), np.ptp(second)) < 1e-12
    return 0.0 if constant else float(np.corrcoef(first, second)[0, 1])


def seen_rotation(camera: AnyCamera) -> np.ndarray:
    """Rotation (3, 3) of the head as seen along the ray to it, which is what two kinds of cameras have in common.

    A head off the optical axis of a perspective camera shows more of one side than its rotation says.
    """
    if isinstance(camera, Camera):
        return camera.rotation
    ray = camera.translation / np.linalg.norm(camera.translation)
    axis = np.cross(ray, [0.0, 0.0, -1.0])
    sine = max(float(np.linalg.norm(axis)), 1e-12)
    return rotation_from_vector(axis / sine * np.arctan2(sine, -ray[2])) @ camera.rotation


def face_vertices(model: FaceModel) -> np.ndarray:
    """Ids of the vertices of the face with lids and lips, up to the ears."""
    face = [model.REGIONS.index(name) for name in ("face", "eye_left", "eye_right", "mouth")]
    return np.flatnonzero(np.isin(model.regions, face))


def summarise(rows: pd.DataFrame) -> dict[str, float]:
    """Medians over heads of :func:`measure_head`'s rows, errors without sign, and 95 % of the face's and the pose's."""
    sizes = rows.abs().assign(correlation=rows["correlation"])
    high = sizes[["face_mm", "turn_deg"]].quantile(0.95).add_suffix("_95")
    return {**sizes.median().to_dict(), **high.to_dict()}
