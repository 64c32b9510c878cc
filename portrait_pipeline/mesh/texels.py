"""The texture as a place on the head: which surface point each texel shows, and smooth fields over the surface.

Fields are solved on the mesh, not in the UV square: the surface has no seam, so what is filled has none either.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import sparse

from .laplacian import factorise
from .mesh import Mesh
from .render import bilinear_taps, embree_rasterise

_FALLBACK = 1e-9  # weight of the mean of all that is known: decides only where nothing else does


@dataclass(frozen=True)
class TexelMap:
    """Surface points of a texture's texels.

    Attributes:
        triangle: (S, S) int32, triangle at the texel's centre, the nearest one where the layout has a gap.
        barycentric: (S, S, 3) float64 weights of its corners.
        covered: (S, S) bool, false where the layout has a gap.
    """

    triangle: np.ndarray
    barycentric: np.ndarray
    covered: np.ndarray

    def interpolate(self, mesh_triangles: np.ndarray, values: np.ndarray) -> np.ndarray:
        """(S, S, C) of per-vertex values (V, C)."""
        values = np.asarray(values, float)
        count = self.triangle.size
        weights = sparse.csr_matrix(  # three entries a row: faster than gathering the corners
            (self.barycentric.reshape(-1), mesh_triangles[self.triangle].reshape(-1), np.arange(0, 3 * count + 1, 3)),
            shape=(count, len(values)),
        )
        return (weights @ values).reshape(*self.triangle.shape, values.shape[1])


def texel_map(mesh: Mesh, size: int) -> TexelMap:
    """Rasterise the UV layout: texel (row r, column c) is u = (c + 0.5) / size, v = 1 - (r + 0.5) / size."""
    flat = np.concatenate([np.asarray(mesh.uv, float) * 2 - 1, np.zeros((len(mesh.uv), 1))], axis=1)
    triangle, barycentric = embree_rasterise(flat, mesh.uv_triangles, size)
    covered = triangle >= 0
    barycentric = barycentric.astype(float)
    if not covered.all():
        from scipy.ndimage import distance_transform_edt

        rows, columns = distance_transform_edt(~covered, return_distances=False, return_indices=True)
        triangle, barycentric = triangle[rows, columns], barycentric[rows, columns]
    return TexelMap(triangle, barycentric, covered)


def corner_of_vertex(mesh: Mesh) -> np.ndarray:
    """(V,) one UV index for each vertex (of the two at the seam, one), -1 for unused vertices."""
    corner = np.full(len(mesh.vertices), -1)
    corner[mesh.triangles.ravel()] = mesh.uv_triangles.ravel()
    return corner


def vertex_uv(mesh: Mesh) -> np.ndarray:
    """(V, 2) one texture coordinate for each vertex, as of :func:`corner_of_vertex`; unused ones get any."""
    return np.asarray(mesh.uv, float)[corner_of_vertex(mesh)]


def bilinear_at_vertices(
    mesh: Mesh, image: np.ndarray, weight: np.ndarray, sigma: float
) -> tuple[np.ndarray, np.ndarray]:
    """Local weighted averages (V, C) of a texture (S, S, C) and mean weights (V,) at the mesh's vertices.

    Args:
        weight: (S, S) in [0, 1]. sigma: of the Gaussian window, texels.
    """
    mass = cv2.GaussianBlur(weight.astype(np.float32), (0, 0), sigma)
    mean = cv2.GaussianBlur((image * weight[..., None]).astype(np.float32), (0, 0), sigma)
    mean = mean.reshape(image.shape) / np.maximum(mass, 1e-4)[..., None]
    corner = corner_of_vertex(mesh)
    index, tap = bilinear_taps(mesh.uv[corner], weight.shape[0])
    values = (mean.reshape(-1, image.shape[2])[index] * tap[..., None]).sum(axis=1)
    confidence = (mass.ravel()[index] * tap).sum(axis=1)
    return values, np.where(corner >= 0, confidence, 0.0)


class Extension:
    """The smoothest field that agrees with values where they are known; factorised once for any number of fields.

    Minimises x' L x + sum_i k_i |x_i - values_i|^2 + sum_i pull_i |x_i - prior_i|^2 with k = 100 confidence.

    Args:
        laplacian: (V, V) of :func:`.laplacian.surface_laplacian`. confidence: (V,) >= 0, 1 where a value is certain.
        pull: strength of the prior, per vertex or one number.
    """

    def __init__(self, laplacian: sparse.csr_matrix, confidence: np.ndarray, pull: np.ndarray | float = 0.0) -> None:
        self.known = 100.0 * np.asarray(confidence, float)
        self.pull = np.broadcast_to(np.asarray(pull, float), self.known.shape)
        self.solver = factorise(laplacian + sparse.diags(self.known + self.pull + _FALLBACK))

    def field(self, values: np.ndarray, prior: np.ndarray | None = None) -> np.ndarray:
        """The field of one set of values.

        Args:
            values: (V, C); ignored where the confidence is 0. prior: (V, C) value far from everything known, or 0.

        Returns:
            (V, C); the mean of the known values where nothing known is connected and nothing pulls.
        """
        values = np.where(self.known[:, None] > 0, values, 0.0)
        total = self.known.sum()
        mean = self.known @ values / total if total > 0 else np.zeros(values.shape[1])
        right = self.known[:, None] * values + _FALLBACK * mean
        return self.solver.solve(right if prior is None else right + self.pull[:, None] * prior)


def extend(
    laplacian: sparse.csr_matrix,
    values: np.ndarray,
    confidence: np.ndarray,
    prior: np.ndarray | None = None,
    pull: np.ndarray | float = 0.0,
) -> np.ndarray:
    """(V, C) field of :class:`Extension` for one set of values; without a prior nothing pulls."""
    return Extension(laplacian, confidence, 0.0 if prior is None else pull).field(values, prior)
