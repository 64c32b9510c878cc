"""A finished portrait as one closed solid for 3D printing: head and shell united, cut flat at the foot.

A printer needs one watertight surface that turns its back to nothing: overlapping shells, an open neck or a cavity
inside print as holes or not at all. Manifold (Lalish) unites closed meshes exactly; what it is given is closed first.
Files are in millimetres with +z up and the face looking along -y, towards who stands before the printer. They have no
colours.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from manifold3d import Manifold
from manifold3d import Mesh as ManifoldMesh

from .. import __version__
from ..base.artifacts import atomic_path
from ..base.errors import InputFileError, OutputError, ParameterError
from ..base.files import read_file, refusal
from ..mesh.geometry import sides

SUFFIXES = (".3mf", ".stl")
MOST_OBJ_BYTES = 400 * 10**6
SURFACES = ("portrait.obj", "head.obj")
"""In a folder of results, the first that is there: surfaces closed but for the neck."""

HEIGHTS = (5.0, 2000.0)
"""mm."""

_FLAT = 0.98  # of the widest cross-section near the foot: the cut is made where the bust is as wide as this
_NEAR = 0.2  # of the height: where the foot is looked for
_STEPS = 40  # heights tried
_SLIVER = 1e-5  # of the height: shorter edges that the union leaves are merged
_STL_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_3MF = "http://schemas.microsoft.com/3dmanufacturing"
_OPC = "http://schemas.openxmlformats.org/package/2006"
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'

Surface = tuple[np.ndarray, np.ndarray]
"""Vertices (V, 3) and triangles (F, 3), counter-clockwise seen from outside."""


@dataclass(frozen=True)
class Solid:
    """A closed surface that bounds one piece.

    Attributes:
        vertices: (V, 3) float32 mm, +z up, standing on z = 0 about x = y = 0. triangles: (F, 3) int32.
        volume: mm3. left_out: volume of the pieces that hang in the air, as a share of the solid's.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    volume: float
    left_out: float


def print_file(results: Path, output: Path, height: float) -> Solid:
    """Write the solid of a folder of results.

    Args:
        output: ``.3mf`` or ``.stl``. height: of the solid in mm.

    Raises:
        ParameterError: a height outside ``HEIGHTS``.
        InputFileError: no portrait is there, or its surfaces cannot be closed. OutputError: another suffix, or the file
            cannot be written.
    """
    suffix = output.suffix.lower()
    if suffix not in SUFFIXES:
        raise OutputError(f"{output}: '{suffix}' is not a known suffix; use {' or '.join(SUFFIXES)}")
    if not HEIGHTS[0] <= height <= HEIGHTS[1]:
        raise ParameterError(f"--height is {height:g} mm: it must be from {HEIGHTS[0]:g} to {HEIGHTS[1]:g}")
    path = next((path for name in SURFACES if (path := results / name).is_file()), None)
    if path is None:
        raise InputFileError(f"{results}: has no {' or '.join(SURFACES)}; give a folder of results")
    try:
        solid = bust(read_surfaces(path), height)
    except (ValueError, OverflowError) as error:
        raise InputFileError(f"{path}: {error}; make the portrait again") from error
    content = stl_bytes(solid) if suffix == ".stl" else None
    with atomic_path(output) as temporary:
        if content is None:
            write_3mf(temporary, solid)
        else:
            temporary.write_bytes(content)
    return solid


def bust(surfaces: list[Surface], height: float) -> Solid:
    """Unite surfaces in the axes of glTF (+y up), cut the foot flat and scale to ``height`` (mm).

    Args:
        surfaces: each closed but for one rim at most, which is filled by a fan; any unit.

    Raises:
        ValueError: a surface has other holes or is turned inside out, or the result is not closed.
    """
    pieces = []
    for vertices, triangles in surfaces:
        vertices, triangles = capped(vertices, triangles)
        upright = np.asarray(vertices, float) @ np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
        piece = Manifold(ManifoldMesh(upright.astype(np.float32), triangles.astype(np.uint32)))
        if piece.volume() <= 0:
            raise ValueError("a surface is not closed, or inside out")
        pieces.append(piece)
    whole, loose = _largest(sum(pieces[1:], pieces[0]))
    loose /= whole.volume()
    whole, _ = _largest(whole.trim_by_plane((0, 0, 1), foot_level(whole)))
    left, back, low, right, front, high = whole.bounding_box()
    factor = height / (high - low)
    whole = whole.translate((-(left + right) / 2, -(back + front) / 2, -low)).scale((factor,) * 3)
    mesh = whole.simplify(_SLIVER * height).to_mesh()
    vertices = np.ascontiguousarray(mesh.vert_properties[:, :3], np.float32)
    triangles = mesh.tri_verts.astype(np.int32)
    if not is_closed(triangles):
        raise ValueError("head and shell do not unite to a closed surface")
    return Solid(vertices, triangles, signed_volume(vertices, triangles), loose)


