"""The least-squares problem of the fit: N views of one person, residuals, derivatives and priors.

    sum_ni w_ni rho(|project_n(x_i(a, e_n)) - p_ni| / noise_n)
        + identity_prior |a|^2 + sum_n [ |e_n / spread|^2 expression_prior + pose and camera priors ]

``rho(r) = c^2 r^2 / (c^2 + r^2)`` (Geman-McClure) lets a few wrong points be ignored. With weights of 1 this is
twice the negative logarithm of the posterior density for points with Gaussian errors of ``noise`` px.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..head.pose import skew
from .camera_parameters import CAMERA_PARAMETERS, Views
from .contour import jaw_tangents, outline_positions
from .model_at_landmarks import JAW, LandmarkModel

ALONG_JAW = 0.2  # share of a jaw point's residual along the jaw line that counts
YAW_SPREAD, PITCH_SPREAD = np.sin(np.radians([30.0, 15.0]))


@dataclass(frozen=True)
class Problem:
    """N views.

    Attributes:
        model: K identities, A expressions.
        points: (N, 68, 2) px; weights: (N, 68); noise: (N,) px.
        identity_prior, pose_prior: weights. expression_prior: (A,) weights over the squared spread.
        expression_cost: (A,) weights of the coefficients themselves, for few of them instead of a little of many.
        log_distance, log_focal: normal priors of the perspective cameras, each (mean (N,), precision (N,)).
    """

    model: LandmarkModel
    points: np.ndarray
    weights: np.ndarray
    noise: np.ndarray
    identity_prior: float
    expression_prior: np.ndarray
    pose_prior: float
    log_distance: tuple[np.ndarray, np.ndarray]
    log_focal: tuple[np.ndarray, np.ndarray]
    expression_cost: np.ndarray | float = 0.0


@dataclass(frozen=True)
class State:
    """Cameras of N views, identity (K,), expressions (N, A)."""

    views: Views
    identity: np.ndarray
    expression: np.ndarray

    def moved(self, model: LandmarkModel, by_view: np.ndarray, by_identity: np.ndarray) -> State:
        """The state after steps (N, 7 + A) and (K,), expressions clipped to their bounds."""
        expression = np.clip(self.expression + by_view[:, CAMERA_PARAMETERS:], model.low, model.high)
        return State(self.views.moved(by_view[:, :CAMERA_PARAMETERS]), self.identity + by_identity, expression)


@dataclass(frozen=True)
class Jaw:
    """Where the jaw landmarks lie along their rows in each view (N, 17), and how their residuals count (N, 17, 2, 2).

    Where along the jaw a point is put is arbitrary (annotators space them evenly on the visible outline), so its
    residual is shortened along the jaw line.
    """

    position: np.ndarray
    frames: np.ndarray

    def mix(self, model: LandmarkModel, values: np.ndarray) -> np.ndarray:
        """Values (N or 1, P, ...) at the P points -> (N, 17, ...) between neighbouring candidates."""
        low = np.clip(np.floor(self.position).astype(int), 0, model.candidates - 2)
        share = (self.position - low).reshape(*low.shape, *[1] * (values.ndim - 2))
        views = np.zeros((len(low), 1), int) if len(values) == 1 else np.arange(len(low))[:, None]
        rows = model.jaw_rows(low)
        return (1.0 - share) * values[views, rows] + share * values[views, rows + 1]


def slide_jaw(problem: Problem, state: State) -> Jaw:
    """The jaw's landmarks for the present shape and cameras."""
    model = problem.model
    places = model.positions(state.identity, state.expression)
    image = state.views.project(places[:, 51:]).reshape(len(places), 17, model.candidates, 2)
    position = outline_positions(image, model.start)
    jaw = Jaw(position, np.zeros(0))
    tangents = jaw_tangents(state.views.project(jaw.mix(model, places)))
    along = tangents[..., :, None] * tangents[..., None, :]
    return Jaw(position, np.eye(2) - (1.0 - ALONG_JAW) * along)


def landmark_positions(problem: Problem, state: State, jaw: Jaw) -> np.ndarray:
    """The landmarks (N, 68, 3) in head space."""
    places = problem.model.positions(state.identity, state.expression)
    return np.concatenate([jaw.mix(problem.model, places), places[:, :51]], axis=1)


def residuals(problem: Problem, state: State, jaw: Jaw) -> np.ndarray:
    """Projected minus given points (N, 68, 2) over the noise, with the jaw's frames."""
    error = state.views.project(landmark_positions(problem, state, jaw)) - problem.points
    error[:, JAW] = np.einsum("niab,nib->nia", jaw.frames, error[:, JAW])
    return error / problem.noise[:, None, None]


