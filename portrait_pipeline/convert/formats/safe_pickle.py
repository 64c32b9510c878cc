"""Reading arrays from a pickle file without running what it asks for.

A pickle is a program: it may name any function of any module and call it. Here every name resolves to one of a few
stand-ins that build numpy arrays from bytes, sparse matrices from their parts, and inert boxes for chumpy's objects;
any other name ends the reading.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
import scipy.sparse as sp

from ...base.errors import ModelError
from .foreign import check_path


class Box:
    """An object of a class that is not loaded: keeps its state and does nothing.

    Set up in ``__new__``, because a pickle makes objects without calling ``__init__``.
    """

    state: dict[str, Any]

    def __new__(cls, *arguments: Any) -> Self:
        box = super().__new__(cls)
        box.state = {}
        return box

    def __init__(self, *arguments: Any) -> None: ...

    def __setstate__(self, state: Any) -> None:
        parts = state if isinstance(state, tuple) else (state,)
        for part in parts:
            if isinstance(part, dict):
                self.state.update({str(key): value for key, value in part.items()})


class SparseBox(Box):
    """A compressed sparse column matrix in parts."""


class _TypeBox(Box):
    """A numpy number type: its code without the byte order, which the state brings."""

    code: Any
    order: str

    def __new__(cls, code: Any = None, *arguments: Any) -> Self:
        box = super().__new__(cls)
        box.code, box.order = code, "<"
        return box

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">", "|", "="):
            self.order = state[1]

    def dtype(self) -> np.dtype:
        """The type, if it is one of numbers."""
        code = self.code.lstrip("<>|=") if isinstance(self.code, str) else ""
        if code[:1] not in ("f", "i", "u", "b") or not code[1:].isdecimal() or int(code[1:]) > 8:
            raise pickle.UnpicklingError(f"it holds an array of {str(self.code)[:20]!r}, not of numbers")
        return np.dtype(code).newbyteorder(self.order if self.order in "<>" else "=")


class _ArrayBox(Box):
    """An array; its bytes come with the state."""

    value: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise pickle.UnpicklingError("it holds a damaged array")
        _, shape, kind, fortran, raw = state
        if isinstance(raw, list):  # an array of objects: of no use here
            return
        self.value = _from_bytes(raw, kind, shape, "F" if fortran else "C")


def _from_bytes(raw: Any, kind: Any, shape: Any, order: str) -> np.ndarray:
    """An array from exactly its own bytes: a file cannot ask for more memory than it is long."""
    content = raw.encode("latin1") if isinstance(raw, str) else raw
    if not isinstance(content, bytes | bytearray) or not isinstance(kind, _TypeBox) or not isinstance(shape, tuple):
        raise pickle.UnpicklingError("it holds a damaged array")
    return np.frombuffer(content, kind.dtype()).reshape([int(n) for n in shape], order=order)


def _from_buffer(raw: Any, kind: Any, shape: Any, order: Any, *arguments: Any) -> _ArrayBox:
    box = _ArrayBox()
    box.value = _from_bytes(raw, kind, shape, "F" if order == "F" else "C")
    return box


def _scalar(kind: Any, content: Any = b"") -> Any:
    """A number from its bytes."""
    return _from_bytes(content, kind, (), "C")[()]


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    return str(text).encode("latin1")


def _rebuilt(kind: Any, *arguments: Any) -> Any:
    if not (isinstance(kind, type) and issubclass(kind, Box)):
        raise pickle.UnpicklingError("it makes an object of an unexpected class")
    return kind()


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _ArrayBox,
    ("numpy", "dtype"): _TypeBox,
    ("_codecs", "encode"): _encode,
    ("copy_reg", "_reconstructor"): _rebuilt,
    ("copyreg", "_reconstructor"): _rebuilt,
    ("__builtin__", "object"): Box,
    ("builtins", "object"): Box,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _ArrayBox for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _from_buffer for core in ("core", "_core")},
    **{(f"scipy.sparse.{module}", "csc_matrix"): SparseBox for module in ("csc", "_csc")},
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        allowed = _ALLOWED.get((module, name))
        if allowed is None and (module == "chumpy" or module.startswith("chumpy.")):
            return Box
        if allowed is None:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not run")
        return allowed


def read_pickled_arrays(path: Path, names: tuple[str, ...], remedy: str) -> dict[str, np.ndarray]:
    """The named arrays of a pickled dictionary (those of them that it has), sparse ones filled out.

    Raises:
        ModelError: missing or damaged file, one that asks for code to run, or an entry that is no array of numbers.
    """
    check_path(path, remedy)
    try:
        with path.open("rb") as file:
            content = _Reader(file, encoding="latin1").load()
    except pickle.UnpicklingError as error:
        raise ModelError(f"{path}: refused: {' '.join(str(error).split())[:120]}; {remedy}") from error
    except (
        EOFError,
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
        MemoryError,
        OverflowError,
        struct.error,
        RecursionError,
        ImportError,
        OSError,
    ) as error:
        raise ModelError(f"{path}: damaged pickle ({' '.join(str(error).split())[:120]}); {remedy}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path}: holds a {type(content).__name__}, expected a dictionary of arrays; {remedy}")
    return {name: _array(f"{path}: {name}", content[name], remedy) for name in names if name in content}


def _array(where: str, value: Any, remedy: str) -> np.ndarray:
    if isinstance(value, SparseBox):
        return _filled(where, value.state, remedy)
    array = _numbers(value)
    if array is None:
        raise ModelError(f"{where}: is no array of numbers; {remedy}")
    return array


def _numbers(value: Any) -> np.ndarray | None:
    """What a box or a number holds; chumpy keeps the numbers of an array under "x"."""
    for _ in range(8):
        if isinstance(value, _ArrayBox):
            return value.value
        if not isinstance(value, Box):
            break
        value = value.state.get("x")
    return np.asarray(value) if isinstance(value, int | float | np.number) else None


def _filled(where: str, state: dict[str, Any], remedy: str) -> np.ndarray:
    """The full array of a sparse matrix from its parts."""
    shape = state.get("_shape", state.get("shape"))
    parts = [_numbers(state.get(name)) for name in ("data", "indices", "indptr")]
    if not isinstance(shape, tuple) or len(shape) != 2 or any(part is None or part.ndim != 1 for part in parts):
        raise ModelError(f"{where}: damaged sparse matrix; {remedy}")
    try:
        rows, columns = (int(_number(n)) for n in shape)
        data, indices, starts = parts
        if not 0 < rows * columns <= 2**28:
            raise ValueError("too large")
        matrix = sp.csc_matrix((data.astype(float), indices.astype(int), starts.astype(int)), (rows, columns))
        matrix.check_format(full_check=True)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{where}: damaged sparse matrix; {remedy}") from error
    return matrix.toarray()


def _number(value: Any) -> float:
    number = _numbers(value)
    if number is None or number.size != 1:
        raise ValueError("no number")
    return float(number)
