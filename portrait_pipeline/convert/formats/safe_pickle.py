"""Reading arrays from a pickle file without running what it asks for.

A pickle is a program: it may name any function of any module and call it. Only the names of a short list are resolved,
to what makes numpy's arrays from bytes that are in the file; chumpy's and scipy's objects become inert ones that keep
their state. Any other name ends the reading.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from ...base.errors import ModelError
from .foreign import check_path

MOST_ENTRIES = 2**28  # of a sparse matrix filled out


class Inert:
    """An object of a class that is not loaded: keeps its state and does nothing."""

    def __new__(cls, *arguments: Any) -> Inert:  # a pickle makes objects without calling ``__init__``
        made = super().__new__(cls)
        made.state = {}
        return made

    def __init__(self, *arguments: Any) -> None: ...

    def __setstate__(self, state: Any) -> None:
        parts = state if isinstance(state, tuple) else (state,)
        self.state |= {str(key): value for part in parts if isinstance(part, dict) for key, value in part.items()}


class Sparse(Inert):
    """A compressed sparse column matrix in parts."""


def _dtype(code: Any, *arguments: Any) -> np.dtype:
    """A type of numbers, or of objects, which are of no use here but occur beside them; byte order: its state."""
    kind = np.dtype(code if isinstance(code, str) else "V", False, True)
    if kind.kind not in "fiubO":
        raise pickle.UnpicklingError(f"it holds an array of {str(code)[:20]!r}, not of numbers")
    return kind


def _scalar(kind: np.dtype, content: Any) -> Any:
    return np.frombuffer(content.encode("latin1") if isinstance(content, str) else content, kind)[0]


def _rebuilt(kind: Any, *arguments: Any) -> Inert:
    if not (isinstance(kind, type) and issubclass(kind, Inert)):
        raise pickle.UnpicklingError("it makes an object of an unexpected class")
    return kind()


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): Inert,  # named by every array and never called by an honest one
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): lambda text, encoding="latin1": str(text).encode("latin1"),
    **{(name, "_reconstructor"): _rebuilt for name in ("copy_reg", "copyreg")},
    **{(name, "object"): Inert for name in ("__builtin__", "builtins")},
    **{(f"scipy.sparse.{name}", "csc_matrix"): Sparse for name in ("csc", "_csc")},
}
for _core in ("core", "_core"):
    _ALLOWED |= {
        # Empty, whatever shape it asks for: numpy fills it from exactly the bytes that the state brings.
        (f"numpy.{_core}.multiarray", "_reconstruct"): lambda *arguments: np.ndarray(0),
        (f"numpy.{_core}.multiarray", "scalar"): _scalar,
        (f"numpy.{_core}.numeric", "_frombuffer"): lambda content, kind, shape, order: np.frombuffer(
            content, kind
        ).reshape(shape, order=order),
    }


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == "chumpy":
            return Inert
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not run")
        return _ALLOWED[module, name]


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
    except (ArithmeticError, AttributeError, EOFError, ImportError, LookupError, MemoryError, OSError, RuntimeError,
            TypeError, ValueError) as error:  # fmt: skip
        raise ModelError(f"{path}: damaged pickle ({' '.join(str(error).split())[:120]}); {remedy}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path}: holds a {type(content).__name__}, expected a dictionary of arrays; {remedy}")
    return {name: _array(f"{path}: {name}", content[name], remedy) for name in names if name in content}


def _array(where: str, value: Any, remedy: str) -> np.ndarray:
    """What an object holds; chumpy keeps the numbers of an array under "x", some in several layers."""
    for _ in range(8):
        if not isinstance(value, Inert) or isinstance(value, Sparse):
            break
        value = value.state.get("x")
    if isinstance(value, Sparse):
        return _filled(where, value.state, remedy)
    if not isinstance(value, np.ndarray | np.number | int | float) or np.asarray(value).dtype.kind not in "fiub":
        raise ModelError(f"{where}: is no array of numbers; {remedy}")
    return np.asarray(value)


def _filled(where: str, state: dict[str, Any], remedy: str) -> np.ndarray:
    """The full array of a sparse matrix from its parts."""
    try:
        rows, columns = (int(n) for n in state.get("_shape", state.get("shape")))
        parts = [_array(where, state.get(name), remedy) for name in ("data", "indices", "indptr")]
        if not 0 < rows * columns <= MOST_ENTRIES:
            raise ValueError("too large")
        matrix = sp.csc_matrix((parts[0].astype(float), *(part.astype(int) for part in parts[1:])), (rows, columns))
        matrix.check_format(full_check=True)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{where}: damaged sparse matrix; {remedy}") from error
    return matrix.toarray()
