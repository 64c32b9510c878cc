"""A foreign face model becomes one of ours: on the bundled topology (``head``) or with its own (``native``).

Both start from the registration of the bundled head to the foreign mean. ``native`` keeps every vertex and takes over
what the model lacks: landmark ids, jaw contours, regions, the reflection. ``head`` takes mean and bases from the
nearest points of the foreign surface. Where the foreign model has none (scalp, neck, ears of a face-only model, the
patches of eyes and mouth) a basis goes on as the bundled model's basis that explains it best, plus the remainder,
continued smoothly and fading out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree

from ..base.errors import ModelError
from ..head.model import FaceModel, LinearModel
from ..head.model_file import BASES
from ..mesh.closest import TriangleSearch
from ..mesh.geometry import grow, triangle_areas
from ..mesh.laplacian import factorise
from ..mesh.similarity import Similarity
from .formats import UNITS
from .formats.foreign import ForeignModel
from .registration import (
    EFFECTIVE_POINTS,
    FADE,
    PATCHES,
    Anchors,
    Registration,
    outer_triangles,
    register,
    smoothness,
)

TOPOLOGIES = ("head", "native")
EYES = (36, 45)  # landmarks at the outer corners
PLAUSIBLE = (8.0, 10.0)  # cm between them
USUAL = 9.0
MOST_CM = 1e6  # of any length in a model
UNSEEN_SPREAD = 1e-3  # of expressions lent by the bundled model: for animation, not for the fit
BORDER_RINGS = 2  # vertices about a hole or edge that are continued too
NOISE = 0.05  # cm, of a foreign basis against the bundled one that explains it
CHUNK = 48  # components carried over at once


@dataclass(frozen=True)
class Converted:
    """What :func:`convert` returns.

    Attributes:
        model: the result.
        foreign: the foreign model, turned and moved to head space.
        skin: (F, 3) triangles of its outer skin.
        registration: lengths in the foreign model's cm.
        eye_distance: cm between the outer eye corners of the foreign mean.
        notes: one line each on what was assumed, left out or lent.
    """

    model: FaceModel
    foreign: ForeignModel
    skin: np.ndarray
    registration: Registration
    eye_distance: float
    notes: tuple[str, ...]


def convert(
    source: str,
    kind: str,
    foreign: ForeignModel,
    head: FaceModel,
    topology: str = "head",
    landmarks: np.ndarray | None = None,
    unit: float | None = None,
) -> Converted:
    """Convert a foreign model.

    Args:
        source: its path, for messages. kind: its format. foreign: as read.
        head: the bundled model.
        topology: one of ``TOPOLOGIES``.
        landmarks: (68,) known vertex ids, -1 for unknown ones; they also guide the registration.
        unit: cm a unit that ``foreign`` was read with, None for the format's own.

    Raises:
        ModelError: it is not recognised as a head, or its size is implausible.
    """
    given = landmarks if landmarks is not None else (foreign.landmarks if kind == "own" else None)
    if given is not None and (given[list(EYES)] >= 0).all():
        check_size(source, kind, float(np.linalg.norm(np.subtract(*foreign.mean[given[list(EYES)]]))), unit)
    check_surface(source, foreign)
    skin = outer_triangles(foreign.mean, foreign.triangles, foreign.skin)
    try:
        registration = register(head, foreign.mean, skin, _anchors(foreign, head, given))
    except ModelError as error:
        raise ModelError(f"{source}: {error}") from error
    if given is not None:
        foreign = replace(foreign, landmarks=given)
    eyes = registration.points.of(foreign.mean)[head.landmarks[list(EYES)]]
    distance = float(np.linalg.norm(eyes[0] - eyes[1]))
    check_size(source, kind, distance, unit)
    foreign, registration = into_head_space(foreign, registration)
    model, notes = (to_head if topology == "head" else to_native)(foreign, head, registration)
    return Converted(model, foreign, skin, registration, distance, (*foreign.notes, *notes))


def check_surface(source: str, foreign: ForeignModel) -> None:
    """Refuse a mesh that is flat, has no area or lies beyond all measure: nothing can be registered to it.

    Raises:
        ModelError: one line that says which.
    """
    triangles = foreign.triangles if foreign.skin is None else foreign.triangles[foreign.skin[foreign.triangles].all(1)]
    places = np.asarray(foreign.mean, float)[np.unique(triangles)]
    extent = np.ptp(places, axis=0) if len(places) else np.zeros(3)
    bases = [basis for name in BASES if (basis := getattr(foreign, name)) is not None and basis.size]
    largest = max(float(np.abs(values).max(initial=0.0)) for values in (places, *bases))
    if not largest < MOST_CM:
        raise ModelError(f"{source}: holds a length of {largest:.3g} cm, expected less than {MOST_CM:g}; give --unit")
    if extent.min() <= 1e-3 * extent.max() or not triangle_areas(foreign.mean, triangles).sum() > 0:
        raise ModelError(
            f"{source}: the mesh is not recognised as a head: it measures {' x '.join(f'{x:.3g}' for x in extent)} cm"
        )


def check_size(source: str, kind: str, distance: float, unit: float | None) -> None:
    """Refuse a head whose outer eye corners are not 8 to 10 cm apart.

    Raises:
        ModelError: one line that names the unit and the factor to give.
    """
    if PLAUSIBLE[0] <= distance <= PLAUSIBLE[1]:
        return
    used = UNITS[kind] if unit is None else unit
    raise ModelError(
        f"{source}: read with {used:g} cm a unit, the outer eye corners are {distance:.3g} cm apart, expected "
        f"{PLAUSIBLE[0]:g} to {PLAUSIBLE[1]:g}; give --unit with the cm of one unit of the file "
        f"({used * USUAL / distance:.3g} would make them {USUAL:g} cm)"
    )


def _anchors(foreign: ForeignModel, head: FaceModel, given: np.ndarray | None) -> Anchors | None:
    """Known points inside the face; jaw points are left out, because where along the jaw they lie is arbitrary."""
    if given is None:
        return None
    known = np.flatnonzero(given >= 0)
    known = known[known >= 17]
    return Anchors(head.landmarks[known], foreign.mean[given[known]]) if len(known) else None


def into_head_space(foreign: ForeignModel, registration: Registration) -> tuple[ForeignModel, Registration]:
    """Both in head space and in true cm: turned and moved as registered, but not scaled."""
    similarity = registration.similarity
    moved = similarity.apply(foreign.mean) / similarity.scale
    aligned = replace(foreign.through(similarity.rotation), mean=moved)
    scaled = replace(
        registration,
        similarity=Similarity(1.0, similarity.rotation, similarity.translation / similarity.scale),
        vertices=registration.vertices / similarity.scale,
        distance=registration.distance / similarity.scale,
        residual=registration.residual / similarity.scale,
    )
    return aligned, scaled


def to_native(foreign: ForeignModel, head: FaceModel, registration: Registration) -> tuple[FaceModel, tuple[str, ...]]:
    """The foreign topology with landmarks, contours, regions and reflection taken over from the bundled head."""
    nearest = registration.points.nearest_vertex()
    own = foreign.landmarks if foreign.landmarks is not None else np.full(68, -1)
    landmarks = np.where(own >= 0, own, nearest[head.landmarks]).astype(np.int32)
    count = int((own < 0).sum())
    textured = foreign.uv is not None
    regions = head.regions[cKDTree(registration.vertices).query(foreign.mean)[1]]
    notes = [f"{count} of 68 landmark ids, jaw contours, regions and reflection come from the bundled head"]
    if len(foreign.identity_basis) == 0:
        notes.append("there are no identity components: the fit can only turn and move the head")
    shared = {field.name: getattr(foreign, field.name) for field in fields(LinearModel)}
    shared |= {"mean": foreign.mean.astype(np.float32), "triangles": foreign.triangles.astype(np.int32)}
    return FaceModel(
        **shared,
        uv=np.clip(foreign.uv, 0.0, 1.0).astype(np.float32) if textured else np.zeros((0, 2), np.float32),
        uv_triangles=(foreign.uv_triangles if textured else np.zeros((0, 3))).astype(np.int32),
        landmarks=landmarks,
        jaw_contours=carried_contours(foreign.mean, nearest[head.jaw_contours], landmarks),
        mirror=carried_mirror(foreign.mean, head, registration.vertices),
        regions=regions,
    ), tuple(notes)


def carried_contours(mean: np.ndarray, rows: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """(17, C) contour rows of nearest vertices, each with its landmark in the place of the nearest candidate."""
    rows = rows.astype(np.int32).copy()
    for row, landmark in zip(rows, landmarks[:17], strict=True):
        if landmark not in row:
            row[np.linalg.norm(mean[row] - mean[landmark], axis=1).argmin()] = landmark
    return rows


def carried_mirror(mean: np.ndarray, head: FaceModel, registered: np.ndarray) -> np.ndarray:
    """(N,) an involution that pairs vertices at reflected places of the registered bundled head.

    Vertices that are each other's nearest are paired, round by round; what is left over in the end (in a mesh whose
    halves differ) stays with itself.
    """
    search = TriangleSearch(registered, head.triangles)
    points, _, _ = search.nearest(mean)
    offset = (mean - points.of(registered)) * np.array([-1.0, 1.0, 1.0])
    places = points.of(registered[head.mirror]) + offset
    mirror = np.arange(len(mean))
    left = np.arange(len(mean))
    for _ in range(6):
        nearest = cKDTree(mean[left]).query(places[left])[1]
        mutual = nearest[nearest] == np.arange(len(left))
        mirror[left[mutual]] = left[nearest[mutual]]
        left = left[~mutual]
        if len(left) == 0:
            break
    return mirror.astype(np.int32)


def to_head(foreign: ForeignModel, head: FaceModel, registration: Registration) -> tuple[FaceModel, tuple[str, ...]]:
    """Mean and bases on the bundled topology, with the bundled expressions that the foreign model lacks."""
    carry = Carry(foreign, head, registration)
    start = registration.vertices
    mean = start + carry.continued((carry.matrix @ foreign.mean - start)[None])[0]
    identity = carry.basis(foreign.identity_basis, head.identity_basis)
    notes = [f"{100 * carry.share:.0f} % of the head's skin comes from the model, the rest goes on smoothly"]
    if len(identity) == 0:
        identity = head.identity_basis
        notes.append("the identity components are the bundled model's: the source has none")
    lent = [k for k, name in enumerate(head.expression_names) if name not in foreign.expression_names]
    own, others = len(foreign.expression_names), np.full(len(lent), UNSEEN_SPREAD if foreign.expression_names else 0.4)
    expression = carry.basis(foreign.expression_basis, head.expression_basis)
    cross = None
    if foreign.cross_basis is not None:
        cross = np.zeros((len(identity), own + len(lent), len(mean), 3), np.float32)
        for k, part in enumerate(foreign.cross_basis):
            cross[k, :own] = carry.basis(part, None)
    if lent:
        notes.append(f"{len(lent)} ARKit expressions for animation come from the bundled model")
    return replace(
        head,
        name=foreign.name,
        mean=mean.astype(np.float32),
        identity_basis=identity,
        expression_basis=np.concatenate([expression, head.expression_basis[lent]]),
        expression_names=(*foreign.expression_names, *(head.expression_names[k] for k in lent)),
        expression_low=np.r_[foreign.expression_low, head.expression_low[lent]],
        expression_high=np.r_[foreign.expression_high, head.expression_high[lent]],
        expression_spread=np.r_[foreign.expression_spread, others],
        cross_basis=cross,
    ), tuple(notes)


class Carry:
    """Takes values from the foreign surface to the bundled topology.

    Attributes:
        matrix: (V, N) sparse, interpolates at the points of the registration.
        known: (V,) bool, vertices that take their value from there; the others are continued.
        share: part of the head's skin (patches left out) that is known.
    """

    def __init__(self, foreign: ForeignModel, head: FaceModel, registration: Registration) -> None:
        self.matrix = registration.points.matrix(len(foreign.mean))
        patch = np.isin(head.regions, PATCHES)
        self.known = ~grow(~registration.covered | patch, head.triangles, BORDER_RINGS)
        self.share = float(self.known[~patch].mean())
        energy = smoothness(len(head.mean), head.triangles) + FADE * sp.identity(len(head.mean))
        self._free = np.flatnonzero(~self.known)
        rows = energy.tocsr()[self._free]
        self._coupling = rows[:, np.flatnonzero(self.known)].tocsr()
        self._factors = factorise(rows[:, self._free].tocsc()) if len(self._free) else None

    def continued(self, values: np.ndarray) -> np.ndarray:
        """(n, V, 3) values whose known vertices are kept and whose others go on smoothly and fade out."""
        result = np.array(values, float)
        if self._factors is not None:
            right = -self._coupling @ np.moveaxis(result[:, self.known], 0, 1).reshape(self.known.sum(), -1)
            solved = self._factors.solve(np.ascontiguousarray(right))
            result[:, self._free] = np.moveaxis(solved.reshape(len(self._free), len(values), 3), 1, 0)
        return result

    def basis(self, basis: np.ndarray, guide: np.ndarray | None) -> np.ndarray:
        """(n, V, 3) float32 of a foreign basis (n, N, 3).

        Args:
            guide: (m, V, 3) basis of the bundled model; where the foreign one ends, the combination that explains it
                best goes on, and only the remainder fades out.
        """
        result = np.empty((len(basis), self.matrix.shape[0], 3), np.float32)
        for part in _chunks(len(basis)):
            values = np.stack([self.matrix @ component for component in basis[part].astype(float)])
            explained = np.zeros_like(values) if guide is None else self._explained(values, guide)
            result[part] = explained + self.continued(values - explained)
        return result

    def _explained(self, values: np.ndarray, guide: np.ndarray) -> np.ndarray:
        """(n, V, 3) the guide's combination nearest to the known values, with its prior."""
        seen = guide[:, self.known].reshape(len(guide), -1).astype(float)
        weight = EFFECTIVE_POINTS / (self.known.sum() * NOISE**2)
        normal = weight * seen @ seen.T + np.eye(len(guide))
        given = values[:, self.known].reshape(len(values), -1)
        coefficients = np.linalg.solve(normal, weight * seen @ given.T).T
        return np.tensordot(coefficients, guide.astype(float), axes=1)


def _chunks(count: int) -> Iterator[slice]:
    return (slice(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK))
