"""The output folder of a batch: which rows are made, and how a finished one takes its place."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from .. import __version__
from ..base.artifacts import read_json, write_json
from ..base.errors import ArtifactError, OutputError
from ..inputs.step import shared_records
from ..perception.files import find_mask, find_points
from ..pipeline.networks import NetworkFiles
from .table import Row

RECORD = "row.json"
_WORK, _LOCK = ".work", ".lock"
_OF_OTHER_STAGES = {"pairs", "landmark_sets", "shape_space", "autoencoder", "translation", "fid"}


def fingerprint(row: Row, networks: NetworkFiles, formats: Sequence[str], project: Path) -> str:
    """SHA-256 of all that a row's results follow from: pictures, points and masks beside them, parameters and the
    files they name (from the project's folder), networks, formats and the package's version.

    Raises:
        ArtifactError: a file cannot be read.
    """
    pictures = [row.photo_path, row.art_path, *row.more_photos]
    files = [*pictures, networks.space, networks.translator]
    for picture in pictures:
        files += [file for file in (find_points(picture), find_mask(picture)) if file is not None]
    parts = [__version__, row.params.model_dump_json(exclude=_OF_OTHER_STAGES), str(row.shell), *sorted(formats)]
    parts += [row.photo_path.stem, row.art_path.stem]  # the title of its pages
    named = dict(shared_records(row.params.model_dump(), project))
    parts += [str(sorted(named[role].items())) for role in ("model", "weights")]
    return hashlib.sha256("\n".join([*parts, *map(_digest, files)]).encode()).hexdigest()


def _digest(path: Path) -> str:
    try:
        status = path.stat()
        return _content(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read ({error.strerror})") from error


@lru_cache(maxsize=4096)
def _content(path: Path, size: int, time: int) -> str:
    """One artwork may serve thousands of rows."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Output:
    """The folder of a batch: a folder a row, and in each a record that was written last."""

    root: Path

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Hold the folder for this batch, and sweep what an interrupted one left.

        Raises:
            OutputError: it cannot be written, or another batch is at work in it.
        """
        try:
            (self.root / _WORK).mkdir(parents=True, exist_ok=True)
            lock = (self.root / _LOCK).open("w")
        except OSError as error:
            raise OutputError(f"{self.root}: cannot be written ({error.strerror})") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise OutputError(f"{self.root}: another batch is at work in this folder; wait for it") from error
            except OSError:
                pass  # a file system without locks
            self._sweep()
            try:
                yield
            finally:
                self._sweep()

    def _sweep(self) -> None:
        for left in (self.root / _WORK).iterdir():
            shutil.rmtree(left, ignore_errors=True)

    def record(self, name: str) -> dict[str, Any] | None:
        """What is kept of a finished row, or None."""
        try:
            record = read_json(self.root / name / RECORD)
        except ArtifactError:
            return None
        return record if isinstance(record.get("files"), dict) else None

    def is_made(self, name: str, wanted: str) -> bool:
        """Whether the row's folder holds all its files, made from the inputs of this fingerprint."""
        record = self.record(name)
        return (
            record is not None
            and record.get("fingerprint") == wanted
            and all(_size(self.root / name / file) == size for file, size in record["files"].items())
        )

    def work_folder(self, name: str) -> Path:
        """An empty folder for the files of a row, beside its place.

        Raises:
            OutputError: the row's place is taken by something else; the disk refuses.
        """
        place = self.root / name
        if place.exists() and self.record(name) is None:
            raise OutputError(f"{place}: exists, and no batch made it; move it away, or name the row otherwise")
        try:
            work = self.root / _WORK / f"{name}-{os.getpid()}-{os.urandom(4).hex()}"
            work.mkdir(parents=True)
        except OSError as error:
            raise OutputError(f"{self.root}: cannot be written ({error.strerror})") from error
        return work

    def place(self, work: Path, name: str, record: dict[str, Any]) -> dict[str, Any]:
        """Write the record into a work folder and put it in the row's place, at once as a whole."""
        files = {file.name: file.stat().st_size for file in sorted(work.iterdir())}
        record = {**record, "files": files}
        write_json(work / RECORD, record)
        place = self.root / name
        try:
            if place.exists():
                place.rename(work.with_name(f"{work.name}-old"))
            work.rename(place)
        except OSError as error:
            raise OutputError(f"{place}: cannot be written ({error.strerror})") from error
        shutil.rmtree(work.with_name(f"{work.name}-old"), ignore_errors=True)
        return record


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
