"""Binary glTF 2.0 files of others, read with every size checked: document, numbers of accessors, pictures, nodes.

Nothing in such a file is trusted: lengths and indices are compared with what is there before anything is allocated.
The document itself stays a ``dict``, so that what the project does not know of (extensions, extras) survives.
"""

from __future__ import annotations

import io
import json
import struct
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from ..base.errors import InputFileError

MAX_BYTES = 512 << 20
MAX_NUMBERS = 64 << 20
"""Of one accessor."""
MAX_TEXELS = 8192**2
_DTYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
_PACKED = {
    "KHR_draco_mesh_compression": ("Draco", "copy"),
    "EXT_meshopt_compression": ("meshopt", "copy"),
    "KHR_meshopt_compression": ("meshopt", "copy"),
    "KHR_texture_basisu": ("KTX2", "ktxdecompress"),
}
"""Extensions whose data only their own decoders read: what people call them, and what glTF-Transform calls the cure."""


@dataclass(frozen=True)
class GltfFile:
    """A GLB file in memory.

    Attributes:
        path: for messages. document: the JSON chunk. binary: the binary chunk, empty if there is none.
    """

    path: Path
    document: dict
    binary: bytes

    def error(self, what: str) -> InputFileError:
        """The exception for a file with this fault; ``what`` ends with the remedy."""
        return InputFileError(f"{self.path}: {what}")

    def entry(self, kind: str, index: object) -> dict:
        """Entry ``index`` of the document's list ``kind``.

        Raises:
            InputFileError: there is none.
        """
        entries = self.document.get(kind, [])
        if not (isinstance(entries, list) and isinstance(index, int) and 0 <= index < len(entries)):
            raise self.error(f"refers to {kind} {index!r}, of which there is none; export the file again")
        if not isinstance(entries[index], dict):
            raise self.error(f"{kind} {index} is not an object; export the file again")
        return entries[index]

    def count(self, kind: str) -> int:
        """Number of entries of the document's list ``kind``."""
        return len(self.document.get(kind, []))

    def view(self, index: object) -> memoryview:
        """Bytes of a buffer view."""
        view = self.entry("bufferViews", index)
        start, size = view.get("byteOffset", 0), view.get("byteLength", 0)
        whole = all(isinstance(number, int) and number >= 0 for number in (start, size))
        if view.get("buffer") != 0 or not whole or start + size > len(self.binary):
            raise self.error(f"buffer view {index} lies outside the file's own data; export it as one .glb file")
        return memoryview(self.binary)[start : start + size]

    def values(self, index: object) -> np.ndarray:
        """Numbers of an accessor, (N, width): float64 for floats and normalised integers, else int64."""
        accessor = self.entry("accessors", index)
        kind, width, count = accessor.get("componentType"), _WIDTHS.get(accessor.get("type")), accessor.get("count")
        if kind not in _DTYPES or width is None or not isinstance(count, int) or count < 0:
            raise self.error(f"accessor {index} has no valid type or count; export the file again")
        if count * width > MAX_NUMBERS:
            raise self.error(f"accessor {index} has {count} entries; give a model of at most {MAX_NUMBERS // width}")
        dtype = np.dtype(_DTYPES[kind])
        values = np.zeros((count, width), dtype)
        if "bufferView" in accessor:
            values = self._strided(accessor["bufferView"], accessor.get("byteOffset", 0), dtype, count, width, index)
        if "sparse" in accessor:
            values = self._with_sparse(accessor["sparse"], values, dtype, width, index)
        if accessor.get("normalized") and dtype.kind in "iu":
            return np.maximum(values / float(np.iinfo(dtype).max), -1.0)
        result = values.astype(float if dtype.kind == "f" else np.int64)
        if not np.isfinite(result).all():
            raise self.error(f"accessor {index} holds numbers that are not finite; export the file again")
        return result

    def _strided(
        self, view: object, offset: object, dtype: np.dtype, count: int, width: int, index: object
    ) -> np.ndarray:
        content, step = self.view(view), self.entry("bufferViews", view).get("byteStride") or dtype.itemsize * width
        needed = (count - 1) * step + dtype.itemsize * width if count else 0
        if not (isinstance(offset, int) and offset >= 0 and isinstance(step, int) and step >= dtype.itemsize * width):
            raise self.error(f"accessor {index} has a damaged layout; export the file again")
        if offset + needed > len(content):
            raise self.error(f"accessor {index} reaches beyond its data; the file is truncated, copy it again")
        return np.ndarray((count, width), dtype, content, offset, (step, dtype.itemsize)).copy()

    def _with_sparse(self, sparse: dict, values: np.ndarray, dtype: np.dtype, width: int, index: object) -> np.ndarray:
        places, changed, count = sparse.get("indices", {}), sparse.get("values", {}), sparse.get("count")
        if not isinstance(count, int) or count < 0 or places.get("componentType") not in (5121, 5123, 5125):
            raise self.error(f"accessor {index} has a damaged sparse part; export the file again")
        where = self._strided(
            places.get("bufferView"), places.get("byteOffset", 0), np.dtype(_DTYPES[places["componentType"]]), count, 1,
            index,
        )[:, 0].astype(np.int64)  # fmt: skip
        if len(where) and where.max() >= len(values):
            raise self.error(f"accessor {index} changes entries that it does not have; export the file again")
        values[where] = self._strided(
            changed.get("bufferView"), changed.get("byteOffset", 0), dtype, count, width, index
        )
        return values

    def picture(self, texture: object) -> np.ndarray:
        """(H, W, 4) uint8 RGBA of a texture, row 0 on top."""
        entry = self.entry("textures", texture)
        webp = entry.get("extensions", {}).get("EXT_texture_webp", {}).get("source")
        image = self.entry("images", entry.get("source", webp))
        if "bufferView" not in image:
            raise self.error("keeps its pictures in other files; export it as one .glb file with all inside")
        content = io.BytesIO(bytes(self.view(image["bufferView"])))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                with Image.open(content, formats=("PNG", "JPEG", "WEBP")) as opened:
                    if opened.width * opened.height > MAX_TEXELS:
                        raise self.error(f"a picture has {opened.width} x {opened.height} texels; give at most 8192^2")
                    return np.asarray(opened.convert("RGBA"))
        except (
            OSError,
            ValueError,
            SyntaxError,
            Image.DecompressionBombError,
            Image.DecompressionBombWarning,
        ) as error:
            raise self.error(f"a picture inside cannot be read ({str(error)[:80]}); export the file again") from error

    @cached_property
    def parents(self) -> np.ndarray:
        """(N,) parent of each node, -1 for roots."""
        parents = np.full(self.count("nodes"), -1)
        for index in range(len(parents)):
            for child in self.entry("nodes", index).get("children", []):
                self.entry("nodes", child)
                if parents[child] >= 0 or child == index:
                    raise self.error(f"node {child} has two parents; export the file again")
                parents[child] = index
        return parents

    def local_matrices(self) -> np.ndarray:
        """(N, 4, 4) of all nodes as the file leaves them, in the parent's coordinates."""
        return np.array([local_matrix(self.entry("nodes", i)) for i in range(self.count("nodes"))]).reshape(-1, 4, 4)

    def world_matrices(self, local: np.ndarray | None = None) -> np.ndarray:
        """(N, 4, 4) of all nodes, from their local ones (as the file leaves them, if not given)."""
        local = self.local_matrices() if local is None else local
        world, done = np.array(local), self.parents < 0
        waiting = np.flatnonzero(~done)
        while len(waiting):
            ready = waiting[done[self.parents[waiting]]]
            if not len(ready):
                raise self.error("its nodes form a ring; export the file again")
            world[ready] = world[self.parents[ready]] @ local[ready]
            done[ready] = True
            waiting = np.flatnonzero(~done)
        return world

    def below(self, node: int) -> np.ndarray:
        """(N,) bool: the node itself and everything that hangs on it."""
        inside = np.zeros(self.count("nodes"), bool)
        inside[node] = True
        while True:
            more = inside | ((self.parents >= 0) & inside[self.parents])
            if (more == inside).all():
                return inside
            inside = more


