"""The part of a face model that landmarks can see, taken out once and kept with the model."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..head.annotation import annotated_landmarks
from ..head.camera import AnyCamera
from ..head.model import FaceModel
from ..mesh.closest import SurfacePoints
from .contour import outline_positions

# Shapes that 68 points cannot tell: the gaze moves the lids a little, mouthClose only makes sense with
# jawOpen, puffed cheeks look like another identity.
HIDDEN_EXPRESSIONS = ("eyeLook", "mouthClose", "cheekPuff")
JAW = slice(0, 17)


@dataclass(frozen=True)
class LandmarkModel:
    """Positions of the P = 51 + 17 C points that landmarks can be: the static ones, then the jaw's candidates.

    position = mean + basis @ [a, e] + a cross e, with the coefficients a of K identities and e of A expressions.

    Attributes:
        mean: (P, 3) cm. basis: (P, 3, K + A). cross: (P, 3, K, A), or None.
        candidates: C. identities: K. active: (A,) model indices of the expressions that take part.
        low, high, spread: (A,) bounds and prior standard deviation of those.
        start: (17,) candidate of a frontal view.
        surface: the 68 landmarks of a frontal view on the model's mesh.
    """

    mean: np.ndarray
    basis: np.ndarray
    cross: np.ndarray | None
    candidates: int
    identities: int
    active: np.ndarray
    low: np.ndarray
    high: np.ndarray
    spread: np.ndarray
    start: np.ndarray
    surface: SurfacePoints

    def positions(self, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
        """All points (N, P, 3) for one identity (K,) and N expressions (N, A)."""
        shared = self.mean + self.basis[..., : self.identities] @ identity
        moving = self.basis[..., self.identities :]
        if self.cross is not None:
            moving = moving + identity @ self.cross
        return shared + np.moveaxis(moving @ expression.T, -1, 0)

    def derivatives(self, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
        """Derivatives (N or 1, P, 3, K + A) of the positions; without products the same for all N expressions."""
        if self.cross is None:
            return self.basis[None]
        by_expression = identity @ self.cross
        by_identity = np.moveaxis(self.cross @ expression.T, -1, 0)
        by_expression = np.broadcast_to(by_expression, (len(expression), *by_expression.shape))
        return self.basis + np.concatenate([by_identity, by_expression], axis=-1)

    def of_person(self, identity: np.ndarray) -> LandmarkModel:
        """The model of one person (K,): what is left free are the expressions."""
        moving = self.basis[..., self.identities :]
        return replace(
            self,
            mean=self.mean + self.basis[..., : self.identities] @ identity,
            basis=moving if self.cross is None else moving + identity @ self.cross,
            cross=None,
            identities=0,
        )

    def mean_points(self) -> np.ndarray:
        """(68, 3) landmarks of the mean face in a frontal view."""
        return np.concatenate([self.mean[self.jaw_rows(self.start)], self.mean[:51]])

    def jaw_rows(self, position: np.ndarray) -> np.ndarray:
        """Rows into the P points of integer jaw positions (..., 17)."""
        return 51 + np.arange(17) * self.candidates + position


def landmark_model(model: FaceModel) -> LandmarkModel:
    """The landmarks of a model; made at the first call and kept with the (immutable) model object."""
    kept = vars(model).get("_landmark_model")
    if kept is None:
        kept = _build(model)
        object.__setattr__(model, "_landmark_model", kept)  # the model is frozen; this is a cache, no field
    return kept


def _build(model: FaceModel) -> LandmarkModel:
    active = np.array(
        [i for i, name in enumerate(model.expression_names) if not name.startswith(HIDDEN_EXPRESSIONS)], dtype=int
    )
    surface = annotated_landmarks(model)

    def terms(basis: np.ndarray) -> np.ndarray:
        """(..., V, 3) of the mesh -> (..., P, 3) of the landmarks."""
        face = np.einsum("nk,...nki->...ni", surface.weights[17:], basis[..., surface.ids[17:], :].astype(float))
        return np.concatenate([face, basis[..., model.jaw_contours.ravel(), :].astype(float)], axis=-2)

    basis = np.concatenate([terms(model.identity_basis), terms(model.expression_basis[active])])
    cross = None if model.cross_basis is None else terms(model.cross_basis[:, active])
    return LandmarkModel(
        mean=terms(model.mean),
        basis=np.ascontiguousarray(basis.transpose(1, 2, 0)),
        cross=None if cross is None else np.ascontiguousarray(cross.transpose(2, 3, 0, 1)),
        candidates=model.jaw_contours.shape[1],
        identities=len(model.identity_basis),
        active=active,
        low=model.expression_low[active],
        high=model.expression_high[active],
        spread=model.expression_spread[active],
        start=(model.jaw_contours == model.landmarks[JAW, None]).argmax(axis=1),
        surface=surface,
    )


def landmarks_seen(model: FaceModel, vertices: np.ndarray, camera: AnyCamera) -> SurfacePoints:
    """The 68 landmarks that an annotator would mark on a head (V, 3) seen by ``camera``.

    The jaw's lie on the outline of the face in this view, see :func:`.contour.outline_positions`.
    """
    known = landmark_model(model)
    image = camera.project(vertices[model.jaw_contours])[..., :2]
    return on_jaw(model, known, outline_positions(image, known.start))


def on_jaw(model: FaceModel, known: LandmarkModel, position: np.ndarray) -> SurfacePoints:
    """The landmarks with the jaw's at the given places (17,) along their rows of candidates."""
    low = np.clip(np.floor(position).astype(int), 0, known.candidates - 2)
    ids, weights = known.surface.ids.copy(), known.surface.weights.copy()
    ids[JAW] = model.jaw_contours[np.arange(17)[:, None], np.stack([low, low + 1, low], axis=1)]
    weights[JAW] = np.stack([1.0 - (position - low), position - low, np.zeros(17)], axis=1)
    return SurfacePoints(ids, weights)
