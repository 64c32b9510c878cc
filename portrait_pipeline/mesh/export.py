"""Textured meshes for other programs: binary glTF (GLB) and Wavefront OBJ with its material and texture.

Both files are in **metres** (head space is in centimetres), +y up and the face looking along +z, which is
what glTF prescribes and what puts the head at its natural size into Blender, whichever file is opened.

The origin of texture coordinates is where the two formats differ: OBJ has it at the bottom left, as the
project's UV, so ``vt`` is written unchanged; glTF has it at the top left, so :func:`glb_bytes` writes
``1 - v``. That is the only flip: the texture image itself is the same in both, its row 0 on top.

Equal input gives equal bytes: no dates, no random names.
"""

from __future__ import annotations

import io
import json
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from .. import __version__
from ..artifacts import atomic_path
from .mesh import Mesh
from .render import vertex_normals

METRES_PER_CM = 0.01
TEXTURE_NAME = "texture.png"

_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963  # glTF 2.0, bufferView.target
_FLOAT, _UNSIGNED_SHORT, _UNSIGNED_INT = 5126, 5123, 5125  # glTF 2.0, accessor.componentType
_LINEAR, _LINEAR_MIPMAP_LINEAR, _REPEAT, _CLAMP_TO_EDGE = 9729, 9987, 10497, 33071  # glTF 2.0, sampler


@dataclass(frozen=True)
class SplitMesh:
    """A mesh with one index per corner, as graphics hardware wants it: vertices on a UV seam are repeated.

    Attributes:
        source: (N,) int, the vertex each split vertex stands for. The first V are 0..V-1, so that a position
            or morph target of the unsplit mesh keeps its index; the copies follow.
        uv: (N, 2) float in [0, 1], origin bottom left.
        triangles: (F, 3) int32 into the split vertices, same order as in the mesh.
    """

    source: np.ndarray
    uv: np.ndarray
    triangles: np.ndarray


def split_seams(mesh: Mesh) -> SplitMesh:
    """Repeat every vertex once for each further texture coordinate it has."""
    count = len(mesh.vertices)
    corners = np.stack([mesh.triangles.ravel(), mesh.uv_triangles.ravel()], axis=1).astype(np.int64)
    pairs, inverse = np.unique(corners, axis=0, return_inverse=True)  # sorted by vertex, then by UV
    first = np.ones(len(pairs), dtype=bool)
    first[1:] = pairs[1:, 0] != pairs[:-1, 0]
    index = np.where(first, pairs[:, 0], count + np.cumsum(~first) - 1)

    total = count + int((~first).sum())
    source = np.arange(total)
    source[index] = pairs[:, 0]
    uv = np.zeros((total, 2))  # a vertex of no triangle has no UV; any value will do
    uv[index] = mesh.uv[pairs[:, 1]]
    return SplitMesh(source, uv, index[inverse.ravel()].reshape(-1, 3).astype(np.int32))


def smooth_normals(mesh: Mesh) -> np.ndarray:
    """Unit normals (V, 3) float64, outwards; +z for a vertex without area (a file must not hold zeros)."""
    normals = vertex_normals(mesh.vertices, mesh.triangles)
    normals[np.linalg.norm(normals, axis=1) < 0.5] = (0.0, 0.0, 1.0)
    return normals


def png_bytes(texture: np.ndarray) -> bytes:
    """The PNG file of an RGB image (H, W, 3) uint8.

    Raises:
        ValueError: another shape or type.
    """
    if texture.dtype != np.uint8 or texture.ndim != 3 or texture.shape[2] != 3:
        raise ValueError(f"an image must be (H, W, 3) uint8, not {texture.shape} {texture.dtype}")
    stream = io.BytesIO()
    Image.fromarray(texture).save(stream, format="PNG", optimize=True)
    return stream.getvalue()


