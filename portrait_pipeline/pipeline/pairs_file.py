"""Adding a pair to params.yaml."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from ..base.artifacts import atomic_path
from ..base.errors import InputFileError, ParameterError
from ..base.images import load_image
from ..base.params import PAIR_NAME
from ..perception.files import find_points
from ..samples.sources import resolve
from .params import load_params


def add_pair(
    params_path: Path, name: str, photo: str, art: str, more_photos: Sequence[str] = (), shell: str = "auto"
) -> str:
    """Write a pair into params.yaml, keeping its comments and order; return the lines added.

    All images are opened first, so that a pair which cannot work is not written. Files from outside the project
    are copied into data/photos and data/art, with the points beside them.

    Args:
        photo, art, more_photos: image paths or ``sample:<name>``; the further photos are of the same person.
        shell: auto or none.

    Raises:
        ParameterError: bad or taken name, unknown sample, bad params.yaml.
        InputFileError: an image that cannot be used, or a different file of that name already in the project.
    """
    params = load_params(params_path)
    if not PAIR_NAME.fullmatch(name):
        raise ParameterError(f"pair name {name!r} is not allowed: letters, digits, '-' and '_' only, at most 64")
    if name in params.pairs:
        raise ParameterError(f"{params_path}: pair '{name}' exists already; choose another name or edit it there")
    root = params_path.resolve().parent
    for source in (photo, art, *more_photos):
        load_image(resolve(source, Path(".")).path)
    photos = [_inside(source, root, root / "data" / "photos") for source in (photo, *more_photos)]
    entry: dict[str, str | list[str]] = {"photo": photos[0]}
    if more_photos:
        entry["more_photos"] = photos[1:]
    if shell != "auto":
        entry["shell"] = shell
    entry["art"] = _inside(art, root, root / "data" / "art")
    yaml = YAML()
    yaml.preserve_quotes = True
    document = yaml.load(params_path.read_text(encoding="utf-8"))
    if document.get("pairs") is None:
        document["pairs"] = CommentedMap()
    _insert(document["pairs"], name, entry)
    with atomic_path(params_path) as temporary, temporary.open("w", encoding="utf-8") as file:
        yaml.dump(document, file)
    lines = [f"  {name}:"]
    for key, value in entry.items():
        many = isinstance(value, list)
        lines += [f"    {key}:", *(f"    - {item}" for item in value)] if many else [f"    {key}: {value}"]
    return "\n".join(lines)


def _insert(pairs: CommentedMap, name: str, entry: dict[str, str | list[str]]) -> None:
    """Append, moving the comment that trails the last value (it belongs to the next section) behind the new pair."""
    value = CommentedMap(entry)
    if pairs:
        last = pairs[next(reversed(pairs))]
        key = next(reversed(last))
        trailing = last.ca.items.pop(key, None)
        if trailing is not None:
            value.ca.items["art"] = trailing
    pairs[name] = value


def _inside(source: str, root: Path, folder: Path) -> str:
    """The value for params.yaml: a sample, or a path relative to the root, copying the file there if need be."""
    if source.startswith("sample:"):
        return source
    path = resolve(source).path.resolve()
    if path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    target = folder / path.name
    if target.exists() and target.read_bytes() != path.read_bytes():
        raise InputFileError(f"{target}: another file of this name is there already; rename {source} and try again")
    folder.mkdir(parents=True, exist_ok=True)
    beside = find_points(path)
    copies = [(path, target)] + ([(beside, folder / beside.name)] if beside else [])
    for origin, copy in copies:
        with atomic_path(copy) as temporary:
            shutil.copyfile(origin, temporary)
    return target.relative_to(root).as_posix()
