"""The perceptual study by machine: statistics, questions, answers, and the command as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from shown import located

from portrait_pipeline.base import images
from portrait_pipeline.base.errors import InputFileError, ParameterError
from portrait_pipeline.fit.params import FitParams
from portrait_pipeline.fit.step import fit_pair
from portrait_pipeline.lab.__main__ import main
from portrait_pipeline.lab.study.answers import neighbours, retrieve
from portrait_pipeline.lab.study.appearance import (
    SIDE,
    Block,
    block_distances,
    colour_moments,
    portrait_region,
)
from portrait_pipeline.lab.study.copies import same_pictures
from portrait_pipeline.lab.study.sources import find_heads
from portrait_pipeline.mesh.obj import write_obj
from portrait_pipeline.perception.detector import locate
from portrait_pipeline.photo_texture.params import PhotoTextureParams
from portrait_pipeline.photo_texture.step import project_pair
from portrait_pipeline.samples.sources import resolve

pytestmark = pytest.mark.usefixtures("one_thread")


def picture(name: str) -> tuple[np.ndarray, np.ndarray]:
    path = resolve(f"sample:{name}").path
    image = images.load_image(path)
    return image, locate(path, image).points


def worn(model, image: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and texture of a head that wears a picture as it is, without any style."""
    pair = located(image, image, points, points)
    fitted = fit_pair(model, pair, FitParams())
    return fitted.vertices, project_pair(model, pair, fitted, PhotoTextureParams(size=256)).texture


@pytest.fixture(scope="module")
def table(tmp_path_factory, model) -> Path:
    """Two heads: one wears the photo (its artwork cannot be known), one the artwork (its photo cannot).

    Bundled pictures serve as photos: their points lie beside them, so nothing has to be searched.
    """
    folder = tmp_path_factory.mktemp("study")
    for name, source in (("photo", "watercolour"), ("painted", "stained_glass")):
        vertices, texture = worn(model, *picture(source))
        write_obj(folder / name, model.mesh(vertices), texture)
    art = folder / "art"
    art.mkdir()
    for name in ("mosaic", "woodcut", "halftone_poster"):
        asset = resolve(f"sample:{name}").path
        for path in (asset, asset.with_suffix(".pts")):
            (art / path.name).write_bytes(path.read_bytes())
    (art / "broken.png").write_bytes(b"no picture")
    path = folder / "heads.csv"
    path.write_text(
        "result,photo,art\nphoto,sample:watercolour,sample:stained_glass\npainted,sample:pastel,sample:stained_glass\n"
    )
    return path


def run(*arguments: object, status: int = 0) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == status, result.output
    return result.output


def test_the_command_recognises_what_is_there_and_nothing_else(table, tmp_path):
    output = tmp_path / "metrics" / "study.json"
    text = run("study", "measure", table, "--art", table.parent / "art", "--choices", 2, "-o", output)
    assert "left out" in text and "broken.png" in text  # a useless picture of a pool stops nothing
    result = json.loads(output.read_text(), parse_constant=pytest.fail)
    assert (result["heads"], result["views"], result["choices"], result["chance"]) == (2, 3, 2, 50)
    assert (result["photo_pool"], result["art_pool"]) == (2, 4)
    photo, painted = result["by_head"]["photo"], result["by_head"]["painted"]
    assert photo["photo"] == 100 and photo["photo_margin"] > 0.3 and photo["photo_mistaken_for"] == []
    assert painted["art"] == 100 and painted["art_margin"] > 0.2
    assert result["photo_accuracy"] == pytest.approx((photo["photo"] + painted["photo"]) / 2, rel=1e-5)
    views = [row["art"] for row in result["by_view"].values()]
    assert list(result["by_view"]) == ["front", "left", "right"]
    assert np.mean(views) == pytest.approx(result["art_accuracy"], rel=1e-5)
    low, high = result["art_interval"]
    assert 0 <= low <= result["art_accuracy"] <= high <= 100
    assert f"art: {result['art_accuracy']:.1f} % of 6" in text


def test_a_small_pool_is_refused(table, tmp_path):
    text = run("study", "measure", table, "-o", tmp_path / "s.json", status=1)
    assert "only 2 different photos" in text.splitlines()[-1] and not (tmp_path / "s.json").exists()


def test_bad_tables_and_heads_are_one_line(tmp_path, table):
    path = tmp_path / "heads.csv"
    folder = tmp_path / "head"
    folder.mkdir()
    (folder / "texture.png").write_bytes((table.parent / "photo" / "texture.png").read_bytes())
    (folder / "head.obj").write_text("v 0 0 0\n")
    for content, words in (
        ("result,photo\na,b\n", "neither a project"),
        ("result,photo,art\na,b,\n", "lacks one of"),
        ("result,photo,art\n", "names no heads"),
        ("result,photo,art\na/x,p.png,a.png\nb/x,p.png,a.png\n", "two result folders"),
        ("result,photo,art\nhead,sample:hopper,sample:mosaic\n", "has 1 vertices"),
    ):
        path.write_text(content)
        text = run("study", "measure", path, "-o", tmp_path / "s.json", status=1)
        assert words in text and len(text.splitlines()) == 1


