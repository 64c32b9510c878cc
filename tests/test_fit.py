"""Fit of the morphable model to 68 landmarks: derivatives, recovery of known heads, robustness, frontal view."""

from __future__ import annotations

import numpy as np
import pytest

from portrait_pipeline.base.errors import FitError, LandmarkError
from portrait_pipeline.fit.fit import fit_errors, fit_landmarks, frontalise
from portrait_pipeline.fit.model_at_landmarks import landmarks_seen
from portrait_pipeline.fit.settings import FitSettings
from portrait_pipeline.head.camera import Camera
from portrait_pipeline.head.points import MIRROR
from portrait_pipeline.head.pose import (
    angles_from_rotation,
    linear_pose,
    rotation_from_angles,
    rotation_from_vector,
    skew,
)

CONFIDENT = FitSettings(identity_prior=0.01, expression_prior=0.01, pose_prior=0.0, iterations=120)


def camera(yaw=0.0, pitch=0.0, roll=0.0, scale=20.0):
    return Camera(rotation_from_angles(yaw, pitch, roll), scale, np.array([310.0, 290.0]))


def head(model, seed=0, smile=0.6):
    """Random identity (first 10 coefficients), an open smile."""
    identity = np.zeros(len(model.identity_basis))
    identity[:10] = np.random.default_rng(seed).normal(0.0, 0.8, 10)
    expression = np.zeros(len(model.expression_names))
    for name, value in (("mouthSmile", smile), ("jawOpen", 0.5 * smile), ("browInnerUp", 0.5 * smile)):
        expression[[n.startswith(name) for n in model.expression_names]] = value
    return identity, expression


def seen_landmarks(model, identity, expression, view):
    """Landmarks of a posed head, the jaw's on its outline, and where on the mesh they are."""
    vertices = model.vertices(identity, expression)
    surface = landmarks_seen(model, vertices, view)
    return view.project(surface.of(vertices))[:, :2], surface


def eye_distance(points):
    return np.linalg.norm(points[36] - points[45])


def test_angles_are_the_inverse_of_rotation_and_point_where_they_say():
    for angles in [(20.0, 10.0, 5.0), (-30.0, -12.0, 40.0), (0.0, 0.0, 0.0)]:
        rotation = rotation_from_angles(*angles)
        assert np.allclose(rotation @ rotation.T, np.eye(3)) and np.isclose(np.linalg.det(rotation), 1.0)
        assert np.allclose(angles_from_rotation(rotation), angles)
    nose = np.array([0.0, 0.0, 1.0])
    assert (rotation_from_angles(20, 0, 0) @ nose)[0] > 0.3  # image right
    assert (rotation_from_angles(0, 20, 0) @ nose)[1] > 0.3  # up
    assert (rotation_from_angles(0, 0, 20) @ [1.0, 0, 0])[1] > 0.3  # anticlockwise


def test_rotation_vector_agrees_with_the_series_of_the_exponential():
    vector = np.array([0.3, -0.2, 0.5])
    series, term = np.eye(3), np.eye(3)
    for k in range(1, 25):
        term = term @ skew(vector) / k
        series = series + term
    assert np.allclose(rotation_from_vector(vector), series, atol=1e-12)
    assert np.allclose(rotation_from_vector(np.zeros(3)), np.eye(3))


def test_linear_pose_recovers_an_exact_view(model):
    view = camera(35.0, -15.0, 50.0)
    shape = model.mean[model.landmarks].astype(float)
    found = linear_pose(shape, view.project(shape)[:, :2], np.ones(68))
    assert np.allclose(found.rotation, view.rotation, atol=1e-6)
    assert np.isclose(found.scale, view.scale) and np.allclose(found.translation, view.translation)


@pytest.mark.parametrize("yaw, pitch, roll", [(0, 0, 0), (30, 0, 0), (-30, 10, 20), (10, -15, -60)])
def test_recovers_a_known_head_from_exact_points(model, yaw, pitch, roll):
    identity, expression = head(model, seed=abs(yaw) + roll + 100)
    view = camera(yaw, pitch, roll)
    points, _ = seen_landmarks(model, identity, expression, view)
    fit = fit_landmarks(model, points, CONFIDENT)
    assert fit_errors(model, fit, points).mean() < 0.01 * eye_distance(points)
    found = np.array(angles_from_rotation(fit.camera.rotation))
    assert np.abs(found - [yaw, pitch, roll]).max() < 4.0
    # A larger head further away gives the same picture: compare in pixels, scale times shape.
    true = view.scale * model.vertices(identity, expression)[model.landmarks[17:]]
    got = fit.camera.scale * model.vertices(fit.identity, fit.expression)[model.landmarks[17:]]
    error = np.linalg.norm(got - got.mean(axis=0) - true + true.mean(axis=0), axis=1)
    assert error.mean() < 0.05 * eye_distance(points)


