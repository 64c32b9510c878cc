"""A standalone HTML page that shows the head in 3D: no network, no libraries, works from ``file://``.

Geometry and texture stay separable on the page: any of the given textures on any of the given geometries. The
page is ``assets/viewer.html`` (a small WebGL program) with the title and the data put in.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import numpy as np

from ..artifacts import atomic_path
from ..mesh import Mesh
from ..mesh.export import png_bytes, smooth_normals, split_seams

FIELD_OF_VIEW = 22.0


def viewer_html(
    title: str, mesh: Mesh, textures: Mapping[str, np.ndarray], shapes: Mapping[str, np.ndarray] | None = None
) -> str:
    """The page as text; equal input gives equal text.

    Args:
        title: shown and used as the page's title; any text, it is escaped.
        mesh: topology and UV; its vertices are the geometry if ``shapes`` is not given.
        textures: label to (H, W, 3) uint8 RGB, row 0 on top; the first is shown first.
        shapes: label to (V, 3) vertices, head space (cm); the first is shown first.

    Raises:
        ValueError: no texture or shape, a shape of another size than the mesh, a vertex that is not finite,
            or an image that is not (H, W, 3) uint8.
    """
    shapes = {"Head": mesh.vertices} if shapes is None else shapes
    if not textures or not shapes:
        raise ValueError("a viewer needs at least one texture and one shape")
    for name, vertices in shapes.items():
        if vertices.shape != mesh.vertices.shape or not np.isfinite(vertices).all():
            raise ValueError(f"shape '{name}' must be finite and {mesh.vertices.shape}, not {vertices.shape}")
    split = split_seams(mesh)
    everything = np.concatenate(list(shapes.values()))
    low, high = everything.min(axis=0), everything.max(axis=0)
    centre = (low + high) / 2
    data = {
        "centre": [round(float(value), 4) for value in centre],
        "radius": round(float(max(high[0] - low[0], high[1] - low[1]) / 2), 4),
        "field": FIELD_OF_VIEW,
        "uv": _base64(split.uv, "<f4"),
        "triangles": _base64(split.triangles, "<u4"),
        "shapes": [_shape(name, mesh.with_vertices(places), split.source) for name, places in shapes.items()],
        "textures": [
            {"name": name, "url": f"data:image/png;base64,{base64.b64encode(png_bytes(texture)).decode()}"}
            for name, texture in textures.items()
        ],
    }
    template = (files(__package__) / "assets" / "viewer.html").read_text(encoding="utf-8")
    # "<" is escaped because "</script>" would end the data; split first, so that no user's text is searched
    # for place holders.
    before, after = template.split("%%DATA%%")
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    title = html.escape(title)
    return before.replace("%%TITLE%%", title) + text + after.replace("%%TITLE%%", title)


def _shape(name: str, mesh: Mesh, source: np.ndarray) -> dict[str, str]:
    normals = np.rint(smooth_normals(mesh) * 32767)
    return {
        "name": name,
        "position": _base64(mesh.vertices[source], "<f4"),
        "normal": _base64(normals[source], "<i2"),
    }


def _base64(values: np.ndarray, dtype: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype).tobytes()).decode()


def write_viewer(
    path: str | Path,
    title: str,
    mesh: Mesh,
    textures: Mapping[str, np.ndarray],
    shapes: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Write :func:`viewer_html` to a file, replaced atomically.

    Raises:
        ValueError: bad data (see there).
        OutputError: the file cannot be written.
    """
    text = viewer_html(title, mesh, textures, shapes)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
