"""params.yaml: every mistake gets one line that names the parameter, the value and what is allowed."""

import ast
import math
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from portrait_pipeline.base.device import Hardware, choose_device
from portrait_pipeline.base.errors import ParameterError
from portrait_pipeline.base.params import SECTIONS, Section, load_section, load_seed, validate
from portrait_pipeline.deformation.params import DeformParams, DeformSettings
from portrait_pipeline.landmarks.params import LandmarksParams, load_pair, load_pairs
from portrait_pipeline.pipeline.params import Params, load_params, parameter_rows, with_overrides
from portrait_pipeline.texture.params import TextureParams
from portrait_pipeline.translation.params import AutoencoderParams, LossWeights, TranslationParams

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


def test_the_projects_own_file_is_valid_and_gives_every_parameter_its_default():
    params = load_params(ROOT / "params.yaml")
    assert params.pairs and params == Params(pairs=params.pairs)
    written = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text())
    assert tuple(written) == SECTIONS == tuple(Params.model_fields)
    for name, section in sections().items():
        assert set(written[name]) == set(section.model_fields), name


def test_parameters_are_few_and_none_is_hardware():
    names = [name for name, *_ in parameter_rows()]
    assert len(names) <= 60 and len(set(names)) == len(names)
    assert not {name.rpartition(".")[2] for name in names} & {"device", "renderer"}
    assert [name for name in names if "seed" in name] == ["seed"]


def test_the_table_writes_values_as_the_file_does():
    rows = {name: (default, allowed) for name, default, allowed, _ in parameter_rows()}
    assert rows["deform.paper_letter"] == ("false", "true | false")
    assert rows["texture.scales"] == ("[64, 128, 256, 512]", "each >= 32, <= 2048")
    assert rows["texture.strength"] == ("1.0", ">= 0, <= 1")


def test_a_stage_sees_misspelt_sections_that_are_not_its_own(path):
    path.write_text(PAIRS + "textures:\n  beta: 1\n")
    for read in (
        lambda: load_section(TextureParams, "texture", path),
        lambda: load_seed(path),
        lambda: load_pairs(path),
    ):
        with pytest.raises(ParameterError, match=r"unknown parameter 'textures'; remove it or mend its spelling$"):
            read()
    path.write_text(PAIRS)
    assert load_section(TextureParams, "texture", path) == TextureParams() and load_seed(path) == 0


@pytest.mark.parametrize("value", ["-1", "1.5", "null", '"1"', "4294967296"])
def test_the_seed_is_a_whole_number(path, value):
    refused(path, PAIRS + f"seed: {value}\n", "seed", "not allowed")
    with pytest.raises(ParameterError, match="seed is"):
        load_seed(path)


def test_overrides_reach_the_seed():
    params = Params(pairs={})
    assert with_overrides(params, ["seed=3", "texture.beta=2"]).seed == 3
    for wrong in ("seeds=1", "pairs=1", "seed.a=1", "texture=1", "texture.seed=1", "pairs.a=1", "seed"):
        with pytest.raises(ParameterError, match="no such parameter"):
            with_overrides(params, [wrong])


@pytest.mark.parametrize(
    "old",
    ["texture: {device: cpu}", "texture: {content_weight: 0.3}", "deform: {solver: adam}", "fit: {noise: 0.1}"]
    + ["translation: {seed: 1}", "landmark_sets: {max_yaw: 10}", "autoencoder: {decay_from: 1}", "fid: {seed: 0}"],
)
def test_names_of_earlier_versions_are_refused(path, old):
    section, _, field = old.partition(": {")
    refused(path, PAIRS + old + "\n", f"unknown parameter '{section}.{field.partition(':')[0]}'", "remove it")


def test_paper_letters_win_over_the_other_values():
    letter = TranslationParams(paper_letter=True, epochs=3).schedule(5)
    assert (letter.epochs, letter.batch_size, letter.learning_rate, letter.seed) == (800, 68, 5e-4, 5)
    assert letter.decay_from == 1.0 and letter.average_decay == 0.0
    assert AutoencoderParams(paper_letter=True).schedule(5) == letter
    settings = DeformParams(paper_letter=True, alpha=3.0).settings()
    assert settings.model_dump() == {
        "solver": "adam",
        "laplacian": "uniform",
        "alpha": 10.0,
        "follow": "none",
        "skull": 0.0,
    }
    assert DeformParams(alpha=3.0).settings().alpha == 3.0


def test_defaults_of_parameters_and_of_what_is_made_of_them_agree():
    assert TranslationParams().weights() == LossWeights()
    assert DeformParams().settings() == DeformSettings()


# --- hardware ----------


def test_the_environment_names_the_hardware_and_arguments_win(monkeypatch):
    monkeypatch.delenv("PORTRAIT_DEVICE", raising=False)
    monkeypatch.delenv("PORTRAIT_RENDERER", raising=False)
    assert Hardware.wanted() == Hardware("auto", "auto")
    monkeypatch.setenv("PORTRAIT_DEVICE", "cpu")
    monkeypatch.setenv("PORTRAIT_RENDERER", "nvdiffrast")
    assert Hardware.wanted() == Hardware("cpu", "nvdiffrast") and choose_device().type == "cpu"
    assert Hardware.wanted("cuda", "cpu") == Hardware("cuda", "cpu")
    for variable, words in (("PORTRAIT_DEVICE", "auto, cpu, cuda"), ("PORTRAIT_RENDERER", "auto, cpu, nvdiffrast")):
        with monkeypatch.context() as changed:
            changed.setenv(variable, "opengl")
            with pytest.raises(ParameterError, match=f"^{variable} is 'opengl', which is not allowed: .*{words}$"):
                Hardware.wanted()


def test_the_environment_is_read_in_one_place():
    for file in (ROOT / "portrait_pipeline").rglob("*.py"):
        if file.name != "device.py":
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                reads = isinstance(node, ast.Constant) and str(node.value).startswith(("PORTRAIT_DEV", "PORTRAIT_REN"))
                assert not (reads and node.value.isidentifier()), file


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
        ("fit:\n  camera: magic\n", ("fit.camera", "'magic'", "'perspective'", "'weak'")),
        ("landmarks:\n  max_side: 10\n", ("landmarks.max_side", "10", "128")),
        ("landmarks:\n  max_side: 640.5\n", ("landmarks.max_side", "640.5", "integer")),
        ("fid:\n  samples: -1\n", ("fid.samples", "-1")),
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
    refused(path, PAIRS + "seed: " + "[" * 5000, "nested too deeply")
    refused(path, b"\xff\xfe\x00", "cannot be read")
    refused(path, "- 1\n", "must be a mapping")
    with pytest.raises(ParameterError, match=r"none\.yaml: missing; run in the project's root"):
        load_params(tmp_path / "none.yaml")
    with pytest.raises(ParameterError, match="cannot be read"):
        load_params(tmp_path)


def test_a_long_value_is_shortened(path):
    refused(path, PAIRS + "texture:\n  beta: " + "x" * 500 + "\n", "texture.beta", "...")
