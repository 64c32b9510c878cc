"""Fitting the morphable model to 68 landmarks: camera, identity and expression, of one photo or of many.

The function that is minimised is in :mod:`.problem`, the cameras in :mod:`.camera_parameters`, the first guess in
:mod:`.start`, the descent in :mod:`.solver`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..base.errors import FitError
from ..head.camera import AnyCamera
from ..head.model import FaceModel
from ..mesh.closest import SurfacePoints
from .model_at_landmarks import LandmarkModel, landmark_model, landmarks_seen, on_jaw
from .params import FitParams
from .problem import Jaw, State, slide_jaw
from .settings import FitSettings
from .solver import minimise
from .start import ImageSize, Start, checked, joined, start


@dataclass(frozen=True)
class Fit:
    """A model instance seen by a camera.

    Attributes:
        identity: (K,) coefficients, N(0, 1) over the population.
        expression: (E,) coefficients within the model's bounds.
        camera: head space to the image of the landmarks.
        contour: (17,) vertex ids next to the jaw landmarks in this view.
        surface: the 68 landmarks in this view, between vertices.
    """

    identity: np.ndarray
    expression: np.ndarray
    camera: AnyCamera
    contour: np.ndarray
    surface: SurfacePoints


def fit_landmarks(
    model: FaceModel,
    points: np.ndarray,
    params: FitParams | None = None,
    weights: np.ndarray | None = None,
    image_size: ImageSize | None = None,
) -> Fit:
    """Camera, identity and expression of the face whose 68 landmarks are given.

    Args:
        model: the morphable model.
        points: (68, 2) image points, iBUG order, px, y down; a row of NaN is a missing point.
        params: strengths of the priors; :meth:`.FitSettings.for_art` for a stylised face.
        weights: (68,) non-negative weights; 0 leaves a point out. Default 1.
        image_size: (width, height) px of the image the points are in: its centre is the principal point. Without
            it the camera is weak perspective, whatever ``params.camera`` says.

    Returns:
        The fit; its camera projects head space to the pixels of ``points``.

    Raises:
        LandmarkError: not 68 points.
        FitError: too few points have weight, they are degenerate, or they are no upright-or-rolled face seen
            from the front (mirrored order, for instance).
    """
    return fit_joint(model, [points], params, [weights], [image_size])[0]


def fit_many(
    model: FaceModel,
    points: np.ndarray,
    params: FitParams | None = None,
    weights: np.ndarray | None = None,
    image_size: ImageSize | None = None,
) -> list[Fit]:
    """:func:`fit_landmarks` for N faces of different people, (N, 68, 2); weights (N, 68) or None."""
    weights = [None] * len(points) if weights is None else weights
    return [fit_landmarks(model, p, params, w, image_size) for p, w in zip(points, weights, strict=True)]


def fit_joint(
    model: FaceModel,
    points: Sequence[np.ndarray],
    params: FitParams | None = None,
    weights: Sequence[np.ndarray | None] | None = None,
    image_sizes: Sequence[ImageSize | None] | None = None,
    images: Sequence[np.ndarray] | None = None,
) -> list[Fit]:
    """One person in N photos or frames: a shared identity, an expression and a camera for each.

    Args:
        points: N arrays as for :func:`fit_landmarks`; weights, image_sizes: likewise, or None.
        images: N photos (H, W, 3) uint8 RGB, used if ``params.refine`` is ``photo``; see :mod:`.photometric`.

    Returns:
        N fits with the same identity.

    Raises:
        LandmarkError, FitError: as :func:`fit_landmarks`; with several views the message names the view.
    """
    settings = FitSettings.of(params)
    weights = [None] * len(points) if weights is None else weights
    image_sizes = [None] * len(points) if image_sizes is None else image_sizes
    if not len(points) == len(weights) == len(image_sizes) > 0:
        raise FitError("fit: expected as many weights and image sizes as sets of points, at least one")
    known = landmark_model(model)
    names = ["landmarks"] if len(points) == 1 else [f"landmarks of photo {i + 1}" for i in range(len(points))]
    starts: list[Start] = []
    for where, *view in zip(names, points, weights, image_sizes, strict=True):
        starts.append(start(known, *checked(where, *view[:2]), view[2], settings, where))
    problem, state = joined(known, starts, settings)
    state = minimise(problem, state, settings.iterations)
    if settings.refine == "photo" and images is not None:
        from .photometric import refine

        state = refine(model, problem, state, list(images))
    check_plausible(state, names)
    jaw = slide_jaw(problem, state)
    return [fit_of(model, known, state, jaw, index) for index in range(len(points))]


def check_plausible(state: State, names: Sequence[str]) -> None:
    """Refuse a solution that is no face.

    Raises:
        FitError: with the name of the view.
    """
    for index, where in enumerate(names):
        finite = np.isfinite(state.identity).all() and np.isfinite(state.expression[index]).all()
        if not (finite and state.views.rotation[index, 2, 2] >= 0.2):
            raise FitError(
                f"{where}: they are no face seen from the front (within about 75 degrees); check their order "
                "(jaw from image left to image right) and that y points down"
            )


def fit_of(model: FaceModel, known: LandmarkModel, state: State, jaw: Jaw, index: int) -> Fit:
    """The solution for one view."""
    expression = np.clip(np.zeros(len(model.expression_names)), model.expression_low, model.expression_high)
    expression[known.active] = state.expression[index]
    position = jaw.position[index]
    contour = model.jaw_contours[np.arange(17), np.rint(position).astype(int)].astype(np.int32)
    surface = on_jaw(model, known, position)
    return Fit(state.identity.copy(), expression, state.views.camera(index), contour, surface)


def landmark_vertices(model: FaceModel, fit: Fit) -> np.ndarray:
    """Vertex ids (68,) used in the fitted view: the sliding jaw contour, then the static landmarks."""
    return np.concatenate([fit.contour, model.landmarks[17:]]).astype(np.int32)


def fit_errors(model: FaceModel, fit: Fit, points: np.ndarray) -> np.ndarray:
    """Distances (68,) in px between the fitted head's landmarks in the image and ``points`` (68, 2)."""
    places = fit.surface.of(model.vertices(fit.identity, fit.expression))
    return np.linalg.norm(fit.camera.project(places)[:, :2] - points, axis=1)


