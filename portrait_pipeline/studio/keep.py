"""A work of the studio as a pair of the pipeline: its pictures and points under the pair's name, and params.yaml."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..base.artifacts import atomic_path
from ..base.errors import InputFileError, ParameterError
from ..base.params import PAIR_NAME, PAIR_NAME_RULE
from ..pipeline.pairs_file import add_pair
from ..pipeline.params import load_params
from ..samples.sources import PREFIX
from .works import Picture, Work

PLACES = {"photo": "data/photos", "art": "data/art"}


def keep_pair(params_path: Path, work: Work, folder: Path, name: str) -> str:
    """Write a work as pair ``name``; return the command that makes it.

    Pictures are copied to ``data/photos/<name>.*`` and ``data/art/<name>.*``, with their points where somebody placed
    them; samples stay samples unless their points were moved.

    Raises:
        ParameterError: bad or taken name, bad params.yaml. InputFileError: a file of that name is there already.
    """
    if not PAIR_NAME.fullmatch(name):
        raise ParameterError(f"pair name {name!r} is not allowed: {PAIR_NAME_RULE}")
    params = load_params(params_path)
    written: list[Path] = []
    try:
        photo = _source(work.photo, folder, params_path.parent / PLACES["photo"] / name, written)
        art = _source(work.art, folder, params_path.parent / PLACES["art"] / name, written)
        add_pair(params_path, name, photo, art, shell="auto" if work.settings.shell else "none")
    except Exception:
        for path in written:
            path.unlink(missing_ok=True)
        raise
    wanted = work.settings.overrides()
    project = [
        f"deform.scale={params.deform.scale}",
        f"texture.beta={params.texture.beta}",
        f"texture.strength={params.texture.strength}",
    ]
    different = [ours for ours, theirs in zip(wanted, project, strict=True) if ours != theirs]
    return " -S ".join(["dvc exp run", *different]) if different else "dvc repro"


def _source(picture: Picture, folder: Path, target: Path, written: list[Path]) -> str:
    """What params.yaml should have for a picture; files that were written for it are added to ``written``."""
    if picture.sample and not picture.placed:
        return f"{PREFIX}{picture.sample}"
    origin = folder / picture.file
    copies = {origin: target.with_name(target.name + origin.suffix)}
    if picture.placed:
        copies[origin.with_name(f"{origin.name}.pts")] = target.with_name(f"{target.name}.pts")
    taken = next((path for path in copies.values() if path.exists()), None)
    if taken:
        raise InputFileError(f"{taken}: is there already; choose another name for the pair")
    for source, path in copies.items():
        written.append(path)
        with atomic_path(path) as temporary:
            shutil.copyfile(source, temporary)
    return str(copies[origin])
