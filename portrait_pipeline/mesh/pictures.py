"""Several pictures of one textured scene, quickly: one ray a pixel, and more only where that would show.

The scene is built once for all views; the camera turns about it. Colours are those of :func:`.render.render`: an
orthographic view, unlit, mip-mapped textures. Inside a surface the mip map averages a pixel's texels already, so one
ray is enough there; pixels at outlines, borders of parts and folds (where the texture coordinates of neighbours are
further apart than their footprints) get ``supersample`` x ``supersample`` rays. Conventions as in :mod:`.render`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from ..base.errors import ParameterError
from .mesh import Mesh, join
from .render import (
    Framing,
    View,
    barycentric_2d,
    bilinear_taps,
    camera_vertices,
    log_density,
    mip_chain,
    mip_levels,
)

_APART = 3.0  # footprints between neighbours: further apart they lie on different sides of a fold
_BAND = 2**19  # pixels traced at once
_SHARP = 0.6  # mip levels finer than a pixel: a trilinear sample blurs more than the mean over the pixel does


@dataclass(frozen=True)
class Samples:
    """What N rays meet: the triangle (-1 if none), its part, texture coordinates and a pixel's side in UV units."""

    triangle: np.ndarray
    part: np.ndarray
    uv: np.ndarray
    footprint: np.ndarray


