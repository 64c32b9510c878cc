"""Fitting the morphable model to 68 landmarks: weak-perspective camera, identity and expression.

Minimises, by Gauss-Newton steps with Levenberg-Marquardt damping and bounds on the expression,

    sum_i w_i rho(|project(v_i) - p_i| / (noise * eye distance))
        + identity_prior * |identity|^2 + expression_prior * |expression / 0.4|^2 + pose prior

where ``rho(e) = c^2 e^2 / (c^2 + e^2)`` (Geman-McClure) lets a few wrong points be ignored, and the jaw
points use whichever vertex of their contour is on the outline of the face in the current view and count less
along the jaw line than across it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import FitError, LandmarkError
from ..params import FitParams
from .camera import Camera
from .contour import outline_vertices, turned_share
from .model import FaceModel
from .pose import linear_pose, rotation_from_vector, skew

JAW = slice(0, 17)
BONE = np.array([*range(17, 36), 36, 39, 42, 45])  # brows, nose and eye corners: move little with expression
# Shapes that 68 points cannot tell: the gaze moves the lids a little, mouthClose only makes sense with
# jawOpen, puffed cheeks look like another identity.
HIDDEN_EXPRESSIONS = ("eyeLook", "mouthClose", "cheekPuff")
EXPRESSION_SPREAD = 0.4
ALONG_JAW = 0.5  # share of a jaw point's residual along the jaw line that counts
YAW_SPREAD, PITCH_SPREAD = np.sin(np.radians([30.0, 15.0]))
ROBUST_SCALES = (30.0, 12.0, 6.0, 6.0)  # of rho, in units of the noise; annealed, because rho is not convex


@dataclass(frozen=True)
class Fit:
    """A model instance seen by a camera.

    Attributes:
        identity: (K,) coefficients, N(0, 1) over the population.
        expression: (E,) coefficients in [0, 1].
        camera: head space to the image of the landmarks.
        contour: (17,) vertex ids used for the jaw landmarks in this view.
    """

    identity: np.ndarray
    expression: np.ndarray
    camera: Camera
    contour: np.ndarray


@dataclass(frozen=True)
class _Problem:
    """The model restricted to the vertices that landmarks can use; positions (M, 3), columns into those M."""

    mean: np.ndarray
    basis: np.ndarray  # (K + A, M, 3): identity, then the expressions that take part
    identities: int
    static: np.ndarray  # (68,) columns
    contours: np.ndarray  # (17, C) columns
    points: np.ndarray  # (68, 2)
    weights: np.ndarray  # (68,)
    frames: np.ndarray  # (68, 2, 2) applied to the residuals: the jaw's are shortened along the jaw line
    prior: np.ndarray  # (K + A,) half the second derivative of the prior
    pose_prior: float


@dataclass(frozen=True)
class _State:
    camera: Camera
    coefficients: np.ndarray

    def vertices(self, problem: _Problem, columns: np.ndarray) -> np.ndarray:
        return problem.mean[columns] + np.einsum("k,kij->ij", self.coefficients, problem.basis[:, columns])


def fit_landmarks(
    model: FaceModel, points: np.ndarray, params: FitParams | None = None, weights: np.ndarray | None = None
) -> Fit:
    """Camera, identity and expression of the face whose 68 landmarks are given.

    Args:
        model: the morphable model.
        points: (68, 2) image points, iBUG order, px, y down.
        params: strengths of the priors; ``params.for_art()`` for a stylised face.
        weights: (68,) non-negative weights; 0 leaves a point out. Default 1.

    Returns:
        The fit; its camera projects head space to the pixels of ``points``.

    Raises:
        LandmarkError: not 68 finite points.
        FitError: too few points have weight, they are degenerate, or they are no upright-or-rolled face seen
            from the front (mirrored order, for instance).
    """
    params = params or FitParams()
    points, weights = _checked(points, weights)
    problem, columns = _problem(model, points, weights, params)
    state = _initial(problem)
    eye_distance = np.linalg.norm(np.subtract(*problem.mean[problem.static[[36, 45]]]))
    noise = params.noise * state.camera.scale * eye_distance
    start = _static_candidates(problem)
    rounds = len(ROBUST_SCALES)
    for turn, robust in enumerate(ROBUST_SCALES):
        steps = params.iterations * (turn + 1) // rounds - params.iterations * turn // rounds
        chosen = _choose(problem, state, start)
        state = _minimise(problem, state, _columns(problem, chosen), noise, robust, steps)
    if not np.isfinite(state.coefficients).all() or state.camera.rotation[2, 2] < 0.2:
        raise FitError(
            "landmarks: they are no face seen from the front (within about 75 degrees); check their order "
            "(jaw from image left to image right) and that y points down"
        )
    return _result(model, params, problem, columns, state, chosen)


def _checked(points: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    points = np.asarray(points, float)
    if points.shape != (68, 2):
        raise LandmarkError(f"landmarks: shape {points.shape}, expected (68, 2): 68 points x y in iBUG order")
    if not np.isfinite(points).all():
        row = int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])
        raise LandmarkError(
            f"landmarks: point {row + 1} of 68 is {points[row].tolist()}, expected finite numbers"
        )
    weights = np.ones(68) if weights is None else np.asarray(weights, float)
    if weights.shape != (68,) or not np.isfinite(weights).all() or (weights < 0).any():
        raise FitError("weights: expected 68 finite numbers, none negative")
    if (weights[17:] > 0).sum() < 6:
        raise FitError("weights: at least 6 landmarks inside the face (18 to 68) need a weight above 0")
    return points, weights


def _visible_expressions(model: FaceModel) -> np.ndarray:
    return np.array([i for i, n in enumerate(model.expression_names) if not n.startswith(HIDDEN_EXPRESSIONS)])


def _problem(
    model: FaceModel, points: np.ndarray, weights: np.ndarray, params: FitParams
) -> tuple[_Problem, np.ndarray]:
    columns, inverse = np.unique(
        np.concatenate([model.landmarks, model.jaw_contours.ravel()]), return_inverse=True
    )
    active = _visible_expressions(model)
    identities = len(model.identity_basis)
    basis = np.concatenate([model.identity_basis[:, columns], model.expression_basis[active][:, columns]])
    prior = np.concatenate(
        [
            np.full(identities, params.identity_prior),
            np.full(len(active), params.expression_prior / EXPRESSION_SPREAD**2),
        ]
    )
    prior = np.maximum(prior, 1e-6)  # some shapes (the tongue) move no landmark: keep the equations regular
    weights = weights.copy()
    weights[JAW] *= params.jaw_weight
    return _Problem(
        model.mean[columns].astype(float),
        basis.astype(float),
        identities,
        inverse[:68],
        inverse[68:].reshape(model.jaw_contours.shape),
        points,
        weights,
        _frames(points),
        prior,
        params.pose_prior,
    ), columns


def _frames(points: np.ndarray) -> np.ndarray:
    """Where along the jaw a point is put is arbitrary (annotators space them evenly on the visible outline)."""
    frames = np.tile(np.eye(2), (68, 1, 1))
    tangent = np.gradient(points[JAW], axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-12)
    frames[JAW] -= (1.0 - ALONG_JAW) * tangent[:, :, None] * tangent[:, None]
    return frames


def _initial(problem: _Problem) -> _State:
    """Mean face, pose from the points that move least, reweighted a few times against outliers."""
    weights = 0.2 * problem.weights
    weights[JAW] *= 0.5
    weights[BONE] *= 5.0
    shape = problem.mean[problem.static]
    for _ in range(5):
        camera = linear_pose(shape, problem.points, weights)
        distance = np.linalg.norm(camera.project(shape)[:, :2] - problem.points, axis=1)
        typical = np.median(distance[weights > 0]) + 1e-9
        weights = weights / np.maximum(1.0, distance / (2.0 * typical))
    return _State(camera, np.zeros(len(problem.basis)))


def _static_candidates(problem: _Problem) -> np.ndarray:
    return (problem.contours == problem.static[JAW, None]).argmax(axis=1)


def _choose(problem: _Problem, state: _State, start: np.ndarray) -> np.ndarray:
    used, inverse = np.unique(problem.contours, return_inverse=True)
    projected = state.camera.project(state.vertices(problem, used))[:, :2]
    share = turned_share(state.camera.rotation)
    return outline_vertices(inverse.reshape(problem.contours.shape), projected, start, share)


def _columns(problem: _Problem, chosen: np.ndarray) -> np.ndarray:
    columns = problem.static.copy()
    columns[JAW] = problem.contours[np.arange(17), chosen]
    return columns


def residuals(problem: _Problem, state: _State, columns: np.ndarray) -> np.ndarray:
    """Projected minus given points, (68, 2) px, in ``problem.frames``."""
    difference = state.camera.project(state.vertices(problem, columns))[:, :2] - problem.points
    return np.einsum("iab,ib->ia", problem.frames, difference)


def jacobian(problem: _Problem, state: _State, columns: np.ndarray) -> np.ndarray:
    """Derivative of :func:`residuals`, (68, 2, 6 + K + A).

    Parameters: rotation vector w applied on the left (R <- exp(w) R), logarithm of the scale, translation x
    and y, identity, expression.
    """
    camera = state.camera
    turned = camera.scale * state.vertices(problem, columns) @ camera.rotation.T
    result = np.zeros((len(columns), 2, 6 + len(problem.basis)))
    result[:, :, :3] = -skew(turned)[:, :2]
    result[:, :, 3] = turned[:, :2]
    result[:, 1] *= -1.0  # the image's y points down
    result[:, 0, 4] = result[:, 1, 5] = 1.0
    plane = camera.scale * camera.rotation[:2] * [[1.0], [-1.0]]
    result[:, :, 6:] = np.einsum("ab,kib->iak", plane, problem.basis[:, columns])
    return problem.frames @ result


def _cost(problem: _Problem, state: _State, columns: np.ndarray, noise: float, robust: float) -> float:
    square = (residuals(problem, state, columns) ** 2).sum(axis=1) / noise**2
    data = problem.weights @ (robust**2 * square / (robust**2 + square))
    facing = state.camera.rotation[:2, 2] / [YAW_SPREAD, PITCH_SPREAD]
    return float(data + problem.prior @ state.coefficients**2 + problem.pose_prior * facing @ facing)


def _minimise(
    problem: _Problem, state: _State, columns: np.ndarray, noise: float, robust: float, steps: int
) -> _State:
    """Damped Gauss-Newton with iteratively reweighted residuals; a step that does not lower the cost is refused."""
    damping, cost = 1e-3, _cost(problem, state, columns, noise, robust)
    for _ in range(steps):
        hessian, gradient = _normal_equations(problem, state, columns, noise, robust)
        step = _bounded_step(problem, state, hessian + damping * np.diag(np.diag(hessian)), gradient)
        trial = _advance(problem, state, step)
        trial_cost = _cost(problem, trial, columns, noise, robust)
        if trial_cost < cost:
            gain, state, cost, damping = cost - trial_cost, trial, trial_cost, damping * 0.2
            if gain < 1e-7 * cost:
                break
        else:
            damping = max(damping * 8.0, 1e-6)
            if damping > 1e6:
                break
    return state


def _normal_equations(
    problem: _Problem, state: _State, columns: np.ndarray, noise: float, robust: float
) -> tuple[np.ndarray, np.ndarray]:
    """Half the Gauss-Newton Hessian and half the gradient of the cost."""
    error = residuals(problem, state, columns)
    square = (error**2).sum(axis=1) / noise**2
    influence = problem.weights * (robust**2 / (robust**2 + square)) ** 2 / noise**2
    matrix = jacobian(problem, state, columns)
    weighted = matrix * influence[:, None, None]
    flat = matrix.reshape(-1, matrix.shape[2])
    hessian = weighted.reshape(flat.shape).T @ flat
    gradient = weighted.reshape(flat.shape).T @ error.ravel()
    index = np.arange(6, len(gradient))
    hessian[index, index] += problem.prior
    gradient[index] += problem.prior * state.coefficients
    facing = state.camera.rotation[:, 2]
    turn = -skew(facing)[:2] / np.array([[YAW_SPREAD], [PITCH_SPREAD]])
    hessian[:3, :3] += problem.pose_prior * turn.T @ turn
    gradient[:3] += problem.pose_prior * turn.T @ (facing[:2] / [YAW_SPREAD, PITCH_SPREAD])
    return hessian, gradient


def _bounded_step(problem: _Problem, state: _State, hessian: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Minimiser of the quadratic model with the expression kept in [0, 1], by an active set."""
    first = 6 + problem.identities
    value = state.coefficients[problem.identities :]
    low, high = -value, 1.0 - value
    fixed = np.zeros(len(gradient), bool)
    step = np.zeros(len(gradient))
    for _ in range(20):
        free = ~fixed
        step[free] = np.linalg.solve(
            hessian[np.ix_(free, free)], -gradient[free] - hessian[np.ix_(free, fixed)] @ step[fixed]
        )
        tail = step[first:]
        outside = ((tail < low - 1e-12) | (tail > high + 1e-12)) & ~fixed[first:]
        tail[:] = np.clip(tail, low, high)
        # A fixed coefficient is let go when the slope points back into the interval.
        slope = (hessian @ step + gradient)[first:]
        inward = fixed[first:] & (((tail <= low) & (slope < -1e-9)) | ((tail >= high) & (slope > 1e-9)))
        if not outside.any() and not inward.any():
            break
        fixed[first:] = (fixed[first:] | outside) & ~(inward & ~outside.any())
    return step


