"""Files that a user names: looked at before work begins, read within limits, refused in one line.

What opens a file here and in :mod:`.hdf5` and :mod:`.npz` gets a :data:`Refuse`: it knows which exception the caller
promises and how its messages begin and end.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import OutputError, ParameterError, PortraitError

Refuse = Callable[[str], PortraitError]
"""From what is wrong with a file to the exception to raise."""

LONGEST_NAME = 240
"""Bytes of a file's name: file systems take 255, and temporary and neighbouring files add to it."""
LONGEST_PATH = 4000


def refusal(error: type[PortraitError], path: str | Path, remedy: str) -> Refuse:
    """``error`` with messages that name the file and end with what to do."""
    return lambda what: error(f"{path}: {what}; {remedy}")


def one_line(error: BaseException, most: int = 160) -> str:
    """What an exception of a library says, without line breaks and not too long."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= most else text[: most - 3] + "..."


def check_path(path: str | Path, what: str = "path") -> Path:
    """The path, ``~`` resolved, if a file can have this name on every machine.

    Raises:
        ParameterError: an empty path, one that is no text (UTF-8), holds a line break or another control character
            or has a name too long, or an unknown user's home.
    """
    text = os.fspath(path)
    if not text.strip() or "\0" in text:
        raise ParameterError(f"{what} {text!r} names no file or folder")
    if any(ord(letter) < 32 for letter in text):
        raise ParameterError(f"{what} {text!r}: the name has a line break or another control character; rename it")
    try:
        names = [len(name.encode()) for name in text.split(os.sep)]
    except UnicodeEncodeError:
        shown = os.fsencode(text).decode("utf-8", "replace")
        raise ParameterError(f"{what} {shown}: the name is not UTF-8 text; rename it") from None
    if max(names) > LONGEST_NAME or sum(names) > LONGEST_PATH:
        shown = text if len(text) < 60 else f"{text[:40]}...{text[-15:]}"
        raise ParameterError(
            f"{what} {shown}: a name of {max(names)} bytes in a path of {sum(names)}; at most {LONGEST_NAME} and "
            f"{LONGEST_PATH} are possible, rename it"
        )
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ParameterError(f"{what} {text}: {one_line(error)}; give the full path") from None


def check_output_folder(folder: Path) -> None:
    """Refuse a folder that no file can be written to; what is made for trying is taken away again.

    Raises:
        OutputError: it is a file, may not be written to, or cannot be made.
    """
    missing = [place for place in (folder, *folder.parents) if not os.path.lexists(place)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except FileExistsError:
        raise OutputError(f"{folder}: is a file; name a folder for the results") from None
    except NotADirectoryError:
        raise OutputError(f"{folder}: a part of this path is a file; name a folder for the results") from None
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written to ({error.strerror or one_line(error)}); name another folder, or mend its "
            "permissions"
        ) from None
    finally:
        for place in missing:
            try:
                place.rmdir()
            except OSError:
                break


def check_output_file(path: Path, suffixes: tuple[str, ...]) -> None:
    """Refuse a file that cannot be written, or whose suffix is none of ``suffixes`` (lower case, with the dot).

    Raises:
        OutputError: another suffix, a folder of this name, or a folder that cannot be written to.
    """
    if path.suffix.lower() not in suffixes:
        raise OutputError(f"{path}: '{path.suffix}' is not a known suffix; use {', '.join(suffixes)}")
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; name a file")
    check_output_folder(path.parent)


def check_file(path: Path, most: int, refuse: Refuse) -> None:
    """Refuse what is no regular file that may be read, or has more than ``most`` bytes."""
    try:
        if path.is_dir():
            raise refuse("is a folder, not a file")
        size = path.stat().st_size
        if not path.is_file():
            raise refuse("is no regular file")
    except FileNotFoundError:
        raise refuse("missing, no such file") from None
    except (OSError, ValueError) as error:
        raise refuse(f"cannot be read ({getattr(error, 'strerror', None) or one_line(error)})") from None
    if size > most:
        raise refuse(f"too large, {size / 1e6:.3g} MB; the limit is {most / 1e6:.3g} MB")


def read_file(path: Path, most: int, refuse: Refuse) -> bytes:
    """The content of a file of at most ``most`` bytes."""
    check_file(path, most, refuse)
    try:
        return path.read_bytes()
    except OSError as error:
        raise refuse(f"cannot be read ({error.strerror or one_line(error)})") from None


def read_text(path: Path, most: int, refuse: Refuse) -> str:
    """The text of a UTF-8 file of at most ``most`` bytes, without a byte order mark."""
    content = read_file(path, most, refuse)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise refuse("is not a text file (UTF-8)") from None


def load_json(path: Path, most: int, refuse: Refuse) -> Any:
    """The value of a JSON file of at most ``most`` bytes, without NaN and infinity, which JSON does not have."""
    return parse_json(read_text(path, most, refuse), refuse)


def parse_json(text: str, refuse: Refuse) -> Any:
    """The value of a JSON text; see :func:`load_json`."""

    def constant(name: str) -> None:
        raise ValueError(f"{name} is no number")

    try:
        return json.loads(text, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        raise refuse(f"cannot be read as JSON ({one_line(error)})") from None
