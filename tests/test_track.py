"""Expressions and turns read from pictures and videos, and what they animate."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from gltf_check import check_glb
from PIL import Image
from rigs import small_rig

from portrait_pipeline.animation.frames import read_frames
from portrait_pipeline.base.errors import NoFaceError
from portrait_pipeline.commands.portrait import main
from portrait_pipeline.head.camera import Camera
from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.head.pose import rotation_from_angles
from portrait_pipeline.perception.files import read_points, write_points
from portrait_pipeline.video import track as tracking
from portrait_pipeline.video.reader import Frame

MODEL = load_bundled_model()
NAMES = MODEL.expression_names
COUNT = 9


def run(*arguments: object, status: int = 0) -> str:
    result = CliRunner().invoke(main, list(map(str, arguments)))
    assert result.exit_code == status, result.output
    return result.output


def wanted() -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (T, E) and turns (T, 3): the mouth opens while the head turns, then both eyes close."""
    expression, turns = np.zeros((COUNT, len(NAMES))), np.zeros((COUNT, 3))
    expression[:, NAMES.index("jawOpen")] = np.linspace(0, 0.8, COUNT)
    for side in ("Left", "Right"):
        expression[:, NAMES.index(f"eyeBlink{side}")] = np.linspace(0, 1, COUNT) ** 2
    turns[:, 0], turns[:, 2] = np.linspace(-15, 15, COUNT), np.linspace(0, 8, COUNT)
    return expression, turns


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures of one person with points beside them, as a tracker would have placed them."""
    identity = np.random.default_rng(0).normal(0, 0.7, len(MODEL.identity_basis))
    place = tmp_path / "frames"
    place.mkdir()
    for index, (expression, turn) in enumerate(zip(*wanted(), strict=True)):
        camera = Camera(rotation_from_angles(*turn), 20.0, np.array([320.0, 320.0]))
        vertices = MODEL.vertices(identity, expression)
        Image.fromarray(np.full((640, 640, 3), 128, np.uint8)).save(place / f"{index:03d}.png")
        write_points(place / f"{index:03d}.pts", camera.project(vertices[MODEL.landmarks])[:, :2])
    return place


def test_motion_is_recovered(folder, tmp_path):
    run("track", folder, "--smooth", 0, "-o", tmp_path / "table.csv")
    frames = read_frames(tmp_path / "table.csv", NAMES, np.zeros(len(NAMES)))
    expression, turns = wanted()
    assert np.allclose(frames.times, np.arange(COUNT) / 25, atol=1e-5)
    assert np.abs(frames.turns[:, [0, 2]] - turns[:, [0, 2]]).max() < 4
    for name in ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight"):
        column = NAMES.index(name)
        assert np.corrcoef(frames.expression[:, column], expression[:, column])[0, 1] > 0.95, name
        assert np.abs(frames.expression[:, column] - expression[:, column]).max() < 0.3, name


def test_the_table_animates_a_head(folder, tmp_path):
    run("track", folder, "--every", 4, "-o", tmp_path / "table.csv")
    lines = (tmp_path / "table.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["time", "0", "0.16", "0.32"]
    rig = small_rig()
    unknown = set(NAMES) - set(rig.names)
    kept = [column for column, name in enumerate(lines[0].split(",")) if name not in unknown]
    (tmp_path / "own.csv").write_text("\n".join(",".join(line.split(",")[k] for k in kept) for line in lines))
    rig.save(tmp_path / "rig.h5")
    run("pose", tmp_path, "--frames", tmp_path / "own.csv", "-o", tmp_path / "out.glb")
    document, _ = check_glb((tmp_path / "out.glb").read_bytes())
    assert len(document["animations"][0]["channels"]) == 4


def test_smoothing_takes_out_noise_and_keeps_the_mean(folder, tmp_path):
    rng = np.random.default_rng(1)
    for path in sorted(folder.glob("*.pts")):
        write_points(path, read_points(path) + rng.normal(0, 1.5, (68, 2)))
    for seconds in (0, 0.06):
        run("track", folder, "--smooth", seconds, "-o", tmp_path / f"{seconds}.csv")
    rough, calm = (read_frames(tmp_path / f"{seconds}.csv", NAMES, np.zeros(len(NAMES))) for seconds in (0, 0.06))
    for values in ("turns", "expression"):
        before, after = (np.abs(np.diff(getattr(frames, values), 2, axis=0)).sum() for frames in (rough, calm))
        assert after < 0.5 * before
    assert np.abs(calm.turns.mean(axis=0) - rough.turns.mean(axis=0)).max() < 1


def test_frames_without_a_face_lie_between_their_neighbours(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(tracking, "read", no_face)  # the search of a whole picture takes seconds
    for name in ("000", "004"):
        (folder / f"{name}.pts").unlink()
    output = run("track", folder, "--smooth", 0, "-o", tmp_path / "table.csv")
    assert "2 of 9 frames show no face (0.00 to 0.00 s, 0.16 to 0.16 s)" in output
    frames = read_frames(tmp_path / "table.csv", NAMES, np.zeros(len(NAMES)))
    assert len(frames.times) == COUNT
    assert np.allclose(frames.expression[4], (frames.expression[3] + frames.expression[5]) / 2, atol=1e-5)
    assert np.allclose(frames.turns[0], frames.turns[1])


def test_a_video(astronaut, tmp_path):
    path = tmp_path / "me.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10.0, astronaut.shape[1::-1])
    for _ in range(3):
        writer.write(np.ascontiguousarray(astronaut[:, :, ::-1]))
    writer.release()
    run("track", path, "-o", tmp_path / "table.csv")
    frames = read_frames(tmp_path / "table.csv", NAMES, np.zeros(len(NAMES)))
    assert np.allclose(frames.times, [0, 0.1, 0.2])
    assert np.ptp(frames.expression, axis=0).max() < 0.15  # the same picture thrice, packed with loss
    smile = frames.expression[0, [NAMES.index("mouthSmileLeft"), NAMES.index("mouthSmileRight")]]
    assert smile.min() > 0.4


def no_face(image, **options):
    raise NoFaceError("no face")


def test_a_face_is_searched_only_when_it_is_lost_and_seldom_where_there_is_none(astronaut, monkeypatch):
    searches, real = [], tracking.read

    def read(image, **options):
        searches.append(image)
        return real(image, **options)

    monkeypatch.setattr(tracking, "read", read)
    reader, grey = tracking.Reader(), Frame(0.0, None, np.full_like(astronaut, 128))
    (first,) = reader.points([Frame(0.0, None, astronaut)])
    (moved,) = reader.points([Frame(0.0, None, np.roll(astronaut, (4, 6), axis=(0, 1)))])
    assert len(searches) == 1 and np.abs(moved - first - [6, 4]).max() < 2
    monkeypatch.setattr(tracking, "read", lambda image, **options: searches.append(image) or no_face(image))
    assert reader.points([grey] * 16) == [None] * 16 and len(searches) == 1 + 4
    # Where it was last, it is seen at once when it comes back.
    assert reader.points([Frame(0.0, None, astronaut)])[0] is not None


def test_wrong_sources_are_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(tracking, "read", no_face)
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "grey").mkdir()
    Image.fromarray(np.full((80, 80, 3), 128, np.uint8)).save(tmp_path / "grey" / "a.png")
    cases = {
        "none.mp4": "no such file",
        "http://example.org/a.mp4": "no such file",
        "empty": "0 pictures",
        "text.mp4": "no video that can be read",
        "grey": "no frame shows a face",
    }
    for name, message in cases.items():
        source = name if "//" in name else tmp_path / name
        output = run("track", source, "-o", tmp_path / "x.csv", status=1)
        lines = [line for line in output.splitlines() if line.startswith("portrait: ")]
        assert len(lines) == 1 and message in lines[0]
    assert not (tmp_path / "x.csv").exists()
