"""Textured meshes as USDZ, which phones and tablets of Apple show and place in a room; needs usd-core.

In centimetres, +y up, the face along +z. Materials are UsdPreviewSurface: the texture, matt.
"""

from __future__ import annotations

import io
import struct
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import MissingDependencyError
from .files import METRES_PER_CM, check_finite, png_bytes
from .obj import TexturedObject
from .split import smooth_normals

_ALIGNMENT, _ZIP_HEADER, _PADDING = 64, 30, 0x1986


def usdz_bytes(surfaces: Sequence[TexturedObject]) -> bytes:
    """The content of a USDZ file; equal surfaces, equal bytes.

    Args:
        surfaces: with different names, which are identifiers, and texture files.

    Raises:
        ValueError: a bad texture or vertex. MissingDependencyError: usd-core is not installed.
    """
    try:
        from pxr import Gf, Sdf, Usd, UsdGeom, UsdShade, Vt
    except ImportError:
        raise MissingDependencyError('USDZ needs usd-core; run `pip install -e ".[usd]"`, or write a .glb') from None
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        stage = Usd.Stage.CreateNew(str(place / "portrait.usdc"))
        UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
        UsdGeom.SetStageMetersPerUnit(stage, METRES_PER_CM)
        stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/Portrait").GetPrim())
        for surface in surfaces:
            check_finite(surface.mesh)
            (place / surface.file).write_bytes(png_bytes(surface.texture))
            mesh = UsdGeom.Mesh.Define(stage, f"/Portrait/{surface.name}")
            vertices = np.asarray(surface.mesh.vertices, np.float32)
            mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(vertices))
            mesh.CreateFaceVertexCountsAttr(Vt.IntArray(len(surface.mesh.triangles), 3))
            mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(surface.mesh.triangles.astype(np.int32).ravel()))
            mesh.CreateNormalsAttr(Vt.Vec3fArray.FromNumpy(smooth_normals(surface.mesh).astype(np.float32)))
            mesh.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
            mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
            mesh.CreateDoubleSidedAttr(True)
            corners = (vertices.min(axis=0), vertices.max(axis=0))
            mesh.CreateExtentAttr(Vt.Vec3fArray([Gf.Vec3f(*corner.tolist()) for corner in corners]))
            coordinates = UsdGeom.PrimvarsAPI(mesh).CreatePrimvar(
                "st", Sdf.ValueTypeNames.TexCoord2fArray, UsdGeom.Tokens.faceVarying
            )
            coordinates.Set(Vt.Vec2fArray.FromNumpy(np.asarray(surface.mesh.uv, np.float32)))
            coordinates.SetIndices(Vt.IntArray.FromNumpy(surface.mesh.uv_triangles.astype(np.int32).ravel()))
            UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim()).Bind(_material(stage, surface, Sdf, UsdShade))
        stage.GetRootLayer().Save()
        files = {name: (place / name).read_bytes() for name in ("portrait.usdc", *(part.file for part in surfaces))}
    return _package(files)


def _package(files: Mapping[str, bytes]) -> bytes:
    """A ZIP archive as USDZ asks for it: the scene first, nothing compressed, every file at a multiple of 64 bytes.

    usd-core's own writer puts the day into it.
    """
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            start = stream.tell() + _ZIP_HEADER + len(name.encode())
            pad = -start % _ALIGNMENT
            if pad:  # an extra field of 4 bytes and zeros
                pad += _ALIGNMENT if pad < 4 else 0
                entry.extra = struct.pack("<HH", _PADDING, pad - 4) + bytes(pad - 4)
            archive.writestr(entry, content)
    return stream.getvalue()


def _material(stage: Any, surface: TexturedObject, Sdf: Any, UsdShade: Any) -> Any:
    path = f"/Portrait/Materials/{surface.name}"
    material = UsdShade.Material.Define(stage, path)
    shader = UsdShade.Shader.Define(stage, f"{path}/Surface")
    shader.CreateIdAttr("UsdPreviewSurface")
    shader.CreateInput("roughness", Sdf.ValueTypeNames.Float).Set(1.0)
    shader.CreateInput("metallic", Sdf.ValueTypeNames.Float).Set(0.0)
    reader = UsdShade.Shader.Define(stage, f"{path}/Coordinates")
    reader.CreateIdAttr("UsdPrimvarReader_float2")
    reader.CreateInput("varname", Sdf.ValueTypeNames.String).Set("st")
    texture = UsdShade.Shader.Define(stage, f"{path}/Texture")
    texture.CreateIdAttr("UsdUVTexture")
    texture.CreateInput("file", Sdf.ValueTypeNames.Asset).Set(f"./{surface.file}")
    texture.CreateInput("sourceColorSpace", Sdf.ValueTypeNames.Token).Set("sRGB")
    texture.CreateInput("st", Sdf.ValueTypeNames.Float2).ConnectToSource(
        reader.CreateOutput("result", Sdf.ValueTypeNames.Float2)
    )
    shader.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f).ConnectToSource(
        texture.CreateOutput("rgb", Sdf.ValueTypeNames.Float3)
    )
    material.CreateSurfaceOutput().ConnectToSource(shader.CreateOutput("surface", Sdf.ValueTypeNames.Token))
    return material
