"""The fit as a whole on known heads: exact recovery, several views, mirrored photos, wrong points, odd models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from portrait_pipeline.base.errors import FitError
from portrait_pipeline.fit.fit import fit_errors, fit_joint, fit_landmarks, fit_many, frontalise
from portrait_pipeline.fit.model_at_landmarks import landmarks_seen
from portrait_pipeline.fit.params import FitParams
from portrait_pipeline.fit.settings import FitSettings
from portrait_pipeline.head.camera import Camera, PerspectiveCamera
from portrait_pipeline.head.points import MIRROR
from portrait_pipeline.head.pose import angles_from_rotation, rotation_from_angles

SIZE = (800, 600)
FREE = FitSettings(identity_prior=0.0, expression_prior=0.0, pose_prior=0.0, camera_prior=0.0, iterations=300)
INDEPENDENT = FitSettings(shared_error=0.0)
KNOWN_FOCAL = FREE.model_copy(update={"focal_length": 50.0})


def camera(yaw=0.0, pitch=0.0, roll=0.0, distance=70.0, millimetres=50.0):
    focal = millimetres / np.hypot(36, 24) * np.hypot(*SIZE)
    place = np.array([1.5, -1.0, -distance])
    return PerspectiveCamera(rotation_from_angles(yaw, pitch, roll), place, focal, np.array(SIZE) / 2)


def points_of(model, identity, expression, view, noise=0.0, seed=0):
    vertices = model.vertices(identity, expression)
    points = view.project(landmarks_seen(model, vertices, view).of(vertices))[:, :2]
    return points + noise * np.random.default_rng(seed).normal(size=(68, 2))


def truncated(model, identities, expressions):
    chosen = [model.expression_names.index(name) for name in expressions]
    return replace(
        model,
        identity_basis=model.identity_basis[:identities],
        expression_basis=model.expression_basis[chosen],
        expression_names=tuple(expressions),
        expression_low=model.expression_low[chosen],
        expression_high=model.expression_high[chosen],
        expression_spread=model.expression_spread[chosen],
    )


@pytest.fixture(scope="module")
def small(model):
    """10 identities and 8 expressions: 68 points determine them."""
    names = ["jawOpen", "mouthSmileLeft", "mouthSmileRight", "browInnerUp", "eyeBlinkLeft", "eyeBlinkRight"]
    return truncated(model, 10, [*names, "mouthPucker", "mouthFrownLeft"])


@pytest.mark.parametrize("weak", [False, True], ids=["perspective", "weak"])
@pytest.mark.parametrize("yaw, pitch", [(0, 0), (25, 5), (-40, -10)])
def test_exact_points_give_exact_coefficients(small, weak, yaw, pitch):
    rng = np.random.default_rng(yaw + 100)
    identity, expression = rng.normal(0, 0.8, 10), rng.uniform(0.1, 0.6, 8)
    view = camera(yaw, pitch, 4.0)
    if weak:
        view = Camera(view.rotation, 17.0, np.array([380.0, 310.0]))
    points = points_of(small, identity, expression, view)
    params = FREE.model_copy(update={"camera": "weak"}) if weak else KNOWN_FOCAL
    fit = fit_landmarks(small, points, params, image_size=SIZE)
    assert np.abs(fit.identity - identity).max() < 1e-4
    assert np.abs(fit.expression - expression).max() < 1e-4
    assert np.allclose(angles_from_rotation(fit.camera.rotation), (yaw, pitch, 4.0), atol=1e-3)
    if not weak:
        assert np.allclose(fit.camera.translation, view.translation, atol=1e-3)
        assert fit.camera.focal == pytest.approx(view.focal, rel=1e-5)


def test_several_views_determine_even_the_focal_length(small):
    rng = np.random.default_rng(3)
    identity, views = rng.normal(0, 0.8, 10), [camera(y, 3.0, distance=d) for y, d in ((0, 50), (30, 60), (-30, 80))]
    expressions = rng.uniform(0.1, 0.6, (3, 8))
    points = [points_of(small, identity, e, v) for e, v in zip(expressions, views, strict=True)]
    fits = fit_joint(small, points, FREE, image_sizes=[SIZE] * 3)
    for fit, expression, view in zip(fits, expressions, views, strict=True):
        assert np.abs(fit.identity - identity).max() < 1e-4
        assert np.abs(fit.expression - expression).max() < 1e-4
        assert fit.camera.focal == pytest.approx(view.focal, rel=1e-4)


def test_a_bilinear_model_without_bounds_is_fitted_as_such(small):
    rng = np.random.default_rng(5)
    base = replace(small, identity_basis=small.identity_basis[:5])
    cross = np.einsum("evi,kv->kevi", base.expression_basis, rng.normal(0, 0.15, (5, 1)))
    bilinear = replace(
        base,
        expression_low=np.full(8, -np.inf),
        expression_high=np.full(8, np.inf),
        expression_spread=np.full(8, 0.5),
        cross_basis=cross.astype(np.float32),
    )
    identity, expression = rng.normal(0, 0.8, 5), rng.normal(0, 0.4, 8)
    points = points_of(bilinear, identity, expression, camera(15.0))
    fit = fit_landmarks(bilinear, points, KNOWN_FOCAL, image_size=SIZE)
    assert np.abs(fit.identity - identity).max() < 1e-4 and np.abs(fit.expression - expression).max() < 1e-4
    assert fit.expression.min() < 0
    linear = fit_landmarks(replace(bilinear, cross_basis=None), points, KNOWN_FOCAL, image_size=SIZE)
    assert np.abs(linear.expression - expression).max() > 0.02


def drawn(model, seed, smile=0.5):
    """A head of the population with an open smile."""
    identity = np.random.default_rng(seed).normal(size=len(model.identity_basis))
    expression = np.zeros(len(model.expression_names))
    expression[[n.startswith("mouthSmile") for n in model.expression_names]] = smile
    expression[model.expression_names.index("jawOpen")] = 0.5 * smile
    return identity, expression


def face_error(model, fit, identity):
    """Mean distance (cm) of the neutral face's vertices after a rigid motion and scaling."""
    face = model.regions == 0
    still = np.zeros(len(model.expression_names))
    got, true = (model.vertices(a, still)[face] for a in (fit.identity, identity))
    got, true = got - got.mean(axis=0), true - true.mean(axis=0)
    left, size, right = np.linalg.svd(got.T @ true)
    aligned = got @ left @ right * size.sum() / (got**2).sum()
    return np.linalg.norm(aligned - true, axis=1).mean()


