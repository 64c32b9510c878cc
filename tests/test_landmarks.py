"""Landmark files win, real dlib finds faces however they are turned, and mistakes get one clear line."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from portrait_pipeline.base import images
from portrait_pipeline.base.errors import LandmarkError, MissingDependencyError, NoFaceError, OutputError
from portrait_pipeline.head.points import (
    BROWS,
    EYES,
    JAW,
    MIRROR,
    MOUTH,
    NOSE,
    POLYLINES,
    eye_distance,
    handedness,
    mirrored,
)
from portrait_pipeline.landmarks.draw import draw
from portrait_pipeline.perception import models
from portrait_pipeline.perception.detector import Detection, detect, locate
from portrait_pipeline.perception.files import find_points, read_points, write_points
from portrait_pipeline.perception.views import around, turned
from portrait_pipeline.samples.sources import resolve, sample_names

PLACES = {
    "left eye": (slice(36, 42), (205, 102)),
    "right eye": (slice(42, 48), (247, 104)),
    "nose tip": (slice(33, 34), (223, 133)),
    "mouth": (slice(48, 60), (224, 148)),
    "chin": (slice(8, 9), (222, 179)),
}
"""Where the parts of the astronaut's face are, read off the picture by eye (pixels)."""


@pytest.fixture
def face() -> np.ndarray:
    """A plausible face of 68 points in a 200 x 160 (width x height) image."""
    angle = np.linspace(np.pi, 0, 17)
    jaw = np.stack([100 + 60 * np.cos(angle), 70 + 70 * np.sin(angle)], 1)
    brows = np.stack([np.r_[np.linspace(50, 90, 5), np.linspace(110, 150, 5)], np.full(10, 50.0)], 1)
    nose = np.r_[
        np.stack([np.full(4, 100.0), np.linspace(60, 85, 4)], 1),
        np.stack([np.linspace(90, 110, 5), np.full(5, 92.0)], 1),
    ]
    turn = np.deg2rad(np.array([180, 240, 300, 0, 60, 120]))
    eyes = np.concatenate([[[x, 65]] + 9 * np.stack([np.cos(turn), 0.5 * np.sin(turn)], 1) for x in (72, 128)])
    outer = np.deg2rad(180 + 30 * np.arange(12))
    inner = np.deg2rad(180 + 45 * np.arange(8))
    mouth = np.concatenate(
        [[[100, 115]] + r * np.stack([np.cos(a), 0.4 * np.sin(a)], 1) for a, r in ((outer, 20), (inner, 14))]
    )
    return np.concatenate([jaw, brows, nose, eyes, mouth])


def plain(points: np.ndarray, separator: str = " ") -> str:
    return "".join(f"{x}{separator}{y}\n" for x, y in points)


def refused(path: Path, text: str | bytes, *words: str, size: tuple[int, int] | None = (160, 200)) -> None:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(LandmarkError) as caught:
        read_points(path, size)
    message = str(caught.value)
    assert "\n" not in message and message.startswith(str(path))
    for word in words:
        assert word in message, message


# --- conventions ---


def test_mirror_is_an_involution_and_keeps_a_symmetric_face(face):
    assert (MIRROR[MIRROR] == np.arange(68)).all()
    np.testing.assert_allclose(mirrored(face, 200), face, atol=1e-9)
    moved = face + [7, 3]
    np.testing.assert_allclose(mirrored(mirrored(moved, 200), 200), moved)
    for group in (JAW, BROWS, NOSE, EYES, MOUTH):
        ids = np.arange(68)[group]
        assert set(MIRROR[ids]) == set(ids)


def test_groups_cover_the_68_points_once_and_so_do_the_lines():
    groups = (JAW, BROWS, NOSE, EYES, MOUTH)
    assert np.concatenate([np.arange(68)[group] for group in groups]).tolist() == list(range(68))
    assert sorted(index for ids, _ in POLYLINES for index in ids) == list(range(68))