def test_the_expression_stays_in_its_range_and_the_gaze_is_left_alone(model):
    identity, expression = head(model, smile=1.0)
    points, _ = seen_landmarks(model, identity, expression, camera())
    points[48:] = points[48:].mean(axis=0) + 1.6 * (points[48:] - points[48:].mean(axis=0))  # beyond any smile
    fit = fit_landmarks(model, points)
    assert fit.expression.min() >= 0.0 and fit.expression.max() <= 1.0
    gaze = [i for i, n in enumerate(model.expression_names) if n.startswith(("eyeLook", "mouthClose"))]
    assert np.all(fit.expression[gaze] == 0.0)


def test_five_wrong_points_hardly_move_the_fit(model):
    identity, expression = head(model, seed=5, smile=0.2)
    points, _ = seen_landmarks(model, identity, expression, camera(15.0, 0.0, 5.0))
    rng = np.random.default_rng(6)
    bad = np.array([3, 20, 31, 46, 57])
    spoiled = points.copy()
    spoiled[bad] += rng.choice([-1, 1], (5, 2)) * rng.uniform(0.3, 0.6, (5, 2)) * eye_distance(points)
    fit = fit_landmarks(model, spoiled)
    good = np.setdiff1d(np.arange(68), bad)
    assert fit_errors(model, fit, points)[good].mean() < 0.03 * eye_distance(points)
    assert np.abs(np.subtract(angles_from_rotation(fit.camera.rotation), (15.0, 0.0, 5.0))).max() < 6.0


def test_points_of_weight_zero_do_not_count(model):
    identity, expression = head(model, seed=7)
    points, _ = seen_landmarks(model, identity, expression, camera())
    weights = np.ones(68)
    weights[60:] = 0.0
    moved = points.copy()
    moved[60:] += 100.0
    one, two = fit_landmarks(model, points, weights=weights), fit_landmarks(model, moved, weights=weights)
    assert np.allclose(one.identity, two.identity) and np.allclose(one.camera.rotation, two.camera.rotation)
    assert np.allclose(frontalise(model, one, points, weights), frontalise(model, two, moved, weights))


def test_noisy_points_give_no_wild_identity(model):
    identity, expression = head(model, seed=8)
    points, _ = seen_landmarks(model, identity, expression, camera(-10.0))
    points = points + np.random.default_rng(9).normal(0, 0.02 * eye_distance(points), (68, 2))
    fit = fit_landmarks(model, points)
    assert np.abs(fit.identity).max() < 3.5 and np.sqrt((fit.identity**2).mean()) < 1.1


def test_scale_and_shift_of_the_image_do_not_change_the_head(model):
    identity, expression = head(model, seed=10)
    points, _ = seen_landmarks(model, identity, expression, camera(12.0))
    one, two = fit_landmarks(model, points), fit_landmarks(model, 3.0 * points + [40.0, -20.0])
    assert np.allclose(one.identity, two.identity, atol=1e-3)
    assert np.isclose(two.camera.scale, 3.0 * one.camera.scale, rtol=1e-3)


def test_a_mirrored_face_turns_the_other_way(model):
    identity, expression = head(model, seed=11)
    points, _ = seen_landmarks(model, identity, expression, camera(25.0))
    flipped = points[MIRROR] * [-1.0, 1.0] + [640.0, 0.0]
    yaw = [angles_from_rotation(fit_landmarks(model, p).camera.rotation)[0] for p in (points, flipped)]
    assert yaw[0] > 15 and abs(yaw[0] + yaw[1]) < 2.0