def test_more_views_give_a_better_identity(model):
    errors = {1: [], 3: [], 8: []}
    for seed in range(3):
        identity, expression = drawn(model, seed)
        yaws = np.random.default_rng(seed).uniform(-40, 40, 8)
        points = [points_of(model, identity, expression * k / 8, camera(y), 1.5, k) for k, y in enumerate(yaws)]
        for count, found in errors.items():
            fits = fit_joint(model, points[:count], INDEPENDENT, image_sizes=[SIZE] * count)
            assert all(np.array_equal(fit.identity, fits[0].identity) for fit in fits)
            found.append(face_error(model, fits[0], identity))
    one, three, eight = (np.mean(errors[count]) for count in (1, 3, 8))
    assert three < 0.9 * one and eight < 0.75 * one


def test_a_joint_fit_of_one_photo_is_the_fit_and_many_are_many(model):
    views = [points_of(model, *drawn(model, s), camera(10.0 * s), 1.0, s) for s in range(3)]
    single = [fit_landmarks(model, p, image_size=SIZE) for p in views]
    many = fit_many(model, np.stack(views), image_size=SIZE)
    for one, other in zip(single, many, strict=True):
        assert np.array_equal(one.identity, other.identity) and np.array_equal(one.camera.row(), other.camera.row())
    assert np.array_equal(fit_joint(model, views[:1], image_sizes=[SIZE])[0].identity, single[0].identity)


def test_a_bad_photo_among_several_is_named(model):
    good = points_of(model, *drawn(model, 1), camera())
    with pytest.raises(FitError, match=r"^landmarks of photo 2: .*line"):
        fit_joint(model, [good, np.zeros((68, 2))])
    with pytest.raises(FitError, match="as many"):
        fit_joint(model, [good, good], weights=[None])
    with pytest.raises(FitError, match="at least one"):
        fit_joint(model, [])


def test_perspective_beats_weak_perspective_on_near_heads(model):
    errors = {"perspective": [], "weak": []}
    for seed in range(6):
        identity, expression = drawn(model, seed)
        points = points_of(model, identity, expression, camera(8.0 * seed - 20, 5.0, distance=45.0), 1.0, seed)
        for name, found in errors.items():
            fit = fit_landmarks(model, points, FitParams(camera=name), image_size=SIZE)
            found.append(face_error(model, fit, identity))
    assert np.mean(errors["perspective"]) < 0.75 * np.mean(errors["weak"])


