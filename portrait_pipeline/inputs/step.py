"""What the files of a project hold, as hashes: the function of the stage ``inputs``.

DVC knows fixed paths only, and files that are there. A pair's pictures lie anywhere, and the points and masks beside
them come and go; so this stage, which is cheap, runs every time, and the stages that read such files depend on its
records: one a pair, one of the face model, one of the perceptual weights, one of the landmark sets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..base.errors import PortraitError
from ..landmarks.params import Pair
from ..perception.files import find_mask, find_points
from ..samples.sources import resolve

WATCHED = "data/landmarks"
"""Folder that dvc.yaml lists itself: DVC remembers the hashes of large sets."""
_BUILT_IN = ("bundled", "imagenet", "generated")


def pair_record(pair: Pair, root: Path) -> dict[str, Any]:
    """Hashes of a pair's pictures, and of the points and masks beside them; or what hinders, for its stage to tell."""
    roles = {"photo": [pair.photo], "art": [pair.art], "more_photos": pair.more_photos}
    return {role: [_picture(source, root) for source in sources] for role, sources in roles.items()}


def shared_records(values: Mapping[str, Any], root: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Name and hashes of the files that all pairs share, from the plain values of params.yaml."""

    def named(section: str, key: str) -> list[str]:
        section_values = values.get(section)
        value = section_values.get(key) if isinstance(section_values, Mapping) else None
        entries = value if isinstance(value, list) else [value]
        return [entry for entry in entries if isinstance(entry, str) and entry not in _BUILT_IN]

    yield "model", {entry: content(root / entry) for entry in named("fit", "model")}
    yield "weights", {entry: content(root / _home(entry)) for entry in named("texture", "weights")}
    sets = [entry for key in ("normal", "art") for entry in named("landmark_sets", key)]
    watched = (root / WATCHED).resolve()
    yield (
        "landmark_sets",
        {entry: content(root / entry) for entry in sets if not (root / entry).resolve().is_relative_to(watched)},
    )


def content(path: Path) -> str:
    """SHA-256 of a file, or of a folder's files with their names, hidden ones left out; else why there is none."""
    try:
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if _shown(file.relative_to(path)) and file.is_file())
            names = "\n".join(f"{file.relative_to(path)} {content(file)}" for file in files)
            return _hash(names.encode(errors="surrogateescape"))
        if not path.is_file():
            return "no file"
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        return f"unreadable: {type(error).__name__}"


def _picture(source: str, root: Path) -> dict[str, str]:
    try:
        path = resolve(source, root).path
        beside = [file for file in (find_points(path), find_mask(path)) if file is not None]
    except PortraitError as error:
        return {"problem": str(error)}
    return {"picture": content(path)} | {file.name: content(file) for file in beside}


def _shown(path: Path) -> bool:
    return not any(part.startswith(".") for part in path.parts)


def _home(entry: str) -> Path:
    try:
        return Path(entry).expanduser()
    except RuntimeError:
        return Path(entry)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
