"""The CPU renderer: for a fixed geometry a view is a sparse matrix from texels to pixels.

Each view is rasterised once with rays; after that, rendering is one sparse product and its gradient another one with
the transpose. The matrix contains supersampling and mip mapping, so coarse views see area averages of the texture and
pass their gradients on to all texels they average. It also runs on a GPU without nvdiffrast (CSR products).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from scipy import sparse

from ...base.device import on_device, side_by_side
from ...mesh.mesh import Mesh, join
from ...mesh.rays import RayScene
from ...mesh.render import Fragments, bilinear_taps, embree_view, mip_levels, rasterise
from .base import Shot, VisibleSurface, mip_chain

_KEPT = 2**22  # samples of all views that are kept, 60 bytes each: the coarse scales' and the whole bust come again


class _Scene:
    """Meshes that are seen together, with the rays' search tree: building that takes as long as a view."""

    def __init__(self, meshes: Sequence[Mesh]) -> None:
        self.meshes = list(meshes)  # kept alive: scenes are found by the identity of their meshes
        self.whole = join(meshes)
        self._ends = np.cumsum([len(mesh.triangles) for mesh in meshes])
        self._rays = RayScene(self.whole.vertices, self.whole.triangles)
        self._seen: dict[tuple, tuple[Fragments, np.ndarray]] = {}
        self._kept = 0  # samples of the views in there

    def view(self, shot: Shot, side: int) -> tuple[Fragments, np.ndarray]:
        """What a view's samples (side, side) see, and the part that they see it on, -1 where empty."""
        key = (shot.view, tuple(map(float, shot.framing.centre)), float(shot.framing.half_extent), side)
        found = self._seen.get(key)
        if found is None:
            rays = embree_view(self._rays, shot.view, shot.framing)
            fragments = rasterise(self.whole, shot.view, shot.framing, side, rays)
            part = np.where(fragments.mask, np.searchsorted(self._ends, fragments.triangle, side="right"), -1)
            found = fragments, part
            if self._kept + side * side <= _KEPT:
                self._seen[key] = found
                self._kept += side * side
        return found


@dataclass(frozen=True)
class SparseViews:
    """Views as linear maps of their textures; see :class:`RenderedViews`.

    Attributes:
        matrices: one sparse CSR (pixels, texels of all parts' mip chains) float32 a view; transposes: theirs, also CSR.
    """

    matrices: list[torch.Tensor]
    transposes: list[torch.Tensor]
    surface: VisibleSurface
    texture_sizes: tuple[int, ...]
    capturable: bool = False

    def render(self, textures: Sequence[torch.Tensor], index: torch.Tensor) -> torch.Tensor:
        size = self.surface.coverage.shape[1]
        images = []
        for number, views in enumerate(index.tolist()):
            chain = torch.cat([mip_chain(texture[number : number + 1]) for texture in textures])
            for view in views:
                pixels = _SparseProduct.apply(self.matrices[view], self.transposes[view], chain)
                images.append(pixels.T.reshape(1, 3, size, size))
        return torch.cat(images)


@dataclass(frozen=True)
class SparseRenderer:
    """Rasterises on the CPU and keeps sparse matrices on ``device``; see :class:`Renderer`.

    The scenes of the last call are kept, with what small views of them see: the next scale asks for the same ones.
    """

    device: torch.device
    _scenes: dict[tuple[int, ...], _Scene] = field(default_factory=dict, init=False, repr=False, compare=False)

    def prepare(
        self,
        scenes: Sequence[Sequence[Mesh]],
        shots: Sequence[Sequence[Shot]],
        size: int,
        texture_sizes: Sequence[int],
        supersample: int,
    ) -> SparseViews:
        def prepared(scene: _Scene, shot: Shot) -> tuple:
            fragments, part = scene.view(shot, size * supersample)
            matrix = _matrix(fragments, part, size, supersample, texture_sizes)
            transpose = sparse.csr_matrix(matrix.T)
            return matrix, transpose, _surface(scene.whole, fragments, part, size, supersample)

        tasks = []
        known = dict(self._scenes)
        self._scenes.clear()
        for meshes, group in zip(scenes, shots, strict=True):
            key = tuple(map(id, meshes))
            scene = self._scenes[key] = known.get(key) or _Scene(meshes)
            tasks += [lambda scene=scene, shot=shot: prepared(scene, shot) for shot in group]
        *maps, seen = zip(*side_by_side(tasks), strict=True)
        matrices, transposes = ([_to_torch(matrix, self.device) for matrix in part] for part in maps)
        coverage, part, uv, points = (np.stack(values) for values in zip(*seen, strict=True))
        surface = VisibleSurface(
            on_device(coverage, self.device),
            on_device(part, self.device, np.int64),
            on_device(uv, self.device),
            on_device(points, self.device),
        )
        return SparseViews(matrices, transposes, surface, tuple(texture_sizes))


