"""The landmark set of one domain: generated faces and collected ones, filtered and completed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from ..base.artifacts import Record
from ..base.errors import LandmarkError, ParameterError
from ..base.layout import Array
from ..head.model import FaceModel
from .collection import Faces
from .fill_in import complete
from .filters import estimate_pose, mend_crossings, outlier_distance
from .params import LandmarkSetsParams

Domain = Literal["normal", "art"]
GENERATED = "generated"
MAX_YAW: dict[Domain, float] = {"normal": 20.0, "art": 30.0}
"""Degrees by which collected faces may be turned sideways, as estimated from the points; exaggeration looks like it."""
MAX_PITCH: dict[Domain, float] = {"normal": 25.0, "art": 35.0}
"""... and lifted or lowered."""
OUTLIERS: dict[Domain, float] = {"normal": 1.0, "art": 15 / 11}
"""What ``landmark_sets.outliers`` is multiplied with: exaggeration is what art faces are for."""
MAX_HIDDEN = 24
"""Collected faces with more missing and occluded points than this are dropped."""


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
    landmarks: Annotated[np.ndarray, Array("f", "N", 68, 2)]
    source: Annotated[np.ndarray, Array("iu", "N")]
    group: Annotated[np.ndarray, Array("iu", "N")]
    entries: str


def entries(params: LandmarkSetsParams, domain: Domain) -> list[str]:
    """The sources of a domain.

    Raises:
        ParameterError: one is named twice; its faces would be trained on and held out at once.
    """
    value = getattr(params, domain)
    names = [value] if isinstance(value, str) else list(value)
    for name in names:
        if names.count(name) > 1:
            raise ParameterError(f"landmark_sets.{domain} names {name!r} twice; name every source once")
    return names


def build_set(
    domain: Domain,
    params: LandmarkSetsParams,
    model: FaceModel,
    generate: Callable[[], np.ndarray],
    collect: Callable[[str], Faces],
) -> tuple[LandmarkSet, dict[str, dict[str, int]]]:
    """Put the landmark set of one domain together.

    Generated faces pass as they are. Collected ones must show enough points, face the viewer, be no outlier among
    the faces of their source and cross nowhere; missing points are filled in from the complete faces of the domain.

    Args:
        domain: ``normal`` or ``art``.
        params: sources and filters.
        model: the head model, for the pose of collected faces.
        generate: gives the (N, 68, 2) generated faces of this domain.
        collect: reads the faces of an entry.

    Returns:
        The set, and for each source the numbers of faces read, bad, no_face, hidden, pose, filled, outlier,
        crossing and kept, and of groups kept.

    Raises:
        ParameterError: an entry is named twice, or no face is left.
        LandmarkError: there are too few complete faces to fill in the others.
    """
    sources = entries(params, domain)
    parts, counts = [], {}
    for name in sources:
        faces, counts[name] = _plain(generate()) if name == GENERATED else _select(domain, collect(name), model)
        parts.append(faces)
    limit = params.outliers * OUTLIERS[domain]
    return _finish(domain, sources, parts, _fill(domain, parts), limit, list(counts.values())), counts


def _plain(landmarks: np.ndarray) -> tuple[Faces, dict[str, int]]:
    known = np.ones(landmarks.shape[:2], bool)
    groups = np.array([str(index) for index in range(len(landmarks))])
    return Faces(landmarks, known, ~known, groups), {"read": len(landmarks)}


def _select(domain: Domain, faces: Faces, model: FaceModel) -> tuple[Faces, dict[str, int]]:
    """Faces with enough points that look at the viewer; occluded points are used where they were placed."""
    known = faces.known
    enough = (~known | faces.occluded).sum(axis=1) <= MAX_HIDDEN
    pose = np.abs(estimate_pose(faces.landmarks, model, known))
    frontal = (pose[:, 0] <= MAX_YAW[domain]) & (pose[:, 1] <= MAX_PITCH[domain])
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
    sources: list[str],
    parts: list[Faces],
    points: list[np.ndarray],
    limit: float,
    counts: list[dict[str, int]],
) -> LandmarkSet:
    """Leave out outliers (``limit`` 0: none) and crossings, number the groups."""
    landmarks, source, group, groups = [], [], [], 0
    for index, (name, faces, filled, count) in enumerate(zip(sources, parts, points, counts, strict=True)):
        if name != GENERATED and limit > 0 and len(filled):
            filled, crossed = mend_crossings(filled)
            outlier = outlier_distance(filled) > limit
            count |= {"outlier": int(outlier.sum()), "crossing": int((crossed & ~outlier).sum())}
            keep = ~outlier & ~crossed
        else:
            keep = np.ones(len(filled), bool)
        names, numbers = np.unique(faces.groups[keep], return_inverse=True)
        if name == GENERATED:
            numbers = np.arange(len(filled))
        count |= {"kept": int(keep.sum()), "groups": len(names)}
        landmarks.append(filled[keep])
        source.append(np.full(len(numbers), index, np.int64))
        group.append(numbers.astype(np.int64) + groups)
        groups += len(names)
    result = LandmarkSet(np.concatenate(landmarks), np.concatenate(source), np.concatenate(group), json.dumps(sources))
    if not len(result.landmarks):
        told = ", ".join(f"{number} {name}" for name, number in _total(counts).items() if number)
        raise ParameterError(
            f"landmark_sets.{domain}: no face is left ({told or 'none read'}); raise "
            "landmark_sets.outliers or give other faces, seen from the front"
        )
    return result


def _total(counts: list[dict[str, int]]) -> dict[str, int]:
    return {name: sum(count.get(name, 0) for count in counts) for name in counts[0]}
