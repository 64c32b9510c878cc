"""The binary glTF 2.0 container: chunks, buffer views and accessors, written.

What the numbers mean is the business of the caller (:mod:`portrait_pipeline.export.glb`).
"""

from __future__ import annotations

import copy
import json
import struct
from collections.abc import Iterator

import numpy as np

ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963  # glTF 2.0, bufferView.target
FLOAT, UNSIGNED_SHORT, UNSIGNED_INT = 5126, 5123, 5125  # glTF 2.0, accessor.componentType
LINEAR, LINEAR_MIPMAP_LINEAR, REPEAT, CLAMP_TO_EDGE = 9729, 9987, 10497, 33071  # glTF 2.0, sampler

_DTYPES = {FLOAT: np.dtype("<f4"), UNSIGNED_SHORT: np.dtype("<u2"), UNSIGNED_INT: np.dtype("<u4")}
_HEADER, _CHUNK = struct.Struct("<4sII"), struct.Struct("<I4s")


class BufferWriter:
    """The binary chunk under construction, with the views and accessors that describe it."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict] = []
        self.accessors: list[dict] = []
        self._zeros: dict[int, int] = {}  # length to the view of so many zeros

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

    def add_joints(self, joints: np.ndarray) -> int:
        """Append (N, 4) joint numbers below 65536 as uint16; return the index of their accessor."""
        content = np.ascontiguousarray(joints, dtype="<u2")
        view = self.add_bytes(content.tobytes(), ARRAY_BUFFER)
        return self._add({"bufferView": view, "componentType": UNSIGNED_SHORT, "count": len(content), "type": "VEC4"})

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

        The specification lets zeros go without a view, but Assimp and panda3d-gltf read such accessors as damaged: all
        of one length share one view of zeros.

        Args:
            moved: (M,) their places, increasing; none at all is allowed.
            values: (M, 3).
        """
        if count not in self._zeros:
            self._zeros[count] = self.add_bytes(bytes(12 * count), ARRAY_BUFFER)
            self.views[-1]["byteStride"] = 12  # asked for where accessors share a view
        accessor = {"bufferView": self._zeros[count], "componentType": FLOAT, "count": count, "type": "VEC3"}
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


def pruned(document: dict, binary: bytes) -> tuple[dict, bytes]:
    """The document without accessors and buffer views that nothing refers to, and its binary chunk without their bytes.

    References are found by the names that the specification and its extensions give them; ``extras`` hold none.
    """
    accessors = document.get("accessors", [])
    used = {holder[key] for holder, key in _references(document)}
    number = {old: new for new, old in enumerate(sorted(used))}
    document = copy.deepcopy(document)
    for holder, key in _references(document):
        holder[key] = number[holder[key]]
    document["accessors"] = [copy.deepcopy(accessors[old]) for old in sorted(used)]
    holders = list(_holders(document, "bufferView"))
    data, moved, views = bytearray(), {}, []
    for old in sorted({holder["bufferView"] for holder in holders}):
        view = document["bufferViews"][old]
        start = view.get("byteOffset", 0)
        data.extend(b"\0" * (-len(data) % 4))
        moved[old] = len(views)
        views.append(view | {"byteOffset": len(data)})
        data.extend(binary[start : start + view["byteLength"]])
    for holder in holders:
        holder["bufferView"] = moved[holder["bufferView"]]
    data.extend(b"\0" * (-len(data) % 4))
    return document | {"bufferViews": views, "buffers": [{"byteLength": len(data)}]}, bytes(data)


def _references(part: object, inside: str = "") -> Iterator[tuple[dict, str]]:
    """Every dictionary and key that hold the number of an accessor."""
    if isinstance(part, list):
        for item in part:
            yield from _references(item, inside)
    elif isinstance(part, dict):
        for key, value in part.items():
            if isinstance(value, int) and not isinstance(value, bool):
                if inside in ("attributes", "targets") or key in ("indices", "inverseBindMatrices", "input", "output"):
                    yield part, key
            elif key != "extras":
                yield from _references(value, key)


def _holders(part: object, key: str) -> Iterator[dict]:
    if isinstance(part, list):
        for item in part:
            yield from _holders(item, key)
    elif isinstance(part, dict):
        if isinstance(part.get(key), int):
            yield part
        for name, value in part.items():
            if name != "extras":
                yield from _holders(value, key)


def pack(document: dict, binary: bytes) -> bytes:
    """The file of a document and its binary chunk; equal input gives equal bytes."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    binary = bytes(binary) + b"\0" * (-len(binary) % 4)
    chunks = _CHUNK.pack(len(text), b"JSON") + text + _CHUNK.pack(len(binary), b"BIN\0") + binary
    return _HEADER.pack(b"glTF", 2, _HEADER.size + len(chunks)) + chunks
