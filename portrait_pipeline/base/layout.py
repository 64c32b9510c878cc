"""Types and shapes of arrays, said once beside the field that holds them and checked when it is read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np


@dataclass(frozen=True)
class Array:
    """What an array must be: ``Annotated[np.ndarray, Array("f", "V", 3)]``.

    Attributes:
        kind: letters of numpy's kinds that are allowed (``f``, ``iu``, ``b``), or the one type's name (``uint8``).
        axes: lengths; a name stands for any length, the same wherever a record has it.
    """

    kind: str
    axes: tuple[int | str, ...]

    def __init__(self, kind: str, *axes: int | str) -> None:
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "axes", axes)

    def mismatch(self, value: Any, lengths: dict[str, int]) -> str | None:
        """What is wrong with a value, or None; names of axes get their lengths."""
        known = [lengths.get(axis, axis) if isinstance(axis, str) else axis for axis in self.axes]
        expected = f"{self.kind} of shape ({', '.join(map(str, known))}{',' if len(known) == 1 else ''})"
        if not isinstance(value, np.ndarray):
            return f"is no array, expected {expected}"
        exact = len(self.kind) > 2
        fits = value.dtype.name == self.kind if exact else value.dtype.kind in self.kind
        if not fits or value.ndim != len(known):
            return f"is {value.dtype} of shape {value.shape}, expected {expected}"
        if any(isinstance(want, int) and want != have for want, have in zip(known, value.shape, strict=True)):
            return f"is {value.dtype} of shape {value.shape}, expected {expected}"
        lengths |= {axis: have for axis, have in zip(self.axes, value.shape, strict=True) if isinstance(axis, str)}
        return None


def mismatch(cls: type, values: Mapping[str, Any], lengths: Mapping[str, int]) -> str | None:
    """The first field of a dataclass whose value has another type or shape than its annotation says, in words.

    Args:
        lengths: of axes that are known beforehand.
    """
    hints = get_type_hints(cls, include_extras=True)
    known = dict(lengths)
    for name in (name for name in hints if name in values):
        wrong = _wrong(hints[name], values[name], known)
        if wrong is not None:
            return f"'{name}' {wrong}"
    return None


def _wrong(hint: Any, value: Any, lengths: dict[str, int]) -> str | None:
    array = next((part for part in getattr(hint, "__metadata__", ()) if isinstance(part, Array)), None)
    if array is not None:
        return array.mismatch(value, lengths)
    if get_origin(hint) is tuple:
        if not isinstance(value, tuple):
            return f"is {type(value).__name__}, expected a list of arrays"
        # Arrays of a list have names of their own for their axes.
        return next((wrong for item in value if (wrong := _wrong(get_args(hint)[0], item, {}))), None)
    if get_origin(hint) is Literal:
        return None if value in get_args(hint) else f"is {value!r:.60}, expected one of {', '.join(get_args(hint))}"
    allowed = (int, float) if hint is float else hint
    if isinstance(value, bool) != (hint is bool) or not isinstance(value, allowed):
        return f"is {type(value).__name__}, expected {hint.__name__}"
    if isinstance(value, float) and not math.isfinite(value):
        return f"is {value}, expected a finite number"
    return None
