"""The READMEs say what is there: rooms, stages, samples, parameters, commands, files."""

from __future__ import annotations

import re
import tomllib
from importlib import import_module
from pathlib import Path

import click
import pytest
from house import PACKAGE, ROOT
from ruamel.yaml import YAML

from portrait_pipeline.commands.portrait import main
from portrait_pipeline.pipeline.params import parameter_rows
from portrait_pipeline.samples.sources import sample_names

READMES = sorted(path for part in (PACKAGE, "stages", "metrics", "data") for path in (ROOT / part).rglob("README.md"))
README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")
SUFFIXES = ("py", "json", "png")
EVERY = pytest.mark.parametrize("path", [README, *READMES], ids=lambda path: str(path.relative_to(ROOT)))


def stages(pipeline: str) -> dict[str, dict]:
    return YAML(typ="safe", pure=True).load((ROOT / pipeline).read_text(encoding="utf-8"))["stages"]


def test_the_readme_is_short() -> None:
    assert len(TEXT.split()) <= 1500


def test_continuous_integration_runs_its_commands() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for command in ('pip install -e ".[test]"', "pytest -n auto --dist loadfile"):
        assert command in TEXT and command.replace("install", "install -q") in script


def test_the_map_of_the_rooms_is_the_folder_listing() -> None:
    block = re.search(rf"```\n{PACKAGE}/\n(.*?)```", TEXT, re.S)[1]
    listed = re.findall(r"^  (\w+)/ +\S", block, re.M)
    assert listed == sorted(path.name for path in (ROOT / PACKAGE).iterdir() if (path / "__init__.py").is_file())


@pytest.mark.parametrize(("readme", "pipeline"), [("", ""), ("stages/lab", "stages/lab/")])
def test_every_stage_has_a_line(readme: str, pipeline: str) -> None:
    text = (ROOT / readme / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", text, re.M) == [
        name for name in stages(f"{pipeline}dvc.yaml") if (ROOT / "stages" / readme[7:] / f"{name}.py").is_file()
    ]


def test_every_sample_is_named() -> None:
    names = sample_names()
    assert set(re.findall(r"`sample:(\w+)`", TEXT)) == {*names.photos, *names.artworks}


def test_every_metrics_file_is_explained() -> None:
    text = (ROOT / "metrics" / "README.md").read_text(encoding="utf-8")
    made = {
        Path(next(iter(metric))).name
        for pipeline in ("dvc.yaml", "stages/lab/dvc.yaml")
        for stage in stages(pipeline).values()
        for metric in stage.get("do", stage).get("metrics", ())
    }
    assert set(re.findall(r"^\| `(\w+\.json)` \|", text, re.M)) == made | {"study.json"}


@EVERY
def test_parameters_exist(path: Path) -> None:
    """What reads like a parameter is one: `section.name`, and what -S is given."""
    text = path.read_text(encoding="utf-8")
    lab = YAML(typ="safe", pure=True).load((ROOT / "stages" / "lab" / "params.yaml").read_text(encoding="utf-8"))
    known = {name for name, *_ in parameter_rows()}
    sections = {name.split(".")[0] for name in known}
    quoted = {f"{a}.{b}" for a, b in re.findall(r"`(\w+)\.(\w+)`", text) if a in sections and b not in SUFFIXES}
    given = set(re.findall(r"-S '?(\w+\.\w+)=", text))
    if path.parent.name != "metrics":  # where `section.name` is a figure in pairs.json
        assert not (quoted | given) - known
    in_lab = re.findall(r"stages/lab/params\.yaml:(\w+)\.(\w+)=", text)
    assert not [name for section, name in in_lab if name not in lab[section]]


@EVERY
def test_commands_exist(path: Path) -> None:
    """`portrait <command>` with its options, and modules that are run."""
    text = path.read_text(encoding="utf-8")
    for line in re.findall(r"(?:^|`|&& )portrait ([a-z][^`\n]*)", text, re.M):
        command: click.Command = main
        words = re.split(r"\s(?:#|&&|\|)", line)[0].split()
        while isinstance(command, click.Group) and words:
            name = words.pop(0)
            command = command.get_command(click.Context(command), name)
            assert command, f"portrait {line}"
        options = {option for item in command.params for option in item.opts}
        assert not [word for word in words if word.startswith("--") and word not in options], line
    for module in re.findall(r"python -m ([\w.]+)", text):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module


def test_the_command_is_installed_under_its_name() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    module, name = scripts["portrait"].split(":")
    assert getattr(import_module(module), name) is main


@EVERY
def test_files_exist(path: Path) -> None:
    """Links and pictures from the README's own folder, code paths from the root or, in a room, from the room."""
    text = path.read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", text) if "://" not in target]
    assert not [target for target in targets if not (path.parent / target).exists()]
    paths = re.findall(r"`((?:\.\./|\w+/)*\w+(?:\.py|/))`", text)
    made = ("data/artifacts/", "data/results/")
    missing = [
        name
        for name in paths
        if not name.startswith((*made, ".")) and not (ROOT / name).exists() and not (path.parent / name).exists()
    ]
    assert not missing


def test_every_bundled_asset_of_the_notice_is_there() -> None:
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    named = re.findall(rf"^({PACKAGE}/\S+?),?(?: \S+)?$", notice, re.M)
    assert named and not [name for name in named if not list(ROOT.glob(name))]
