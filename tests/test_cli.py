"""The command as a user types it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from portrait_pipeline.base.errors import LandmarkError
from portrait_pipeline.commands.portrait import main
from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.perception.files import find_points, write_points
from portrait_pipeline.pipeline.params import load_params

PARAMS = """\
# the pairs
pairs:
  first:
    photo: sample:astronaut   # a photo
    art: sample:oil_strokes

# texture
texture:
  beta: 1.0  # balance
"""
FACE = load_bundled_model().mean[load_bundled_model().landmarks][:, :2] * [3.0, -3.0] + 32.0
"""68 points of a face in a picture of 64 px."""


@pytest.fixture
def params_file(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text(PARAMS)
    return path


def run(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == status, result.output
    return result.output


COMMANDS = [
    "stylize",
    "translate",
    "add-pair",
    "doctor",
    "params",
    "weights",
    "effects",
    "pose",
    "track",
    "reenact",
    "studio",
    "character",
]


def test_help_imports_nothing_heavy() -> None:
    """Of the whole and of every command, one after the other in one process."""
    code = (
        "import sys; from portrait_pipeline.commands.portrait import main\n"
        f"for command in {[[], *([name] for name in COMMANDS)]!r}:\n"
        "    try: main([*command, '--help'])\n"
        "    except SystemExit as e: print('status', e.code)\n"
        "    print('heavy', {'torch', 'cv2', 'dlib', 'h5py', 'scipy', 'sklearn', 'pydantic'} & set(sys.modules))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for line in ("Usage:", "status 0", "heavy set()"):
        assert output.count(line) == len(COMMANDS) + 1, output


def test_add_pair_with_more_photos(params_file: Path) -> None:
    """A sample and a file from outside, which is copied with its points; the next section's comment stays there."""
    outside = params_file.parent.parent / f"{params_file.parent.name}_more.png"
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(outside)
    write_points(outside.with_suffix(".pts"), FACE)
    output = run(
        "add-pair",
        "second",
        "sample:hopper",
        "sample:ink_caricature",
        "--more-photo",
        "sample:astronaut",
        "--more-photo",
        str(outside),
        "--params",
        str(params_file),
    )
    pair = load_params(params_file).pairs["second"]
    assert pair.more_photos == ["sample:astronaut", f"data/photos/{outside.name}"]
    assert (params_file.parent / "data" / "photos" / outside.with_suffix(".pts").name).is_file()
    assert f"    more_photos:\n    - sample:astronaut\n    - data/photos/{outside.name}\n" in output
    run(
        "add-pair",
        "third",
        "sample:hopper",
        "sample:ink_caricature",
        "--more-photo",
        "nothing.png",
        "--params",
        str(params_file),
        status=1,
    )
    assert "third" not in load_params(params_file).pairs


STYLES = {
    "block": PARAMS,
    "no line at the end": PARAMS.partition("\n\n")[0],
    "four blanks, a list": "pairs:\n    a:\n        photo: a\n        art: b\n        more_photos:\n        - c # d\n",
    "flow": "pairs: {a: {photo: b.png, art: 'c d.png'}, }  # e\nseed: 0\n",
    "flow in block": "pairs:\n  a: {photo: b.png, art: c.png}\n  # more to come\n\nseed: 0\n",
    "none yet": "pairs: {} # none\nseed: 0\n",
    "quotes, odd blanks": "pairs:\n  'a':   {photo: b.png,   art: \"c.png\"}\n\n\n\ntexture:  {beta:   1.50}\n",
    "another system's lines": PARAMS.replace("\n", "\r\n"),
    "alias": "pairs:\n  a: {photo: &p b.png, art: c.png}\n  b:\n    art: d.png\n    photo: *p\n",
}