def _advance(problem: _Problem, state: _State, step: np.ndarray) -> _State:
    camera = state.camera
    left, _, right = np.linalg.svd(rotation_from_vector(step[:3]) @ camera.rotation)
    scale = camera.scale * float(np.exp(np.clip(step[3], -1.0, 1.0)))
    coefficients = state.coefficients + step[6:]
    tail = coefficients[problem.identities :]
    np.clip(tail, 0.0, 1.0, out=tail)
    return _State(Camera(left @ right, scale, camera.translation + step[4:6]), coefficients)


def _result(
    model: FaceModel,
    params: FitParams,
    problem: _Problem,
    columns: np.ndarray,
    state: _State,
    chosen: np.ndarray,
) -> Fit:
    expression = np.zeros(len(model.expression_names))
    expression[_visible_expressions(model)] = state.coefficients[problem.identities :]
    contour = columns[problem.contours[np.arange(17), chosen]]
    return Fit(state.coefficients[: problem.identities], expression, state.camera, contour.astype(np.int32))


def landmark_vertices(model: FaceModel, fit: Fit) -> np.ndarray:
    """Vertex ids (68,) used in the fitted view: the sliding jaw contour, then the static landmarks."""
    return np.concatenate([fit.contour, model.landmarks[17:]]).astype(np.int32)


