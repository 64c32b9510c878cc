"""Reading and writing stage outputs: HDF5 arrays with attributes, JSON, and atomic replacement of files.

A writer creates a temporary file beside its target and renames it, so that an interruption or a full disk
never leaves half a file. HDF5 is written without time stamps: equal content gives equal bytes, which is what
lets DVC's cache recognise an unchanged result.
"""

from __future__ import annotations

import csv
import dataclasses
import errno
import fcntl
import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, Self

import h5py
import numpy as np

from . import layout
from .errors import ArtifactError, OutputError
from .files import load_json, refusal
from .hdf5 import open_hdf5

FORMAT_VERSION = 1
MOST_BYTES = 4 * 2**30  # of all arrays of a file
MOST_JSON_BYTES = 50 * 10**6


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the target's folder; rename it to ``path`` when the block succeeds.

    The folder is created if needed. The temporary file keeps the target's suffix, because image and mesh
    writers choose their format by it. What a killed process left half written of the same target is removed.

    Raises:
        OutputError: the file could not be written (full disk, no permission).
    """
    path = Path(path)
    temporary: Path | None = None
    handle = -1
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        handle, temporary = _claimed(path)
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp makes files private; results are meant to be shared
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({_reason(error)})") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if handle >= 0:
            os.close(handle)


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file whole, atomically. Libraries that write files themselves have errors of their own for a full disk,
    or crash: what they make is made in memory and comes here.

    Raises:
        OutputError: as :func:`atomic_path`.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def locked(folder: str | Path) -> Iterator[None]:
    """Let one process at a time into the block, by a lock on a folder that is there; the others wait."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _prefix(path: Path) -> str:
    return f".{path.stem[:40]}.half-"


def _claimed(path: Path) -> tuple[int, Path]:
    """A new temporary file for ``path``, and the handle whose lock says that its writer is alive."""
    while True:
        handle, name = tempfile.mkstemp(prefix=_prefix(path), suffix=path.suffix, dir=path.parent)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_SH)
        if os.fstat(handle).st_nlink:
            return handle, Path(name)
        os.close(handle)  # swept before it was locked