def landmark_offsets(
    model: FaceModel, fit: Fit, points: np.ndarray, weights: np.ndarray | None = None, depth_share: float = 0.4
) -> np.ndarray:
    """What the model could not explain of the landmarks, as offsets in head space.

    A residual is seen in two dimensions only: of all offsets that look like it, the most likely one is taken, when
    offsets along z are ``depth_share`` times as large as those along x and y.

    Args:
        model: the model of the fit.
        fit: from :func:`fit_landmarks` on ``points``.
        points: (68, 2) image points, px; NaN where missing.
        weights: (68,) as given to the fit. Default 1.
        depth_share: see above; 0 keeps offsets in the face's plane.

    Returns:
        (68, 3) cm; 0 for points of weight 0 or missing.
    """
    places = fit.surface.of(model.vertices(fit.identity, fit.expression))
    residual = np.asarray(points, float) - fit.camera.project(places)[:, :2]
    residual[np.isnan(residual).any(axis=1)] = 0.0
    if weights is not None:
        residual[np.asarray(weights) == 0] = 0.0
    rows = fit.camera.derivative(places)
    spread = np.diag([1.0, 1.0, depth_share**2])
    # Minimum-norm solution of rows @ offset = residual under the spread (a linear Gaussian posterior mean).
    inverse = np.linalg.inv(rows @ spread @ rows.transpose(0, 2, 1))
    return np.einsum("nai,nab,nb->ni", rows @ spread, inverse, residual)


def frontalise(
    model: FaceModel,
    fit: Fit,
    points: np.ndarray,
    weights: np.ndarray | None = None,
    depth_share: float = 0.4,
) -> np.ndarray:
    """The landmarks as a viewer straight in front of the head, far away, would see them.

    The fitted head's landmarks are projected by ``fit.camera.frontal()``; what the model could not
    explain (an artist's exaggeration) is turned with the head and added, see :func:`landmark_offsets`, which also
    explains the arguments. Points of weight 0 and missing points are the model's.

    Returns:
        (68, 2) px in the frame of ``fit.camera.frontal()``.
    """
    vertices = model.vertices(fit.identity, fit.expression)
    offset = landmark_offsets(model, fit, points, weights, depth_share)
    frontal = fit.camera.frontal()
    return frontal.project(landmarks_seen(model, vertices, frontal).of(vertices) + offset)[:, :2]