def test_eye_distance_and_handedness_do_not_depend_on_the_roll(face):
    assert eye_distance(face) == pytest.approx(128 + 9 - (72 - 9))
    for degrees in (0, 50, 120, 250):
        angle = np.deg2rad(degrees)
        turned_face = face @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        assert handedness(turned_face) == pytest.approx(handedness(face)) and handedness(face) > 0.3
        assert handedness(turned_face * [1, -1]) < 0


# --- files ---


def test_pts_files_come_back(tmp_path, face):
    write_points(tmp_path / "a.pts", face)
    text = (tmp_path / "a.pts").read_text()
    assert text.startswith("version: 1\nn_points: 68\n{\n") and text.endswith("}\n")
    np.testing.assert_allclose(read_points(tmp_path / "a.pts", (160, 200)), face, atol=6e-4)


@pytest.mark.parametrize("separator", [" ", ",", ", ", "\t", "; "])
def test_plain_files_with_any_separator_comments_and_windows_ends(tmp_path, face, separator):
    text = "# drawn by hand\n\n" + plain(face, separator).replace("\n", "\r\n")
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf" + text.encode())
    np.testing.assert_allclose(read_points(tmp_path / "a.txt", (160, 200)), face)


def test_wrong_counts(tmp_path, face):
    path = tmp_path / "a.pts"
    refused(path, plain(face[:67]), "has 67 points", "expected 68")
    refused(path, plain(np.r_[face, face[:1]]), "has 69 points")
    refused(path, "", "has 0 points")
    refused(path, "version: 1\nn_points: 67\n{\n" + plain(face[:67]) + "}\n", "n_points is 67", "expected 68")
    refused(path, "version: 1\nn_points: 68\n{\n" + plain(face), "'}'")


@pytest.mark.parametrize(
    "bad, word",
    [
        ("nan 3", "not finite"),
        ("4 inf", "not finite"),
        ("1e999 3", "not finite"),
        ("a b", "not 'x y'"),
        ("5", "not 'x y'"),
        ("1 2 3", "not 'x y'"),
    ],
)
def test_bad_numbers_name_their_line(tmp_path, face, bad, word):
    lines = plain(face).splitlines()
    lines[4] = bad
    refused(tmp_path / "a.txt", "\n".join(lines), "line 5", word)


def test_points_outside_the_image(tmp_path, face):
    path = tmp_path / "a.txt"
    near = face.copy()
    near[8, 1] = 160 + 0.04 * 200
    path.write_text(plain(near))
    np.testing.assert_allclose(read_points(path, (160, 200)), near)  # a cut-off chin is fine
    far = face.copy()
    far[8] = 100, 175
    refused(path, plain(far), "point 8 at (100, 175)", "200 x 160", "1 of 68")
    refused(path, plain(face * 3), "outside the image")


def test_points_that_are_no_face(tmp_path, face):
    path = tmp_path / "a.txt"
    refused(path, plain(np.full((68, 2), 50.0)), "coincide")
    refused(path, plain(face[MIRROR]), "mirrored")
    refused(path, plain([0, 160] + face * [1, -1]), "mirrored", "y must point down")


def test_files_that_are_no_text_or_too_large_or_missing(tmp_path):
    refused(tmp_path / "a.txt", bytes(range(256)), "not a text file")
    refused(tmp_path / "a.txt", b"1 2\n" * 100_000, "too large")
    with pytest.raises(LandmarkError, match="no such file"):
        read_points(tmp_path / "none.pts")
    with pytest.raises(LandmarkError, match="is a folder"):
        read_points(tmp_path)


def test_writing_points_to_an_impossible_place_is_one_line(tmp_path, face):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        write_points(tmp_path / "file" / "a.pts", face)


def test_order_of_the_files_beside_an_image(tmp_path):
    image = tmp_path / "photo.jpg"
    assert find_points(image) is None
    for name in ("photo.txt", "photo.pts", "photo.jpg.txt", "photo.jpg.pts"):  # the last has precedence
        (tmp_path / name).touch()
        assert find_points(image) == tmp_path / name


