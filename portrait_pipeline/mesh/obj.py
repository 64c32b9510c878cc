"""Textured meshes as Wavefront OBJ with materials and PNG textures; unit and axes as in :mod:`.files`.

OBJ has the origin of texture coordinates at the bottom left, as the project's UV, so ``vt`` is written unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import __version__
from ..base.artifacts import write_bytes
from .files import METRES_PER_CM, check_finite, png_bytes
from .mesh import Mesh
from .split import smooth_normals

TEXTURE_NAME = "texture.png"


@dataclass(frozen=True)
class TexturedObject:
    """One object of an OBJ file.

    Attributes:
        name: of the object and its material, without blanks.
        mesh: in head space (cm); written in metres.
        texture: (H, W, 3) uint8, row 0 on top.
        file: name of the texture's PNG, beside the OBJ.
    """

    name: str
    mesh: Mesh
    texture: np.ndarray
    file: str = TEXTURE_NAME


def obj_text(surfaces: Sequence[TexturedObject], material_file: str) -> str:
    """Meshes as Wavefront OBJ text: metres, smooth normals, UV origin bottom left, vertices not split.

    Line i of ``v`` and of ``vn`` is vertex i (of the first mesh; the others follow), so the fixed topology survives
    the export.

    Raises:
        ValueError: a vertex is not finite.
    """
    lines = [f"# portrait-pipeline {__version__}; metres, +Y up, face along +Z", f"mtllib {material_file}"]
    vertices = coordinates = 0
    for surface in surfaces:
        mesh = surface.mesh
        check_finite(mesh)
        lines.append(f"o {surface.name}")
        lines += _vectors("v", mesh.vertices * METRES_PER_CM, 6)
        lines += _vectors("vt", mesh.uv, 6)
        lines += _vectors("vn", smooth_normals(mesh), 4)
        lines += [f"usemtl {surface.name}", "s 1"]
        places, texels = mesh.triangles + vertices, mesh.uv_triangles + coordinates
        corners = np.stack([places, texels, places], axis=2).reshape(-1, 9) + 1
        lines += ["f {}/{}/{} {}/{}/{} {}/{}/{}".format(*row) for row in corners.tolist()]
        vertices, coordinates = vertices + len(mesh.vertices), coordinates + len(mesh.uv)
    return "\n".join(lines) + "\n"


def _vectors(key: str, values: np.ndarray, digits: int) -> list[str]:
    rounded = np.round(np.asarray(values, float), digits) + 0.0  # + 0.0 turns -0.0 into 0.0
    pattern = f"{key} " + " ".join([f"{{:.{digits}f}}"] * rounded.shape[1])
    return [pattern.format(*row) for row in rounded.tolist()]


def mtl_text(surfaces: Sequence[TexturedObject]) -> str:
    """The materials of :func:`obj_text`: the texture, matt (Blender knows no ``illum 0``, constant colour)."""
    lines = [f"# portrait-pipeline {__version__}"]
    for surface in surfaces:
        lines += [
            f"newmtl {surface.name}",
            "Ka 1 1 1",
            "Kd 1 1 1",
            "Ks 0 0 0",
            "Ns 0",
            "d 1",
            "illum 1",
            f"map_Kd {surface.file}",
        ]
    return "\n".join(lines) + "\n"


def write_surfaces(path: str | Path, surfaces: Sequence[TexturedObject]) -> None:
    """Write ``<stem>.obj``, ``<stem>.mtl`` and the textures to one folder; they name each other relatively.

    Each file is replaced atomically, the OBJ last, so that it never names a file that is not there.

    Args:
        path: of the OBJ, its name without blanks (many programs cannot read a ``mtllib`` with a blank); the folder is
            created if needed.
        surfaces: with different names and texture files.

    Raises:
        ValueError: a bad texture or vertex, or a blank in a name.
        OutputError: a file cannot be written.
    """
    path = Path(path)
    names = [path.stem, *(name for surface in surfaces for name in (surface.name, surface.file))]
    bad = [name for name in names if not name or any(letter.isspace() or letter in "/\\" for letter in name)]
    if bad:
        raise ValueError(f"stem {bad[0]!r} must be a file name without blanks")
    contents = {surface.file: png_bytes(surface.texture) for surface in surfaces}
    contents[f"{path.stem}.mtl"] = mtl_text(surfaces).encode()
    contents[path.name] = obj_text(surfaces, f"{path.stem}.mtl").encode()
    for name, content in contents.items():
        write_bytes(path.parent / name, content)


def write_obj(folder: str | Path, mesh: Mesh, texture: np.ndarray, stem: str = "head") -> None:
    """Write one mesh as ``<stem>.obj``, ``<stem>.mtl`` and ``texture.png``; see :func:`write_surfaces`."""
    write_surfaces(Path(folder) / f"{stem}.obj", [TexturedObject("Head", mesh, texture)])
