"""The proof of the fit: known heads, alignment, the stage."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from portrait_pipeline.base.artifacts import read_json
from portrait_pipeline.base.stage import Layout
from portrait_pipeline.fit.fit import Fit
from portrait_pipeline.fit.model_at_landmarks import landmarks_seen
from portrait_pipeline.fit.params import FitParams
from portrait_pipeline.head.camera import Camera, PerspectiveCamera
from portrait_pipeline.head.points import eye_distance
from portrait_pipeline.head.pose import rotation_from_angles, rotation_from_vector
from portrait_pipeline.lab.params import FitProofParams
from portrait_pipeline.lab.proofs import fit_report, known_heads
from portrait_pipeline.lab.proofs.fit_errors import (
    aligned_distances,
    bin_by_yaw,
    draw_heads,
    face_and_head,
    measure_head,
    rotation_angle,
    seen_rotation,
    summarise,
)
from portrait_pipeline.mesh.similarity import Similarity, fit_similarity


@pytest.fixture(scope="module")
def heads(model):
    return list(draw_heads(model, 6, known_heads.DrawnRange(), 1.0, 0.1, np.random.default_rng(3)))


def moved(points, scale=1.7, seed=0):
    rng = np.random.default_rng(seed)
    rotation = rotation_from_vector(rng.normal(size=3))
    shift = rng.normal(size=3)
    return scale * points @ rotation.T + shift, Similarity(scale, rotation, shift)


# --- alignment ---


def test_alignment_never_reflects_and_keeps_the_size_when_told_to():
    points = np.random.default_rng(0).normal(size=(30, 3))
    mirrored = points * [-1, 1, 1]
    assert np.linalg.det(fit_similarity(points, mirrored).rotation) == pytest.approx(1.0)
    assert aligned_distances(points, mirrored).mean() > 0.1
    large, _ = moved(points, 2.0)
    assert aligned_distances(points, large).max() < 1e-9
    kept = fit_similarity(points, large, scale=False)
    assert kept.scale == 1.0
    half = np.linalg.norm(points - points.mean(0), axis=1)
    assert aligned_distances(points, large, scale=False) == pytest.approx(half)


# --- pose ---


def test_cameras_that_see_the_same_have_the_same_seen_rotation():
    rotation = rotation_from_angles(20, -8, 5)
    ahead = PerspectiveCamera(rotation, np.array([0, 0, -80.0]), 1000.0, np.zeros(2))
    assert np.allclose(seen_rotation(ahead), rotation)
    assert np.allclose(seen_rotation(Camera(rotation, 10.0, np.zeros(2))), rotation)
    # The viewer walks round the head: what is seen stays the same, whatever the camera's own direction.
    turn = rotation_from_vector(np.array([0.05, -0.3, 0.0]))
    aside = PerspectiveCamera(turn @ rotation, turn @ ahead.translation, 1000.0, np.zeros(2))
    assert rotation_angle(seen_rotation(aside) @ rotation.T) < 1e-5
    assert rotation_angle(turn) == pytest.approx(np.degrees(np.linalg.norm([0.05, -0.3])))


# --- known heads ---


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


def test_heads_are_as_asked(heads):
    for head, inputs in heads:
        assert (np.abs(head.angles) <= [45, 15, 15]).all()
        assert np.allclose(head.camera.rotation, rotation_from_angles(*head.angles))
        assert 40 <= head.camera.distance <= 250
        assert ((head.points > 0) & (head.points < 512)).all()
        wrong = np.linalg.norm(inputs["outliers"].points - inputs["noise"].points, axis=1)
        unit = eye_distance(head.points)
        assert (wrong > 0).sum() == 7
        assert wrong[wrong > 0].min() >= 0.0999 * unit and wrong.max() <= 0.5001 * unit
        missing = inputs["missing"].weights == 0
        assert missing.sum() == 19
        # The side that is turned away is the narrower one.
        far, near = (np.ptp(head.points[side, 0]) for side in (known_heads.FAR_LEFT, known_heads.FAR_RIGHT))
        if abs(head.angles[0]) > 15:
            assert missing[16] == (far < near)


def test_drawing_repeats_and_a_longer_run_starts_with_the_same_heads(model, heads):
    again = list(draw_heads(model, 2, known_heads.DrawnRange(), 1.0, 0.1, np.random.default_rng(3)))
    for (first, given), (second, same) in zip(heads, again, strict=False):
        assert np.array_equal(first.points, second.points) and np.array_equal(first.vertices, second.vertices)
        assert all(np.array_equal(given[name].points, same[name].points) for name in given)


def test_expressions_take_at_most_one_shape_of_a_family_and_no_name_a_model_lacks():
    rng = np.random.default_rng(0)
    names = ("mouthSmileLeft", "mouthSmileRight", "jawOpen", "other")
    drawn = np.array([known_heads.draw_expression(names, rng) for _ in range(200)])
    assert (drawn[:, 3] == 0).all() and drawn.max() <= 0.7
    smiling = drawn[:, 0] > 0
    assert np.array_equal(smiling, drawn[:, 1] > 0) and 0 < smiling.mean() < 0.3


def truth_as_fit(model, head):
    seen = landmarks_seen(model, head.vertices, head.camera)
    return Fit(head.identity, head.expression, head.camera, model.landmarks[:17], seen)


def test_the_true_head_has_no_error_and_a_known_one_has_that(model, heads):
    regions = face_and_head(model)
    for head, _ in heads[:2]:
        exact = truth_as_fit(model, head)
        row = measure_head(model, head, exact, regions, 10)
        assert row["correlation"] == pytest.approx(1.0)
        assert max(abs(value) for name, value in row.items() if name != "correlation") < 1e-3
        turned = rotation_from_angles(*(head.angles + [3, 0, 0]))
        wrong = PerspectiveCamera(turned, head.camera.translation, head.camera.focal, head.camera.principal)
        row = measure_head(
            model, head, Fit(-head.identity, head.expression, wrong, exact.contour, exact.surface), regions, 10
        )
        assert row["correlation"] == pytest.approx(-1.0)
        assert row["face_mm"] > 1.0 and row["turn"] == pytest.approx(3.0, abs=0.05)
        assert row["yaw"] == pytest.approx(3.0, abs=0.3)


def test_summaries_are_medians_of_sizes():
    rows = [
        {"face_mm": 1.0, "yaw": -3.0, "correlation": -0.5},
        {"face_mm": 2.0, "yaw": 1.0, "correlation": 0.5},
        {"face_mm": 9.0, "yaw": 2.0, "correlation": 0.9},
    ]
    summary = summarise(rows)
    assert summary["face_mm"] == 2.0 and summary["yaw_deg"] == 2.0 and summary["correlation"] == 0.5
    assert summary["face_mm_95"] == pytest.approx(np.quantile([1, 2, 9], 0.95))
    full = [row | dict.fromkeys(("head_mm", "pitch", "roll", "turn"), 0.0) for row in rows]
    bins = bin_by_yaw(full, [-20.0, 3.0, 44.0], (0, 15, 30, 45, 60))
    assert {name: value["heads"] for name, value in bins.items()} == {"0-15": 1, "15-30": 1, "30-45": 1}


# --- the stage ---


@pytest.fixture(scope="module")
def proof(model):
    return fit_report.prove(model, FitParams(), FitProofParams(heads=4, compared=2))


def test_the_stage_writes_metrics_tables_and_figures(proof, tmp_path, monkeypatch, capsys):
    place = Path(__file__).parents[1] / "stages" / "lab" / "fit_proof.py"
    spec = importlib.util.spec_from_file_location("fit_proof_stage", place)
    stage = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stage)
    asked = []
    monkeypatch.setattr(stage, "prove", lambda model, fit, params, progress: asked.append(params) or proof)
    (tmp_path / "params.yaml").write_text("pairs: {}\n")
    (tmp_path / "stages" / "lab").mkdir(parents=True)
    (tmp_path / "stages" / "lab" / "params.yaml").write_text("fit_proof: {heads: 4, compared: 2}\n")
    monkeypatch.chdir(tmp_path)
    stage.main(Layout())
    assert asked == [FitProofParams(heads=4, compared=2)]
    assert len(capsys.readouterr().out.splitlines()) == 5
    metrics = read_json("metrics/fit.json")
    assert set(metrics) == {"heads", "fit", "outliers", "missing", "weak_perspective", "mean_head", "by_yaw"}
    assert metrics["fit"]["heads"] == 4 and metrics["mean_head"]["heads"] == 2 and metrics["fit"]["failed"] == 0
    assert metrics["fit"]["face_mm"] < metrics["mean_head"]["face_mm"]
    assert metrics["fit"]["points_px"] < metrics["mean_head"]["points_px"]
    assert sum(part["heads"] for part in metrics["by_yaw"].values()) == 4
    names = {path.name for path in (tmp_path / "data/artifacts/fit_proof").iterdir()}
    assert names == {"cases.csv", "heads.csv", "coefficients.csv", "errors.png", "coefficients.png", "heads.png"}
    assert "seconds" not in str(metrics) and "ms" not in metrics["fit"]


def test_equal_proofs_give_equal_files(model, proof, tmp_path):
    for number in range(2):
        fit_report.write_proof(model, proof, tmp_path / str(number), tmp_path / f"{number}.json")
    assert (tmp_path / "0.json").read_bytes() == (tmp_path / "1.json").read_bytes()
    for path in (tmp_path / "0").iterdir():
        assert path.read_bytes() == (tmp_path / "1" / path.name).read_bytes()