def _surface(
    mesh: Mesh, fragments: Fragments, part: np.ndarray, size: int, supersample: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Coverage, part, uv and points of a view's pixels; see :class:`VisibleSurface`."""
    coverage = fragments.mask.reshape(size, supersample, size, supersample).mean(axis=(1, 3))
    middle = (slice(supersample // 2, None, supersample),) * 2
    corners = np.asarray(mesh.vertices)[mesh.triangles[fragments.triangle[middle]]]
    points = np.einsum("rck,rckx->rcx", fragments.barycentric[middle], corners)
    return coverage, part[middle], fragments.uv[middle], points


def _matrix(
    fragments: Fragments, part: np.ndarray, size: int, supersample: int, texture_sizes: Sequence[int]
) -> sparse.csr_matrix:
    """(size^2, texels of all parts' mip chains): :func:`sampling_matrix` of every part, side by side."""
    if len(texture_sizes) == 1:
        return sampling_matrix(fragments, size, supersample, texture_sizes[0])
    only = [replace(fragments, triangle=np.where(part == k, fragments.triangle, -1)) for k in range(len(texture_sizes))]
    blocks = [sampling_matrix(own, size, supersample, side) for own, side in zip(only, texture_sizes, strict=True)]
    return sparse.hstack(blocks, format="csr")


def sampling_matrix(fragments: Fragments, size: int, supersample: int, texture_size: int) -> sparse.csr_matrix:
    """(size^2, texels of the mip chain) matrix that renders a texture; equals ``mesh.render`` without background."""
    sides = chain_sides(texture_size)
    offsets = np.concatenate([[0], np.cumsum([side * side for side in sides])])
    rows, columns = np.nonzero(fragments.mask)
    pixel = rows // supersample * size + columns // supersample
    uv, footprint = fragments.uv[rows, columns], fragments.footprint[rows, columns].astype(float)
    level = np.minimum(mip_levels(footprint, texture_size), len(sides) - 1)
    low = level.astype(int)
    share = level - low
    entries: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for index, side in enumerate(sides):
        for chosen, weight in ((low == index, 1 - share), ((low == index - 1) & (share > 0), share)):
            if chosen.any():
                texel, tap = bilinear_taps(uv[chosen], side)
                value = tap * weight[chosen, None] / supersample**2
                entries.append((np.repeat(pixel[chosen], 4), texel.ravel() + offsets[index], value.ravel()))
    shape = (size * size, int(offsets[-1]))
    if not entries:
        return sparse.csr_matrix(shape, dtype=np.float32)
    row, column, value = (np.concatenate(part) for part in zip(*entries, strict=True))
    matrix = sparse.coo_matrix((value.astype(np.float32), (row, column)), shape=shape).tocsr()
    matrix.sort_indices()
    return matrix


def chain_sides(texture_size: int) -> list[int]:
    """Sides of the mip chain: halves, rounded down, to 1."""
    sides = [texture_size]
    while sides[-1] > 1:
        sides.append(sides[-1] // 2)
    return sides


class _SparseProduct(torch.autograd.Function):
    """Sparse matrix times dense chain; the gradient uses the stored transpose."""

    @staticmethod
    def forward(ctx, matrix: torch.Tensor, transpose: torch.Tensor, chain: torch.Tensor) -> torch.Tensor:
        ctx.transposed = transpose
        return matrix @ chain

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> tuple[None, None, torch.Tensor]:
        return None, None, ctx.transposed @ gradient.contiguous()


def _to_torch(matrix: sparse.csr_matrix, device: torch.device) -> torch.Tensor:
    parts = (on_device(part, device, np.int64) for part in (matrix.indptr, matrix.indices))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse (CSR tensor support|invariant checks)", UserWarning)
        data = on_device(matrix.data, device)
        return torch.sparse_csr_tensor(*parts, data, size=matrix.shape, check_invariants=False)
