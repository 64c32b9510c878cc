"""The landmark set of one domain: generated faces and collected ones, filtered, completed and weighted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..base.artifacts import Record
from ..base.errors import LandmarkError, ParameterError
from ..head.model import FaceModel
from .collection import Faces
from .fill_in import complete
from .filters import estimate_pose, mend_crossings, outlier_distance
from .params import LandmarkSetsParams

Domain = Literal["normal", "art"]
GENERATED = "generated"


@dataclass(frozen=True)
class LandmarkSet(Record):
    """Faces of one domain, ready for the shape space.

    Attributes:
        landmarks: (N, 68, 2) float64 pixels, each face in its own frame, y down, complete.
        source: (N,) int64, the entry of the parameter that a face comes from.
        group: (N,) int64; faces of one group must not be parted between training and test.
        entries: the entries of the parameter, as a JSON list.
    """

    kind = "landmark_set"
    landmarks: np.ndarray
    source: np.ndarray
    group: np.ndarray
    entries: str


@dataclass(frozen=True)
class _Limits:
    yaw: float
    pitch: float
    outliers: float


def entries(params: LandmarkSetsParams, domain: Domain) -> list[tuple[str, float]]:
    """The sources of a domain with their weights.

    Raises:
        ParameterError: as many weights as sources are needed, or none at all; one of them must be above 0.
    """
    value, weights = getattr(params, domain), getattr(params, f"{domain}_weights")
    names = [value] if isinstance(value, str) else list(value)
    if weights and len(weights) != len(names):
        raise ParameterError(
            f"landmark_sets.{domain}_weights has {len(weights)} numbers for {len(names)} entries of "
            f"landmark_sets.{domain}; give one each, or [] for 1 each"
        )
    if weights and not max(weights):
        raise ParameterError(f"landmark_sets.{domain}_weights is 0 for every source; raise at least one of them")
    return list(zip(names, weights or [1.0] * len(names), strict=True))


def build_set(
    domain: Domain,
    params: LandmarkSetsParams,
    model: FaceModel,
    generate: Callable[[], np.ndarray],
    collect: Callable[[str], Faces],
    rng: np.random.Generator,
) -> tuple[LandmarkSet, dict[str, dict[str, int]]]:
    """Put the landmark set of one domain together.

    Generated faces pass as they are. Collected ones must show enough points, face the viewer, be no outlier among
    the faces of their source and cross nowhere; missing points are filled in from the complete faces of the domain.

    Args:
        domain: ``normal`` or ``art``.
        params: sources, weights and filters.
        model: the head model, for the pose of collected faces.
        generate: gives the (N, 68, 2) generated faces of this domain.
        collect: reads the faces of an entry.
        rng: draws the faces of a source whose weight is no whole number.

    Returns:
        The set, and for each source the numbers of faces read, bad, no_face, hidden, pose, filled, outlier,
        crossing and kept, of groups kept, and of rows after weighting.

    Raises:
        ParameterError: weights do not fit the entries, or no face is left.
        LandmarkError: there are too few complete faces to fill in the others.
    """
    sources = entries(params, domain)
    limits = _limits(params, domain)
    parts, counts = [], {}
    for index, (name, weight) in enumerate(sources):
        if not weight:
            continue
        if name == GENERATED:
            faces, count = _plain(generate())
        else:
            faces, count = _select(collect(name), model, limits, params)
        parts.append((index, faces))
        counts[name if name not in counts else f"{name} ({index})"] = count
    points = _fill(domain, [faces for _, faces in parts])
    result = _finish(domain, sources, parts, points, limits, list(counts.values()), rng)
    return result, counts


def _limits(params: LandmarkSetsParams, domain: Domain) -> _Limits:
    if domain == "art":
        return _Limits(params.art_max_yaw, params.art_max_pitch, params.art_outliers)
    return _Limits(params.max_yaw, params.max_pitch, params.outliers)


def _plain(landmarks: np.ndarray) -> tuple[Faces, dict[str, int]]:
    known = np.ones(landmarks.shape[:2], bool)
    groups = np.array([str(index) for index in range(len(landmarks))])
    return Faces(landmarks, known, ~known, groups), {"read": len(landmarks)}


def _select(
    faces: Faces, model: FaceModel, limits: _Limits, params: LandmarkSetsParams
) -> tuple[Faces, dict[str, int]]:
    """Faces with enough points that look at the viewer."""
    hidden = (~faces.known | faces.occluded).sum(axis=1)
    known = faces.known & ~faces.occluded if params.occluded == "missing" else faces.known
    enough = hidden <= params.max_missing
    if params.missing == "drop":
        enough &= known.all(axis=1)
    pose = np.abs(estimate_pose(faces.landmarks, model, known))
    frontal = (pose[:, 0] <= limits.yaw) & (pose[:, 1] <= limits.pitch)
    keep = enough & frontal
    counts = {
        "read": len(known) + len(faces.bad) + len(faces.no_face),
        "bad": len(faces.bad),
        "no_face": len(faces.no_face),
        "hidden": int((~enough).sum()),
        "pose": int((enough & ~frontal).sum()),
        "filled": int((~known[keep]).any(axis=1).sum()),
    }
    return Faces(faces.landmarks[keep], known[keep], faces.occluded[keep], faces.groups[keep]), counts


def _fill(domain: Domain, parts: list[Faces]) -> list[np.ndarray]:
    """Complete (N, 68, 2) landmarks of each source; the faces of all sources teach."""
    landmarks = np.concatenate([faces.landmarks for faces in parts])
    known = np.concatenate([faces.known for faces in parts])
    try:
        filled = complete(landmarks, known)
    except LandmarkError as error:
        raise LandmarkError(f"landmark_sets.{domain}: {error}") from error
    return np.split(filled, np.cumsum([len(faces.known) for faces in parts])[:-1])


def _finish(
    domain: Domain,
    sources: list[tuple[str, float]],
    parts: list[tuple[int, Faces]],
    points: list[np.ndarray],
    limits: _Limits,
    counts: list[dict[str, int]],
    rng: np.random.Generator,
) -> LandmarkSet:
    """Leave out outliers and crossings, number the groups, draw by weight."""
    landmarks, source, group, groups = [], [], [], 0
    for (index, faces), filled, count in zip(parts, points, counts, strict=True):
        name, weight = sources[index]
        if name != GENERATED and limits.outliers > 0 and len(filled):
            filled, crossed = mend_crossings(filled)
            outlier = outlier_distance(filled) > limits.outliers
            count |= {"outlier": int(outlier.sum()), "crossing": int((crossed & ~outlier).sum())}
            keep = ~outlier & ~crossed
        else:
            keep = np.ones(len(filled), bool)
        names, numbers = np.unique(faces.groups[keep], return_inverse=True)
        if name == GENERATED:
            numbers = np.arange(len(filled))
        rows = draw_rows(len(numbers), weight, rng)
        count |= {"kept": int(keep.sum()), "groups": len(names), "rows": len(rows)}
        landmarks.append(filled[keep][rows])
        source.append(np.full(len(rows), index, np.int64))
        group.append(numbers[rows].astype(np.int64) + groups)
        groups += len(names)
    names = json.dumps([name for name, _ in sources])
    result = LandmarkSet(np.concatenate(landmarks), np.concatenate(source), np.concatenate(group), names)
    if not len(result.landmarks):
        told = ", ".join(f"{number} {name}" for name, number in _total(counts).items() if number)
        raise ParameterError(
            f"landmark_sets.{domain}: no face is left ({told or 'none read'}); loosen the filters of "
            "landmark_sets or give other faces"
        )
    return result


def _total(counts: list[dict[str, int]]) -> dict[str, int]:
    return {name: sum(count.get(name, 0) for count in counts) for name in counts[0]}


def draw_rows(count: int, weight: float, rng: np.random.Generator) -> np.ndarray:
    """Row numbers of a source that enters ``weight`` times: whole copies, and a random share of the rows for the
    rest, in order."""
    whole = int(weight)
    rest = round((weight - whole) * count)
    extra = np.sort(rng.permutation(count)[:rest]) if rest else np.zeros(0, np.int64)
    return np.concatenate([np.tile(np.arange(count), whole), extra]).astype(np.int64)