def fit_errors(model: FaceModel, fit: Fit, points: np.ndarray) -> np.ndarray:
    """Distances (68,) in px between the fitted head's landmarks in the image and ``points`` (68, 2)."""
    vertices = model.vertices(fit.identity, fit.expression)[landmark_vertices(model, fit)]
    return np.linalg.norm(fit.camera.project(vertices)[:, :2] - points, axis=1)


def frontalise(
    model: FaceModel,
    fit: Fit,
    points: np.ndarray,
    weights: np.ndarray | None = None,
    depth_share: float = 0.4,
) -> np.ndarray:
    """The landmarks as a viewer straight in front of the head would see them.

    The fitted head's static landmarks are projected by ``fit.camera.frontal()``; what the model could not
    explain (an artist's exaggeration) is turned with the head and added. A residual is seen in two dimensions
    only: of all head-space offsets that look like it, the most likely one is taken, when offsets along z are
    ``depth_share`` times as large as those along x and y.

    Args:
        model: the model of the fit.
        fit: from :func:`fit_landmarks` on ``points``.
        points: (68, 2) image points, px.
        weights: (68,) as given to the fit; points of weight 0 are replaced by the model's. Default 1.
        depth_share: see above; 0 keeps offsets in the face's plane.

    Returns:
        (68, 2) px in the frame of ``fit.camera.frontal()``.
    """
    vertices = model.vertices(fit.identity, fit.expression)
    seen = fit.camera.project(vertices[landmark_vertices(model, fit)])[:, :2]
    residual = (np.asarray(points, float) - seen) * [1.0, -1.0]
    if weights is not None:
        residual[np.asarray(weights) == 0] = 0.0
    rows = fit.camera.rotation[:2]
    spread = np.diag([1.0, 1.0, depth_share**2])
    # Minimum-norm solution of rows @ offset = residual under the spread (a linear Gaussian posterior mean).
    offset = residual @ np.linalg.solve(rows @ spread @ rows.T, rows @ spread)
    frontal = fit.camera.frontal().project(vertices[model.landmarks])[:, :2]
    return frontal + offset[:, :2] * [1.0, -1.0]