def test_without_an_image_size_the_camera_is_weak_perspective(model):
    points = points_of(model, *drawn(model, 2), camera())
    assert isinstance(fit_landmarks(model, points).camera, Camera)
    assert isinstance(fit_landmarks(model, points, image_size=SIZE).camera, PerspectiveCamera)
    assert isinstance(fit_landmarks(model, points, FitParams(camera="weak"), image_size=SIZE).camera, Camera)


def symmetric(model):
    """The model with expressions that are exact mirror images of each other (the bundled ones: to 0.5 mm)."""
    names = model.expression_names
    swap = [names.index(n.replace("Left", "R_").replace("Right", "Left").replace("R_", "Right")) for n in names]
    reflected = model.expression_basis[swap][:, model.mirror] * np.float32([-1, 1, 1])
    return replace(model, expression_basis=0.5 * (model.expression_basis + reflected)), swap


@pytest.mark.parametrize("seed", range(4))
def test_a_mirrored_photo_gives_the_mirrored_head(model, seed):
    even, swap = symmetric(model)
    rng = np.random.default_rng(seed)
    points = points_of(model, *drawn(model, seed, 0.3), camera(rng.uniform(-35, 35), 5.0, 10.0), 3.0, seed)
    flipped = points[MIRROR] * [-1.0, 1.0] + [SIZE[0], 0.0]
    one, two = (fit_landmarks(even, p, image_size=SIZE) for p in (points, flipped))
    assert np.abs(one.expression[swap] - two.expression).max() < 1e-6
    heads = [even.vertices(fit.identity, fit.expression) for fit in (one, two)]
    assert np.abs(heads[0][even.mirror] * [-1, 1, 1] - heads[1]).max() < 1e-6
    a, b = one.camera, two.camera
    assert np.allclose(np.diag([-1, 1, 1]) @ a.rotation @ np.diag([-1, 1, 1]), b.rotation, atol=1e-8)
    assert np.allclose(a.translation * [-1, 1, 1], b.translation, atol=1e-5) and np.isclose(a.focal, b.focal)


def test_seven_wrong_and_eight_missing_points_hardly_move_the_fit(model):
    """10 % gross outliers; missing ones are NaN."""
    worst = []
    for seed in range(4):
        identity, expression = drawn(model, seed)
        rng = np.random.default_rng(seed)
        points = points_of(model, identity, expression, camera(15.0), 1.0, seed)
        size = np.linalg.norm(points[36] - points[45])
        spoiled = points.copy()
        bad = rng.choice(68, 15, replace=False)
        spoiled[bad[:7]] += rng.choice([-1, 1], (7, 2)) * rng.uniform(0.3, 0.8, (7, 2)) * size
        spoiled[bad[7:]] = np.nan
        fit = fit_landmarks(model, spoiled, image_size=SIZE)
        worst.append(np.delete(fit_errors(model, fit, points), bad).mean() / size)
        assert np.abs(np.subtract(angles_from_rotation(fit.camera.rotation), (15, 0, 0))).max() < 5.0
        assert np.isfinite(frontalise(model, fit, spoiled)).all()
    assert np.max(worst) < 0.02


def test_missing_points_are_points_of_weight_zero(model):
    points = points_of(model, *drawn(model, 6), camera(), 1.0)
    weights = np.ones(68)
    weights[[3, 40, 60]] = 0.0
    gone = np.where(weights[:, None] > 0, points, np.nan)
    one = fit_landmarks(model, gone, image_size=SIZE)
    two = fit_landmarks(model, points, weights=weights, image_size=SIZE)
    assert np.array_equal(one.identity, two.identity)
    assert np.allclose(frontalise(model, one, gone), frontalise(model, two, points, weights))


def test_the_spread_of_recovered_coefficients_is_that_of_the_posterior(model):
    """With priors of weight 1 at the true noise the fit is the MAP: no coefficient is pulled too much or too little.

    For Gaussian beliefs the estimate's variance plus the squared error's mean is the prior variance, 1.
    """
    estimates, errors = [], []
    for seed in range(16):
        identity, expression = drawn(model, seed, 0.0)
        points = points_of(model, identity, expression, camera(20.0 * np.sin(seed)), 0.0)
        noise = 0.015
        sigma = noise * np.linalg.norm(points[36] - points[45])
        points = points + sigma * np.random.default_rng(seed).normal(size=(68, 2))
        fit = fit_landmarks(model, points, FitSettings(noise=noise, jaw_weight=1.0), image_size=SIZE)
        estimates.append(fit.identity)
        errors.append(fit.identity - identity)
    total = np.mean(np.square(estimates), axis=0) + np.mean(np.square(errors), axis=0)
    assert 0.8 < total.mean() < 1.25
    assert 0.7 < total[:10].mean() < 1.3