def test_the_jaw_slides_to_the_outline_of_a_turned_head(model):
    vertices, view = model.mean.astype(float), camera(35.0)
    points, surface = seen_landmarks(model, np.zeros(1), np.zeros(len(model.expression_names)), view)
    # The far cheek (image right): no candidate of a row lies further out than the chosen place.
    projected = view.project(vertices)[:, :2]
    for row in (12, 13, 14):
        assert points[row, 0] >= projected[model.jaw_contours[row], 0].max() - 0.02 * eye_distance(points)
    assert (surface.ids[9:17, 0] != model.landmarks[9:17]).any()


def test_the_jaw_beside_the_ear_does_not_slide_behind_it(model):
    """Annotators follow the border of cheek and ear on the near side of a turned head, which is no outline."""
    expression = np.zeros(len(model.expression_names))
    places = [seen_landmarks(model, np.zeros(1), expression, camera(yaw))[1].of(model.mean) for yaw in (0, 45)]
    assert np.linalg.norm(places[0][0] - places[1][0]) < 0.6


def test_frontalise_leaves_a_frontal_face_alone(model):
    identity, expression = head(model, seed=12)
    points, _ = seen_landmarks(model, identity, expression, camera())
    fit = fit_landmarks(model, points)
    assert np.linalg.norm(frontalise(model, fit, points) - points, axis=1).mean() < 0.02 * eye_distance(points)


@pytest.mark.parametrize("yaw, pitch, roll", [(25, 0, 0), (-20, 8, 15), (0, 0, 40)])
def test_frontalise_keeps_an_exaggeration_and_removes_the_pose(model, yaw, pitch, roll):
    """A posed head whose landmarks were moved in the plane of its face gives its own frontal landmarks."""
    identity, expression = head(model, seed=13, smile=0.0)
    vertices = model.vertices(0.5 * identity, expression)
    view = camera(yaw, pitch, roll)
    _, surface = seen_landmarks(model, 0.5 * identity, expression, view)
    offset = np.zeros((68, 3))
    offset[36:48, 1] += 0.7  # eyes up
    offset[48:, 0] *= 1.0
    offset[48:, 1] -= 0.6  # mouth down
    offset[6:11, 1] -= 1.2  # long chin
    points = view.project(surface.of(vertices) + offset)[:, :2]
    wanted = view.frontal().project(landmarks_seen(model, vertices, view.frontal()).of(vertices) + offset)[:, :2]
    fit = fit_landmarks(model, points, FitSettings.for_art(None))
    got = frontalise(model, fit, points)
    # Position and size of the frame are the camera's business.
    a, b = got - got.mean(axis=0), wanted - wanted.mean(axis=0)
    a *= (a * b).sum() / (a * a).sum()
    posed = points - points.mean(axis=0)
    error, before = np.linalg.norm(a - b, axis=1).mean(), np.linalg.norm(posed - b, axis=1).mean()
    assert error < 0.05 * eye_distance(wanted) and error < 0.4 * before


@pytest.mark.parametrize(
    "spoil, error, words",
    [
        (lambda p: p[:67], LandmarkError, "expected (68, 2)"),
        (lambda p: np.where(np.arange(68)[:, None] == 4, np.inf, p), LandmarkError, "point 5 of 68"),
        (lambda p: np.where(np.arange(68)[:, None] > 18, np.nan, p), FitError, "at least 6 points"),
        (lambda p: np.zeros((68, 2)), FitError, "on a line"),
        (lambda p: np.column_stack([p[:, 0], p[:, 0]]), FitError, "on a line"),
        (lambda p: p * [-1.0, 1.0], FitError, "order"),
    ],
)
def test_bad_points_are_refused_in_one_line(model, spoil, error, words):
    points, _ = seen_landmarks(model, *head(model), camera())
    points = spoil(points)
    with pytest.raises(error) as caught:
        fit_landmarks(model, points)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_bad_weights_are_refused(model):
    points, _ = seen_landmarks(model, *head(model), camera())
    for weights in (np.ones(5), -np.ones(68), np.r_[np.ones(17), np.zeros(51)]):
        with pytest.raises(FitError):
            fit_landmarks(model, points, weights=weights)


def test_the_fit_is_fast_and_repeats_itself(model):
    points, _ = seen_landmarks(model, *head(model), camera(10.0))
    points += np.random.default_rng(14).normal(0, 2, (68, 2))
    one, two = fit_landmarks(model, points), fit_landmarks(model, points)
    assert np.array_equal(one.identity, two.identity) and np.array_equal(one.camera.rotation, two.camera.rotation)