@pytest.mark.parametrize("style", STYLES)
def test_add_pair_keeps_every_other_byte(tmp_path: Path, style: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(STYLES[style].encode())
    before = load_params(path)
    for name in ("second", "3", "null"):
        text = path.read_bytes()
        run("add-pair", name, "sample:hopper", "sample:ink_caricature", "--params", str(path))
        start = len(os.path.commonprefix([text, path.read_bytes()]))
        assert path.read_bytes().endswith(text[start:])  # lines were put in, and nothing else
    after = load_params(path)
    assert list(after.pairs) == [*before.pairs, "second", "3", "null"]
    assert after.pairs["3"].photo == "sample:hopper" and after.pairs["null"].art == "sample:ink_caricature"
    assert after.model_copy(update={"pairs": before.pairs}) == before


@pytest.mark.parametrize(
    ("name", "photo", "words"),
    [
        ("first", "sample:hopper", "exists already"),
        ("First", "sample:hopper", "exists already"),
        ("../evil", "sample:hopper", "not allowed"),
        ("-", "sample:hopper", "the first a letter or digit"),
        ("second", "sample:nobody", "nobody"),
        ("second", "missing.jpg", "missing.jpg"),
    ],
)
def test_add_pair_refuses_and_leaves_the_file_alone(params_file: Path, name: str, photo: str, words: str) -> None:
    output = run("add-pair", name, photo, "sample:oil_strokes", "--params", str(params_file), status=1)
    assert words in output and len(output.splitlines()) == 1
    assert params_file.read_text() == PARAMS


def test_add_pair_copies_files_from_outside_with_their_points(params_file: Path, tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere"
    project = tmp_path / "project"
    outside.mkdir()
    project.mkdir()
    params_file = params_file.rename(project / "params.yaml")
    Image.fromarray(np.full((64, 64, 3), 200, np.uint8)).save(outside / "art.png")
    write_points(outside / "art.pts", FACE)
    run("add-pair", "second", "sample:hopper", str(outside / "art.png"), "--params", str(params_file))
    assert load_params(params_file).pairs["second"].art == "data/art/art.png"
    assert (project / "data/art/art.png").is_file() and (project / "data/art/art.pts").is_file()


def test_add_pair_tries_points_and_masks_before_it_writes(params_file: Path) -> None:
    photo = params_file.parent / "me.png"
    Image.fromarray(np.full((64, 64, 3), 200, np.uint8)).save(photo)
    command = ("add-pair", "second", str(photo), "sample:oil_strokes", "--params", str(params_file))
    points = params_file.parent / "me.png.pts"
    points.write_text("1 2\n" * 67)
    assert "has 67 points" in run(*command, status=1)
    points.unlink()
    Image.fromarray(np.zeros((64, 99, 3), np.uint8)).save(params_file.parent / "me.mask.png")
    assert "another shape" in run(*command, status=1)
    assert params_file.read_text() == PARAMS


def test_photos_of_one_stem_never_share_points(params_file: Path, tmp_path: Path) -> None:
    """Copied, the second gets a name of its own; side by side, points that could be either's are refused."""
    for folder, suffix, grey in (("a", "png", 10), ("b", "jpg", 20), ("c", "png", 30)):
        (tmp_path / folder).mkdir()
        Image.fromarray(np.full((64, 64, 3), grey, np.uint8)).save(tmp_path / folder / f"me.{suffix}")
    write_points(tmp_path / "a" / "me.pts", FACE)
    project = params_file.parent / "project"
    project.mkdir()
    params_file = params_file.rename(project / "params.yaml")
    for name, file in (("one", "a/me.png"), ("two", "b/me.jpg"), ("three", "c/me.png"), ("four", "a/me.png")):
        run("add-pair", name, str(tmp_path / file), "sample:oil_strokes", "--params", str(params_file))
    photos = {name: pair.photo for name, pair in load_params(params_file).pairs.items()}
    assert photos["one"] == photos["four"] == "data/photos/me.png"  # the same file, with the same points
    assert photos["two"] == "data/photos/two_me.jpg" and photos["three"] == "data/photos/three_me.png"
    found = {name: find_points(project / photo) for name, photo in photos.items() if name != "first"}
    points = project / "data" / "photos" / "me.pts"
    assert found == {"one": points, "two": None, "three": None, "four": points}
    shutil.copyfile(tmp_path / "b" / "me.jpg", project / "data" / "photos" / "me.jpg")
    with pytest.raises(LandmarkError, match=r"may belong to me\.jpg or to me\.png; call it me\.jpg\.pts"):
        find_points(project / "data" / "photos" / "me.jpg")
    points.rename(project / "data" / "photos" / "me.jpg.pts")
    assert find_points(project / "data" / "photos" / "me.png") is None


def test_add_pair_into_a_project_that_cannot_be_written(params_file: Path, tmp_path: Path) -> None:
    """A file in the folder's place: root may write into any folder."""
    photo = tmp_path / "elsewhere" / "me.png"
    photo.parent.mkdir()
    Image.fromarray(np.full((64, 64, 3), 200, np.uint8)).save(photo)
    project = tmp_path / "project"
    project.mkdir()
    params_file = params_file.rename(project / "params.yaml")
    command = ("add-pair", "second", str(photo), str(photo), "--params", str(params_file))
    (project / "data" / "photos").mkdir(parents=True)
    (project / "data" / "art").write_text("")
    output = run(*command, status=1)
    assert len(output.splitlines()) == 1 and "data/art" in output and "cannot be written" in output
    assert params_file.read_text() == PARAMS and not list((project / "data" / "photos").iterdir())


def test_pairs_added_at_once_are_all_there(params_file: Path) -> None:
    command = (sys.executable, "-c", "from portrait_pipeline.commands.portrait import main; main()", "add-pair")
    rest = ("sample:hopper", "sample:oil_strokes", "--params", str(params_file))
    running = [subprocess.Popen([*command, f"pair{index}", *rest], stdout=subprocess.DEVNULL) for index in range(4)]
    assert [process.wait() for process in running] == [0] * 4
    assert set(load_params(params_file).pairs) == {"first", *(f"pair{index}" for index in range(4))}


def test_doctor_reports_required_and_optional_parts(tmp_path: Path) -> None:
    output = run("doctor", "--project", str(tmp_path))
    for part in ("GPU", "nvdiffrast", "face model", "perceptual weights", "landmark predictor"):
        assert part in output
    assert "the bundled networks are used" in output  # an empty project has trained none
    assert "MISSING shape space" not in output and "ok      translation network" in output


def test_params_lists_ranges(params_file: Path) -> None:
    output = run("params")
    assert "texture.beta = 1.0 [>= 0]" in output
    assert "shape_space.alignment = similarity [similarity | affine]" in output


@pytest.mark.parametrize("first", ["import portrait_pipeline", "from portrait_pipeline.commands import portrait"])
def test_ctrl_c_while_modules_are_imported_is_one_line(first: str) -> None:
    code = f"{first}; import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(5)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and done.stderr == "interrupted; the same command starts over\n"


DEEP = f"texture.scales={'[' * 5000}"


@pytest.mark.parametrize(
    "override", ["texture.betta=1", "beta=1", "texture.beta=nan", "texture.beta=-1", "texture.beta='1'", DEEP]
)
def test_stylize_refuses_bad_overrides(override: str, tmp_path: Path) -> None:
    command = ("stylize", "sample:hopper", "sample:oil_strokes", "-o", str(tmp_path / "o"), "--project", str(tmp_path))
    output = run(*command, "-S", override, status=1)
    assert len(output.splitlines()) == 1 and override.split("=")[0] in output


def test_threads_that_wait_sleep_unless_the_user_says_otherwise() -> None:
    """Those that spin take the time of whatever else runs, and of each other."""
    for asked, policy in (({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "active"}, "ACTIVE")):
        environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
        command = sys.executable, "-c", "import portrait_pipeline.base.device"
        shown = environment | {"OMP_DISPLAY_ENV": "true"} | asked
        done = subprocess.run(command, env=shown, capture_output=True, text=True, check=True)
        assert f"OMP_WAIT_POLICY = '{policy}'" in done.stderr
