"""The binary glTF 2.0 container: chunks, buffer views and accessors, written and strictly read.

What the numbers mean is the business of the caller (:mod:`portrait_pipeline.export.glb`). Reading takes nothing on
trust: sizes are limited, every range is checked, and no address outside the file is followed.
"""

from __future__ import annotations

import json
import struct

import numpy as np

from ..base.errors import InputFileError

MAX_JSON_BYTES = 8 * 10**6
MAX_COUNT = 10**6
"""Most elements of one accessor: a sparse one costs memory that its file does not pay for."""

ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963  # glTF 2.0, bufferView.target
FLOAT, UNSIGNED_SHORT, UNSIGNED_INT = 5126, 5123, 5125  # glTF 2.0, accessor.componentType
LINEAR, LINEAR_MIPMAP_LINEAR, REPEAT, CLAMP_TO_EDGE = 9729, 9987, 10497, 33071  # glTF 2.0, sampler

_DTYPES = {FLOAT: np.dtype("<f4"), UNSIGNED_SHORT: np.dtype("<u2"), UNSIGNED_INT: np.dtype("<u4")}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
_HEADER, _CHUNK = struct.Struct("<4sII"), struct.Struct("<I4s")


class BufferWriter:
    """The binary chunk under construction, with the views and accessors that describe it."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict] = []
        self.accessors: list[dict] = []

    def add_bytes(self, content: bytes, target: int | None = None) -> int:
        """Append bytes at the next multiple of 4; return the index of their view."""
        self.data.extend(b"\0" * (-len(self.data) % 4))
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(content)}
        self.views.append(view | ({} if target is None else {"target": target}))
        self.data.extend(content)
        return len(self.views) - 1

    def add_floats(self, values: np.ndarray, bounds: bool = False, target: int | None = ARRAY_BUFFER) -> int:
        """Append (N,) numbers or (N, 2..4) vectors as float32; return the index of their accessor."""
        values = np.ascontiguousarray(values, dtype="<f4")
        accessor = {
            "bufferView": self.add_bytes(values.tobytes(), target),
            "componentType": FLOAT,
            "count": len(values),
            "type": "SCALAR" if values.ndim == 1 else f"VEC{values.shape[1]}",
        }
        if bounds:
            accessor |= _bounds(values)
        return self._add(accessor)

    def add_indices(self, triangles: np.ndarray) -> int:
        """Append vertex indices in the smallest type that holds them; return the index of their accessor."""
        dtype = _index_type(int(triangles.max(initial=0)))
        content = np.ascontiguousarray(triangles.ravel(), dtype=_DTYPES[dtype]).tobytes()
        return self._add(
            {
                "bufferView": self.add_bytes(content, ELEMENT_ARRAY_BUFFER),
                "componentType": dtype,
                "count": triangles.size,
                "type": "SCALAR",
            }
        )

    def add_sparse(self, count: int, moved: np.ndarray, values: np.ndarray, bounds: bool = False) -> int:
        """Append (count, 3) vectors of which only some are not 0; return the index of their accessor.

        Args:
            moved: (M,) their places, increasing; none at all is allowed, and takes no bytes.
            values: (M, 3).
        """
        accessor = {"componentType": FLOAT, "count": count, "type": "VEC3"}
        values = np.ascontiguousarray(values, dtype="<f4")
        if len(moved):
            dtype = _index_type(count - 1)
            indices = np.ascontiguousarray(moved, dtype=_DTYPES[dtype]).tobytes()
            accessor["sparse"] = {
                "count": len(moved),
                "indices": {"bufferView": self.add_bytes(indices), "componentType": dtype},
                "values": {"bufferView": self.add_bytes(values.tobytes())},
            }
        if bounds:
            whole = values if len(moved) == count else np.concatenate([values, np.zeros((1, 3), np.float32)])
            accessor |= _bounds(whole)
        return self._add(accessor)

    def _add(self, accessor: dict) -> int:
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def _index_type(largest: int) -> int:
    return UNSIGNED_SHORT if largest < 65535 else UNSIGNED_INT  # the largest value is reserved for primitive restart


def _bounds(values: np.ndarray) -> dict[str, list[float]]:
    rows = values.reshape(len(values), -1)
    return {"min": rows.min(axis=0).tolist(), "max": rows.max(axis=0).tolist()}


def pack(document: dict, binary: bytes) -> bytes:
    """The file of a document and its binary chunk; equal input gives equal bytes."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    binary = bytes(binary) + b"\0" * (-len(binary) % 4)
    chunks = _CHUNK.pack(len(text), b"JSON") + text + _CHUNK.pack(len(binary), b"BIN\0") + binary
    return _HEADER.pack(b"glTF", 2, _HEADER.size + len(chunks)) + chunks


