"""The bundled artworks and the scripts that draw them."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from portrait_pipeline.making.artworks import __main__ as command
from portrait_pipeline.making.artworks.fields import paths, rotate
from portrait_pipeline.making.artworks.gallery import ARTWORKS, draw, points_text, save
from portrait_pipeline.making.artworks.pen import Line, draw_lines, fill, spline
from portrait_pipeline.making.artworks.sitter import Proportions, Sitter, exaggerate, pose
from portrait_pipeline.making.artworks.styles.halftone import dots
from portrait_pipeline.making.artworks.styles.ink import hatch
from portrait_pipeline.perception.files import read_points
from portrait_pipeline.samples.sources import ASSETS


def asset(name: str) -> tuple[np.ndarray, np.ndarray]:
    picture = np.array(Image.open(ASSETS / f"{name}.png").convert("RGB"))
    return picture, read_points(ASSETS / f"{name}.pts", picture.shape[:2])


def luma_near(picture: np.ndarray, centre: np.ndarray, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[0 : len(picture), 0 : picture.shape[1]] + 0.5
    inside = np.hypot(columns - centre[0], rows - centre[1]) < radius
    return picture[inside] @ np.array([0.30, 0.59, 0.11])


@pytest.mark.parametrize("name", ARTWORKS)
class TestAssets:
    def test_picture_and_points_are_there_and_small(self, name):
        picture, points = asset(name)
        assert picture.shape == (768, 768, 3)
        assert (ASSETS / f"{name}.png").stat().st_size <= 600_000
        assert points.shape == (68, 2)
        assert (points > 0).all() and (points < 768).all()

    def test_face_fills_the_picture(self, name):
        _, points = asset(name)
        assert 0.40 < np.ptp(points[:, 1]) / 768 < 0.75
        assert abs(points[27:36, 0].mean() / 768 - 0.5) < 0.12

    def test_pupils_are_dark_where_the_points_say(self, name):
        picture, points = asset(name)
        for first in (36, 42):
            eye = points[first : first + 6]
            width = np.linalg.norm(eye[3] - eye[0])
            pupil = np.quantile(luma_near(picture, eye[[1, 2, 4, 5]].mean(0), 0.11 * width), 0.4)
            around = np.quantile(luma_near(picture, eye.mean(0), 0.5 * width), 0.9)
            assert pupil < 0.5 * around

    def test_lips_are_redder_than_the_chin(self, name):
        picture, points = asset(name)
        redness = lambda centre, r: np.median(_redness(picture, centre, r))  # noqa: E731
        lip = (points[66] + points[57]) / 2
        height = np.linalg.norm(points[57] - points[66])
        chin = points[57] + 0.62 * (points[8] - points[57])
        assert redness(lip, 0.35 * height) > redness(chin, 0.8 * height)

    def test_points_are_those_of_the_sitter(self, name, model):
        _, points = asset(name)
        assert np.abs(pose(ARTWORKS[name][0][0], model, 768).points - points).max() < 1.0


def _redness(picture: np.ndarray, centre: np.ndarray, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[0 : len(picture), 0 : picture.shape[1]] + 0.5
    rgb = picture[np.hypot(columns - centre[0], rows - centre[1]) < radius].astype(float)
    return (rgb[:, 0] - rgb[:, 1:].mean(1)) / (rgb.mean(1) + 10)


def test_artworks_differ_in_proportions():
    shapes = []
    for name in ARTWORKS:
        points = asset(name)[1]
        centred = points - points.mean(0)
        shapes.append(centred / np.linalg.norm(centred))
    for i, a in enumerate(shapes):
        for b in shapes[:i]:
            rotation, _, other = np.linalg.svd(a.T @ b)
            assert np.linalg.norm(a @ (rotation @ other) - b) > 0.06


def test_assets_hold_nothing_else():
    names = {path.stem for path in ASSETS.glob("*.p*")}
    assert names == set(ARTWORKS)
    assert (ASSETS / "PROVENANCE.md").is_file()


def test_drawing_is_deterministic(model, tmp_path):
    first, points = draw("woodcut", model, 144)
    second, same = draw("woodcut", model, 144)
    assert first.shape == (144, 144, 3) and first.dtype == np.uint8
    assert (first == second).all() and (points == same).all()
    files = [save(tmp_path / part, "woodcut", first, points) for part in ("a", "b")]
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("name", ARTWORKS)
def test_every_style_draws_at_another_size(name, model):
    picture, points = draw(name, model, 128)
    assert picture.shape == (128, 128, 3)
    assert picture.std() > 25  # a full range of tones
    assert np.abs(points * 6 - pose(ARTWORKS[name][0][0], model, 768).points).max() < 1e-6


def test_command_rebuilds_chosen_artworks(tmp_path):
    result = CliRunner().invoke(command.main, ["-o", str(tmp_path), "--size", "128", "halftone_poster"])
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["halftone_poster.png", "halftone_poster.pts"]
    assert read_points(tmp_path / "halftone_poster.pts", (128, 128)).shape == (68, 2)


def test_command_refuses_an_unknown_artwork(tmp_path):
    result = CliRunner().invoke(command.main, ["-o", str(tmp_path), "crayon"])
    assert result.exit_code != 0 and "crayon" in result.output and not list(tmp_path.iterdir())


def test_landmark_file_round_trip(tmp_path):
    points = (asset("mosaic")[1] / 8 + 0.01 * np.random.default_rng(0).normal(size=(68, 2))).round(2)
    (tmp_path / "a.pts").write_text(points_text(points))
    assert np.abs(read_points(tmp_path / "a.pts", (100, 100)) - points).max() < 1e-9


class TestSitter:
    def test_plain_proportions_change_nothing(self, model):
        landmarks = model.mean[model.landmarks].astype(float)
        assert np.abs(exaggerate(landmarks, Proportions()) - landmarks).max() < 1e-9

    def test_plain_sitter_is_the_average_head(self, model):
        posed = pose(Sitter((0.0,), Proportions()), model, 400)
        assert np.abs(posed.vertices - model.mean)[model.landmarks].max() < 0.05
        assert np.abs(posed.points - posed.camera.project(posed.vertices[model.landmarks])[:, :2]).max() < 1e-9

    @pytest.mark.parametrize(("change", "index", "axis", "sign"), [
        ({"chin_drop": 2.0}, 8, 1, 1), ({"nose_drop": 1.0}, 33, 1, 1), ({"jaw_width": 1.3}, 12, 0, 1),
        ({"eye_spread": 0.5}, 45, 0, 1), ({"mouth_width": 1.4}, 54, 0, 1), ({"brow_raise": 1.0}, 24, 1, -1),
    ])  # fmt: skip
    def test_each_proportion_moves_its_part(self, model, change, index, axis, sign):
        landmarks = model.mean[model.landmarks].astype(float)
        moved = exaggerate(landmarks, Proportions(**change))
        image_sign = -sign if axis == 1 else sign  # y is up in head space, down in the picture
        assert image_sign * (moved - landmarks)[index, axis] > 0.2

    def test_framing_puts_the_chin_where_asked(self, model):
        posed = pose(Sitter((0.0,), Proportions(chin_drop=3.0), yaw=6, chin=0.8), model, 500)
        assert abs(posed.points[8, 1] - 400) < 1e-6


class TestTools:
    def test_spline_passes_through_its_points(self):
        knots = np.array([[0, 0], [10, 5], [20, -3], [26, 8]], float)
        curve = spline(knots, 400)
        assert max(np.linalg.norm(curve - k, axis=1).min() for k in knots) < 0.1

    def test_fill_covers_the_area(self):
        square = np.array([[10.25, 20.5], [40.25, 20.5], [40.25, 50.5], [10.25, 50.5]])
        assert abs(fill(square, 64).sum() - 900) < 25

    def test_line_has_its_width(self):
        line = Line(np.array([[100, 100], [600, 100.0]]), 8.0, "x", 0.0)
        assert abs(draw_lines([line], 768)[:, 350].sum() - 8.0) < 0.6

    @pytest.mark.parametrize("amount", [0.1, 0.3, 0.6])
    def test_dots_cover_the_asked_share(self, amount):
        assert abs(dots(300, 10.0, 17, np.full((300, 300), amount, np.float32)).mean() - amount) < 0.05

    def test_paths_keep_apart_and_follow_the_field(self):
        field = np.zeros((120, 120, 2)) + [1.0, 0.0]
        found = paths(field, np.ones((120, 120), bool), np.full((120, 120), 8.0), (10, 90), np.random.default_rng(0))
        assert len(found) > 8
        for i, a in enumerate(found):
            assert np.ptp(a[:, 1]) < 1e-6
            for b in found[:i]:
                assert np.linalg.norm(a[:, None] - b[None], axis=-1).min() > 4.0

    def test_hatching_is_denser_in_the_dark(self):
        tone = np.tile(np.linspace(0.0, 1.0, 256, dtype=np.float32), (256, 1))
        field = rotate(np.zeros((256, 256, 2)) + [1.0, 0.0], 40)
        cover = hatch(field, tone, 0.8, 3.0, 2.5, np.random.default_rng(0))
        assert cover[:, :60].mean() > 1.5 * cover[:, 130:190].mean() > 0
        assert cover[:, 225:].mean() < 0.02


def test_provenance_names_the_command():
    text = Path(ASSETS / "PROVENANCE.md").read_text()
    assert "python -m portrait_pipeline.making.artworks" in text and "CC0" in text
