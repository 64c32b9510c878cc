"""The CPU renderer: for a fixed geometry a view is a sparse matrix from texels to pixels.

Each view is rasterised once with rays; after that, rendering is one sparse product and its gradient another one with
the transpose. The matrix contains supersampling and mip mapping, so coarse views see area averages of the texture and
pass their gradients on to all texels they average. It also runs on a GPU without nvdiffrast (CSR products).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse

from ...base.device import on_device
from ...mesh.mesh import Mesh
from ...mesh.render import Fragments, Rasteriser, bilinear_taps, embree_rasterise, mip_levels, rasterise
from .base import Shot, VisibleSurface, mip_chain


@dataclass(frozen=True)
class SparseViews:
    """Views as linear maps of their texture; see :class:`RenderedViews`.

    Attributes:
        matrices: one sparse CSR (pixels, texels of the mip chain) float32 a view; transposes: theirs, also CSR.
    """

    matrices: list[torch.Tensor]
    transposes: list[torch.Tensor]
    surface: VisibleSurface
    texture_size: int
    capturable: bool = False

    def render(self, texture: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        size = self.surface.coverage.shape[1]
        images = []
        for number, views in enumerate(index.tolist()):
            chain = mip_chain(texture[number : number + 1])
            for view in views:
                pixels = _SparseProduct.apply(self.matrices[view], self.transposes[view], chain)
                images.append(pixels.T.reshape(1, 3, size, size))
        return torch.cat(images)


@dataclass(frozen=True)
class SparseRenderer:
    """Rasterises on the CPU and keeps sparse matrices on ``device``; see :class:`Renderer`."""

    device: torch.device
    rasteriser: Rasteriser = embree_rasterise

    def prepare(
        self, meshes: Sequence[Mesh], shots: Sequence[Sequence[Shot]], size: int, texture_size: int, supersample: int
    ) -> SparseViews:
        matrices, transposes, coverage, uv, points = [], [], [], [], []
        middle = slice(supersample // 2, None, supersample)
        for mesh, shot in ((mesh, shot) for mesh, group in zip(meshes, shots, strict=True) for shot in group):
            fragments = rasterise(mesh, shot.view, shot.framing, size * supersample, self.rasteriser)
            matrix = sampling_matrix(fragments, size, supersample, texture_size)
            matrices.append(_to_torch(matrix, self.device))
            transposes.append(_to_torch(sparse.csr_matrix(matrix.T), self.device))
            coverage.append(fragments.mask.reshape(size, supersample, size, supersample).mean(axis=(1, 3)))
            uv.append(fragments.uv[middle, middle])
            corners = np.asarray(mesh.vertices)[mesh.triangles[fragments.triangle[middle, middle]]]
            points.append(np.einsum("rck,rckx->rcx", fragments.barycentric[middle, middle], corners))
        surface = VisibleSurface(*(on_device(np.stack(part), self.device) for part in (coverage, uv, points)))
        return SparseViews(matrices, transposes, surface, texture_size)


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
