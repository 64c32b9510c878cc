"""Many faces in one file: ``.npz`` or ``.h5`` with an array ``landmarks`` and a few optional ones beside it.

Nothing in a file is executed (no pickle) and nothing is read before its size is known: the headers tell shape and
type, and only the named arrays are touched.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..base.errors import LandmarkError
from ..base.files import refusal
from ..base.hdf5 import Stored, open_hdf5
from ..base.npz import open_npz
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
    refuse = refusal(LandmarkError, path, "write it again, at most 500 MB of plain numbers and strings")
    is_npz = path.suffix.lower() == ".npz"
    with contextlib.ExitStack() as stack:
        if is_npz:
            stored = stack.enter_context(open_npz(path, refuse, MAX_BYTES, _KINDS))
        else:
            stored = stack.enter_context(open_hdf5(path, refuse, MAX_BYTES, _KINDS)).arrays
        if "landmarks" not in stored:
            raise LandmarkError(f"{path}: has no array 'landmarks'; give (N, 68, 2) pixels under that name")
        faces = _faces(path, stored)
        arrays = {name: header.read() for name, header in stored.items()}
    landmarks = arrays["landmarks"].astype(np.float64).reshape(faces, COUNT, 2)
    if np.isinf(landmarks).any():
        raise LandmarkError(f"{path}: 'landmarks' has an infinite coordinate; write NaN where a point is missing")
    known = np.isfinite(landmarks).all(axis=-1) & np.broadcast_to(arrays.get("valid", True), (faces, COUNT))
    occluded = np.broadcast_to(arrays.get("occluded", False), (faces, COUNT)) & known
    landmarks[~known] = np.nan
    return FaceArrays(landmarks, known, occluded, _names(arrays["group"]) if "group" in arrays else None)


def _faces(path: Path, headers: dict[str, Stored]) -> int:
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
