"""The rules of the house: imports go down, a stage's dependencies are what it imports, a stage is one name."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest
from house import PACKAGE, ROOT, STAGES, closure, dependencies, imported, modules, room
from ruamel.yaml import YAML

FLOORS = (
    ("base",),
    ("mesh",),
    ("samples",),
    ("head",),
    ("perception",),
    ("regions", "perceptual", "deformation"),
    tuple(dict.fromkeys(STAGES.values())),
    ("video", "convert", "character"),
    ("pipeline",),
    ("studio", "batch"),
    ("commands",),
    ("lab", "making"),
)
"""Rooms from the ground up; within a floor a stage's room may import those of the stages before it."""
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}
ALONE = ("lab", "making")
"""Rooms that nothing else imports."""


def pipeline(path: str = "dvc.yaml") -> dict[str, dict]:
    """Every stage of a dvc.yaml by its name; what ``foreach`` does counts once."""
    stages = YAML(typ="safe", pure=True).load((ROOT / path).read_text(encoding="utf-8"))["stages"]
    return {name: stage.get("do", stage) | {"each": "foreach" in stage} for name, stage in stages.items()}


def rooms() -> list[str]:
    return sorted(path.name for path in (ROOT / PACKAGE).iterdir() if path.is_dir() and path.name != "__pycache__")


def place(name: str) -> str:
    """Room of a module by its dotted name."""
    return room(modules()[name].relative_to(ROOT).as_posix()).split("/")[0]


def before(stages: dict[str, dict]) -> dict[str, set[str]]:
    """Rooms of the stages that run before each stage, from the outputs that it depends on."""
    makers = {}
    for name, stage in stages.items():
        for out in stage.get("outs", ()):
            makers[str(out).split("/")[2]] = name
    direct = {
        name: {
            makers[part]
            for dep in stage["deps"]
            if dep.startswith("data/artifacts/") and (part := dep.split("/")[2]) in makers
        }
        for name, stage in stages.items()
    }

    def all_before(name: str) -> set[str]:
        return direct[name].union(*(all_before(other) for other in direct[name]))

    return {name: {STAGES[other] for other in all_before(name)} for name in stages}


def test_every_room_has_a_floor_and_says_what_may_be_in_it() -> None:
    assert rooms() == sorted(FLOOR)
    for name, path in modules().items():
        if path.name == "__init__.py" and name.count(".") == 1:
            body = ast.parse(path.read_text(encoding="utf-8")).body
            assert len(body) == 1 and isinstance(body[0], ast.Expr), f"{path}: more than a docstring"
            assert len(body[0].value.value.splitlines()[0]) <= 120


def test_imports_go_down() -> None:
    wrong = []
    for name, path in modules().items():
        for other in imported(path):
            here, there = place(name), place(other)
            if here and there and here != there and (FLOOR[there] > FLOOR[here] or there in ALONE):
                wrong.append(f"{name} -> {other}")
    assert not wrong


def test_a_room_imports_another_stages_room_only_where_that_stage_runs_before() -> None:
    earlier, wrong = before(pipeline()), []
    allowed: dict[str, set[str]] = {}
    for stage, own in STAGES.items():
        allowed.setdefault(own, set()).update(earlier[stage])
    for name, path in modules().items():
        here = place(name)
        for other in imported(path) if here in allowed else ():
            there = place(other)
            light = modules()[other].name in ("params.py", "__init__.py")
            if there in allowed and there != here and there not in allowed[here] and not light:
                wrong.append(f"{name} -> {other}")
    assert not wrong


def test_a_room_holds_at_most_thirty_files() -> None:
    folders: dict[Path, int] = {}
    for path in modules().values():
        folders[path.parent] = folders.get(path.parent, 0) + 1
    assert max(folders.values()) <= 30


@pytest.mark.parametrize("stage", STAGES)
def test_dependencies_are_the_rooms_that_are_imported(stage: str) -> None:
    listed = {dep for dep in pipeline()[stage]["deps"] if dep.startswith((PACKAGE, "stages"))}
    assert listed == dependencies(ROOT / "stages" / f"{stage}.py", STAGES[stage])


@pytest.mark.parametrize("stage", pipeline("stages/lab/dvc.yaml"))
def test_dependencies_of_the_laboratory(stage: str) -> None:
    listed = {dep for dep in pipeline("stages/lab/dvc.yaml")[stage]["deps"] if dep.startswith((PACKAGE, "stages"))}
    assert listed == dependencies(ROOT / "stages" / "lab" / f"{stage}.py", "lab")


def test_every_imported_file_is_covered_by_a_dependency() -> None:
    """The same once more from the other side, file by file; a room's ``__init__`` is a docstring."""
    for stage in STAGES:
        listed = pipeline()[stage]["deps"]
        for path in closure(ROOT / "stages" / f"{stage}.py"):
            name = path.relative_to(ROOT).as_posix()
            assert path.name == "__init__.py" or any(f"{name}/".startswith(f"{dep}/") for dep in listed), name


def test_a_stage_is_one_name() -> None:
    stages = pipeline()
    assert set(stages) == set(STAGES) == {path.stem for path in (ROOT / "stages").glob("*.py")}
    sections = set(YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text(encoding="utf-8")))
    assert sections - {"pairs", "seed"} <= set(stages)
    for name, stage in stages.items():
        assert stage["cmd"].startswith(f"python stages/{name}.py")
        assert all(out.startswith((f"data/artifacts/{name}", "data/results/")) for out in stage.get("outs", ()))


def test_stage_scripts_hold_no_mathematics_and_numerical_code_no_click() -> None:
    for path in (ROOT / "stages").rglob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 60, path
    for name, path in modules().items():
        top = {
            alias.name
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        if "click" in top:
            assert place(name) in ("commands", *ALONE), name


def test_the_laboratorys_lock_is_not_committed() -> None:
    """Where its data is not in the cache, as in a new clone, `dvc exp run` of the root would look for it and fail."""
    listed = subprocess.run(
        ["git", "ls-files", "stages"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert "stages/lab/dvc.yaml" in listed and "stages/lab/dvc.lock" not in listed