def test_heads_of_a_project(tmp_path):
    (tmp_path / "params.yaml").write_text("pairs:\n  one: {photo: 'sample:hopper', art: data/art/a.png}\n")
    (head,) = find_heads(tmp_path)
    assert head.name == "one" and head.result == tmp_path / "data" / "results" / "one"
    assert head.photo.name == "grace_hopper.jpg" and head.art == tmp_path / "data" / "art" / "a.png"
    (tmp_path / "params.yaml").write_text("pairs: {}\n")
    with pytest.raises(InputFileError, match="names no heads"):
        find_heads(tmp_path)


def test_neighbours_are_the_nearest_and_never_the_same_picture():
    rng = np.random.default_rng(0)
    places = rng.normal(size=(9, 2))
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    found = neighbours(distances, [4, 0], 4)
    for row, own in zip(found, (4, 0), strict=True):
        assert row[0] == own
        others = sorted((distances[own, other], other) for other in range(9) if other != own)
        assert list(row[1:]) == [other for _, other in others[:3]]
    nearest, second = found[0, 1:3]
    distances[nearest, second] = distances[second, nearest] = np.inf  # two cuts of one wrong picture
    assert found[0, 2] not in neighbours(distances, [4], 4)[0]
    distances[4, nearest] = distances[nearest, 4] = np.inf  # another cut of the right one
    assert nearest not in neighbours(distances, [4], 4)[0]
    with pytest.raises(ParameterError, match="only 9 different paintings"):
        neighbours(np.ones((9, 9)), [0], 10, "paintings")


def test_answers_against_loops():
    rng = np.random.default_rng(1)
    distances, own = rng.random((5, 3, 8)), [0, 3, 3, 5, 7]
    candidates = neighbours(rng.random((8, 8)), own, 4)
    same = np.eye(8, dtype=bool)
    same[0, 7] = same[7, 0] = True
    answers = retrieve(distances, candidates, own, same)
    exchanged = []
    for head in range(5):
        for view in range(3):
            values = [distances[head, view, place] for place in candidates[head]]
            assert answers.chosen[head, view] == np.argmin(values)
            margin = 1 - values[0] / min(values[1:])
            assert answers.margin[head, view] == pytest.approx(margin)
            assert (margin > 0) == answers.right[head, view]
        for other in range(5):
            if own[other] != own[head] and {own[other], own[head]} != {0, 7}:
                for view in range(3):
                    values = [distances[other, view, place] for place in candidates[head]]
                    exchanged.append(np.argmin(values) == 0)
    assert answers.exchanged == pytest.approx(np.mean(exchanged))


def test_blind_answers_are_right_by_chance():
    rng = np.random.default_rng(2)
    own = rng.integers(0, 30, 400)
    candidates = neighbours(rng.random((30, 30)), own, 5)
    answers = retrieve(rng.random((400, 3, 30)), candidates, own)
    assert answers.right.mean() == pytest.approx(0.2, abs=0.04)
    assert answers.exchanged == pytest.approx(0.2, abs=0.02)


def test_block_distances_against_loops():
    rng = np.random.default_rng(3)
    pool = [Block(rng.normal(size=(6, 4)), 0.3), Block(1000 * rng.normal(size=(6, 7)), 0.7), Block(np.ones((6, 2)), 1)]
    queries = [Block(rng.normal(size=(2, block.values.shape[1])), block.weight) for block in pool]
    expected = np.zeros((2, 6))
    for query, block in zip(queries, pool, strict=True):
        usual = np.mean([[np.sum((a - b) ** 2) for a in block.values] for b in block.values])
        for row in range(2):
            for column in range(6):
                if usual > 0:
                    between = np.sum((query.values[row] - block.values[column]) ** 2)
                    expected[row, column] += block.weight * between / usual
    np.testing.assert_allclose(block_distances(queries, pool), np.sqrt(expected))


def test_statistics_look_only_inside_the_outline():
    image, points = picture("pastel")
    first, mask = portrait_region(image, points)
    assert mask.sum() == pytest.approx(SIDE**2, rel=0.02) and first.shape[:2] == mask.shape
    changed = image.copy()
    changed[:20], changed[-20:] = 255, 0
    second, again = portrait_region(changed, points)
    assert (first == second).all() and (mask == again).all()
    double = np.kron(image, np.ones((2, 2, 1), np.uint8))
    larger, covered = portrait_region(double, 2 * points)
    moments = [colour_moments(*region) for region in ((first, mask), (larger, covered))]
    np.testing.assert_allclose(*moments, atol=1.5)  # the size of the picture decides nothing
    cut, _ = portrait_region(image, points, np.zeros(image.shape[:2], bool))
    assert (cut == first).all()  # a silhouette that misses the outline is no reason to stop


def test_another_cut_of_a_picture_is_the_same_picture():
    image, points = picture("oil_strokes")
    height, width = image.shape[:2]
    cut = image[10:-6, 20:-15]
    reduced = images.resize_to(cut, max(cut.shape) * 2 // 3)
    factor = np.array(reduced.shape[1::-1]) / np.array(cut.shape[1::-1])
    moved = (points - [20, 10]) * factor + np.random.default_rng(6).normal(0, 0.004 * width, points.shape)
    others = [picture(name) for name in ("mosaic", "pastel", "woodcut", "watercolour")]
    same = same_pictures([(image, points), (reduced, moved), *others])
    expected = np.eye(6, dtype=bool)
    expected[0, 1] = expected[1, 0] = True
    assert (same == expected).all()
