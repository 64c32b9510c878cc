"""The measure of photo textures: painted heads, regions, PSNR, the stage."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from portrait_pipeline.lab.params import PhotoTextureProofParams
from portrait_pipeline.lab.proofs.painted_heads import paint_head, photograph
from portrait_pipeline.lab.proofs.photo_texture import MERGES, PARTS, REGIONS, make_scene, measured_shift, prove

SMALL = PhotoTextureProofParams(heads=1, yaws=[10.0], size=192, photo_size=256)


@pytest.fixture(scope="module")
def result(model):
    return prove(model, SMALL)


def test_a_painted_head_has_two_sides_a_lock_and_a_collar(model):
    head = paint_head(model, 0, 128, np.random.default_rng(0))
    assert 0.03 < head.covered.mean() < 0.4
    changed = np.any(head.worn != head.texture, axis=-1)
    assert not changed[~head.covered].any() and changed[head.covered].mean() > 0.95
    light = head.texture.astype(float).mean(axis=-1)
    assert abs(np.log(light[:, :64].mean() / light[:, 64:].mean())) > 0.05, "lit from one side"
    again = paint_head(model, 0, 128, np.random.default_rng(0))
    assert np.array_equal(head.texture, again.texture)


def test_the_photograph_shows_the_texture_where_the_camera_says(model):
    head = paint_head(model, 1, 128, np.random.default_rng(1))
    camera, image = photograph(head, 0.0, 256, np.random.default_rng(2))
    assert image.shape == (256, 256, 3)
    tip = model.landmarks[30]
    x, y, _ = camera.project(np.asarray(head.mesh.vertices, float)[tip])
    corner = head.mesh.uv[head.mesh.uv_triangles[head.mesh.triangles == tip][0]]
    texel = head.texture[int((1 - corner[1]) * 128), int(corner[0] * 128)].astype(float)
    assert np.abs(image[int(y), int(x)] - texel).mean() < 25


def test_seen_and_filled_are_told_apart_by_geometry(model):
    head = paint_head(model, 0, 128, np.random.default_rng(0))
    front = make_scene(model, head, [0.0], SMALL.model_copy(update={"size": 128}), 0)
    three = make_scene(model, head, [0.0, -40.0, 40.0], SMALL.model_copy(update={"size": 128}), 0)
    assert not (front.seen & head.covered).any()
    assert three.seen.mean() > 1.3 * front.seen.mean()
    assert set(np.unique(front.region)) == set(range(len(REGIONS)))


def test_the_full_method_beats_the_plain_one_where_nothing_is_seen(result):
    full, plain = result["one_photo"]["10"], result["one_photo_plain"]["10"]
    assert full["filled"]["all"] > plain["filled"]["all"] + 2
    assert full["filled"]["face front"] > plain["filled"]["face front"] + 3
    assert full["seen"]["face front"] > 25
    assert set(result["parts"]) == {"plain", *PARTS, "full"} and set(result["three_photos"]) == set(MERGES)
    assert result["parts"]["full"] == full


def test_nothing_is_shifted_and_a_shift_would_be_noticed(result):
    assert result["shift_px"] and max(result["shift_px"].values()) < 0.1
    picture = np.random.default_rng(0).uniform(0, 255, (48, 48))
    assert measured_shift(picture, picture) < 0.02
    assert abs(measured_shift(picture, np.roll(picture, (1, -2), axis=(0, 1))) - np.hypot(1, 2)) < 0.05


def test_the_metrics_are_plain_numbers(result):
    text = json.dumps(result, allow_nan=False)
    assert json.loads(text) == result


def test_the_stage_as_a_user_runs_it(tmp_path):
    params = tmp_path / "stages" / "lab" / "params.yaml"
    params.parent.mkdir(parents=True)
    params.write_text("photo_texture_proof: {heads: 1, yaws: [0.0], size: 128, photo_size: 160}\n")
    script = Path(__file__).parents[1] / "stages" / "lab" / "photo_texture_proof.py"
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "PSNR" in done.stdout
    values = json.loads((tmp_path / "metrics" / "photo_texture.json").read_text())
    assert values["heads"] == 1 and "0" in values["one_photo"]
    params.write_text("photo_texture_proof: {heads: 0}\n")
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and "photo_texture_proof.heads" in done.stderr and done.stderr.count("\n") == 1
