"""The command as a user types it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from portrait_pipeline.commands.portrait import main
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


@pytest.fixture
def params_file(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text(PARAMS)
    return path


def run(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == status, result.output
    return result.output


COMMANDS = ["stylize", "translate", "add-pair", "doctor", "params", "weights", "effects", "pose", "track", "studio"]


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_help_imports_nothing_heavy(command: list[str]) -> None:
    code = (
        "import sys; from portrait_pipeline.commands.portrait import main\n"
        f"try: main({[*command, '--help']!r})\n"
        "except SystemExit as e: print('status', e.code)\n"
        "print('heavy', sorted({'torch', 'cv2', 'dlib', 'h5py', 'scipy', 'sklearn', 'pydantic'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "Usage:" in output and "status 0" in output and "heavy []" in output


def test_add_pair_with_more_photos(params_file: Path) -> None:
    """A sample and a file from outside, which is copied with its points; the next section's comment stays there."""
    outside = params_file.parent.parent / f"{params_file.parent.name}_more.png"
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(outside)
    outside.with_suffix(".pts").write_text("version: 1")
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
    text = params_file.read_text()
    assert text.index("second:") < text.index("# texture") and "# a photo" in text
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


def test_add_pair_keeps_comments_and_order(params_file: Path) -> None:
    run("add-pair", "second", "sample:hopper", "sample:ink_caricature", "--params", str(params_file))
    text = params_file.read_text()
    for comment in ("# the pairs", "# a photo", "# texture", "# balance"):
        assert comment in text
    assert text.index("second:") < text.index("# texture")
    pairs = load_params(params_file).pairs
    assert list(pairs) == ["first", "second"] and pairs["second"].photo == "sample:hopper"


@pytest.mark.parametrize(
    ("name", "photo", "words"),
    [
        ("first", "sample:hopper", "exists already"),
        ("../evil", "sample:hopper", "not allowed"),
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
    (outside / "art.pts").write_text("\n".join("10 10" for _ in range(68)))
    run("add-pair", "second", "sample:hopper", str(outside / "art.png"), "--params", str(params_file))
    assert load_params(params_file).pairs["second"].art == "data/art/art.png"
    assert (project / "data/art/art.png").is_file() and (project / "data/art/art.pts").is_file()


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


@pytest.mark.parametrize(
    "override", ["texture.betta=1", "beta=1", "texture.beta=nan", "texture.beta=-1", "texture.beta='1'"]
)
def test_stylize_refuses_bad_overrides(override: str, tmp_path: Path) -> None:
    command = ("stylize", "sample:hopper", "sample:oil_strokes", "-o", str(tmp_path / "o"), "--project", str(tmp_path))
    output = run(*command, "-S", override, status=1)
    assert len(output.splitlines()) == 1 and override.split("=")[0] in output
