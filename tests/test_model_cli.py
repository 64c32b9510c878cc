"""``portrait model`` as a user types it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from model_files import flame_arrays, small_head, write_flame, write_obj
from PIL import Image

from portrait_pipeline.base.errors import ModelError
from portrait_pipeline.commands.portrait import main
from portrait_pipeline.convert.convert_file import read_landmark_ids
from portrait_pipeline.convert.preview import poses, shaded
from portrait_pipeline.head.model import load_model
from portrait_pipeline.mesh.render import View, frame_head


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["model", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def converted(model, tmp_path_factory) -> tuple[Path, str, object]:
    """A FLAME-like file of the bundled head, shuffled, with eyes and mouth open, made a pipeline model."""
    folder = tmp_path_factory.mktemp("model")
    head = small_head(model, 3, ("mouthSmileLeft", "browInnerUp"), 11, (1, 2, 3))
    write_flame(folder / "generic_model.pkl", flame_arrays(head))
    code, output = run("convert", folder / "generic_model.pkl", "-o", folder / "out.h5")
    assert code == 0, output
    return folder / "out.h5", output, head


def test_convert_gives_a_model_for_the_whole_pipeline(model, converted):
    path, output, _ = converted
    assert "registering" in output and "49 ARKit expressions" in output and "the jaw joint" in output
    result = load_model(path)
    result.require_pipeline(str(path))
    skin = ~np.isin(model.regions, (1, 2, 3))
    assert np.linalg.norm(result.mean - model.mean, axis=1)[skin].mean() < 0.02  # cm
    for k in range(3):
        wanted, got = model.identity_basis[k], result.identity_basis[k]
        assert np.linalg.norm(got - wanted) < 0.05 * np.linalg.norm(wanted)
    smile = model.expression_basis[model.expression_names.index("mouthSmileLeft")]
    assert np.linalg.norm(result.expression_basis[0] - smile) < 0.1 * np.linalg.norm(smile)
    assert len(result.expression_names) == 2 + 3 + 49 and "jawOpen" in result.expression_names
    assert Image.open(path.with_suffix(".png")).size[0] == 2200


def test_info_tells_size_and_use(converted):
    path, _, _ = converted
    code, text = run("info", path)
    assert code == 0 and "the whole pipeline" in text and "flame-generic_model" in text
    assert 8.5 < float(re.search(r"size +([\d.]+) cm", text)[1]) < 9.3 and "as it should be" in text
    assert "5 for the fit, 49 lent" in text
    code, text = run("info")
    assert code == 0 and "head-12k" in text and "80 components" in text and "bilinear     no" in text


def test_a_mesh_in_metres_names_the_unit_and_converts_natively_with_it(model, tmp_path):
    head = small_head(model, 1, (), 12, (1, 2, 3))
    write_obj(tmp_path / "person.obj", head.mean / 100.0, head.triangles, digits=8)
    place = np.empty(len(model.mean), int)
    place[head.origin] = np.arange(len(head.origin))
    (tmp_path / "ids.txt").write_text("\n".join(map(str, place[model.landmarks])), encoding="utf-8")
    base = (
        "convert",
        tmp_path / "person.obj",
        "-o",
        tmp_path / "p.h5",
        "--topology",
        "native",
        "--landmarks",
        tmp_path / "ids.txt",
    )
    code, text = run(*base)
    assert code == 1 and "read with 1 cm a unit" in text and re.search(r"\((9\d|10\d) would make them 9 cm\)", text)
    assert not (tmp_path / "p.h5").exists()
    code, text = run(*base, "--unit", "100")
    assert code == 0, text
    native = load_model(tmp_path / "p.h5")
    assert np.array_equal(head.origin[native.landmarks], model.landmarks)
    assert np.array_equal(native.triangles, head.triangles) and native.identity_basis.shape[0] == 0
    lengths = [
        np.linalg.norm(np.diff(m[t[:, :2]], axis=1))
        for m, t in ((native.mean, native.triangles), (head.mean, head.triangles))
    ]
    assert lengths[0] == pytest.approx(lengths[1], rel=1e-5)
    code, text = run("info", tmp_path / "p.h5")
    assert code == 0 and "fitting only" in text


def test_preview_shows_landmarks_components_and_expressions(model, tmp_path):
    code, text = run("preview", "bundled", "-o", tmp_path / "sheet.png")
    assert code == 0, text
    picture = np.array(Image.open(tmp_path / "sheet.png"))
    red = (picture[..., 0] > 180) & (picture[..., 1] < 60) & (picture[..., 2] < 60)
    green = (np.abs(picture.astype(int) - (40, 120, 60)) < 20).all(axis=2)
    assert red.sum() > 500 and green.sum() > 500
    shown = [name for name, _ in poses(model)]
    assert len(shown) == 8 and "jawOpen 1" in shown


def test_shading_is_lit_from_the_front_and_white_outside(model):
    picture = shaded(model.mean, model.triangles, View(0, 0), frame_head(model.mean), 64)
    assert (picture[0, 0] == 255).all() and 120 < picture[28, 32].mean() < 255
    tinted = shaded(
        model.mean,
        model.triangles,
        View(0, 0),
        frame_head(model.mean),
        64,
        np.tile([0.0, 0.0, 1.0], (len(model.mean), 1)),
    )
    assert tinted[28, 32, 0] == 0 and tinted[28, 32, 2] > 100


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("convert", "none.h5", "-o", "x.h5"), "none.h5: missing"),
        (("convert", "none.h5", "-o", "x.npz"), "use .h5"),
        (("info", "none.h5"), "none.h5: missing; give a face model"),
        (("preview", "none.h5", "-o", "x.png"), "none.h5: missing"),
    ],
)
def test_mistakes_are_one_line(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, text = run(*arguments)
    assert code == 1 and message in text and text.startswith("portrait: ") and text.count("\n") == 1


def test_landmark_files(tmp_path):
    path = tmp_path / "ids.txt"
    path.write_text(", ".join(map(str, range(-1, 67))))
    assert read_landmark_ids(path, 100).tolist() == list(range(-1, 67))
    for content, message in (("1 2 3", "3 numbers"), ("a", "whole numbers"), ("0 " * 67 + "100", "from 0 to 100")):
        path.write_text(content)
        with pytest.raises(ModelError, match=message):
            read_landmark_ids(path, 100)
