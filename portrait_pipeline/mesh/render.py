"""Orthographic views of a textured head: rays for visibility, mip-mapped texture sampling, supersampling.

Conventions (head space, image space and UV are those of :mod:`portrait_pipeline.mesh.mesh`):

* A view turns the head in front of a fixed camera that looks along -z. ``azimuth`` > 0 turns the nose to the
  image's right; ``elevation`` > 0 shows the head **from above** (the nose goes down).
* The image is square. Pixel (row r, column c) of an image of side S is the point
  ``x = (2 (c + 0.5) / S - 1) * half_extent``, ``y = (1 - 2 (r + 0.5) / S) * half_extent`` about the framing's centre.
* The texture wraps in u (the only seam is u = 0 to u = 1) and is clamped in v.

Visibility is behind one protocol, :class:`Rasteriser`: given triangles in camera coordinates it names the
nearest triangle and the barycentric weights of each pixel. Everything else here is common to all back ends, so
another one (on a GPU, for example) has only that function to provide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from ..base.errors import ParameterError
from .geometry import double_area, vertex_normals
from .mesh import Mesh, join
from .rays import RayScene

GREY = 205.0
MIN_AREA = 1e-12
_TOWARDS = np.array([0.0, 0.0, 1.0])  # the viewer, in camera space
_LIGHT = np.array([-0.35, 0.45, 0.82]) / np.linalg.norm([-0.35, 0.45, 0.82])


@dataclass(frozen=True)
class View:
    """Direction of a view in degrees: azimuth > 0 turns the nose to image right, elevation > 0 looks from above."""

    azimuth: float = 0.0
    elevation: float = 0.0

    def rotation(self) -> np.ndarray:
        """(3, 3) rotation from head space to camera space (x right, y up, z towards the viewer)."""
        a, e = np.deg2rad([self.azimuth, self.elevation])
        turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
        nod = np.array([[1, 0, 0], [0, np.cos(e), -np.sin(e)], [0, np.sin(e), np.cos(e)]])
        return nod @ turn


@dataclass(frozen=True)
class Framing:
    """What the square image shows: the point at its middle and half its side.

    Attributes:
        centre: (3,) head space, cm; the head turns about it.
        half_extent: half the side of the image in cm, > 0.
    """

    centre: np.ndarray
    half_extent: float


@dataclass(frozen=True)
class Fragments:
    """What each pixel sees.

    Attributes:
        triangle: (H, W) int32, the nearest triangle, -1 where there is none.
        barycentric: (H, W, 3) float32, weights of its three vertices (0 where empty).
        uv: (H, W, 2) float32 texture coordinates (0 where empty).
        footprint: (H, W) float32, side of a pixel in UV units (square root of the area of its image in UV, smooth
            over the surface).
    """

    triangle: np.ndarray
    barycentric: np.ndarray
    uv: np.ndarray
    footprint: np.ndarray

    @property
    def mask(self) -> np.ndarray:
        """(H, W) bool, where the head is."""
        return self.triangle >= 0


class Rasteriser(Protocol):
    """Visibility back end.

    ``vertices`` (V, 3) float64 are in normalised camera space: the image spans [-1, 1] in x (right) and y (up),
    z grows towards the viewer. Returns the nearest triangle (size, size) int32, -1 where empty, and its
    barycentric weights (size, size, 3) float32 at the pixel centres.
    """

    def __call__(self, vertices: np.ndarray, triangles: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]: ...


def frame_head(vertices: np.ndarray, margin: float = 0.04, elevation: float = 30.0) -> Framing:
    """A framing that holds the whole head at every azimuth and at elevations up to ``elevation`` degrees.

    Args:
        vertices: (V, 3) head space.
        margin: free border as a share of the half extent.
        elevation: largest absolute elevation to be shown without cutting.
    """
    vertices = np.asarray(vertices, float)
    centre = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    offset = vertices - centre
    radius, height = np.hypot(offset[:, 0], offset[:, 2]), np.abs(offset[:, 1])
    angles = np.deg2rad(np.linspace(0.0, abs(elevation), 7))
    tall = max(float((height * np.cos(a) + radius * np.sin(a)).max()) for a in angles)
    return Framing(centre, max(float(radius.max()), tall) * (1.0 + margin))


def embree_rasterise(vertices: np.ndarray, triangles: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The CPU back end: one parallel ray a pixel (see :class:`Rasteriser`)."""
    origins = _ray_origins(vertices, size)
    return _with_weights(vertices, triangles, origins, RayScene(vertices, triangles).first_hits(origins, -_TOWARDS))


