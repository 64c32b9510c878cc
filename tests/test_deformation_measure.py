"""The measures of a deformation and the command that compares settings."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from portrait_pipeline.base.errors import InputFileError
from portrait_pipeline.head.camera import Camera
from portrait_pipeline.lab.__main__ import main
from portrait_pipeline.lab.proofs.deform_measure import read_faces
from portrait_pipeline.lab.proofs.deformation import HeadMeasures, art_targets, best_similarity, unlikeness
from portrait_pipeline.perception.files import write_points

VIEW = Camera(np.eye(3), 20.0, np.array([300.0, 320.0]))


@pytest.fixture(scope="module")
def head(model):
    return model.mean.astype(float)


@pytest.fixture(scope="module")
def measures(model, head):
    return HeadMeasures(model, head)


def long_face(model, head):
    points = VIEW.project(head[model.landmarks])[:, :2]
    return (points - points.mean(axis=0)) * [0.9, 1.15] + [300.0, 320.0]


def test_a_similarity_distorts_nothing(model, head, measures):
    angle = 0.2
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    after = 1.3 * head @ turn.T + [1.0, 2.0, 3.0]
    found = measures.measure(after, after[model.landmarks])
    assert all(value < 1e-5 for value in found.values()), found


def test_each_measure_sees_its_own_fault(model, head, measures):
    home = head[model.landmarks]
    clean = measures.measure(head, home)
    assert not any(clean[name] for name in ("residual", "flipped", "intersections"))
    eyes = np.linalg.norm(home[36, :2] - home[45, :2])
    off = measures.measure(head, home + [0.1 * eyes, 0.0, 5.0])
    assert np.isclose(off["residual"], 0.1) and np.isclose(off["residual_max"], 0.1)
    ears = head.copy()
    ears[model.regions == model.REGIONS.index("ear")] *= [1.0, 1.3, 1.0]
    found = measures.measure(ears, home)
    assert found["ears"] > 0.05 and found["back"] < 1e-6
    pushed = head.copy()
    lip = np.linalg.norm(head - home[62], axis=1) < 0.4
    pushed[lip & (head[:, 1] > home[62, 1]), 1] -= 0.8
    found = measures.measure(pushed, home)
    assert found["intersections_lips"] > 0 and found["intersections_lids"] == 0 and found["flipped"] > 0
    rough = measures.measure(head + np.random.default_rng(0).normal(0, 0.02, head.shape), home)
    assert rough["detail"] > 0.02 and rough["bend_95"] > 5.0


def test_best_similarity_recovers_scale_and_refuses_reflection(head):
    scale, left = best_similarity(head, 0.7 * head + 1.0)
    assert np.isclose(scale, 0.7) and np.abs(left).max() < 1e-9
    lopsided = head + np.outer(head[:, 0] > 0, [0.0, 2.0, 1.0])
    assert unlikeness(lopsided, lopsided * [-1.0, 1.0, 1.0]) > 0.01


def test_targets_have_the_proportions_of_the_artwork(model, head):
    targets = art_targets(model, head, long_face(model, head), 1.0)
    home = head[model.landmarks]
    aspect, before = (np.ptp(points[:, 1]) / np.ptp(points[:, 0]) for points in (targets, home))
    assert np.isclose(aspect, 1.15 / 0.9 * before)
    twice = art_targets(model, head, long_face(model, head), 2.0)
    assert np.allclose(twice[:, :2] - home[:, :2], 2.0 * (targets - home)[:, :2], atol=1e-6)


def test_the_command_writes_a_table_and_repeats_itself(model, head, tmp_path):
    write_points(tmp_path / "a.pts", long_face(model, head))
    arguments = [
        "deform",
        "measure",
        str(tmp_path),
        "--laplacian",
        "uniform",
        "--laplacian",
        "similarity",
        "--project",
        str(tmp_path),
        "-o",
        str(tmp_path / "out.json"),
    ]
    tables = []
    for _ in range(2):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
        saved = json.loads((tmp_path / "out.json").read_text())
        tables.append([{k: v for k, v in row.items() if k != "milliseconds"} for row in saved["settings"]])
    assert tables[0] == tables[1]
    assert saved["faces"] == 1 and [row["laplacian"] for row in saved["settings"]] == ["uniform", "similarity"]
    assert all(row["flipped"] == 0 and row["residual"] < 0.02 for row in saved["settings"])
    assert "similarity" in result.output and "ears %" in result.output


def test_npz_and_bad_sources(model, head, tmp_path):
    faces = np.stack([long_face(model, head)] * 3)
    np.savez(tmp_path / "faces.npz", landmarks=faces)
    assert np.array_equal(read_faces(tmp_path / "faces.npz"), faces)
    np.savez(tmp_path / "other.npz", points=faces)
    np.savez(tmp_path / "pickle.npz", landmarks=np.array([{}, 1], object))
    np.savez(tmp_path / "short.npz", landmarks=faces[:, :60])
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "empty").mkdir()
    for name in ("other.npz", "pickle.npz", "short.npz", "text.npz", "missing.npz", "empty"):
        with pytest.raises(InputFileError, match=name) as caught:
            read_faces(tmp_path / name)
        assert "\n" not in str(caught.value)
    result = CliRunner().invoke(main, ["deform", "measure", str(tmp_path / "text.npz")])
    assert result.exit_code == 1 and "text.npz" in result.output
