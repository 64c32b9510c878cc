"""A face model as a reader delivers it, before it gets what our models also have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...base.errors import ModelError
from ...base.files import check_file, refusal
from ...head.model import LinearModel

MOST_VERTICES = 500_000
MOST_NUMBER = 1e12  # in any unit; more would overflow in single precision
MOST_BYTES = 4 * 2**30  # of a file, and of all arrays of a model in memory


@dataclass(frozen=True, kw_only=True)
class ForeignModel(LinearModel):
    """A model as its file has it; the origin is the format's own. What a format does not have is None.

    Attributes:
        uv, uv_triangles: as of :class:`..head.model.FaceModel`.
        landmarks: (68,) vertex ids, -1 for those that the format does not name.
        skin: (V,) bool, the vertices of the outer skin; without it, it is found by looking from outside.
        notes: one line each on what was left out or assumed.
    """

    uv: np.ndarray | None = None
    uv_triangles: np.ndarray | None = None
    landmarks: np.ndarray | None = None
    skin: np.ndarray | None = None
    notes: tuple[str, ...] = ()


def check_path(path: Path, what: str) -> None:
    """Refuse a file that is missing or too large.

    Raises:
        ModelError: one line with the path, what it should be, and the limit.
    """
    check_file(path, MOST_BYTES, refusal(ModelError, path, what))


def check_array(where: str, array: np.ndarray, shape: tuple[int | str, ...], remedy: str) -> np.ndarray:
    """``array`` if its shape is ``shape`` (a name stands for any length) and its numbers are finite.

    Raises:
        ModelError: one line with the dataset, the shape got, the shape expected and the remedy.
    """
    fits = array.ndim == len(shape) and all(
        isinstance(want, str) or got == want for got, want in zip(array.shape, shape, strict=True)
    )
    if not fits:
        expected = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
        raise ModelError(f"{where}: shape {array.shape}, expected ({expected}); {remedy}")
    if array.dtype.kind not in "fiub":
        raise ModelError(f"{where}: holds {array.dtype}, expected numbers; {remedy}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ModelError(f"{where}: has a number that is not finite; {remedy}")
    largest = float(np.abs(array).max(initial=0)) if array.dtype.kind == "f" else 0.0
    if largest > MOST_NUMBER:
        raise ModelError(f"{where}: has the number {largest:g}, expected at most {MOST_NUMBER:g}; {remedy}")
    return array


def check_ids(where: str, ids: np.ndarray, count: int, remedy: str, lowest: int = 0) -> np.ndarray:
    """``ids`` if all of them are in [``lowest``, ``count``).

    Raises:
        ModelError: one line with the first bad id and the range.
    """
    bad = ids[(ids < lowest) | (ids >= count)]
    if len(bad):
        raise ModelError(f"{where}: has the id {bad.ravel()[0]}, expected {lowest} to {count - 1}; {remedy}")
    return ids