def test_a_file_beside_the_image_wins_and_follows_its_reduction(tmp_path, face):
    path = tmp_path / "blank.png"  # no face in the pixels
    images.save_image(path, np.full((160, 200, 3), 128, np.uint8))
    write_points(tmp_path / "blank.pts", face)
    found = locate(path, images.load_image(path, max_side=100))
    assert (found.source, found.faces) == ("file:blank.pts", 1)
    np.testing.assert_allclose(found.points, face / 2, atol=1e-3)
    np.testing.assert_allclose(found.box, [*(face.min(axis=0) / 2), *(face.max(axis=0) / 2)], atol=1e-3)


def test_points_of_a_camera_picture_are_those_of_the_upright_picture(tmp_path, face):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (160, 200)).save(tmp_path / "a.jpg", exif=exif)  # stored on its side, displayed 200 x 160
    write_points(tmp_path / "a.jpg.pts", face)
    found = locate(tmp_path / "a.jpg", images.load_image(tmp_path / "a.jpg"))
    np.testing.assert_allclose(found.points, face, atol=1e-3)


def test_a_bad_file_is_an_error_even_if_there_is_a_face(tmp_path, astronaut):
    images.save_image(tmp_path / "a.png", astronaut)
    (tmp_path / "a.txt").write_text("shopping list\n")
    with pytest.raises(LandmarkError, match=r"a\.txt: line 1"):
        locate(tmp_path / "a.png", astronaut)


# --- detection with the real dlib ---


@pytest.fixture(scope="module")
def found(astronaut_path, astronaut) -> Detection:
    return locate(astronaut_path, astronaut)


def test_the_astronaut(found):
    assert (found.source, found.faces, found.points.shape) == ("dlib-hog", 1, (68, 2))
    for part, (ids, place) in PLACES.items():
        assert np.linalg.norm(found.points[ids].mean(axis=0) - place) < 4, part
    left, top, right, bottom = found.box
    assert left < 205 < 243 < right and top < 102 < 148 < bottom


def test_the_same_answer_every_time(found, astronaut_path, astronaut):
    np.testing.assert_array_equal(locate(astronaut_path, astronaut).points, found.points)


def test_mirrored_enlarged_and_shifted_pictures_give_the_same_face(found, astronaut):
    scale = eye_distance(found.points)
    flipped = detect(np.ascontiguousarray(astronaut[:, ::-1]))
    error = np.linalg.norm(mirrored(flipped.points, 512) - found.points, axis=1)
    assert error.mean() < 0.03 * scale
    enlarged = detect(np.array(Image.fromarray(astronaut).resize((1024, 1024), Image.Resampling.BICUBIC)))
    assert np.linalg.norm(enlarged.points / 2 - found.points, axis=1).mean() < 0.04 * scale
    cut = detect(astronaut[20:300, 90:370])
    assert np.linalg.norm(cut.points + [90, 20] - found.points, axis=1).mean() < 0.04 * scale


def test_a_tilted_face_is_found_by_turning_back(found, astronaut):
    crop = np.ascontiguousarray(astronaut[0:260, 90:350])
    view = turned(crop.shape[:2], 260, -35)
    detection = detect(view.warp(crop))
    back = view.to_image(detection.points) + [90, 0]
    assert np.linalg.norm(back - found.points, axis=1).mean() < 0.08 * eye_distance(found.points)


def test_of_several_faces_the_largest(found, astronaut):
    face = astronaut[40:240, 120:320]
    large = np.array(Image.fromarray(face).resize((340, 340), Image.Resampling.BICUBIC))
    canvas = np.full((360, 640, 3), 200, np.uint8)
    canvas[10:350, 290:630], canvas[80:280, 40:240] = large, face
    detection = detect(canvas)
    assert detection.faces == 2
    assert detection.points[:, 0].min() > 290


