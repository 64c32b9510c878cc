"""Numerics of the fit against plain references: cameras, derivatives, priors, the bounded arrow-shaped step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from portrait_pipeline.fit.camera_parameters import CAMERA_PARAMETERS, Views
from portrait_pipeline.fit.model_at_landmarks import landmark_model
from portrait_pipeline.fit.problem import Equations, Problem, State, cost, equations, jacobian, residuals, slide_jaw
from portrait_pipeline.fit.solver import arrow_step
from portrait_pipeline.head.camera import Camera, PerspectiveCamera
from portrait_pipeline.head.pose import rotation_from_angles


@pytest.fixture(scope="module")
def bilinear(model):
    """Few components, and identities that change expressions."""
    rng = np.random.default_rng(0)
    cross = rng.normal(0, 0.05, (4, 6, *model.mean.shape)).astype(np.float32)
    return replace(
        model,
        identity_basis=model.identity_basis[:4],
        expression_basis=model.expression_basis[20:26],
        expression_names=model.expression_names[20:26],
        expression_low=np.full(6, -np.inf),
        expression_high=np.full(6, np.inf),
        expression_spread=np.ones(6),
        cross_basis=cross,
    )


def two_views(distance):
    rotation = np.stack([rotation_from_angles(20, 10, -15), rotation_from_angles(-30, 0, 5)])
    origin, principal = np.array([[310.0, 290.0], [420.0, 250.0]]), np.array([[400.0, 300.0], [350.0, 300.0]])
    return Views(rotation, np.log([20.0, 14.0]), origin, np.log(np.full(2, distance)), principal)


def problem_and_state(model, distance, seed=1):
    rng = np.random.default_rng(seed)
    known = landmark_model(model)
    size = len(known.active)
    state = State(two_views(distance), rng.normal(0, 0.5, known.identities), rng.uniform(0.1, 0.5, (2, size)))
    problem = Problem(
        known,
        rng.normal(300, 50, (2, 68, 2)),
        rng.uniform(0.2, 1.0, (2, 68)),
        np.array([2.0, 3.0]),
        0.7,
        np.full(size, 1.3),
        0.9,
        (np.log([90.0, 90.0]), np.array([5.0, 4.0])),
        (np.log([800.0, 900.0]), np.array([6.0, 7.0])),
    )
    return problem, state


def moved(problem, state, k, h):
    """The state after a step h of parameter k: 2 x (7 + A) of the views, then the identity."""
    own = np.zeros((2, CAMERA_PARAMETERS + len(problem.model.active)))
    shared = np.zeros(problem.model.identities)
    if k < own.size:
        own.reshape(-1)[k] = h
    else:
        shared[k - own.size] = h
    return state.moved(problem.model, own, shared)


@pytest.mark.parametrize("distance", [50.0, np.inf])
@pytest.mark.parametrize("kind", ["linear", "bilinear"])
def test_jacobian_against_central_differences(model, bilinear, distance, kind):
    problem, state = problem_and_state(model if kind == "linear" else bilinear, distance)
    jaw = slide_jaw(problem, state)
    own, shared = jacobian(problem, state, jaw)
    width = own.shape[-1]
    last = 2 * width + shared.shape[-1]
    h = 1e-5
    for k in [*range(9), width + 2, width + 6, width + 9, 2 * width, 2 * width + 3, last - 1]:
        ahead, back = (residuals(problem, moved(problem, state, k, s), jaw) for s in (h, -h))
        expected = np.zeros((2, 68, 2))
        if k < 2 * width:
            expected[k // width] = own[k // width, ..., k % width]
        else:
            expected = shared[..., k - 2 * width]
        assert np.allclose(expected, (ahead - back) / (2 * h), atol=1e-4, rtol=1e-5), k


@pytest.mark.parametrize("distance", [60.0, np.inf])
def test_gradient_of_the_whole_cost_against_central_differences(model, distance):
    problem, state = problem_and_state(model, distance, seed=2)
    jaw = slide_jaw(problem, state)
    system = equations(problem, state, jaw, 6.0)
    gradient = np.concatenate([system.own_gradient.ravel(), system.shared_gradient])
    h = 1e-5
    for k in [*range(9), 30, 60, len(gradient) - 5]:
        ahead, back = (cost(problem, moved(problem, state, k, s), jaw, 6.0) for s in (h, -h))
        assert np.isclose(2 * gradient[k], (ahead - back) / (2 * h), rtol=1e-4, atol=1e-3), k


@pytest.mark.parametrize("distance", [45.0, np.inf])
def test_the_cameras_of_the_fit_are_the_cameras_of_the_rest(distance):
    views = two_views(distance)
    points = np.random.default_rng(3).normal(0, 6, (2, 40, 3))
    for i in range(2):
        camera = views.camera(i)
        assert isinstance(camera, Camera if np.isinf(distance) else PerspectiveCamera)
        assert np.allclose(views.project(points)[i], camera.project(points[i])[:, :2])


@pytest.mark.parametrize(
    "camera",
    [
        Camera(rotation_from_angles(20, 5, 3), 15.0, np.array([300.0, 200.0])),
        PerspectiveCamera(rotation_from_angles(-30, 5, 3), np.array([3.0, 2.0, -60.0]), 900.0, np.array([300.0, 200])),
    ],
)
def test_the_derivative_of_a_camera_against_central_differences(camera):
    points, h = np.random.default_rng(4).normal(0, 6, (30, 3)), 1e-5
    for axis in range(3):
        step = h * np.eye(3)[axis]
        ahead, back = camera.project(points + step), camera.project(points - step)
        assert np.allclose(camera.derivative(points)[..., axis], (ahead - back)[:, :2] / (2 * h), atol=1e-5)


def arrow(rng, count=3, own=8, shared=5):
    """A random arrow-shaped least-squares problem, in blocks and as one matrix."""
    matrices = rng.normal(size=(count, 30, own)), rng.normal(size=(count, 30, shared))
    right = rng.normal(size=(count, 30)) * 3
    whole = np.zeros((count * 30, count * own + shared))
    for i in range(count):
        whole[i * 30 : (i + 1) * 30, i * own : (i + 1) * own] = matrices[0][i]
        whole[i * 30 : (i + 1) * 30, count * own :] = matrices[1][i]
    turned = matrices[0].transpose(0, 2, 1)
    system = Equations(
        turned @ matrices[0],
        turned @ matrices[1],
        np.einsum("nia,nib->ab", matrices[1], matrices[1]),
        -np.einsum("npi,ni->np", turned, right),
        -np.einsum("nia,ni->a", matrices[1], right),
    )
    return system, whole, right.ravel()


def test_the_arrow_step_solves_the_whole_system():
    system, matrix, right = arrow(np.random.default_rng(5))
    free = np.full((3, 8), np.inf)
    own, shared = arrow_step(system, 0.0, -free, free)
    expected = np.linalg.lstsq(matrix, right, rcond=None)[0]
    assert np.allclose(np.concatenate([own.ravel(), shared]), expected)


@pytest.mark.parametrize("seed", range(6))
def test_the_bounded_step_minimises_the_quadratic_over_the_box(seed):
    """Against scipy's bounded least squares."""
    rng = np.random.default_rng(seed)
    system, matrix, right = arrow(rng)
    low, high = -rng.uniform(0, 0.3, (3, 8)), rng.uniform(0, 0.3, (3, 8))
    low[:, :4], high[:, :4] = -np.inf, np.inf
    low[0, 5], high[1, 6] = 0.0, 0.0
    own, shared = arrow_step(system, 0.0, low, high)
    below = np.concatenate([low.ravel() - 1e-12, np.full(5, -np.inf)])
    above = np.concatenate([high.ravel() + 1e-12, np.full(5, np.inf)])
    expected = lsq_linear(matrix, right, (below, above), tol=1e-14).x
    assert np.allclose(np.concatenate([own.ravel(), shared]), expected, atol=1e-5)
