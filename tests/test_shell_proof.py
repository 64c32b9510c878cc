"""The measure of shells: known busts, silhouettes and depths, the stage."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from portrait_pipeline.lab.proofs.known_busts import make_bust, photograph
from portrait_pipeline.lab.proofs.shell import compare
from portrait_pipeline.perception.parts import Part
from portrait_pipeline.shell.record import Shell

SIZE = 160


@pytest.fixture(scope="module")
def bust(model):
    return make_bust(model, "bob", np.random.default_rng(0))


def worn(bust):
    """Hair and clothes of a known bust as if they were a shell."""
    own = np.isin(bust.part, (Part.HAIR, Part.CLOTHES))
    return replace(Shell.none("known"), vertices=bust.vertices, triangles=bust.triangles[own])


def test_a_photo_shows_hair_skin_and_clothes_where_points_say(model, bust):
    photo = photograph(model, bust, 0.0, SIZE, np.random.default_rng(1))
    column, row = photo.points[30].astype(int)
    assert photo.labels[row, column] == Part.SKIN and photo.labels[0, 0] == Part.BACKGROUND
    assert min((photo.labels == part).mean() for part in (Part.HAIR, Part.SKIN, Part.CLOTHES)) > 0.02
    again = photograph(model, bust, 0.0, SIZE, np.random.default_rng(1))
    assert np.array_equal(photo.image, again.image)


def test_the_measures_see_what_is_right_and_what_is_off(model, bust):
    camera = photograph(model, bust, 0.0, SIZE, np.random.default_rng(1)).camera
    right = compare(model, bust, worn(bust), camera, SIZE)
    assert right["front_iou"] == right["side_iou"] == 1 and right["hair_depth_90_cm"] < 1e-3
    hair = worn(bust)
    wide = replace(hair, vertices=hair.vertices * [1.15, 1, 1.15])
    off = compare(model, bust, wide, camera, SIZE)
    assert off["front_iou"] < 0.97 and off["side_iou"] < 0.97
    assert off["hair_bias_cm"] > 0.5 and off["hair_depth_cm"] > 0.5


def test_the_stage_as_a_user_runs_it(tmp_path):
    params = tmp_path / "stages" / "lab" / "params.yaml"
    params.parent.mkdir(parents=True)
    params.write_text("shell_proof: {styles: [bob], yaws: [0.0], photo_size: 320, density: 0.6}\n")
    script = Path(__file__).parents[1] / "stages" / "lab" / "shell_proof.py"
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    values = json.loads((tmp_path / "metrics" / "shell_proof.json").read_text())
    found = values["busts"]["bob_0"]
    assert found["front_iou"] >= 0.965 and found["side_iou"] > 0.9
    assert found["hair_depth_cm"] < 1 and found["watertight"] == 1 and found["edge_ratio"] <= 4
    params.write_text("shell_proof: {styles: [mohawk]}\n")
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and "shell_proof.styles" in done.stderr and done.stderr.count("\n") == 1
