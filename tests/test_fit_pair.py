"""The fit as a step of a pair, with further photos of the same person; where annotators put landmarks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from shown import located

from portrait_pipeline.base.errors import ModelError
from portrait_pipeline.fit.model_at_landmarks import landmark_model, landmarks_seen
from portrait_pipeline.fit.params import FitParams
from portrait_pipeline.fit.record import FittedPair
from portrait_pipeline.fit.step import fit_pair
from portrait_pipeline.head.camera import PerspectiveCamera
from portrait_pipeline.head.model import head_model
from portrait_pipeline.head.points import MIRROR
from portrait_pipeline.head.pose import rotation_from_angles

SIDE = 400


def view(yaw):
    place = np.array([0.0, 0.0, -70.0])
    return PerspectiveCamera(rotation_from_angles(yaw, 0, 0), place, 700.0, np.full(2, SIDE / 2))


def points_of(model, identity, expression, camera):
    vertices = model.vertices(identity, expression)
    return camera.project(landmarks_seen(model, vertices, camera).of(vertices))[:, :2]


@pytest.fixture(scope="module")
def pair(model):
    rng = np.random.default_rng(0)
    identity, calm = rng.normal(size=len(model.identity_basis)), np.zeros(len(model.expression_names))
    smile = np.where([n.startswith("mouthSmile") for n in model.expression_names], 0.7, 0.0)
    points = [
        points_of(model, identity, e, view(yaw)) + rng.normal(0, 0.7, (68, 2))
        for e, yaw in ((calm, 0), (smile, 30), (calm, -30))
    ]
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    return located(image, image, points[0], points[0], (image, image), points[1:])


def test_further_photos_share_the_identity_and_meet_their_own_landmarks(model, pair, tmp_path):
    fitted = fit_pair(model, pair, FitParams())
    assert fitted.more_vertices.shape == (2, *model.mean.shape) and len(fitted.more_cameras) == 2
    for vertices, camera, points in zip(fitted.more_vertices, fitted.more_cameras, pair.more_points, strict=True):
        inner = camera.project(landmark_model(model).surface.of(vertices))[17:, :2] - points[17:]
        assert np.linalg.norm(inner, axis=1).mean() < 1.0
    smile = [model.landmarks[i] for i in (48, 54)]
    width = [np.linalg.norm(np.subtract(*v[smile])) for v in (fitted.vertices, *fitted.more_vertices)]
    assert width[1] > 1.08 * max(width[0], width[2]) and abs(width[2] / width[0] - 1) < 0.15
    fitted.save(tmp_path / "fit.h5")
    again = FittedPair.load(tmp_path / "fit.h5")
    assert np.array_equal(again.more_vertices, fitted.more_vertices)
    assert isinstance(again.camera, PerspectiveCamera) and again.camera.focal == fitted.camera.focal


def test_one_photo_leaves_the_further_ones_empty(model, pair):
    fitted = fit_pair(model, replace(pair, more_photos=(), more_points=()), FitParams())
    assert fitted.more_vertices.shape == (0, *model.mean.shape) and fitted.more_cameras == []
    assert fitted.inner_error < 0.015 and fitted.jaw_error < 0.03


def test_annotators_places_are_symmetric_points_of_the_skin_near_their_vertices(model):
    places = landmark_model(model).surface
    where = places.of(model.mean)
    assert np.allclose(where[MIRROR] * [-1, 1, 1], where, atol=1e-4)
    assert np.allclose(places.weights.sum(axis=1), 1.0) and places.weights.min() >= 0
    assert (model.regions[places.ids[17:]] == model.REGIONS.index("face")).all()
    shift = np.linalg.norm(where - model.mean[model.landmarks], axis=1)
    assert shift.max() < 0.45 and np.all(shift[:17] == 0)


def test_annotators_places_move_with_their_own_lip_and_lid(model):
    places = landmark_model(model).surface
    for name in ("jawOpen", "eyeBlinkLeft", "mouthSmileLeft", "browInnerUp"):
        move = model.expression_basis[model.expression_names.index(name)]
        apart = np.linalg.norm(places.of(move) - move[model.landmarks], axis=1)
        assert apart.max() < 0.5, name


def test_a_wrong_point_does_not_dent_the_head(model, pair):
    one = replace(pair, more_photos=(), more_points=())
    spoiled = one.photo_points.copy()
    spoiled[66] = spoiled[37]
    good, bad = (fit_pair(model, replace(one, photo_points=p), FitParams()) for p in (one.photo_points, spoiled))
    assert np.linalg.norm(good.vertices - bad.vertices, axis=1).max() < 0.4


def test_other_models_have_their_landmarks_at_their_vertices(model):
    other = replace(model, landmarks=np.roll(model.landmarks, 0).copy())
    other.landmarks[30] = model.landmarks[29]
    where = landmark_model(other).surface.of(other.mean)
    assert np.array_equal(where, other.mean[other.landmarks].astype(float))


def test_the_projects_model_is_bundled_or_a_file_below_the_project(model, tmp_path):
    assert head_model("bundled", tmp_path) is model
    replace(model, name="mine", identity_basis=model.identity_basis[:5]).save(tmp_path / "mine.h5")
    mine = head_model("mine.h5", tmp_path)
    assert mine.name == "mine" and len(mine.identity_basis) == 5
    with pytest.raises(ModelError, match=r"other\.h5: "):
        head_model("other.h5", tmp_path)


def test_a_model_of_another_topology_is_no_model_for_the_pipeline(model, tmp_path):
    half = len(model.triangles) // 2
    part = replace(model, triangles=model.triangles[:half], uv_triangles=model.uv_triangles[:half])
    part.save(tmp_path / "native.h5")
    with pytest.raises(ModelError, match=r"fit\.model=native\.h5: .*--topology head"):
        head_model("native.h5", tmp_path)


@pytest.mark.parametrize("slip", [1, -1])
def test_points_slipped_by_a_line_are_told_and_good_ones_are_not(model, pair, slip):
    lines = []
    fit_pair(model, located(pair.photo, pair.art, pair.photo_points, pair.art_points), FitParams(), lines.append)
    assert lines == []
    wrong = pair.photo_points[np.clip(np.arange(68) + slip, 0, 67)]
    fit_pair(model, located(pair.photo, pair.art, wrong, pair.art_points), FitParams(), lines.append)
    assert len(lines) == 1 and lines[0].startswith("photo: no face explains its points at jaw line")
