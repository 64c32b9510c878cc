"""The table of a batch: a CSV whose rows are portraits."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from dataclasses import dataclass
from pathlib import Path

from ..base.errors import InputFileError, ParameterError, PortraitError
from ..base.files import read_text, refusal
from ..base.params import PAIR_NAME, PAIR_NAME_RULE
from ..pipeline.params import Params, parameter_rows, with_overrides
from ..samples.sources import resolve

MAX_BYTES = 100 * 10**6
OWN_COLUMNS = ("photo", "art", "name", "shell", "more_photos")
_SHELLS = ("", "auto", "none")


@dataclass(frozen=True)
class Row:
    """One portrait to make.

    Attributes:
        number: of the row, 1 for the one below the heading. name: of its folder.
        photo, art: as written. photo_path, art_path: the files; the photo's may be a video. more_photos: files of
            further photos of the same person.
        overrides: ``section.name=value`` of the row's own columns. shell: whether it gets hair and shoulders.
        params: with the overrides.
    """

    number: int
    name: str
    photo: str
    art: str
    photo_path: Path
    art_path: Path
    more_photos: tuple[Path, ...]
    overrides: tuple[str, ...]
    shell: bool
    params: Params


@dataclass(frozen=True)
class Failure:
    """A row that was not made, and the one line that says why."""

    number: int
    name: str
    photo: str
    art: str
    message: str


def read_table(path: Path, params: Params) -> tuple[list[Row], list[Failure]]:
    """Read a table; rows that cannot be made are told apart before any work is done.

    Columns ``photo`` and ``art`` are paths (from the table's folder) or ``sample:<name>``; the photo may be a video.
    Others are optional: ``name`` of the row's folder, ``shell`` (auto or none), ``more_photos`` of the person, with |
    between them, and parameters as ``portrait params`` lists them; an empty cell leaves the value as it is. Columns
    whose heading starts with ``#`` are the user's own. The separator is a comma, semicolon or tab.

    Args:
        params: of all rows, before their own columns.

    Raises:
        InputFileError: no such file, no text, too large. ParameterError: a column that is missing or not known.
    """
    reader = _reader(path)
    columns = [str(column or "").strip() for column in reader.fieldnames or ()]
    _check_columns(path, columns)
    reader.fieldnames = columns
    rows: list[Row] = []
    failures: list[Failure] = []
    taken: dict[str, int] = {}
    try:
        for number, cells in enumerate(reader, start=1):
            texts = {key: (value or "").strip() for key, value in cells.items() if isinstance(key, str)}
            if None in cells or None in cells.values():
                problem = f"has {'more' if None in cells else 'fewer'} cells than the heading"
                failures.append(_failure(number, texts, problem))
                continue
            try:
                row = _row(number, texts, params, path.parent, taken)
            except PortraitError as error:
                failures.append(_failure(number, texts, str(error)))
                continue
            taken[row.name.lower()] = number
            rows.append(row)
    except csv.Error as error:
        raise InputFileError(f"{path}: line {reader.line_num}: is not CSV ({error})") from error
    if not rows and not failures:
        raise InputFileError(f"{path}: has no rows below its heading")
    return rows, failures


def _reader(path: Path) -> csv.DictReader:
    text = read_text(path, MAX_BYTES, refusal(InputFileError, path, "give a table saved as CSV (UTF-8)"))
    heading = text.partition("\n")[0]
    return csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=heading.count), strict=True)


def _check_columns(path: Path, columns: list[str]) -> None:
    for column in ("photo", "art"):
        if column not in columns:
            raise ParameterError(
                f"{path}: has no column '{column}'; the first line must name the columns photo and art"
            )
    known = {*OWN_COLUMNS, *(name for name, *_ in parameter_rows())}
    for column in columns:
        if columns.count(column) > 1:
            raise ParameterError(f"{path}: has two columns '{column}'")
        if column not in known and not column.startswith("#"):
            raise ParameterError(
                f"{path}: column '{column}' is none of {', '.join(OWN_COLUMNS)} and no parameter (`portrait params` "
                f"lists them); mend it, or call it '#{column}' to have it ignored"
            )


def _row(number: int, texts: dict[str, str], params: Params, folder: Path, taken: dict[str, int]) -> Row:
    further = [text for text in map(str.strip, texts.get("more_photos", "").split("|")) if text]
    photo, art, *more = (resolve(text, folder) for text in (texts["photo"], texts["art"], *further))
    for source in (photo, art, *more):
        if not source.path.is_file():
            raise InputFileError(f"{source.path}: no such file; mend the path or put the picture there")
    if texts.get("shell", "") not in _SHELLS:
        raise ParameterError(f"shell is {texts['shell']!r}, which is not allowed: it is auto or none")
    overrides = tuple(
        f"{name}={text}"
        for name, text in texts.items()
        if text and name not in OWN_COLUMNS and not name.startswith("#")
    )
    own = with_overrides(params, overrides)
    shell = texts.get("shell") != "none"
    name = texts.get("name") or _free_name(photo.name, art.name, (*texts.items(),), taken)
    if not PAIR_NAME.fullmatch(name):
        raise ParameterError(f"name {name!r} is not allowed: {PAIR_NAME_RULE}")
    if name.lower() in taken:
        raise ParameterError(f"name {name!r} is that of row {taken[name.lower()]} already; give another")
    paths = photo.path, art.path, tuple(source.path for source in more)
    return Row(number, name, texts["photo"], texts["art"], *paths, overrides, shell, own)


def _free_name(photo: str, art: str, texts: tuple[tuple[str, str], ...], taken: dict[str, int]) -> str:
    """``<photo>_<art>``; a second one of that name is marked by its content, so that its place does not matter."""
    name = "_".join(re.sub(r"[^A-Za-z0-9-]+", "-", part).strip("-")[:26] or "x" for part in (photo, art))
    if name.lower() not in taken:
        return name
    return f"{name}_{hashlib.sha256(repr(texts).encode()).hexdigest()[:8]}"


def _failure(number: int, texts: dict[str, str], message: str) -> Failure:
    return Failure(number, texts.get("name", ""), texts.get("photo", ""), texts.get("art", ""), message)
