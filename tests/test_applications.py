"""The strip of applications: a character gets a head and moves on, and the two rows are put together."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from portrait_pipeline.animation.build import build_rig
from portrait_pipeline.animation.params import AnimationParams
from portrait_pipeline.base.images import load_image, save_image
from portrait_pipeline.character.body import read_character
from portrait_pipeline.lab.__main__ import main
from portrait_pipeline.lab.applications import strip
from portrait_pipeline.lab.applications.acting import motion
from portrait_pipeline.lab.applications.moments import duration, moved
from portrait_pipeline.lab.applications.walker import walker
from portrait_pipeline.mesh.gltf_reading import read_glb


def test_the_motion_begins_and_ends_at_rest_and_does_what_it_says(model):
    names = model.expression_names
    expression, turns = motion(names)
    assert expression.shape == (60, len(names)) and turns.shape == (60, 3)
    assert expression.min() >= 0 and expression.max() <= 1 + 1e-9
    blinks = expression[:, names.index("eyeBlinkLeft")]
    assert ((blinks[1:-1] > 0.9) & (blinks[1:-1] >= blinks[:-2]) & (blinks[1:-1] > blinks[2:])).sum() == 2
    assert expression[0, names.index("mouthSmileLeft")] == 0 and np.abs(turns[:, 0]).max() == pytest.approx(18, abs=0.2)


def test_a_character_waves(model, tmp_path):
    body = read_character(read_glb(walker(tmp_path / "walker.glb", model, separate=True)))
    assert duration(body.file, 0) == 1.0
    start, quarter = (moved(body, 0, time).surfaces[0].places for time in (0.0, 0.25))
    assert np.allclose(start, body.surfaces[0].places, atol=1e-5)
    # The arm's end (65 cm aside) turns by 60 degrees about its joint at (20, 138): it comes to lie 39 cm higher.
    hand = np.argmax(start[:, 0])
    lifted = quarter[hand] - start[hand]
    length = start[hand, 0] - 0.2
    assert lifted[1] == pytest.approx(length * np.sin(np.radians(60)), abs=0.05)
    assert np.abs(quarter - start)[start[:, 1] < 0.801].max() < 1e-6


def test_the_command_draws_both_rows(model, astronaut, tmp_path, monkeypatch):
    """All of it with the model's mean head, grey, and a film of three frames."""
    grey = np.full((64, 64, 3), 128, np.uint8)
    rest = np.zeros(len(model.expression_names))
    identity = np.zeros(len(model.identity_basis))
    rig = build_rig(model, model.mean, model.mean, rest, grey, AnimationParams(), identity)
    rig.save(tmp_path / "rig.h5")
    save_image(tmp_path / "picture.png", np.full((200, 300, 3), (200, 30, 30), np.uint8))
    save_image(tmp_path / "photo.png", astronaut)
    face = np.ascontiguousarray(astronaut[:256, 96:352])
    monkeypatch.setattr(strip, "person", lambda photo, model: rig)
    monkeypatch.setattr(strip, "acted", lambda rig, model, size: [cv2.resize(face, (size, size))] * 3)
    monkeypatch.setattr(strip, "SHOWN", (0, 2))
    monkeypatch.setattr(strip, "SIDE", 120)
    monkeypatch.setattr(strip, "TIMES", (0.1, 0.6))
    output, photo = tmp_path / "strip.png", str(tmp_path / "photo.png")
    result = CliRunner().invoke(main, ["applications", str(tmp_path), photo, photo, "-o", str(output)])
    assert result.exit_code == 0 and result.output.strip() == str(output), result.output
    picture = load_image(output).astype(int)
    side = round(120 * strip.WIDTH / (6 * 120 + 3 * strip.GAP))
    above, below = picture[:side], picture[side + strip.GAP :]
    assert picture.shape[1] == strip.WIDTH and (picture[side : side + strip.GAP] == 255).all()
    # Photo, picture, twice the video beside the grey head: six squares, of which the second is all red.
    step = side + strip.GAP * side // 120
    assert np.abs(above[:, step + 4 : step + side - 4] - (200, 30, 30)).max() <= 2
    middle = slice(side // 3, side // 2)
    video, driven = (above[middle, 2 * step + k * side :][:, middle] for k in (0, 1))
    assert np.ptp(driven, axis=2).max() <= 12 < np.ptp(video, axis=2).max()
    # The character before has a face of skin, after it a grey one; head and arm are elsewhere at every moment.
    bodies = [body[:, :250] for body in np.array_split(below, 3, axis=1)]
    skin = [(np.ptp(body, axis=2) > 40).mean() for body in bodies]
    moves = [np.abs(after - body).mean() for body, after in zip(bodies[1:], bodies[2:], strict=False)]
    assert skin[0] > 1.5 * max(skin[1:]) and min(moves) > 2
