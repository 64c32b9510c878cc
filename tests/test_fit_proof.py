"""The proof of the fit: known heads, their errors, the stage."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from portrait_pipeline.base.artifacts import read_json
from portrait_pipeline.base.stage import Layout
from portrait_pipeline.fit.fit import Fit
from portrait_pipeline.fit.model_at_landmarks import landmarks_seen
from portrait_pipeline.head.camera import Camera, PerspectiveCamera
from portrait_pipeline.head.points import eye_distance
from portrait_pipeline.head.pose import rotation_from_angles, rotation_from_vector
from portrait_pipeline.lab.params import FitProofParams
from portrait_pipeline.lab.proofs import known_heads
from portrait_pipeline.lab.proofs.fit_errors import correlation, draw_heads, measure_head, seen_rotation, summarise


@pytest.fixture(scope="module")
def heads(model):
    return list(draw_heads(model, FitProofParams(heads=6), np.random.default_rng(3)))


def test_cameras_that_see_the_same_have_the_same_seen_rotation():
    rotation = rotation_from_angles(20, -8, 5)
    ahead = PerspectiveCamera(rotation, np.array([0, 0, -80.0]), 1000.0, np.zeros(2))
    assert np.allclose(seen_rotation(ahead), rotation)
    assert np.allclose(seen_rotation(Camera(rotation, 10.0, np.zeros(2))), rotation)
    # The viewer walks round the head: what is seen stays the same, whatever the camera's own direction.
    turn = rotation_from_vector(np.array([0.05, -0.3, 0.0]))
    aside = PerspectiveCamera(turn @ rotation, turn @ ahead.translation, 1000.0, np.zeros(2))
    assert np.allclose(seen_rotation(aside), rotation)


def test_the_outline_of_a_circle_is_the_circle_and_points_are_spread_evenly():
    angles = np.arange(0, 2 * np.pi, 0.01)
    ring = 50 * np.stack([np.cos(angles), np.sin(angles)], 1) + [200, 100]
    image = np.concatenate([ring, [[200.0, 100.0]]])
    edges = np.array([(i, (i + 1) % len(ring)) for i in range(len(ring))] + [(i, len(ring)) for i in range(len(ring))])
    outline = known_heads.face_outline(image, edges, np.array([205.0, 90.0]))
    assert np.abs(np.linalg.norm(outline - [200, 100], axis=1) - 50).max() < 0.01
    anchors = np.array([[100.0, 100], [200, 400], [300, 100]])  # left, below, right
    points = known_heads.spread_along(outline, anchors, np.ones(16))
    expected = np.pi - np.arange(17) * np.pi / 16
    assert np.abs(points - (50 * np.stack([np.cos(expected), np.sin(expected)], 1) + [200, 100])).max() < 0.3


def test_jaw_points_lie_on_the_border_of_the_visible_face(model, heads):
    edges = known_heads.annotated_face(model)
    for head, _ in heads:
        image = head.camera.project(head.vertices)[:, :2]
        middle = image[np.unique(edges)].mean(0)
        used = image[np.unique(edges)]
        for point in head.points[1:16]:
            out = (point - middle) / np.linalg.norm(point - middle)
            across = np.array([-out[1], out[0]])
            near = used[np.abs((used - point) @ across) < 2.0]  # a narrow sector: nothing is further out
            near = near[(near - middle) @ out > 0]
            assert ((near - point) @ out).max() < 4.0


def test_heads_are_as_asked_and_a_longer_run_starts_with_the_same(model, heads):
    for head, inputs in heads:
        assert (np.abs(head.angles) <= [45, 15, 15]).all() and 40 <= head.camera.distance <= 250
        assert np.allclose(head.camera.rotation, rotation_from_angles(*head.angles))
        assert ((head.points > 0) & (head.points < 512)).all()
        wrong = np.linalg.norm(inputs["outliers"][0] - inputs["noise"][0], axis=1)
        unit = eye_distance(head.points)
        assert (wrong > 0).sum() == 7
        assert wrong[wrong > 0].min() >= 0.0999 * unit and wrong.max() <= 0.5001 * unit
        missing = inputs["missing"][1] == 0
        assert missing.sum() == 19
        far, near = (np.ptp(head.points[side, 0]) for side in (known_heads.FAR_LEFT, known_heads.FAR_RIGHT))
        if abs(head.angles[0]) > 15:  # the side that is turned away is the narrower one
            assert missing[16] == (far < near)
    again = next(iter(draw_heads(model, FitProofParams(heads=4), np.random.default_rng(3))))
    assert np.array_equal(again[0].points, heads[0][0].points)


def test_the_true_head_has_no_error_and_a_known_one_has_that(model, heads):
    head, _ = heads[0]
    seen = landmarks_seen(model, head.vertices, head.camera)
    row = measure_head(model, head, Fit(head.identity, head.expression, head.camera, model.landmarks[:17], seen))
    assert row.pop("correlation") == pytest.approx(1.0)
    assert max(map(abs, row.values())) < 1e-3
    turned = rotation_from_angles(*(head.angles + [3, 0, 0]))
    wrong = PerspectiveCamera(turned, head.camera.translation, head.camera.focal, head.camera.principal)
    row = measure_head(model, head, Fit(-head.identity, head.expression, wrong, model.landmarks[:17], seen))
    assert row["correlation"] == pytest.approx(-1.0) and row["face_mm"] > 1.0
    assert row["turn_deg"] == pytest.approx(3.0, abs=0.05) and row["yaw_deg"] == pytest.approx(3.0, abs=0.3)


def test_summaries_are_medians_of_sizes_and_a_constant_says_nothing():
    rows = pd.DataFrame({"face_mm": [1.0, 2, 9], "turn_deg": [-3.0, 1, 2], "correlation": [-0.5, 0.5, 0.9]})
    summary = summarise(rows)
    assert summary["face_mm"] == 2.0 and summary["turn_deg"] == 2.0 and summary["correlation"] == 0.5
    assert summary["face_mm_95"] == pytest.approx(np.quantile([1, 2, 9], 0.95))
    assert correlation(np.arange(5.0), np.ones(5)) == 0.0


def test_the_stage_writes_metrics_table_and_figures_and_repeats_itself(tmp_path, monkeypatch):
    (tmp_path / "params.yaml").write_text("pairs: {}\n")
    (tmp_path / "stages" / "lab").mkdir(parents=True)
    (tmp_path / "stages" / "lab" / "params.yaml").write_text("fit_proof: {heads: 4, compared: 2}\n")
    monkeypatch.chdir(tmp_path)
    stage = runpy.run_path(str(Path(__file__).parents[1] / "stages" / "lab" / "fit_proof.py"))["main"]
    stage(Layout())
    found = read_json(Path("metrics/fit.json"))
    assert found["fit"]["heads"] == 4 and found["missing"]["heads"] == 2 and found["fit"]["failed"] == 0
    assert 0.5 < found["fit"]["face_mm"] < found["mean_head"]["face_mm"]
    assert sum(row["heads"] for row in found["by_yaw"].values()) == 4
    folder = Path("data/artifacts/fit_proof")
    assert {path.name for path in folder.iterdir()} == {"heads.csv", "errors.png", "coefficients.png", "heads.png"}
    assert {"head", "true_yaw", "face_mm"} <= set(pd.read_csv(folder / "heads.csv").columns)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    stage(Layout())
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}