def jacobian(problem: Problem, state: State, jaw: Jaw) -> tuple[np.ndarray, np.ndarray]:
    """Derivatives of :func:`residuals`: by cameras and expressions (N, 68, 2, 7 + A), by the identity (N, 68, 2, K)."""
    model = problem.model
    _, by_camera, by_point = state.views.derivatives(landmark_positions(problem, state, jaw))
    by_camera[:, JAW] = jaw.frames @ by_camera[:, JAW]
    by_point[:, JAW] = jaw.frames @ by_point[:, JAW]
    basis = model.derivatives(state.identity, state.expression)
    shape = np.concatenate([by_point[:, JAW] @ jaw.mix(model, basis), by_point[:, 17:] @ basis[:, :51]], axis=1)
    scale = 1.0 / problem.noise[:, None, None, None]
    own = np.concatenate([by_camera, shape[..., model.identities :]], axis=-1)
    return scale * own, scale * shape[..., : model.identities]


def cost(problem: Problem, state: State, jaw: Jaw, robust: float) -> float:
    """The function that is minimised, with the jaw's landmarks held at ``jaw``."""
    square = (residuals(problem, state, jaw) ** 2).sum(axis=-1)
    total = (problem.weights * robust**2 * square / (robust**2 + square)).sum()
    total += problem.identity_prior * (state.identity @ state.identity)
    total += (problem.expression_prior * state.expression**2 + problem.expression_cost * state.expression).sum()
    facing = state.views.rotation[:, :2, 2] / [YAW_SPREAD, PITCH_SPREAD]
    total += problem.pose_prior * (facing**2).sum()
    for value, (mean, precision) in _camera_priors(problem, state):
        total += (precision * (value - mean) ** 2).sum()
    return float(total)


def _camera_priors(problem: Problem, state: State) -> list[tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]]:
    if np.isinf(state.views.log_distance).any():
        return []
    distance, scale = state.views.log_distance, state.views.log_scale
    return [(distance, problem.log_distance), (distance + scale, problem.log_focal)]


@dataclass(frozen=True)
class Equations:
    """Half the Gauss-Newton Hessian and half the gradient of the cost, in blocks.

    Attributes:
        own: (N, p, p) of each view's camera and expression, p = 7 + A. mixed: (N, p, K). shared: (K, K).
        own_gradient: (N, p). shared_gradient: (K,).
    """

    own: np.ndarray
    mixed: np.ndarray
    shared: np.ndarray
    own_gradient: np.ndarray
    shared_gradient: np.ndarray


def equations(problem: Problem, state: State, jaw: Jaw, robust: float) -> Equations:
    """The normal equations of the iteratively reweighted problem."""
    error = residuals(problem, state, jaw)
    square = (error**2).sum(axis=-1)
    root = (np.sqrt(problem.weights) * robust**2 / (robust**2 + square))[..., None]
    own, shared = jacobian(problem, state, jaw)
    count, rows = len(own), own.shape[1] * own.shape[2]
    own = (own * root[..., None]).reshape(count, rows, own.shape[-1])
    shared = (shared * root[..., None]).reshape(count, rows, shared.shape[-1])
    error = (error * root).reshape(count, -1)
    turned = own.transpose(0, 2, 1)
    flat = shared.reshape(count * rows, shared.shape[-1])
    result = Equations(
        turned @ own,
        turned @ shared,
        flat.T @ flat + problem.identity_prior * np.eye(flat.shape[1]),
        np.einsum("npi,ni->np", turned, error),
        flat.T @ error.ravel() + problem.identity_prior * state.identity,
    )
    _add_priors(problem, state, result)
    return result


def _add_priors(problem: Problem, state: State, result: Equations) -> None:
    index = np.arange(CAMERA_PARAMETERS, result.own.shape[1])
    result.own[:, index, index] += problem.expression_prior
    result.own_gradient[:, index] += problem.expression_prior * state.expression + problem.expression_cost / 2
    facing = state.views.rotation[:, :, 2]
    turn = -skew(facing)[:, :2] / np.array([[YAW_SPREAD], [PITCH_SPREAD]])
    result.own[:, :3, :3] += problem.pose_prior * turn.transpose(0, 2, 1) @ turn
    pull = facing[:, :2] / [YAW_SPREAD, PITCH_SPREAD]
    result.own_gradient[:, :3] += problem.pose_prior * np.einsum("nai,na->ni", turn, pull)
    if np.isinf(state.views.log_distance).any():
        result.own[:, 6, 6] += 1.0  # nothing depends on the distance then: keep the equations regular
    directions = np.zeros((2, CAMERA_PARAMETERS))
    directions[:, 6] = directions[1, 3] = 1.0
    for direction, (value, (mean, precision)) in zip(directions, _camera_priors(problem, state), strict=False):
        result.own[:, :7, :7] += precision[:, None, None] * np.outer(direction, direction)
        result.own_gradient[:, :7] += (precision * (value - mean))[:, None] * direction
