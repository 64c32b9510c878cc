"""Adding a pair to params.yaml."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from ..base.artifacts import locked, write_bytes
from ..base.errors import InputFileError, OutputError, ParameterError
from ..base.images import load_image
from ..base.params import PAIR_NAME, PAIR_NAME_RULE, parse_yaml, read_yaml
from ..perception.files import find_mask, find_points, read_points
from ..perception.masks import read_mask
from ..samples.sources import PREFIX, resolve
from .params import load_params

_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*|sample:[a-z0-9_]+")
_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
Entry = Mapping[str, str | list[str]]


def add_pair(
    params_path: Path, name: str, photo: str, art: str, more_photos: Sequence[str] = (), shell: str = "auto"
) -> str:
    """Write a pair into params.yaml, whose other bytes stay as they are; return the lines added.

    All pictures are opened first, with the points and masks beside them, so that a pair which cannot work is not
    written. Files from outside the project are copied into data/photos and data/art with what lies beside them, under a
    name of their own where another picture has theirs.

    Args:
        photo, art, more_photos: image paths or ``sample:<name>``; the further photos are of the same person.
        shell: auto or none.

    Raises:
        ParameterError: bad or taken name, unknown sample, bad params.yaml.
        InputFileError: a picture, points or a mask that cannot be used. OutputError: the project cannot be written.
    """
    if not PAIR_NAME.fullmatch(name):
        raise ParameterError(f"pair name {name!r} is not allowed: {PAIR_NAME_RULE}")
    _check_free(params_path, name)
    paths = {source: resolve(source, Path(".")).path for source in (photo, art, *more_photos)}
    for path in paths.values():
        _try(path)
    root = params_path.resolve().parent
    with locked(root):  # of two at once, the second sees what the first wrote
        _check_free(params_path, name)
        copies: dict[Path, Path] = {}

        def place(source: str, folder: str) -> str:
            if source.startswith(PREFIX):
                return source
            path = paths[source].resolve()
            if not path.is_relative_to(root):
                path = _place(path, root / "data" / folder, name, copies)
            return path.relative_to(root).as_posix()

        entry: dict[str, str | list[str]] = {"photo": place(photo, "photos")}
        if more_photos:
            entry["more_photos"] = [place(source, "photos") for source in more_photos]
        if shell != "auto":
            entry["shell"] = shell
        entry["art"] = place(art, "art")
        text = _with_pair(params_path, name, entry)
        written: list[Path] = []
        try:
            for target, origin in copies.items():
                write_bytes(target, origin.read_bytes())
                written.append(target)
            write_bytes(params_path.resolve(), text.encode())
        except (OSError, OutputError) as error:
            for target in written:
                target.unlink(missing_ok=True)
            raise error if isinstance(error, OutputError) else InputFileError(f"{origin}: {error.strerror}") from error
    return "\n".join(f"  {line}" for line in _block(name, entry))


def _check_free(params_path: Path, name: str) -> None:
    taken = next((pair for pair in load_params(params_path).pairs if pair.lower() == name.lower()), None)
    if taken is not None:
        raise ParameterError(f"{params_path}: pair '{taken}' exists already; choose another name or edit it there")


def _try(path: Path) -> None:
    """Read a picture, and the points and the mask beside it, as the stage ``landmarks`` will."""
    if not str(path).isprintable():
        raise InputFileError(f"{str(path)!r}: a name that cannot be written into params.yaml; rename it")
    shape = load_image(path).shape
    points = find_points(path)
    if points is not None:
        read_points(points, shape[:2])
    read_mask(path, shape)


def _place(path: Path, folder: Path, pair: str, copies: dict[Path, Path]) -> Path:
    """Where a picture from outside goes, adding it and what lies beside it to ``copies``, target to origin.

    A file of the same name and content serves again, if what lies beside it is the same too; a picture never goes
    beside another that differs in the suffix alone, whose points it would share.
    """
    beside = [file for file in (find_points(path), find_mask(path)) if file is not None]
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    for stem in (path.stem, f"{pair}_{path.stem}"):
        wanted = {folder / (stem + file.name.removeprefix(path.stem)): file for file in (path, *beside)}
        target = folder / (stem + path.suffix)
        known = [file for file in {*there, *copies} if file.parent == folder and _kin(file.name, stem)]
        if not known:
            copies |= wanted
            return target
        if {*known} == {*wanted} and all(_same(copies.get(one, one), other) for one, other in wanted.items()):
            return target
    raise InputFileError(
        f"{target}: other files of this name are there already; rename {path} or choose another pair name"
    )


def _kin(name: str, stem: str) -> bool:
    return name.lower().startswith(f"{stem}.".lower())


def _same(one: Path, other: Path) -> bool:
    return one.read_bytes() == other.read_bytes()


def _with_pair(params_path: Path, name: str, entry: Entry) -> str:
    """The text of params.yaml with a pair after the last, every other character as it was."""
    try:
        text = params_path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"{params_path}: cannot be read ({error})") from error
    document = YAML(typ="safe", pure=True).compose(text)
    pairs = next(value for key, value in document.value if key.value == "pairs")
    if not pairs.value or pairs.flow_style:
        position = _end(pairs.value[-1]) if pairs.value else pairs.start_mark.index + 1
        result = text[:position] + (", " if pairs.value else "") + _flow(name, entry) + text[position:]
    else:
        newline = "\r\n" if "\r\n" in text else "\n"
        value = pairs.value[-1][1]
        indent = pairs.value[0][0].start_mark.column
        inner = value.value[0][0].start_mark.column - indent if isinstance(value, MappingNode) and value.value else 2
        position = _end(pairs.value[-1])
        if text[position - 1] != "\n":
            position = text.find("\n", position) + 1 or len(text)
        lines = [" " * indent + line for line in _block(name, entry, inner if inner > 0 else 2)]
        start = "" if text[:position].endswith("\n") else newline
        result = text[:position] + start + "".join(line + newline for line in lines) + text[position:]
    wanted = read_yaml(params_path)
    wanted["pairs"] = wanted["pairs"] | {name: dict(entry)}
    if parse_yaml(result, str(params_path)) != wanted:
        raise ParameterError(
            f"{params_path}: 'pairs' is written in a way that cannot be added to; add the pair by hand"
        )
    return result


def _end(item: tuple[Node, Node]) -> int:
    """Where the last character of a key and its value is; an alias stands for a node further up."""
    key, value = item
    if isinstance(value, MappingNode) and not value.flow_style and value.value:
        return max(key.end_mark.index, _end(value.value[-1]))
    if isinstance(value, SequenceNode) and not value.flow_style and value.value:
        return max(key.end_mark.index, _end((key, value.value[-1])))
    return max(key.end_mark.index, value.end_mark.index)


def _block(name: str, entry: Entry, indent: int = 2) -> Iterator[str]:
    """Lines of a pair."""
    space = " " * indent
    yield f"{_scalar(name)}:"
    for key, value in entry.items():
        if isinstance(value, list):
            yield f"{space}{key}:"
            yield from (f"{space}- {_scalar(item)}" for item in value)
        else:
            yield f"{space}{key}: {_scalar(value)}"


def _flow(name: str, entry: Entry) -> str:
    values = (
        f"{key}: {'[' + ', '.join(map(_scalar, value)) + ']' if isinstance(value, list) else _scalar(value)}"
        for key, value in entry.items()
    )
    return f"{_scalar(name)}: {{{', '.join(values)}}}"


def _scalar(text: str) -> str:
    """A string as YAML, in quotes where it could be read as anything else."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)