class Scene:
    """Meshes with their textures, ready to be seen from any side.

    Args:
        parts: meshes in head space (cm) and their textures, square uint8 RGB, row 0 on top.

    Raises:
        ParameterError: a texture is not a square RGB uint8 image.
    """

    def __init__(self, parts: Sequence[tuple[Mesh, np.ndarray]]) -> None:
        for _, texture in parts:
            if texture.ndim != 3 or texture.dtype != np.uint8 or texture.shape != (len(texture), len(texture), 3):
                found = f"{texture.dtype} of shape {texture.shape}"
                raise ParameterError(f"texture is {found}: it must be a square uint8 RGB image")
        self.mesh = join([mesh for mesh, _ in parts])
        self.ends = np.cumsum([len(mesh.triangles) for mesh, _ in parts])
        self.chains = [mip_chain(texture) for _, texture in parts]
        self.corners = self.mesh.uv[self.mesh.uv_triangles]
        self.scene = EmbreeScene(robust=True)
        vertices, triangles = self.mesh.vertices.astype(np.float32), np.ascontiguousarray(self.mesh.triangles)
        TriangleMesh(self.scene, np.ascontiguousarray(vertices), triangles.astype(np.int32))

    def picture(
        self,
        view: View,
        framing: Framing,
        size: int,
        background: tuple[float, float, float] = (255, 255, 255),
        supersample: int = 3,
    ) -> np.ndarray:
        """One antialiased orthographic picture, (size, size, 3) uint8 RGB.

        Args:
            view, framing: direction and frame. size: side in pixels. background: RGB, 0 to 255.
            supersample: rays per pixel and axis at edges.

        Raises:
            ParameterError: a size below 1, or an extent that is not positive and finite.
        """
        if size < 1 or not (np.isfinite(framing.half_extent) and framing.half_extent > 0):
            raise ParameterError(f"size {size} and half extent {framing.half_extent} of a picture must be positive")
        camera = camera_vertices(self.mesh.vertices, view, framing)
        density = log_density(camera, self.mesh) - _SHARP
        steps = (np.arange(supersample) + 0.5) / supersample - 0.5
        offsets = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        result = np.empty((size, size, 3), np.uint8)
        height = max(1, _BAND // size)
        for first in range(0, size, height):
            last = min(first + height, size)
            above, below = max(first - 1, 0), min(last + 1, size)  # a row more: edges show between neighbours
            rows, columns = np.mgrid[above:below, :size]
            middles = np.stack([columns.ravel(), rows.ravel()], axis=1) + 0.5
            samples = self._trace(middles, camera, density, view, framing, size)
            picture = self._colours(samples, background)
            edges = np.flatnonzero(_edges(samples, size) & ((rows >= first) & (rows < last)).ravel())
            if supersample > 1 and len(edges):
                places = (middles[edges, None] + offsets).reshape(-1, 2)
                fine = self._trace(places, camera, density + _SHARP - np.log2(supersample), view, framing, size)
                picture[edges] = self._colours(fine, background).reshape(len(edges), -1, 3).mean(axis=1)
            band = np.clip(np.rint(picture), 0, 255).astype(np.uint8).reshape(-1, size, 3)
            result[first:last] = band[first - above : last - above]
        return result

    def _trace(
        self, places: np.ndarray, camera: np.ndarray, density: np.ndarray, view: View, framing: Framing, size: int
    ) -> Samples:
        """Rays through places (N, 2) of the image, px: x right, y down.

        Args:
            camera: (V, 3) of :func:`.render.camera_vertices`. density: (V,) of :func:`.render.log_density`.
        """
        plane = (places / size * 2 - 1) * (1, -1)
        triangle = np.full(len(places), -1, np.int32)
        low, high = camera[:, :2].min(axis=0), camera[:, :2].max(axis=0)
        asked = np.flatnonzero(((plane >= low) & (plane <= high)).all(axis=1))  # nothing is hit outside of that
        if len(asked):
            turn = view.rotation()
            start = np.full((len(asked), 1), float(camera[:, 2].max()) + 0.1)
            origins = np.concatenate([plane[asked], start], axis=1) * framing.half_extent @ turn + framing.centre
            directions = np.repeat(-turn[2:], len(asked), axis=0)
            hits = self.scene.run(*(np.ascontiguousarray(rays, np.float32) for rays in (origins, directions)))
            triangle[asked] = np.asarray(hits, np.int32)
        seen = np.flatnonzero(triangle >= 0)
        uv, footprint = np.zeros((len(places), 2)), np.zeros(len(places))
        hit = triangle[seen]
        ids = self.mesh.triangles[hit]
        weights = barycentric_2d(plane[seen], camera[ids, :2])
        uv[seen] = (weights[:, :, None] * self.corners[hit]).sum(axis=1)
        footprint[seen] = np.exp2((weights * density[ids]).sum(axis=1)) * (2.0 / size)
        part = np.where(triangle >= 0, np.searchsorted(self.ends, triangle, side="right"), -1)
        return Samples(triangle, part, uv, footprint)

    def _colours(self, samples: Samples, background: tuple[float, float, float]) -> np.ndarray:
        """(N, 3) float32 in [0, 255]."""
        result = np.empty((len(samples.triangle), 3), np.float32)
        result[:] = background
        for number, chain in enumerate(self.chains):
            here = np.flatnonzero(samples.part == number)
            level = mip_levels(samples.footprint[here], len(chain[0]))
            low = level.astype(int)
            for index in np.unique(low):
                chosen = low == index
                share = (level[chosen] - index)[:, None].astype(np.float32)
                uv = samples.uv[here[chosen]]
                fine, coarse = (_bilinear(chain[min(k, len(chain) - 1)], uv) for k in (index, index + 1))
                result[here[chosen]] = fine + (coarse - fine) * share
        return result


def _bilinear(texture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    index, weight = bilinear_taps(uv, len(texture))
    flat, weight = texture.reshape(-1, 3), weight.astype(np.float32)
    result = flat[index[:, 0]] * weight[:, :1]
    for tap in range(1, 4):
        result += flat[index[:, tap]] * weight[:, tap : tap + 1]
    return result


def _edges(samples: Samples, size: int) -> np.ndarray:
    """(rows * size,) bool: pixels whose neighbour shows another part, nothing, or a place that is not beside theirs."""
    part, footprint, uv = samples.part.reshape(-1, size), samples.footprint.reshape(-1, size), samples.uv
    uv = uv.reshape(-1, size, 2)
    edge = np.zeros(part.shape, bool)
    for axis, length in enumerate(part.shape):
        first, second = (np.arange(length - 1), np.arange(1, length))
        step = np.abs(np.take(uv, second, axis) - np.take(uv, first, axis))
        step[..., 0] = np.minimum(step[..., 0], 1 - step[..., 0])  # the layout wraps in u
        reach = _APART * np.maximum(np.take(footprint, first, axis), np.take(footprint, second, axis))
        differ = (step.max(axis=-1) > reach) | (np.take(part, first, axis) != np.take(part, second, axis))
        for near in (slice(None, -1), slice(1, None)):
            edge[(near, slice(None)) if axis == 0 else (slice(None), near)] |= differ
    return edge.ravel()
