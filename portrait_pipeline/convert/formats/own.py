"""Our own model file (:mod:`portrait_pipeline.head.model_file`), complete or not, and plain meshes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...base.errors import ModelError
from ...head.model import blend_shape_limits
from ...head.model_file import read_model_file
from .foreign import ForeignModel
from .wavefront import read_obj


def read_own(path: Path) -> ForeignModel:
    """Read a file with ``mean``, ``triangles``, ``identity_basis`` and what else it has.

    Raises:
        ModelError: missing or damaged file.
    """
    name, arrays = read_model_file(path, complete=False)
    mean = arrays["mean"].astype(float)
    shapes = arrays.get("expression_basis", np.zeros((0, len(mean), 3), np.float32))
    names = arrays.get("expression_names", np.array([f"expression{k:03d}" for k in range(len(shapes))], str))
    if len(names) != len(shapes):
        raise ModelError(f"{path}: {len(names)} expression_names for {len(shapes)} shapes; give one for each")
    cross = arrays.get("cross_basis")
    textured = len(arrays.get("uv", ())) > 0 and len(arrays.get("uv_triangles", ())) > 0
    limits = {key: arrays.get(key, value) for key, value in blend_shape_limits(len(shapes)).items()}
    return ForeignModel(
        name=name,
        mean=mean,
        triangles=arrays["triangles"].astype(int),
        identity_basis=arrays["identity_basis"].astype(np.float32),
        expression_basis=shapes.astype(np.float32),
        expression_names=tuple(str(word) for word in names),
        **limits,
        cross_basis=None if cross is None else cross.astype(np.float32),
        uv=arrays["uv"] if textured else None,
        uv_triangles=arrays["uv_triangles"] if textured else None,
        landmarks=arrays.get("landmarks"),
    )


def read_mesh(path: Path) -> ForeignModel:
    """A head without bases, from an OBJ in cm.

    Raises:
        ModelError: missing or damaged file.
    """
    mesh = read_obj(path)
    empty = np.zeros((0, len(mesh.vertices), 3), np.float32)
    return ForeignModel(
        name=path.stem,
        mean=mesh.vertices,
        triangles=mesh.triangles,
        identity_basis=empty,
        expression_basis=empty,
        expression_names=(),
        **blend_shape_limits(0),
        uv=mesh.uv,
        uv_triangles=mesh.uv_triangles,
    )