def local_matrix(node: dict) -> np.ndarray:
    """(4, 4) of a node's ``matrix`` or its translation, rotation (x, y, z, w) and scale."""
    if "matrix" in node:
        return np.array(node["matrix"], float).reshape(4, 4).T
    result = np.eye(4)
    result[:3, :3] = rotation_matrix(np.array(node.get("rotation", (0, 0, 0, 1)), float)) * node.get("scale", (1, 1, 1))
    result[:3, 3] = node.get("translation", (0, 0, 0))
    return result


def rotation_matrix(quaternion: np.ndarray) -> np.ndarray:
    """(..., 3, 3) of unit quaternions (..., 4), x y z w."""
    x, y, z, w = np.moveaxis(quaternion / np.linalg.norm(quaternion, axis=-1, keepdims=True), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


def read_glb(path: Path) -> GltfFile:
    """Read a GLB file.

    Raises:
        InputFileError: missing, too large, not a GLB, truncated, or packed by a compression that is not read.
    """
    if not path.is_file():
        raise InputFileError(f"{path}: no such file; give a .glb file")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise InputFileError(f"{path}: too large, {size >> 20} MB; the limit is {MAX_BYTES >> 20} MB")
    content = path.read_bytes()
    if len(content) < 20 or content[:4] != b"glTF" or struct.unpack_from("<I", content, 4)[0] != 2:
        raise InputFileError(f"{path}: is not a binary glTF 2.0 file; export the model as .glb")
    length, kind = struct.unpack_from("<I4s", content, 12)
    if kind != b"JSON" or 20 + length > len(content):
        raise InputFileError(f"{path}: is truncated; copy or download it again")
    try:
        document = json.loads(content[20 : 20 + length])
    except (ValueError, RecursionError) as error:
        raise InputFileError(f"{path}: its description is damaged; export it again") from error
    binary = b""
    if len(content) >= 28 + length:
        size, kind = struct.unpack_from("<I4s", content, 20 + length)
        if kind != b"BIN\0" or 28 + length + size > len(content):
            raise InputFileError(f"{path}: is truncated; copy or download it again")
        binary = content[28 + length : 28 + length + size]
    if not isinstance(document, dict):
        raise InputFileError(f"{path}: its description is damaged; export it again")
    used = [*document.get("extensionsUsed", []), *document.get("extensionsRequired", [])]
    for name, (common, cure) in _PACKED.items():
        if name in used:
            raise InputFileError(
                f"{path}: is compressed with {common}, which is not read here; export it without, or unpack it: "
                f"npx @gltf-transform/cli {cure} {path.name} plain.glb"
            )
    return GltfFile(path, document, binary)
