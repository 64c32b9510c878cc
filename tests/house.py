"""What the code says about itself: imports of every module, from the syntax trees, without importing any."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "portrait_pipeline"


@cache
def modules() -> dict[str, Path]:
    """Dotted name to file, for every module of the package."""
    found = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def room(name: str) -> str:
    """The room that a file of the package lies in; a part of the laboratory, ``lab/table1``, is a room of its own."""
    parts = name.split("/")[1:-1]
    return "/".join(parts[:2] if parts and parts[0] == "lab" else parts[:1])


@cache
def imported(path: Path) -> frozenset[str]:
    """Modules of the package that a file imports, at its top or inside functions, with the packages they lie in."""
    known, parts = modules(), path.relative_to(ROOT).with_suffix("").parts
    inside = parts[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            start = inside[: len(inside) - node.level + 1] if node.level else ()
            base = ".".join((*start, *((node.module,) if node.module else ())))
            if base.split(".")[0] == PACKAGE:
                found |= {f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == PACKAGE}
    whole = {".".join(name.split(".")[:count]) for name in found for count in range(1, name.count(".") + 2)}
    return frozenset(whole & known.keys())


def closure(path: Path) -> set[Path]:
    """All files of the package that run when a file runs, without the package's own ``__init__``, which has no code."""
    todo, seen = [path], set()
    while todo:
        for name in imported(todo.pop()):
            file = modules()[name]
            if name != PACKAGE and file not in seen:
                seen.add(file)
                todo.append(file)
    return seen


STAGES = {
    "inputs": "inputs",
    "landmark_sets": "shapes",
    "shape_space": "shapes",
    "autoencoder": "translation",
    "translation": "translation",
    "fid": "fid",
    "landmarks": "landmarks",
    "fit": "fit",
    "translate": "translation",
    "deform": "deform",
    "photo_texture": "photo_texture",
    "shell": "shell",
    "texture": "texture",
    "animation": "animation",
    "picture": "picture",
    "export": "export",
    "report": "report",
}
"""The product's stages and the room of each."""

LIGHT = {"record.py", "params.py"}
"""What other stages may import of a stage's room without hanging on all of it: what it leaves, what it is told."""


def dependencies(script: Path, own: str) -> set[str]:
    """What a stage must list in dvc.yaml: its script, its room, the rooms below that it imports.

    Of another stage's room, ``record.py`` and ``params.py`` are listed as files where nothing else of it is imported.
    A room's ``__init__`` is a docstring and counts for nothing.
    """
    by_room: dict[str, set[str]] = {}
    for path in closure(script):
        name = path.relative_to(ROOT).as_posix()
        if path.name != "__init__.py":
            by_room.setdefault(room(name), set()).add(name)
    found = {script.relative_to(ROOT).as_posix()}
    for name, files in by_room.items():
        light = name != own and name in STAGES.values() and all(Path(file).name in LIGHT for file in files)
        found |= files if light or name == "lab" else {f"{PACKAGE}/{name}"}
    return found