def unpack(content: bytes) -> tuple[dict, bytes]:
    """Document and binary chunk of a file.

    Raises:
        InputFileError: not a whole binary glTF 2.0 file with one JSON object and one binary chunk (without the name of
            the file, which the caller knows).
    """
    if len(content) < _HEADER.size or content[:4] != b"glTF":
        raise InputFileError("is not a binary glTF file; give a .glb that this program wrote")
    _, version, length = _HEADER.unpack_from(content)
    if version != 2 or length != len(content):
        raise InputFileError(
            f"says it is glTF {version} of {length} bytes, but has {len(content)}; copy or make the file again"
        )
    text, place = _chunk(content, _HEADER.size, b"JSON")
    binary, place = _chunk(content, place, b"BIN\0")
    if len(text) > MAX_JSON_BYTES:
        raise InputFileError(f"has {len(text)} bytes of description; the limit is {MAX_JSON_BYTES}")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputFileError(f"has a damaged description ({error}); make the file again") from error
    if place != len(content) or not isinstance(document, dict):
        raise InputFileError("has other content than one description and one buffer; make the file again")
    return document, binary


def _chunk(content: bytes, place: int, kind: bytes) -> tuple[bytes, int]:
    start = place + _CHUNK.size
    size, found = _CHUNK.unpack_from(content, place) if start <= len(content) else (0, b"")
    if found != kind or start + size > len(content):
        raise InputFileError(f"has no whole {kind.decode().rstrip(chr(0))} chunk; copy or make the file again")
    return content[start : start + size], start + size


def view_bytes(document: dict, binary: bytes, index: int) -> bytes:
    """The bytes of a buffer view.

    Raises:
        ValueError, KeyError, IndexError, TypeError: the document is damaged.
    """
    view = _item(document["bufferViews"], index)
    start, size = _count(view.get("byteOffset", 0)), _count(view["byteLength"])
    if view["buffer"] != 0 or "byteStride" in view or start + size > len(binary):
        raise ValueError(f"buffer view {index} leaves the buffer")
    return binary[start : start + size]


def read_accessor(document: dict, binary: bytes, index: int) -> np.ndarray:
    """The values of an accessor: (N,) of scalars, (N, 2..4) of vectors, sparse ones filled with zeros.

    Raises:
        ValueError, KeyError, IndexError, TypeError: the document is damaged, or has a number that is not finite.
    """
    accessor = _item(document["accessors"], index)
    count, width = _count(accessor["count"]), _WIDTHS[accessor["type"]]
    dtype = _DTYPES[accessor["componentType"]]
    if count > MAX_COUNT:
        raise ValueError(f"accessor {index} has {count} elements; the limit is {MAX_COUNT}")
    if "bufferView" in accessor:
        start = _count(accessor.get("byteOffset", 0))
        values = _numbers(view_bytes(document, binary, accessor["bufferView"])[start:], dtype, count * width)
    else:
        values = np.zeros(count * width, dtype)
    values = values.reshape(count, width)
    if "sparse" in accessor:
        values = _with_sparse(document, binary, values, accessor["sparse"])
    if dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"accessor {index} has a number that is not finite")
    return values[:, 0] if width == 1 else values


def _with_sparse(document: dict, binary: bytes, values: np.ndarray, sparse: dict) -> np.ndarray:
    moved, replaced = _count(sparse["count"]), sparse["values"]
    places = sparse["indices"]
    dtype = _DTYPES[places["componentType"]]
    where = _numbers(view_bytes(document, binary, places["bufferView"]), dtype, moved).astype(np.int64)
    if (np.diff(where) <= 0).any() or moved == 0 or where[-1] >= len(values):
        raise ValueError("the places of a sparse accessor do not increase, or leave it")
    content = _numbers(view_bytes(document, binary, replaced["bufferView"]), values.dtype, moved * values.shape[1])
    result = values.copy()
    result[where] = content.reshape(moved, -1)
    return result


def _numbers(content: bytes, dtype: np.dtype, count: int) -> np.ndarray:
    if len(content) < count * dtype.itemsize:
        raise ValueError(f"{count} numbers do not fit into {len(content)} bytes")
    return np.frombuffer(content, dtype, count)


def _item(items: list, index: int) -> dict:
    if not isinstance(items, list) or not 0 <= _count(index) < len(items) or not isinstance(items[index], dict):
        raise IndexError(f"there is no item {index}")
    return items[index]


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{str(value)[:40]} is no count")
    return value
