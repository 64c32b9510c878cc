"""Pictures of several meshes together, each with a texture of its own; conventions as in :mod:`.render`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..base.errors import ParameterError
from .mesh import Mesh
from .render import Framing, Rasteriser, View, embree_rasterise, rasterise, sample_texture


def join(meshes: Sequence[Mesh]) -> Mesh:
    """All meshes as one, vertices, texture coordinates and triangles in the given order."""
    vertices = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    texels = np.cumsum([0, *(len(mesh.uv) for mesh in meshes)])
    return Mesh(
        np.concatenate([np.asarray(mesh.vertices, float) for mesh in meshes]),
        np.concatenate([mesh.triangles + first for mesh, first in zip(meshes, vertices[:-1], strict=True)]).astype(
            np.int32
        ),
        np.concatenate([np.asarray(mesh.uv, float) for mesh in meshes]),
        np.concatenate([mesh.uv_triangles + first for mesh, first in zip(meshes, texels[:-1], strict=True)]).astype(
            np.int32
        ),
    )


def render_parts(
    parts: Sequence[tuple[Mesh, np.ndarray]],
    view: View,
    framing: Framing,
    size: int,
    background: tuple[float, float, float] = (255, 255, 255),
    supersample: int = 2,
    rasteriser: Rasteriser = embree_rasterise,
) -> np.ndarray:
    """Render an antialiased orthographic picture of textured meshes, unlit.

    Args:
        parts: meshes and their textures, square uint8 RGB, row 0 on top.
        view, framing: direction and frame. size: side of the picture in pixels.
        background: RGB, 0 to 255.
        supersample: rays per pixel and axis, averaged.
        rasteriser: visibility back end.

    Returns:
        (size, size, 3) uint8 RGB; of one part the same as :func:`portrait_pipeline.mesh.render.render` gives.

    Raises:
        ParameterError: a size below 1, a bad framing, or a texture that is not a square RGB uint8 image.
    """
    for _, texture in parts:
        if texture.ndim != 3 or texture.dtype != np.uint8 or texture.shape != (len(texture), len(texture), 3):
            raise ParameterError(
                f"texture is {texture.dtype} of shape {texture.shape}: it must be a square uint8 RGB image"
            )
    fragments = rasterise(join([mesh for mesh, _ in parts]), view, framing, size * supersample, rasteriser)
    picture = np.empty((*fragments.mask.shape, 3), np.float32)
    picture[:] = background
    ends = np.cumsum([len(mesh.triangles) for mesh, _ in parts])
    owner = np.where(fragments.mask, np.searchsorted(ends, fragments.triangle, side="right"), -1)
    for index, (_, texture) in enumerate(parts):
        seen = owner == index
        if seen.any():
            picture[seen] = sample_texture(texture, fragments.uv[seen], fragments.footprint[seen])
    picture = picture.reshape(size, supersample, size, supersample, 3).mean(axis=(1, 3))
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