class _Buffer:
    """The binary chunk of a GLB under construction, with the views and accessors that describe it."""

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

    def add_vectors(self, values: np.ndarray, bounds: bool = False) -> int:
        """Append (N, 2) or (N, 3) vectors as float32; return the index of their accessor."""
        values = np.ascontiguousarray(values, dtype="<f4")
        accessor = {
            "bufferView": self.add_bytes(values.tobytes(), _ARRAY_BUFFER),
            "componentType": _FLOAT,
            "count": len(values),
            "type": f"VEC{values.shape[1]}",
        }
        if bounds:
            accessor |= {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1

    def add_indices(self, triangles: np.ndarray) -> int:
        """Append vertex indices in the smallest type that holds them; return the index of their accessor."""
        small = triangles.max(initial=0) < 65535  # the largest value is reserved for primitive restart
        content = np.ascontiguousarray(triangles.ravel(), dtype="<u2" if small else "<u4").tobytes()
        self.accessors.append({
            "bufferView": self.add_bytes(content, _ELEMENT_ARRAY_BUFFER),
            "componentType": _UNSIGNED_SHORT if small else _UNSIGNED_INT,
            "count": triangles.size,
            "type": "SCALAR",
        })
        return len(self.accessors) - 1


def glb_bytes(mesh: Mesh, texture: np.ndarray, name: str = "Head") -> bytes:
    """The textured mesh as one binary glTF 2.0 file, in metres, texture inside.

    The material is unlit (``KHR_materials_unlit``: the texture holds the final colours, the method knows no
    light) with a rough, non-metallic one as the standard's fallback, and visible from both sides.

    Args:
        mesh: in head space (cm).
        texture: (H, W, 3) uint8, row 0 on top.
        name: of the node, mesh and material.

    Raises:
        ValueError: the texture has another shape or type, or a vertex is not finite.
    """
    _check_finite(mesh)
    split = split_seams(mesh)
    buffer = _Buffer()
    attributes = {
        "POSITION": buffer.add_vectors(mesh.vertices[split.source] * METRES_PER_CM, bounds=True),
        "NORMAL": buffer.add_vectors(smooth_normals(mesh)[split.source]),
        "TEXCOORD_0": buffer.add_vectors(np.stack([split.uv[:, 0], 1 - split.uv[:, 1]], axis=1)),
    }
    indices = buffer.add_indices(split.triangles)
    image = buffer.add_bytes(png_bytes(texture))
    buffer.data.extend(b"\0" * (-len(buffer.data) % 4))
    primitive = {"attributes": attributes, "indices": indices, "material": 0}
    document = {
        "asset": {"version": "2.0", "generator": f"portrait-pipeline {__version__}"},
        "extensionsUsed": ["KHR_materials_unlit"],
        "scene": 0,
        "scenes": [{"name": "Portrait", "nodes": [0]}],
        "nodes": [{"name": name, "mesh": 0}],
        "meshes": [{"name": name, "primitives": [primitive]}],
        "materials": [_material(name)],
        "textures": [{"name": "texture", "sampler": 0, "source": 0}],
        "samplers": [{"magFilter": _LINEAR, "minFilter": _LINEAR_MIPMAP_LINEAR,
                      "wrapS": _REPEAT, "wrapT": _CLAMP_TO_EDGE}],
        "images": [{"name": "texture", "mimeType": "image/png", "bufferView": image}],
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": len(buffer.data)}],
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text
    chunks += struct.pack("<I4s", len(buffer.data), b"BIN\0") + bytes(buffer.data)
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def _material(name: str) -> dict:
    surface = {"baseColorTexture": {"index": 0}, "metallicFactor": 0.0, "roughnessFactor": 1.0}
    return {"name": name, "pbrMetallicRoughness": surface, "doubleSided": True,
            "extensions": {"KHR_materials_unlit": {}}}


def _check_finite(mesh: Mesh) -> None:
    if not np.isfinite(mesh.vertices).all():
        raise ValueError("a vertex of the mesh is not finite, nothing was written")


def write_glb(path: str | Path, mesh: Mesh, texture: np.ndarray) -> None:
    """Write :func:`glb_bytes` to a file, replaced atomically.

    Raises:
        ValueError: bad texture or vertices (see there).
        OutputError: the file cannot be written.
    """
    content = glb_bytes(mesh, texture)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def obj_text(mesh: Mesh, material_file: str, name: str = "Head") -> str:
    """The mesh as Wavefront OBJ text: metres, smooth normals, UV origin bottom left, vertices not split.

    Line i of ``v`` and of ``vn`` is vertex i, so the fixed topology survives the export.

    Raises:
        ValueError: a vertex is not finite.
    """
    _check_finite(mesh)
    lines = [f"# portrait-pipeline {__version__}; metres, +Y up, face along +Z"]
    lines += [f"mtllib {material_file}", f"o {name}"]
    lines += _vectors("v", mesh.vertices * METRES_PER_CM, 6)
    lines += _vectors("vt", mesh.uv, 6)
    lines += _vectors("vn", smooth_normals(mesh), 4)
    lines += [f"usemtl {name}", "s 1"]
    corners = np.stack([mesh.triangles, mesh.uv_triangles, mesh.triangles], axis=2).reshape(-1, 9) + 1
    lines += ["f {}/{}/{} {}/{}/{} {}/{}/{}".format(*row) for row in corners.tolist()]
    return "\n".join(lines) + "\n"


def _vectors(key: str, values: np.ndarray, digits: int) -> list[str]:
    rounded = np.round(np.asarray(values, float), digits) + 0.0  # + 0.0 turns -0.0 into 0.0
    pattern = f"{key} " + " ".join([f"{{:.{digits}f}}"] * rounded.shape[1])
    return [pattern.format(*row) for row in rounded.tolist()]


def mtl_text(texture_file: str, name: str = "Head") -> str:
    """The material of :func:`obj_text`: the texture, matt (Blender knows no ``illum 0``, constant colour)."""
    lines = [f"# portrait-pipeline {__version__}", f"newmtl {name}", "Ka 1 1 1", "Kd 1 1 1", "Ks 0 0 0",
             "Ns 0", "d 1", "illum 1", f"map_Kd {texture_file}"]
    return "\n".join(lines) + "\n"


def write_obj(folder: str | Path, mesh: Mesh, texture: np.ndarray, stem: str = "head") -> None:
    """Write ``<stem>.obj``, ``<stem>.mtl`` and ``texture.png`` to a folder; they name each other relatively.

    Each file is replaced atomically, the OBJ last, so that it never names a file that is not there.

    Args:
        folder: created if needed.
        mesh: in head space (cm); written in metres.
        texture: (H, W, 3) uint8, row 0 on top.
        stem: of the OBJ and MTL, without blanks (many programs cannot read a ``mtllib`` with a blank).

    Raises:
        ValueError: bad texture, vertices or stem.
        OutputError: a file cannot be written.
    """
    if not stem or any(character.isspace() or character in "/\\" for character in stem):
        raise ValueError(f"stem {stem!r} must be a file name without blanks")
    contents = {
        TEXTURE_NAME: png_bytes(texture),
        f"{stem}.mtl": mtl_text(TEXTURE_NAME).encode(),
        f"{stem}.obj": obj_text(mesh, f"{stem}.mtl").encode(),
    }
    for name, content in contents.items():
        with atomic_path(Path(folder) / name) as temporary:
            temporary.write_bytes(content)
