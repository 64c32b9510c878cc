"""Rendering as a linear map: for a fixed geometry a view is a sparse matrix from texels to pixels.

Visibility needs no gradient, so each view is rasterised once; after that, rendering is one sparse product and its
gradient another one with the transpose. The matrix contains supersampling and mip mapping, so coarse views see area
averages of the texture and pass their gradients on to all texels they average.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse

from ..mesh import Mesh
from ..mesh.render import Fragments, Framing, Rasteriser, View, bilinear_taps, embree_rasterise, mip_levels, rasterise
from .pyramid import half


def draw_views(count: int, azimuth: float, elevation: float, rng: np.random.Generator) -> list[View]:
    """``count`` views, uniform within +-``azimuth`` and +-``elevation`` degrees, stratified in azimuth.

    Each view takes its own slice of the azimuth range, in random order, so that few views leave no gap.
    """
    slices = (rng.permutation(count) + rng.uniform(size=count)) / count
    heights = (rng.permutation(count) + rng.uniform(size=count)) / count
    return [
        View(float(azimuth * (2 * a - 1)), float(elevation * (2 * e - 1)))
        for a, e in zip(slices, heights, strict=True)
    ]


def surround_views(count: int, azimuth: float, elevation: float, rng: np.random.Generator) -> list[View]:
    """``count`` views of sides and back, evenly spread from +``azimuth`` round the back to -``azimuth``, jittered."""
    gap = (360.0 - 2 * azimuth) / max(count, 1)
    turns = azimuth + gap * (np.arange(count) + rng.uniform(0.25, 0.75, size=count))
    heights = rng.uniform(-elevation, elevation, size=count)
    return [View(float((a + 180.0) % 360.0 - 180.0), float(e)) for a, e in zip(turns, heights, strict=True)]


def crop_framing(framing: Framing, view: View, x: float, y: float, zoom: float) -> Framing:
    """The part of a view's frame about (x, y) in [-1, 1] (right, up), ``zoom`` times enlarged."""
    shift = np.array([x, y, 0.0]) * framing.half_extent
    return Framing(framing.centre + view.rotation().T @ shift, framing.half_extent / zoom)


@dataclass(frozen=True)
class LinearView:
    """A view of the head as a linear map of its texture.

    Attributes:
        matrix: (pixels, texels of the mip chain) sparse CSR float32; transpose: its transpose, also CSR.
        coverage: (size, size) float32, share of each pixel that the head covers.
        uv: (size, size, 2) float32, texture coordinates of each pixel (one of its sub-samples), 0 where empty.
        surface: (size, size, 3) float32, head-space position of the same sub-sample, 0 where empty.
        size: side of the image. texture_size: side of the texture the matrix was made for.
    """

    matrix: torch.Tensor
    transpose: torch.Tensor
    coverage: torch.Tensor
    uv: np.ndarray
    surface: np.ndarray
    size: int
    texture_size: int

    def render(self, chain: torch.Tensor, background: torch.Tensor) -> torch.Tensor:
        """(1, 3, size, size) image of a mip chain (texels, 3) on a plain background (3,)."""
        pixels = _SparseProduct.apply(self.matrix, self.transpose, chain)
        image = pixels + (1 - self.coverage.reshape(-1, 1)) * background
        return image.T.reshape(1, 3, self.size, self.size)


def linear_view(
    mesh: Mesh, view: View, framing: Framing, size: int, texture_size: int, supersample: int,
    device: torch.device, rasteriser: Rasteriser = embree_rasterise,
) -> LinearView:
    """Rasterise a view once and keep it as a sparse matrix.

    Args:
        mesh: head with UV. view, framing: what is seen. size: side of the image in pixels.
        texture_size: side of the texture. supersample: rays per pixel and axis.
        device: where the matrix is used.
    """
    fragments = rasterise(mesh, view, framing, size * supersample, rasteriser)
    matrix = sampling_matrix(fragments, size, supersample, texture_size)
    coverage = fragments.mask.reshape(size, supersample, size, supersample).mean(axis=(1, 3))
    middle = slice(supersample // 2, None, supersample)
    triangle, barycentric = fragments.triangle[middle, middle], fragments.barycentric[middle, middle]
    surface = np.einsum("rck,rckx->rcx", barycentric, np.asarray(mesh.vertices)[mesh.triangles[triangle]])
    return LinearView(
        _to_torch(matrix, device), _to_torch(sparse.csr_matrix(matrix.T), device),
        torch.tensor(coverage, dtype=torch.float32, device=device),
        fragments.uv[middle, middle], surface.astype(np.float32), size, texture_size,
    )


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


def texel_weights(views: list[LinearView]) -> torch.Tensor:
    """(S, S) float32: how much of all the views' pixels each texel makes up (0 = seen by none)."""
    first = views[0]
    total = torch.zeros(first.matrix.shape[1], 1, device=first.coverage.device)
    ones = torch.ones(first.size * first.size, 1, device=first.coverage.device)
    for view in views:
        total = total + view.transpose @ ones
    side = first.texture_size
    texture = torch.zeros(1, 1, side, side, device=total.device, requires_grad=True)
    (mip_chain(texture) * total).sum().backward()
    return texture.grad[0, 0]


def mip_chain(texture: torch.Tensor) -> torch.Tensor:
    """(1, 3, S, S) texture -> (texels of all mip levels, 3)."""
    parts = [texture]
    for _ in chain_sides(texture.shape[2])[1:]:
        parts.append(half(parts[-1]))
    return torch.cat([part[0].reshape(texture.shape[1], -1).T for part in parts])


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
    parts = (torch.tensor(part.astype(np.int64)) for part in (matrix.indptr, matrix.indices))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta", UserWarning)
        return torch.sparse_csr_tensor(
            *parts, torch.tensor(matrix.data), size=matrix.shape, device=device, check_invariants=False
        )
