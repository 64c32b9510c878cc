"""The first guess of the fit: input checks, pose of the mean face, noise and priors of each view."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base.errors import FitError, LandmarkError
from ..head.camera import Camera
from ..head.pose import linear_pose
from .camera_parameters import Views
from .model_at_landmarks import JAW, LandmarkModel
from .problem import Problem, State
from .settings import FitSettings

BROWS = slice(17, 27)
BONE = np.array([*range(17, 36), 36, 39, 42, 45])  # brows, nose and eye corners: move little with expression
FRAME_DIAGONAL = np.hypot(36.0, 24.0)  # of the film that focal lengths are given for, mm
PORTRAIT_FOCAL, FOCAL_SPREAD = 55.0, 0.45  # mm; the spread is of the logarithm: 35 to 85 mm
PORTRAIT_DISTANCE, DISTANCE_SPREAD = 90.0, 0.45  # cm
KNOWN_SPREAD = 1e-4  # of the logarithm of a focal length that is given
LEAST_PRIOR = 1e-9  # some shapes (the tongue) move no landmark: keep the equations regular

ImageSize = tuple[int, int]


def checked(where: str, points: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Points (68, 2) without gaps and weights (68,), 0 for the missing ones; ``where`` begins the errors' messages."""
    points = np.asarray(points, float)
    if points.shape != (68, 2):
        raise LandmarkError(f"{where}: shape {points.shape}, expected (68, 2): 68 points x y in iBUG order")
    weights = np.ones(68) if weights is None else np.asarray(weights, float)
    if weights.shape != (68,) or not np.isfinite(weights).all() or (weights < 0).any():
        raise FitError("weights: expected 68 finite numbers, none negative")
    missing = np.isnan(points).any(axis=1)
    if np.isinf(points).any():
        row = int(np.flatnonzero(np.isinf(points).any(axis=1))[0])
        raise LandmarkError(
            f"{where}: point {row + 1} of 68 is {points[row].tolist()}, expected finite numbers, NaN if it is missing"
        )
    weights = np.where(missing, 0.0, weights)
    if (weights[17:] > 0).sum() < 6:
        raise FitError(f"{where}: at least 6 points inside the face (18 to 68) must be given, with a weight above 0")
    return np.where(weights[:, None] > 0, points, points[weights > 0].mean(axis=0)), weights


@dataclass(frozen=True)
class Start:
    """One view before the descent: points and weights of all 68, first camera (N = 1), noise px, camera priors."""

    points: np.ndarray
    weights: np.ndarray
    views: Views
    noise: float
    log_distance: tuple[float, float]
    log_focal: tuple[float, float]


def start(
    known: LandmarkModel,
    points: np.ndarray,
    weights: np.ndarray,
    size: ImageSize | None,
    params: FitSettings,
    where: str,
) -> Start:
    """The mean face in its weak-perspective pose, at the distance that the camera's priors expect."""
    shape = known.mean_points()
    try:
        camera = _first_pose(shape, points, weights)
    except FitError as error:
        raise FitError(str(error).replace("landmarks", where, 1)) from error
    perspective = params.camera == "perspective" and size is not None
    strength = max(params.camera_prior, LEAST_PRIOR)
    log_distance = (float(np.log(PORTRAIT_DISTANCE)), strength * DISTANCE_SPREAD**-2)
    log_focal, first = (0.0, 0.0), np.inf
    if perspective:
        log_focal = _focal_prior(size, params)
        near, far = log_distance[1], log_focal[1]
        first = (near * log_distance[0] + far * (log_focal[0] - np.log(camera.scale))) / (near + far)
    views = Views(
        camera.rotation[None],
        np.log([camera.scale]),
        camera.translation[None],
        np.array([first]),
        np.array([np.divide(size, 2.0) if perspective else camera.translation]),
    )
    weights = weights.copy()
    weights[JAW] *= params.jaw_weight
    weights[BROWS] *= params.brow_weight
    eye_distance = np.linalg.norm(shape[36] - shape[45])
    return Start(points, weights, views, params.noise * camera.scale * eye_distance, log_distance, log_focal)


def _focal_prior(size: ImageSize, params: FitSettings) -> tuple[float, float]:
    """Mean and precision of the logarithm of the focal length in px."""
    length, precision = PORTRAIT_FOCAL, max(params.camera_prior, LEAST_PRIOR) * FOCAL_SPREAD**-2
    if params.focal_length > 0:
        length, precision = params.focal_length, KNOWN_SPREAD**-2
    return float(np.log(length / FRAME_DIAGONAL * np.hypot(*size))), precision


def _first_pose(shape: np.ndarray, points: np.ndarray, given: np.ndarray) -> Camera:
    """Weak-perspective pose of the mean face by the points that move least, reweighted against outliers."""
    weights = 0.2 * given
    weights[JAW] *= 0.5
    weights[BONE] *= 5.0
    for _ in range(5):
        camera = linear_pose(shape, points, weights)
        distance = np.linalg.norm(camera.project(shape)[:, :2] - points, axis=1)
        typical = np.median(distance[weights > 0]) + 1e-9
        weights = weights / np.maximum(1.0, distance / (2.0 * typical))
    return camera


def joined(known: LandmarkModel, starts: list[Start], params: FitSettings) -> tuple[Problem, State]:
    """The problem of several views of one person, and the state to start from."""

    def stacked(name: str) -> np.ndarray:
        return np.concatenate([getattr(start.views, name) for start in starts])

    names = ("rotation", "log_scale", "origin", "log_distance", "principal")
    views = Views(*(stacked(name) for name in names))
    expression = np.tile(np.clip(0.0, known.low, known.high), (len(starts), 1))
    problem = Problem(
        model=known,
        points=np.stack([start.points for start in starts]),
        weights=np.stack([start.weights for start in starts]),
        noise=np.array([start.noise for start in starts]),
        # Errors with a correlation c between N views leave their mean with a variance of (1 + c (N - 1)) / N.
        identity_prior=max(params.identity_prior * (1.0 + params.shared_error * (len(starts) - 1)), LEAST_PRIOR),
        expression_prior=np.maximum(params.expression_prior / known.spread**2, LEAST_PRIOR),
        pose_prior=params.pose_prior,
        log_distance=tuple(np.array([start.log_distance for start in starts]).T),
        log_focal=tuple(np.array([start.log_focal for start in starts]).T),
    )
    return problem, State(views, np.zeros(known.identities), expression)
