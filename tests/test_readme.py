"""The README names every parameter with its default, every stage, every sample and every result file."""

from __future__ import annotations

import re
from pathlib import Path

from ruamel.yaml import YAML

from portrait_pipeline.pipeline.params import Params, parameter_rows
from portrait_pipeline.samples.sources import sample_names

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_parameter_is_listed_with_its_default() -> None:
    rows = list(parameter_rows())
    assert len(rows) > 40
    missing = [name for name, default, _, _ in rows if f"| `{name}` | {default} |" not in README]
    assert not missing


def test_every_stage_is_described() -> None:
    stages = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text())["stages"]
    assert not [stage for stage in stages if f"| `{stage}` |" not in README]
    assert not [stage for stage in stages if not (ROOT / "stages" / f"{stage}.py").is_file()]
    rivals = set(stages["comparison"]["foreach"].values())  # a section each, of one stage
    assert set(Params.model_fields) - {"pairs"} <= set(stages) | rivals


def test_every_sample_is_named() -> None:
    names = sample_names()
    assert not [name for name in (*names.photos, *names.artworks) if f"`sample:{name}`" not in README]


def test_no_figure_is_left_open() -> None:
    assert not re.search(r"@[A-Z]+@", README)


def test_pictures_are_there() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README)
    assert pictures and all((ROOT / picture).is_file() for picture in pictures)