def _sweep(path: Path) -> None:
    """Remove half files of ``path`` whose writers are dead: the system drops the locks of a process that ends."""
    for name in os.listdir(path.parent):
        if name.startswith(_prefix(path)) and name.endswith(path.suffix):
            with suppress(OSError), open(path.parent / name, "rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(file.name)


def _reason(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "no space left on the device: free some space and run again"
    return error.strerror or str(error)


def write_json(path: str | Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object in the given order, floats rounded to 6 significant digits.

    Raises:
        OutputError: a number is NaN or infinite (no such value may reach a metric), or the disk refuses.
    """
    text = json.dumps(_clean(value, str(path)), indent=2, allow_nan=False) + "\n"
    write_bytes(path, text.encode())


def _clean(value: Any, where: str) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _clean(item, f"{where}: {key}") for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_clean(item, where) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        if not math.isfinite(value):
            raise OutputError(f"{where} is {value}: a metric must be a finite number, nothing was written")
        return float(f"{value:.6g}")
    return value


def read_json(path: str | Path) -> dict[str, Any]:
    """Read a JSON object written by :func:`write_json`.

    Raises:
        ArtifactError: the file is missing or is not a JSON object.
    """
    path = Path(path)
    refuse = refusal(ArtifactError, path, "rerun the stage that writes it")
    value = load_json(path, MOST_JSON_BYTES, refuse)
    if not isinstance(value, dict):
        raise refuse("holds no JSON object")
    return value


def write_table(path: str | Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Write rows with equal keys as CSV (one header line, 6 significant digits), readable by DVC plots and pandas."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if rows:
            writer.writerow(rows[0])
        writer.writerows([f"{value:.6g}" for value in row.values()] for row in rows)


def write_arrays(
    path: str | Path,
    arrays: Mapping[str, np.ndarray],
    attributes: Mapping[str, str | int | float | bool] | None = None,
    *,
    kind: str,
) -> None:
    """Write named arrays to one HDF5 file.

    Args:
        path: target, replaced atomically.
        arrays: dataset name (may contain ``/`` for groups) to array; strings as ``list[str]`` are allowed.
        attributes: scalars stored on the root.
        kind: what the file is (``"fit"``, ``"texture"``); checked on reading.
    """
    with atomic_path(path) as temporary:
        # In memory: HDF5 on a full disk fails with errors of its own, and crashes the process when it ends.
        with h5py.File("memory", "w", driver="core", backing_store=False, libver="latest", track_order=True) as file:
            file.attrs["kind"] = kind
            file.attrs["format_version"] = FORMAT_VERSION
            for name, value in (attributes or {}).items():
                file.attrs[name] = value
            for name, value in arrays.items():
                array = np.asarray(value)
                if array.dtype.kind == "U":
                    array = np.char.encode(array, "utf-8")
                compress = {"compression": "gzip", "compression_opts": 4} if array.size > 4096 else {}
                file.create_dataset(name, data=array, track_times=False, **compress)
            file.flush()
            content = file.id.get_file_image()
        temporary.write_bytes(content)


def read_arrays(path: str | Path, *, kind: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what :func:`write_arrays` wrote: ``(arrays, attributes)``.

    Byte strings come back as ``str`` arrays.

    Raises:
        ArtifactError: missing or damaged file, another kind or version, or a non-finite number.
    """
    path = Path(path)
    if not path.is_file():
        raise ArtifactError(f"{path}: missing; run `dvc repro` to make it")
    with open_hdf5(path, refusal(ArtifactError, path, "delete it and run `dvc repro`"), MOST_BYTES) as content:
        attributes = content.attributes
        if attributes.get("kind") != kind or attributes.get("format_version") != FORMAT_VERSION:
            raise ArtifactError(
                f"{path}: holds '{attributes.get('kind')}' version {attributes.get('format_version')}, expected "
                f"'{kind}' version {FORMAT_VERSION}; delete it and run `dvc repro`"
            )
        arrays = {name: stored.read() for name, stored in content.arrays.items()}
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ArtifactError(f"{path}: dataset '{name}' has a non-finite number; rerun its stage")
    return arrays, attributes


class Record:
    """Base of the dataclasses that stages pass on: arrays become HDF5 datasets, scalars become attributes.

    A subclass is a frozen dataclass that names itself in ``kind``. Its fields are ``str``, ``int``, ``float``, a
    ``Literal`` of strings, arrays annotated with their :class:`.layout.Array`, or ``tuple[..., ...]`` of such arrays.
    """

    kind: ClassVar[str]

    def save(self, path: str | Path) -> None:
        """Write the record atomically."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        arrays = {name: value for name, value in fields.items() if isinstance(value, np.ndarray)}
        lists = {name: value for name, value in fields.items() if isinstance(value, tuple)}
        scalars = {name: value for name, value in fields.items() if name not in arrays and name not in lists}
        arrays |= {f"{name}/{i}": array for name, value in lists.items() for i, array in enumerate(value)}
        # An empty list leaves no dataset, so the lengths are kept as well.
        scalars |= {f"{name}/length": len(value) for name, value in lists.items()}
        write_arrays(path, arrays, scalars, kind=self.kind)

    @classmethod
    def load(cls, path: str | Path, **lengths: int) -> Self:
        """Read a record of this class; a field with a default may be missing from an older file.

        Args:
            lengths: of axes by their names in the annotations, where the caller knows them (V=len(model.mean)).

        Raises:
            ArtifactError: missing, damaged or foreign file, a field missing or of another type or shape.
        """
        arrays, attributes = read_arrays(path, kind=cls.kind)
        values = {**attributes, **arrays}
        refuse = refusal(ArtifactError, path, "delete it and run `dvc repro`")
        for name in [key.removesuffix("/length") for key in attributes if key.endswith("/length")]:
            length = attributes[f"{name}/length"]
            if length != sum(key.startswith(f"{name}/") for key in arrays):
                raise refuse(f"'{name}' has not the {length} arrays that it should have")
            values[name] = tuple(arrays.get(f"{name}/{i}") for i in range(length))
        fields = {field.name: field for field in dataclasses.fields(cls)}
        for name, field in fields.items():
            if name not in values and field.default is field.default_factory is dataclasses.MISSING:
                raise refuse(f"lacks '{name}'")
        values = {name: value for name, value in values.items() if name in fields}
        if (wrong := layout.mismatch(cls, values, lengths)) is not None:
            raise refuse(wrong)
        record = cls(**values)
        if (wrong := record.flaw()) is not None:
            raise refuse(wrong)
        return record

    def flaw(self) -> str | None:
        """What is wrong with fields whose types and shapes are right (such as ids out of range), or None."""
        return None
