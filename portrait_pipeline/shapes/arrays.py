"""Many faces in one file: ``.npz`` or ``.h5`` with an array ``landmarks`` and a few optional ones beside it.

Nothing in a file is executed (no pickle) and nothing is read before its size is known: the headers tell shape and
type, and only the named arrays are touched.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from ..base.errors import LandmarkError
from ..head.points import COUNT

SUFFIXES = (".npz", ".h5", ".hdf5")
MAX_BYTES = 500 * 10**6
MAX_FACES = 1_000_000
_KINDS = {
    "landmarks": ("fiu", "numbers"),
    "valid": ("b", "bool"),
    "occluded": ("b", "bool"),
    "group": ("iuUSO", "strings or whole numbers"),
}
_SHAPES = {"landmarks": "(N, 68, 2)", "valid": "(68,) or (N, 68)", "occluded": "(N, 68)", "group": "(N,)"}


class FaceArrays(NamedTuple):
    """What an array file holds, checked."""

    landmarks: np.ndarray
    """(N, 68, 2) float64 pixels, iBUG order, y down; NaN at missing points."""
    known: np.ndarray
    """(N, 68) bool: the point was placed."""
    occluded: np.ndarray
    """(N, 68) bool: placed by guess, because something hides it."""
    group: np.ndarray | None
    """(N,) str, or None if the file has none."""


class _Header(NamedTuple):
    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[], np.ndarray]


def read_arrays_file(path: str | Path) -> FaceArrays:
    """Read a file of many faces.

    Args:
        path: ``.npz`` or ``.h5`` with ``landmarks`` (N, 68, 2), and if wanted ``valid`` (68,) or (N, 68) bool,
            ``occluded`` (N, 68) bool, ``group`` (N,) strings or whole numbers. Other arrays are left alone.

    Raises:
        LandmarkError: missing, damaged or too large file, an array of another shape or type, pickled objects, an
            infinite coordinate.
    """
    path = Path(path)
    _check_size(path)
    with _npz(path) if path.suffix.lower() == ".npz" else _hdf5(path) as headers:
        if "landmarks" not in headers:
            raise LandmarkError(f"{path}: has no array 'landmarks'; give (N, 68, 2) pixels under that name")
        faces = _faces(path, headers)
        arrays = {name: header.read() for name, header in headers.items()}
    landmarks = arrays["landmarks"].astype(np.float64).reshape(faces, COUNT, 2)
    if np.isinf(landmarks).any():
        raise LandmarkError(f"{path}: 'landmarks' has an infinite coordinate; write NaN where a point is missing")
    known = np.isfinite(landmarks).all(axis=-1) & np.broadcast_to(arrays.get("valid", True), (faces, COUNT))
    occluded = np.broadcast_to(arrays.get("occluded", False), (faces, COUNT)) & known
    landmarks[~known] = np.nan
    return FaceArrays(landmarks, known, occluded, _names(arrays["group"]) if "group" in arrays else None)


def _check_size(path: Path) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise LandmarkError(f"{path}: cannot be read ({error.strerror}); check the path and its permissions") from error
    if size > MAX_BYTES:
        raise LandmarkError(f"{path}: too large, {size / 1e6:.0f} MB; the limit is {MAX_BYTES / 1e6:.0f} MB, split it")


def _faces(path: Path, headers: dict[str, _Header]) -> int:
    """Number of faces; all shapes and types fit each other."""
    for name, header in headers.items():
        kinds, meaning = _KINDS[name]
        if header.dtype.kind not in kinds:
            raise LandmarkError(f"{path}: '{name}' holds {header.dtype}, expected {meaning}")
    shape = headers["landmarks"].shape
    faces = 1 if shape == (COUNT, 2) else (shape or (0,))[0]
    fitting = {
        "landmarks": [(faces, COUNT, 2), (COUNT, 2)],
        "valid": [(COUNT,), (faces, COUNT)],
        "occluded": [(faces, COUNT)],
        "group": [(faces,)],
    }
    for name, header in headers.items():
        if header.shape not in fitting[name]:
            raise LandmarkError(f"{path}: '{name}' has shape {header.shape}, expected {_SHAPES[name]} for N faces")
    if not 1 <= faces <= MAX_FACES:
        raise LandmarkError(f"{path}: holds {faces} faces; give 1 to {MAX_FACES:,}")
    return faces


def _names(group: np.ndarray) -> np.ndarray:
    plain = [name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in group.tolist()]
    return np.array(plain, dtype=str)


@contextmanager
def _npz(path: Path) -> Any:
    try:
        with zipfile.ZipFile(path) as archive:
            known = [info for info in archive.infolist() if info.filename.removesuffix(".npy") in _KINDS]
            headers = {info.filename.removesuffix(".npy"): _npy_header(path, archive, info) for info in known}
            yield headers
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, RuntimeError, NotImplementedError, zlib.error) as error:
        raise LandmarkError(f"{path}: damaged or no .npz file ({_line(error)}); save it again with np.savez") from error


def _npy_header(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Header:
    if info.file_size > MAX_BYTES:
        raise LandmarkError(f"{path}: '{info.filename}' unpacks to {info.file_size / 1e6:.0f} MB; split the file")
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in read:
            raise ValueError(f"'{info.filename}' has format version {version}")
        shape, _, dtype = read[version](member)
    if dtype.hasobject:
        raise LandmarkError(
            f"{path}: '{info.filename}' holds pickled objects, which are never loaded; save plain numbers or strings"
        )
    if int(np.prod(shape, dtype=object)) * dtype.itemsize > info.file_size:
        raise ValueError(f"'{info.filename}' is cut short")

    def load() -> np.ndarray:
        with archive.open(info) as member:
            return np.lib.format.read_array(member, allow_pickle=False)

    return _Header(shape, dtype, load)


@contextmanager
def _hdf5(path: Path) -> Any:
    try:
        with h5py.File(path, "r") as file:
            yield {name: _h5_header(path, file, name) for name in _KINDS if name in file}
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise LandmarkError(f"{path}: damaged or no HDF5 file ({_line(error)}); write it again") from error


def _h5_header(path: Path, file: h5py.File, name: str) -> _Header:
    item = file[name] if isinstance(file.get(name, getlink=True), h5py.HardLink) else None
    if not isinstance(item, h5py.Dataset) or item.is_virtual or item.external:
        raise LandmarkError(f"{path}: '{name}' is no plain dataset of this file; store the array itself")
    if item.dtype.kind == "O" and h5py.check_string_dtype(item.dtype) is None or item.nbytes > MAX_BYTES:
        raise LandmarkError(
            f"{path}: '{name}' holds {item.dtype}, {item.nbytes / 1e6:.0f} MB; store plain numbers or "
            f"strings, at most {MAX_BYTES / 1e6:.0f} MB"
        )
    return _Header(item.shape, item.dtype, lambda: item[()])


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