def test_a_small_grey_picture_of_one_face(astronaut, found):
    crop = images.resize_to(np.ascontiguousarray(astronaut[40:230, 130:320]), 64)
    grey = np.repeat(crop.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    detection = detect(grey)
    back = detection.points * 190 / 64 + [130, 40]
    assert np.linalg.norm(back - found.points, axis=1).mean() < 0.1 * eye_distance(found.points)


@pytest.mark.parametrize("name", sample_names().artworks)
def test_bundled_artworks_have_valid_points(name):
    path = resolve(f"sample:{name}").path
    detection = locate(path, images.load_image(path))
    assert detection.source == f"file:{name}.pts"


def test_no_face(tmp_path):
    path = tmp_path / "wall.png"
    image = np.full((200, 150, 3), 90, np.uint8)
    images.save_image(path, image)
    with pytest.raises(NoFaceError) as caught:
        locate(path, image)
    message = str(caught.value)
    assert message.startswith(str(path)) and "wall.png.pts" in message and "68" in message and "\n" not in message


def test_missing_models_say_what_to_install(monkeypatch):
    monkeypatch.setattr(models.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="pip install .*face_recognition_models"):
        models.model_path(models.PREDICTOR)


# --- views and drawing ---


def test_views_there_and_back():
    view = turned((60, 100), 300, 20, 1.25, 0.3)
    points = np.random.default_rng(0).uniform(0, 60, (20, 2))
    np.testing.assert_allclose(view.to_image(view.to_view(points)), points, atol=1e-9)
    np.testing.assert_allclose(view.to_view(np.array([[50.0, 30.0]]))[0], np.array(view.size[::-1]) / 2, atol=0.5)
    box = np.array([100.0, 90, 160, 150])
    close = around(view, box, 112, 2.4, -15, 0.8)
    middle = view.to_image(np.array([[130.0, 120.0]]))
    np.testing.assert_allclose(close.to_view(middle)[0], np.array(close.size) / 2, atol=1e-9)


def test_a_view_shows_a_dot_where_its_matrix_says():
    image = np.zeros((80, 80), np.uint8)
    image[30:32, 50:52] = 255  # centre of mass at (51, 31) in continuous pixels
    for view in (turned((80, 80), 160, 30), turned((80, 80), 240, 0, 0.8), turned((80, 80), 40, 10)):
        pixels = view.warp(image).astype(float)
        y, x = np.mgrid[0 : pixels.shape[0], 0 : pixels.shape[1]] + 0.5
        centre = np.array([(x * pixels).sum(), (y * pixels).sum()]) / pixels.sum()
        np.testing.assert_allclose(centre, view.to_view(np.array([[51.0, 31.0]]))[0], atol=0.15)


def test_a_positive_turn_looks_counter_clockwise():
    view = turned((100, 100), 100, 90)
    np.testing.assert_allclose(view.to_view(np.array([[90.0, 50.0]]))[0], [50, 10], atol=1e-9)  # right goes up


@pytest.mark.parametrize("side", [40, 200, 1500])
def test_the_drawing_shows_every_group_at_any_size(face, side):
    image = np.full((side * 160 // 200, side, 3), 128, np.uint8)
    points = face * side / 200
    before = image.copy()
    drawn = draw(image, points, np.zeros(68))
    np.testing.assert_array_equal(image, before)
    assert drawn.dtype == np.uint8 and drawn.shape[0] % image.shape[0] == 0
    factor = drawn.shape[0] // image.shape[0]
    for x, y in points * factor:  # each point's own pixel is coloured
        assert np.abs(drawn[int(y), int(x)].astype(int) - 128).max() > 35
    changed = (drawn != np.repeat(np.repeat(image, factor, 0), factor, 1)).any(axis=2).mean()
    assert 0.01 < changed < 0.35


def test_drawing_points_outside_the_image_is_harmless(face):
    draw(np.zeros((160, 200, 3), np.uint8), face + 1e7, np.full(68, 9.0))
