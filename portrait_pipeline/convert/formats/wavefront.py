"""Reading meshes from Wavefront OBJ: positions, texture coordinates and polygons; nothing else is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...base.errors import ModelError
from ...base.files import read_file, refusal
from .foreign import MOST_VERTICES, check_ids

MOST_OBJ_BYTES = 400 * 10**6
REMEDY = "give a Wavefront OBJ with v and f lines"


@dataclass(frozen=True)
class ObjMesh:
    """(V, 3) vertices, (F, 3) triangles (polygons split in fans), and (T, 2), (F, 3) texture coordinates or None."""

    vertices: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray | None
    uv_triangles: np.ndarray | None


def read_obj(path: Path) -> ObjMesh:
    """Read an OBJ in its own unit.

    Raises:
        ModelError: missing or damaged file.
    """
    lines = _lines(path)
    vertices = _numbers(path, lines, "v ", 3)
    if not 3 <= len(vertices) <= MOST_VERTICES:
        raise ModelError(f"{path}: {len(vertices)} vertices, expected 3 to {MOST_VERTICES}; {REMEDY}")
    uv = _numbers(path, lines, "vt ", 2)
    corners, textured = _fans(path, [line for line in lines if line.startswith("f ")], len(vertices), len(uv))
    check_ids(f"{path}: f", corners[..., 0], len(vertices), REMEDY)
    if not textured:
        return ObjMesh(vertices, corners[..., 0], None, None)
    check_ids(f"{path}: f (texture)", corners[..., 1], len(uv), REMEDY)
    return ObjMesh(vertices, corners[..., 0], uv, corners[..., 1])


def read_obj_vertices(path: Path, count: int) -> np.ndarray:
    """(``count``, 3) positions of an OBJ of a known topology.

    Raises:
        ModelError: missing or damaged file, or another number of vertices.
    """
    vertices = _numbers(path, _lines(path), "v ", 3)
    if len(vertices) != count:
        raise ModelError(f"{path}: {len(vertices)} vertices, expected {count} as in the neutral mesh; {REMEDY}")
    return vertices


def _lines(path: Path) -> list[str]:
    content = read_file(path, MOST_OBJ_BYTES, refusal(ModelError, path, REMEDY))
    return content.decode("utf-8", "replace").splitlines()


def _numbers(path: Path, lines: list[str], key: str, columns: int) -> np.ndarray:
    rows = [line.split()[1 : columns + 1] for line in lines if line.startswith(key)]
    try:
        values = np.array(rows, float).reshape(-1, columns)
    except ValueError as error:
        raise ModelError(f"{path}: a line '{key.strip()}' has no {columns} numbers; {REMEDY}") from error
    if not np.isfinite(values).all():
        raise ModelError(f"{path}: a line '{key.strip()}' has a number that is not finite; {REMEDY}")
    return values


def _fans(path: Path, lines: list[str], vertices: int, texels: int) -> tuple[np.ndarray, bool]:
    """(F, 3, 2) position and texture ids from 0, and whether all corners have a texture id."""
    if not lines:
        raise ModelError(f"{path}: no faces; {REMEDY}")
    try:
        polygons = [[_corner(word, vertices, texels) for word in line.split()[1:]] for line in lines]
        fans = [(p[0], p[k], p[k + 1]) for p in polygons for k in range(1, len(p) - 1)]
        corners = np.array(fans, int)
    except (ValueError, OverflowError) as error:
        raise ModelError(f"{path}: a line 'f' cannot be read; {REMEDY}") from error
    if min(map(len, polygons)) < 3:
        raise ModelError(f"{path}: a face has fewer than 3 corners; {REMEDY}")
    return corners, bool((corners[..., 1] >= 0).all()) and texels > 0


def _corner(word: str, vertices: int, texels: int) -> tuple[int, int]:
    """Position and texture id from 0 of ``v``, ``v/vt``, ``v/vt/vn`` or ``v//vn``; negative ones count from the end."""
    parts = word.split("/")
    place = int(parts[0])
    texel = int(parts[1]) if len(parts) > 1 and parts[1] else 0
    return (place - 1 if place > 0 else vertices + place), (texel - 1 if texel > 0 else texels + texel if texel else -1)
