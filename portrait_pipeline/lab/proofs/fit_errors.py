"""How well the fit recovers heads that are known: shape, identity and pose, with noise, wrong and missing points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...fit.fit import Fit, fit_errors
from ...head.camera import AnyCamera, Camera
from ...head.model import FaceModel
from ...head.points import eye_distance
from ...head.pose import angles_from_rotation, rotation_from_vector
from ...mesh.similarity import fit_similarity
from .known_heads import DrawnRange, KnownHead, add_noise, add_outliers, annotated_face, draw_head, far_side

MM_PER_CM = 10.0
ANGLES = ("yaw", "pitch", "roll")


@dataclass(frozen=True)
class Input:
    """What one fit gets: points (68, 2) px and weights (68,), 0 for missing points."""

    points: np.ndarray
    weights: np.ndarray


def draw_heads(
    model: FaceModel, count: int, ranges: DrawnRange, noise: float, outliers: float, rng: np.random.Generator
) -> Iterable[tuple[KnownHead, dict[str, Input]]]:
    """Known heads with three inputs each.

    ``noise``: all points with noise; ``outliers``: a share of them wrong; ``missing``: jaw, brow and eye of the side
    turned away have weight 0 (and lie in the corner of the image, to show if a fit reads them).

    Args:
        model: heads are drawn from it.
        count: of heads.
        ranges: of their poses.
        noise: standard deviation, px.
        outliers: share of wrong points.
        rng: all draws come from it; a longer run starts with the heads of a shorter one.
    """
    edges = annotated_face(model)
    for own in rng.spawn(count):
        head = draw_head(model, ranges, edges, own)
        noisy, all_points = add_noise(head.points, noise, own), np.ones(68)
        wrong = add_outliers(noisy, outliers, eye_distance(head.points), own)
        seen = all_points.copy()
        seen[far_side(head.angles[0])] = 0.0
        yield (
            head,
            {
                "noise": Input(noisy, all_points),
                "outliers": Input(wrong, all_points),
                "missing": Input(np.where(seen[:, None] > 0, noisy, 0.0), seen),
            },
        )


def measure_head(
    model: FaceModel, head: KnownHead, fitted: Fit, regions: Mapping[str, np.ndarray], identities: int
) -> dict[str, float]:
    """Errors of one fit.

    Args:
        model: of head and fit.
        head: the truth.
        fitted: the fit.
        regions: name to vertex ids.
        identities: leading identity coefficients that are correlated.

    Returns:
        ``<region>_mm``: median distance of the region's vertices after the best similarity of that region;
        ``<region>_rigid_mm``: the same with the fit's own size in cm; ``neutral_mm``: as ``face_mm`` with both
        expressions at 0; ``correlation``: of the identity coefficients; ``yaw``, ``pitch``, ``roll``: signed pose
        errors in degrees; ``turn``: angle of the whole rotation between the poses; ``points_px``: mean distance of
        the fit's landmarks inside the face to the exact ones.
    """
    found = model.vertices(fitted.identity, fitted.expression)
    row: dict[str, float] = {}
    for name, chosen in regions.items():
        row[f"{name}_mm"] = float(np.median(aligned_distances(found[chosen], head.vertices[chosen])) * MM_PER_CM)
        rigid = aligned_distances(found[chosen], head.vertices[chosen], scale=False)
        row[f"{name}_rigid_mm"] = float(np.median(rigid) * MM_PER_CM)
    chosen = regions["face"]
    neutral = model.vertices(fitted.identity, np.zeros(len(head.expression)))[chosen]
    row["neutral_mm"] = float(np.median(aligned_distances(neutral, head.neutral[chosen])) * MM_PER_CM)
    row["correlation"] = correlation(fitted.identity[:identities], head.identity[:identities])
    own, true = seen_rotation(fitted.camera), seen_rotation(head.camera)
    for name, a, b in zip(ANGLES, angles_from_rotation(own), angles_from_rotation(true), strict=True):
        row[name] = (a - b + 180.0) % 360.0 - 180.0
    row["turn"] = rotation_angle(own @ true.T)
    row["points_px"] = float(fit_errors(model, fitted, head.points)[17:].mean())
    return row


def aligned_distances(moving: np.ndarray, fixed: np.ndarray, scale: bool = True) -> np.ndarray:
    """Distances (N,) left after the least-squares similarity (or rotation and shift) of ``moving`` onto ``fixed``.

    Args:
        moving, fixed: (N, 3) corresponding points.
        scale: whether the size may change.
    """
    return np.linalg.norm(fit_similarity(moving, fixed, scale=scale).apply(moving) - fixed, axis=1)


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's correlation of two vectors; 0 if one of them is constant (it then says nothing about the other)."""
    first, second = first - first.mean(), second - second.mean()
    size = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / size if size > 1e-12 else 0.0


def seen_rotation(camera: AnyCamera) -> np.ndarray:
    """Rotation (3, 3) of the head as seen along the ray to it, which is what two kinds of cameras have in common.

    A head off the optical axis of a perspective camera shows more of one side than its rotation says.
    """
    if isinstance(camera, Camera):
        return camera.rotation
    ray = camera.translation / np.linalg.norm(camera.translation)
    axis = np.cross(ray, [0.0, 0.0, -1.0])
    sine = float(np.linalg.norm(axis))
    if sine < 1e-12:
        return camera.rotation
    return rotation_from_vector(axis / sine * np.arctan2(sine, -ray[2])) @ camera.rotation


def rotation_angle(rotation: np.ndarray) -> float:
    """Angle of a rotation (3, 3), degrees in [0, 180]."""
    return float(np.degrees(np.arccos(np.clip((np.trace(rotation) - 1.0) / 2.0, -1.0, 1.0))))


def face_and_head(model: FaceModel) -> dict[str, np.ndarray]:
    """The regions that errors are given for: ``face`` (with lids and lips, up to the ears) and the whole ``head``."""
    face = [model.REGIONS.index(name) for name in ("face", "eye_left", "eye_right", "mouth")]
    return {"face": np.flatnonzero(np.isin(model.regions, face)), "head": np.arange(len(model.mean))}


def summarise(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Medians over heads, and 95 % of the errors of shape and pose.

    Args:
        rows: from :func:`measure_head`, at least one.
    """
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    summary = {}
    for name, values in columns.items():
        values = values if name == "correlation" else np.abs(values)
        label = f"{name}_deg" if name in (*ANGLES, "turn") else name
        summary[label] = float(np.median(values))
        if name in ("face_mm", *ANGLES, "turn"):
            summary[f"{label}_95"] = float(np.quantile(values, 0.95))
    return summary


def bin_by_yaw(
    rows: Sequence[Mapping[str, float]], yaws: Sequence[float], edges: Sequence[float]
) -> dict[str, dict[str, float]]:
    """Medians of shape, identity and pose over the heads between neighbouring absolute yaws (degrees).

    Args:
        rows: from :func:`measure_head`; yaws: the heads' own; edges: increasing; a bin without heads is left out.
    """
    result = {}
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        inside = [row for row, yaw in zip(rows, yaws, strict=True) if low <= abs(yaw) < high]
        if inside:
            summary = summarise(inside)
            names = ("face_mm", "head_mm", "correlation", "yaw_deg", "pitch_deg", "roll_deg", "turn_deg")
            result[f"{low:g}-{high:g}"] = {"heads": len(inside)} | {name: summary[name] for name in names}
    return result


def coefficient_correlations(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Correlation (K,) of each coefficient over the heads, from (H, K) fitted and true ones."""
    return np.array([correlation(found[:, k], true[:, k]) for k in range(true.shape[1])])