def capped(vertices: np.ndarray, triangles: np.ndarray) -> Surface:
    """A surface whose only rim is filled by a fan about its middle; a closed one as it is.

    Raises:
        ValueError: more than one rim.
    """
    used, triangles = np.unique(triangles, return_inverse=True)
    vertices, triangles = np.asarray(vertices, float)[used], triangles.reshape(-1, 3)
    found = sides(triangles).astype(np.int64)
    code = found @ [len(vertices), 1]
    rim = found[~np.isin(code, found[:, ::-1] @ [len(vertices), 1])]
    if not len(rim):
        return vertices, triangles
    following, start = dict(rim.tolist()), int(rim[0, 0])
    place, count = following.get(start), 1
    while place not in (start, None) and count < len(rim):
        place, count = following.get(place), count + 1
    if place != start or count != len(rim):
        raise ValueError("a surface has more holes than the neck")
    middle = len(vertices)
    fan = np.column_stack([rim[:, ::-1], np.full(len(rim), middle)])
    return np.vstack([vertices, vertices[rim[:, 0]].mean(axis=0)]), np.vstack([triangles, fan])


def foot_level(whole: Manifold) -> float:
    """Height at which the bust is about as wide as anywhere near its foot; the slope below would not stand."""
    low, high = whole.bounding_box()[2], whole.bounding_box()[5]
    heights = low + (high - low) * _NEAR * np.arange(1, _STEPS + 1) / _STEPS
    areas = np.array([whole.slice(float(height)).area() for height in heights])
    return float(heights[np.argmax(areas >= _FLAT * areas.max())])


def _largest(whole: Manifold) -> tuple[Manifold, float]:
    """The largest piece without its cavities, and the volume of all others."""
    first, *others = sorted(whole.decompose(), key=lambda piece: -piece.volume())  # a cavity has a negative one
    return first, sum(max(0.0, piece.volume()) for piece in others)


def is_closed(triangles: np.ndarray) -> bool:
    """Whether every side of a triangle (F, 3) meets exactly one other, in the opposite direction: watertight."""
    found = sides(triangles).astype(np.int64)
    size = int(triangles.max(initial=0)) + 1
    there, back = np.sort(found @ [size, 1]), np.sort(found[:, ::-1] @ [size, 1])
    return bool(len(there) and np.array_equal(there, back) and (np.diff(there) > 0).all())


def signed_volume(vertices: np.ndarray, triangles: np.ndarray) -> float:
    """Volume within a closed surface, negative if it is seen from within (a cavity)."""
    a, b, c = np.moveaxis(np.asarray(vertices, float)[triangles], 1, 0)
    return float(np.einsum("nc,nc->", a, np.cross(b, c)) / 6)


def read_surfaces(path: Path) -> list[Surface]:
    """Vertices and triangles of the objects of an OBJ file as :mod:`..mesh.obj` writes them.

    Raises:
        ValueError: another file.
    """
    refuse = refusal(InputFileError, path, "make the portrait again")
    blocks = read_file(path, MOST_OBJ_BYTES, refuse).decode("utf-8", "replace").split("\no ")[1:]
    surfaces, first = [], 1
    for block in blocks:
        lines = block.splitlines()
        vertices = np.array([line.split()[1:4] for line in lines if line.startswith("v ")], float)
        corners = [[corner.split("/")[0] for corner in line.split()[1:]] for line in lines if line.startswith("f ")]
        triangles = np.array(corners, np.int64) - first
        inside = triangles.ndim == 2 and triangles.shape[1:] == (3,) and 0 <= triangles.min() <= triangles.max()
        sound = vertices.shape[1:] == (3,) and np.isfinite(vertices).all()
        if not (inside and sound and triangles.max() < len(vertices)):
            raise ValueError("is not an OBJ file of this project")
        surfaces.append((vertices, triangles))
        first += len(vertices)
    if not surfaces:
        raise ValueError("is not an OBJ file of this project")
    return surfaces


def stl_bytes(solid: Solid) -> bytes:
    """The solid as binary STL."""
    table = np.zeros(len(solid.triangles), _STL_TRIANGLE)
    table["corners"] = solid.vertices[solid.triangles]
    normals = np.cross(*(table["corners"][:, side] - table["corners"][:, 0] for side in (1, 2)))
    table["normal"] = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    header = f"portrait-pipeline {__version__}; mm, +z up".encode().ljust(80)
    return header + np.uint32(len(table)).astype("<u4").tobytes() + table.tobytes()


def write_3mf(path: Path, solid: Solid) -> None:
    """Write the solid as 3MF (core specification 1.3); equal solids, equal bytes."""
    vertices = "".join('<vertex x="{:.5f}" y="{:.5f}" z="{:.5f}"/>'.format(*row) for row in solid.vertices.tolist())
    triangles = "".join('<triangle v1="{}" v2="{}" v3="{}"/>'.format(*row) for row in solid.triangles.tolist())
    model = (
        f'{_XML}<model unit="millimeter" xml:lang="en" xmlns="{_3MF}/core/2015/02">'
        f'<metadata name="Application">portrait-pipeline {__version__}</metadata>'
        f'<resources><object id="1" type="model"><mesh><vertices>{vertices}</vertices>'
        f"<triangles>{triangles}</triangles></mesh></object></resources>"
        '<build><item objectid="1"/></build></model>'
    )
    types = (
        f'{_XML}<Types xmlns="{_OPC}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/></Types>'
    )
    relations = (
        f'{_XML}<Relationships xmlns="{_OPC}/relationships">'
        f'<Relationship Target="/3D/3dmodel.model" Id="rel0" Type="{_3MF}/2013/01/3dmodel"/></Relationships>'
    )
    files = {"[Content_Types].xml": types, "_rels/.rels": relations, "3D/3dmodel.model": model}
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, _ZIP_DATE), text, zipfile.ZIP_DEFLATED)
