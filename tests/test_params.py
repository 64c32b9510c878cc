"""params.yaml: every mistake gets one line that names the parameter, the value and what is allowed."""

import math
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from portrait_pipeline.base.errors import ParameterError
from portrait_pipeline.base.params import Section, validate
from portrait_pipeline.landmarks.params import LandmarksParams, load_pair
from portrait_pipeline.pipeline.params import Params, load_params
from portrait_pipeline.texture.params import TextureParams

ROOT = Path(__file__).resolve().parents[1]
PAIRS = "pairs:\n  me:\n    photo: sample:astronaut\n    art: a.png\n"


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "params.yaml"


def refused(path: Path, text: str | bytes, *words: str) -> None:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ParameterError) as caught:
        load_params(path)
    message = str(caught.value)
    assert message.startswith(str(path)) and "\n" not in message, message
    for word in words:
        assert word in message, message


def sections() -> dict[str, type[Section]]:
    return {
        name: type(field.default) for name, field in Params.model_fields.items() if isinstance(field.default, Section)
    }


def test_the_projects_own_file_is_valid_and_names_every_parameter():
    params = load_params(ROOT / "params.yaml")
    assert params.pairs
    written = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text())
    for name, section in sections().items():
        assert name in written, name
        assert set(written[name] or {}) <= set(section.model_fields), name


def test_every_parameter_is_documented():
    for name, section in sections().items():
        for field, info in section.model_fields.items():
            assert info.description, f"{name}.{field}"


def test_defaults_fill_what_is_left_out(path):
    path.write_text(PAIRS + "texture:\n  beta: 2\n")
    params = load_params(path)
    assert params.texture == TextureParams(beta=2.0) and params.landmarks == LandmarksParams()
    assert isinstance(params.texture.beta, float)  # an integer is a fine number
    assert params.pairs["me"].art == "a.png"


def test_small_numbers_survive_a_ruamel_round_trip(path):
    yaml = YAML()
    data = yaml.load(PAIRS + "translation:\n  learning_rate: 0.001\n")
    data["translation"]["learning_rate"] = 1e-05
    with path.open("w") as file:
        yaml.dump(data, file)
    assert load_params(path).translation.learning_rate == 1e-5
    path.write_text(PAIRS + "translation:\n  learning_rate: 1e-05\n")  # as DVC writes it; YAML 1.1 reads a string
    assert load_params(path).translation.learning_rate == 1e-5


@pytest.mark.parametrize("value", ['"1.0"', "'1e-05'", "one", "[1]", "{a: 1}", "null", "true", "2026-01-01"])
def test_a_number_must_be_a_number(path, value):
    refused(path, PAIRS + f"texture:\n  beta: {value}\n", "texture.beta", "not allowed", "number")


@pytest.mark.parametrize("value", [".nan", ".inf", "-.inf"])
@pytest.mark.parametrize(
    "name",
    ["texture.beta", "texture.strength", "deform.scale", "translation.learning_rate", "shape_space.held_out"],
)
def test_a_number_must_be_finite(path, name, value):
    section, field = name.split(".")
    refused(path, PAIRS + f"{section}:\n  {field}: {value}\n", name)


def test_no_float_parameter_accepts_nan_infinity_or_a_string():
    for name, section in sections().items():
        for field, info in section.model_fields.items():
            if type(info.default) in (int, float):
                for bad in (math.nan, math.inf, -math.inf, str(info.default), True, None):
                    with pytest.raises(ParameterError, match=field):
                        validate(section, {field: bad}, name)


@pytest.mark.parametrize(
    "line, words",
    [
        ("texture:\n  beta: -1\n", ("texture.beta", "-1", "greater than or equal to 0")),
        ("texture:\n  strength: 1.5\n", ("texture.strength", "1.5", "less than or equal to 1")),
        ("deform:\n  solver: magic\n", ("deform.solver", "'magic'", "'direct'", "'adam'")),
        ("landmarks:\n  max_side: 10\n", ("landmarks.max_side", "10", "128")),
        ("landmarks:\n  max_side: 640.5\n", ("landmarks.max_side", "640.5", "integer")),
        ("fid:\n  seed: -1\n", ("fid.seed", "-1")),
        ("texture:\n  betta: 1\n", ("unknown parameter 'texture.betta'", "spelling")),
        ("textures:\n  beta: 1\n", ("unknown parameter 'textures'",)),
        ("texture: 3\n", ("texture", "3")),
    ],
)
def test_values_out_of_range_and_unknown_names(path, line, words):
    refused(path, PAIRS + line, *words)


def test_pairs(path):
    refused(path, "pairs:\n  me:\n    photo: a.png\n", "'pairs.me.art' is missing")
    refused(path, "pairs:\n  me:\n    photo: 3\n    art: a.png\n", "pairs.me.photo", "3", "string")
    refused(path, "pairs:\n  ../me:\n    photo: a.png\n    art: a.png\n", "../me", "letters")
    refused(path, "texture:\n  beta: 1\n", "'pairs' is missing")
    refused(path, "", "'pairs' is missing")
    path.write_text(PAIRS)
    assert load_pair("me", path) == load_params(path).pairs["me"]
    with pytest.raises(ParameterError, match="pair 'you' is not in params.yaml; known pairs: me"):
        load_pair("you", path)


def test_files_that_are_no_yaml(path, tmp_path):
    refused(path, "pairs: [1,\n  - : {", "not valid YAML")
    refused(path, PAIRS + PAIRS, "not valid YAML")  # a name given twice
    refused(path, b"\xff\xfe\x00", "cannot be read")
    refused(path, "- 1\n", "must be a mapping")
    with pytest.raises(ParameterError, match=r"none\.yaml: missing; run in the project's root"):
        load_params(tmp_path / "none.yaml")
    with pytest.raises(ParameterError, match="cannot be read"):
        load_params(tmp_path)


def test_a_long_value_is_shortened(path):
    refused(path, PAIRS + "texture:\n  beta: " + "x" * 500 + "\n", "texture.beta", "...")