def embree_view(scene: RayScene, view: View, framing: Framing) -> Rasteriser:
    """:func:`embree_rasterise` for one view of a mesh of which a ``scene`` in head space is built already."""
    rotation = view.rotation()

    def rasterise_view(vertices: np.ndarray, triangles: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        origins = _ray_origins(vertices, size)
        hit = scene.first_hits(origins @ rotation * framing.half_extent + framing.centre, -rotation[2])
        return _with_weights(vertices, triangles, origins, hit)

    return rasterise_view


def _ray_origins(vertices: np.ndarray, size: int) -> np.ndarray:
    """(size^2, 3) float32 in camera space, a point before all vertices for each pixel."""
    steps = (2 * (np.arange(size) + 0.5) / size - 1).astype(np.float32)
    x, y = np.meshgrid(steps, -steps)
    start = np.full(x.shape, float(vertices[:, 2].max()) + 1.0, np.float32)
    return np.stack([x, y, start], axis=-1).reshape(-1, 3)


def _with_weights(
    vertices: np.ndarray, triangles: np.ndarray, origins: np.ndarray, hit: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Triangles (size, size) and barycentric weights of what rays along -z met, in camera space."""
    size = round(len(hit) ** 0.5)
    weights = np.zeros((size * size, 3), np.float32)
    seen = hit >= 0
    weights[seen] = barycentric_2d(origins[seen, :2].astype(float), vertices[triangles[hit[seen]]][..., :2])
    return hit.reshape(size, size), weights.reshape(size, size, 3)


def barycentric_2d(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Barycentric weights (N, 3) of points (N, 2) in triangles (N, 3, 2), clipped to the triangle, sum 1."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    p = points - corners[:, 0]
    area = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    area = np.where(np.abs(area) < 1e-300, 1e-300, area)
    second = (p[:, 0] * b[:, 1] - p[:, 1] * b[:, 0]) / area
    third = (a[:, 0] * p[:, 1] - a[:, 1] * p[:, 0]) / area
    weights = np.clip(np.stack([1 - second - third, second, third], axis=1), 0.0, 1.0)
    return weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)


def camera_vertices(vertices: np.ndarray, view: View, framing: Framing) -> np.ndarray:
    """(V, 3) head space -> normalised camera space of :class:`Rasteriser`."""
    return (np.asarray(vertices, float) - framing.centre) @ view.rotation().T / framing.half_extent


def rasterise(
    mesh: Mesh, view: View, framing: Framing, size: int, rasteriser: Rasteriser = embree_rasterise
) -> Fragments:
    """What each pixel of a ``size`` x ``size`` orthographic view sees.

    Args:
        mesh: head with UV.
        view: direction. framing: centre and half extent in cm.
        size: side of the image in pixels.
        rasteriser: visibility back end.

    Raises:
        ParameterError: ``size`` below 1 or a half extent that is not positive and finite.
    """
    _check(size, framing)
    vertices = camera_vertices(mesh.vertices, view, framing)
    triangle, barycentric = rasteriser(vertices, mesh.triangles, size)
    corners = mesh.uv[mesh.uv_triangles]
    seen = triangle >= 0
    uv = np.zeros((size, size, 2), np.float32)
    uv[seen] = np.einsum("nk,nkc->nc", barycentric[seen], corners[triangle[seen]])
    footprint = np.zeros((size, size), np.float32)
    density = log_density(vertices, mesh)[mesh.triangles[triangle[seen]]]
    footprint[seen] = np.exp2((barycentric[seen] * density).sum(axis=1)) * (2.0 / size)
    return Fragments(triangle, barycentric, uv, footprint)


def log_density(vertices: np.ndarray, mesh: Mesh) -> np.ndarray:
    """(V,) log2 of the UV units per unit of the image plane at each vertex, the mean over the triangles about it.

    Interpolated over triangles it gives mip levels without steps between neighbours.

    Args:
        vertices: (V, 3) of ``mesh`` in normalised camera space.
    """
    areas = np.abs(double_area(vertices[mesh.triangles][..., :2]))
    ratio = np.abs(double_area(mesh.uv[mesh.uv_triangles])) / np.maximum(areas, MIN_AREA)
    value = np.repeat(0.5 * np.log2(np.maximum(ratio, MIN_AREA)), 3)
    index, count = mesh.triangles.ravel(), len(vertices)
    return np.bincount(index, value, count) / np.maximum(np.bincount(index, minlength=count), 1)


def _check(size: int, framing: Framing) -> None:
    if size < 1:
        raise ParameterError(f"size of a rendered image is {size}: it must be at least 1 pixel")
    if not (np.isfinite(framing.half_extent) and framing.half_extent > 0 and np.isfinite(framing.centre).all()):
        raise ParameterError(
            f"framing has half extent {framing.half_extent} and centre {np.asarray(framing.centre).tolist()}: "
            "both must be finite and the extent positive; use frame_head"
        )


def bilinear_taps(uv: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The four texels about each UV and their weights.

    Args:
        uv: (N, 2), origin bottom left.
        size: side of the square texture; row 0 is its top.

    Returns:
        (N, 4) int64 flat texel indices (row * size + column) and (N, 4) weights; columns wrap, rows are clamped.
    """
    x = np.asarray(uv[:, 0], float) * size - 0.5
    y = (1.0 - np.asarray(uv[:, 1], float)) * size - 0.5
    left, top = np.floor(x), np.floor(y)
    fx, fy = x - left, y - top
    columns = np.stack([left, left + 1], axis=1).astype(np.int64) % size
    rows = np.clip(np.stack([top, top + 1], axis=1).astype(np.int64), 0, size - 1)
    index = rows[:, [0, 0, 1, 1]] * size + columns[:, [0, 1, 0, 1]]
    weight = np.stack([(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy], axis=1)
    return index, weight


def mip_chain(texture: np.ndarray) -> list[np.ndarray]:
    """The texture (S, S, C) float and its area-averaged halves down to 1 x 1."""
    chain = [np.ascontiguousarray(texture, np.float32)]
    while chain[-1].shape[0] > 1:
        half = max(chain[-1].shape[0] // 2, 1)
        chain.append(cv2.resize(chain[-1], (half, half), interpolation=cv2.INTER_AREA).reshape(half, half, -1))
    return chain


def mip_levels(footprint: np.ndarray, size: int) -> np.ndarray:
    """Fractional mip level (0 = full resolution) for footprints in UV units on a texture of side ``size``."""
    return np.clip(np.log2(np.maximum(footprint * size, 1.0)), 0.0, np.floor(np.log2(size)))


def sample_texture(texture: np.ndarray, uv: np.ndarray, footprint: np.ndarray) -> np.ndarray:
    """Trilinear, mip-mapped samples.

    Args:
        texture: (S, S, C), any numeric type, row 0 at the top.
        uv: (N, 2). footprint: (N,) side of the area to average, in UV units.

    Returns:
        (N, C) float32 in the texture's own range.
    """
    chain = mip_chain(texture)
    level = mip_levels(np.asarray(footprint, float), texture.shape[0])
    low = np.minimum(level.astype(int), len(chain) - 1)
    result = np.zeros((len(uv), chain[0].shape[2]), np.float32)
    for index in np.unique(low):
        chosen = np.flatnonzero(low == index)
        share = (level[chosen] - index)[:, None].astype(np.float32)
        fine = _bilinear(chain[index], uv[chosen])
        coarse = _bilinear(chain[min(index + 1, len(chain) - 1)], uv[chosen]) if share.any() else fine
        result[chosen] = fine * (1 - share) + coarse * share
    return result


def _bilinear(texture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    index, weight = bilinear_taps(uv, texture.shape[0])
    flat = texture.reshape(-1, texture.shape[2])
    result = np.zeros((len(uv), texture.shape[2]), np.float32)
    for tap in range(4):
        result += flat[index[:, tap]] * weight[:, tap, None].astype(np.float32)
    return result


def render(
    mesh: Mesh,
    texture: np.ndarray | None,
    view: View,
    framing: Framing,
    size: int,
    background: tuple[float, float, float] = (255, 255, 255),
    supersample: int = 2,
    shading: bool = False,
    rasteriser: Rasteriser = embree_rasterise,
) -> np.ndarray:
    """The picture of one mesh; see :func:`render_parts`."""
    return render_parts([(mesh, texture)], view, framing, size, background, supersample, shading, rasteriser)


def render_parts(
    parts: Sequence[tuple[Mesh, np.ndarray | None]],
    view: View,
    framing: Framing,
    size: int,
    background: tuple[float, float, float] = (255, 255, 255),
    supersample: int = 2,
    shading: bool = False,
    rasteriser: Rasteriser = embree_rasterise,
) -> np.ndarray:
    """Render an antialiased orthographic picture of meshes together.

    Args:
        parts: meshes with UV and their textures, (S, S, 3) uint8 RGB, row 0 at the top; None for a grey mesh (then
            everything is shaded).
        view, framing: direction and frame. size: side of the picture in pixels.
        background: RGB, 0 to 255.
        supersample: rays per pixel and axis, averaged.
        shading: light the meshes (smooth normals, one soft light, no shadows).
        rasteriser: visibility back end.

    Returns:
        (size, size, 3) uint8 RGB.

    Raises:
        ParameterError: a size below 1, a bad framing, or a texture that is not a square RGB uint8 image.
    """
    if supersample < 1:
        raise ParameterError(f"supersample is {supersample}: it must be at least 1 ray per pixel and axis")
    for _, texture in parts:
        if texture is not None and (texture.dtype != np.uint8 or texture.shape != (len(texture), len(texture), 3)):
            found = f"{texture.dtype} of shape {texture.shape}"
            raise ParameterError(f"texture is {found}: it must be a square uint8 RGB image")
    whole = join([mesh for mesh, _ in parts])
    fragments = rasterise(whole, view, framing, size * supersample, rasteriser)
    picture = np.empty((*fragments.mask.shape, 3), np.float32)
    picture[:] = background
    ends = np.cumsum([len(mesh.triangles) for mesh, _ in parts])
    owner = np.where(fragments.mask, np.searchsorted(ends, fragments.triangle, side="right"), -1)
    for index, (_, texture) in enumerate(parts):
        here = owner == index
        if texture is None:
            picture[here] = GREY
        elif here.any():
            picture[here] = sample_texture(texture, fragments.uv[here], fragments.footprint[here])
    if shading or any(texture is None for _, texture in parts):
        picture[fragments.mask] *= _light(whole, view, fragments)[:, None]
    picture = picture.reshape(size, supersample, size, supersample, 3).mean(axis=(1, 3))
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def _light(mesh: Mesh, view: View, fragments: Fragments) -> np.ndarray:
    """(N,) brightness of the seen pixels: an ambient part, a soft light from above left, a weak head light."""
    normals = vertex_normals(mesh.vertices, mesh.triangles) @ view.rotation().T
    seen = fragments.mask
    normal = np.einsum("nk,nkc->nc", fragments.barycentric[seen], normals[mesh.triangles[fragments.triangle[seen]]])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    wrap = np.clip((normal @ _LIGHT + 0.25) / 1.25, 0, 1)
    return (0.22 + 0.63 * wrap + 0.25 * np.clip(normal[:, 2], 0, 1)).astype(np.float32)


def render_head(
    mesh: Mesh, texture: np.ndarray, landmarks: np.ndarray, view: View, size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A view of a head with its points.

    Returns:
        (size, size, 3) uint8 RGB on white, (68, 2) px, and (size, size) bool, where the head is.
    """
    frame = frame_head(mesh.vertices)
    picture = render(mesh, texture, view, frame, size)
    places = camera_vertices(mesh.vertices[landmarks], view, frame)
    points = np.stack([(places[:, 0] + 1) / 2 * size, (1 - places[:, 1]) / 2 * size], axis=1)
    return picture, points, rasterise(mesh, view, frame, size).mask


def silhouette(mesh: Mesh, projected: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(H, W) bool, where a mesh covers a picture. projected: (V, 2 or more) its vertices in pixels, y down."""
    mask = np.zeros(shape, np.uint8)
    limit = 4 * max(shape)  # far outside the picture: keeps the fixed-point coordinates in range
    corners = np.clip(projected[:, :2], -limit, limit)[mesh.triangles]
    for triangle in np.rint((corners - 0.5) * 16).astype(np.int32):
        cv2.fillConvexPoly(mask, triangle, 1, shift=4)
    return mask.astype(bool)
