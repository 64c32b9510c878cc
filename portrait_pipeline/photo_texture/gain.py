"""Light of one picture carried to that of another: smooth factors for each colour channel over the surface.

Two photos of a head, or its two sides, differ by their light: a factor that varies slowly. Ratios of the two are taken
where both are seen, and a smooth field of logarithms is laid through them by iteratively reweighted least squares, so
that a mole, a lock of hair or a highlight on one of them does not count (Cauchy's weights). Where only one is seen the
field goes over into the shading by normals (spherical harmonics) that explains the ratios best: the side of a head
that is turned away from the light is darker the further it is turned.

A picture that fills what the other does not show must also meet it at the border. What the factor leaves there is
spread by a membrane: the filled part then has the gradients of its source's logarithm and the seen part's colours at
the border, a gradient-domain fill (Perez, Gangnet and Blake, "Poisson image editing", 2003).
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from ..mesh.geometry import vertex_normals
from ..mesh.mesh import Mesh
from ..mesh.texels import Extension, TexelMap, bilinear_at_vertices

_DARKEST = 6.0  # added to colours in [0, 255] before the logarithm: black has no ratio
_KNOWN = 0.35  # mean weight about a vertex from which its ratio counts
_SCALE = 0.15  # of Cauchy's weights, in logarithms
_ROUNDS = 3
_HOLD = 3e-4  # of a ratio against the field's smoothness: details of a few cm are no light
_PULL = 1e-2  # towards the shading that explains the ratios, far from everything known
_RIDGE = 1e-2
_MEMBRANE_PULL = 2e-4  # towards no change
_LARGEST = np.log(4.0)
_BORDER = 0.06  # mean weight about a vertex from which it belongs to the border
_LEFT = 0.35  # largest logarithm that the membrane carries: more is no light but hair beside skin


def log_gain(
    mesh: Mesh, laplacian: sparse.csr_matrix, wanted: np.ndarray, source: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """(V, 3) logarithm of the factor that brings ``source`` to the light of ``wanted``.

    Args:
        mesh, laplacian: the head and its :func:`..mesh.laplacian.surface_laplacian`.
        wanted, source: (S, S, 3) in [0, 255]. weight: (S, S) in [0, 1], how far a texel is known in both.
    """
    values, mass = bilinear_at_vertices(mesh, _log_ratio(wanted, source), weight, max(1.0, weight.shape[0] / 200))
    mass = np.where(mass > _KNOWN, mass, 0.0)
    if not mass.any():
        return np.zeros(values.shape)
    shading = _shading_basis(mesh)
    trust = mass
    for _ in range(_ROUNDS):
        light = shading @ _ridge(shading, values, trust)
        field = Extension(laplacian, _HOLD * trust, _PULL).field(values, light)
        off = np.linalg.norm(values - field, axis=1) / _SCALE
        trust = mass / (1 + off * off)
    return np.clip(field, -_LARGEST, _LARGEST)


def _shading_basis(mesh: Mesh) -> np.ndarray:
    """(V, 6) of the normals: a constant, the first spherical harmonics and those of the second that are odd in x."""
    x, y, z = vertex_normals(mesh.vertices, mesh.triangles).T
    return np.stack([np.ones_like(x), x, y, z, x * y, x * z], axis=1)


def _ridge(basis: np.ndarray, values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(6, 3) coefficients of the weighted least-squares fit, drawn to 0."""
    normal = (basis * weight[:, None]).T @ basis
    normal[np.diag_indices(len(normal))] += _RIDGE * weight.sum() * np.array([1e-3, 1, 1, 1, 1, 1])
    return np.linalg.solve(normal, (basis * weight[:, None]).T @ values)


def border_gain(
    mesh: Mesh, laplacian: sparse.csr_matrix, seen: np.ndarray, fill: np.ndarray, weight: np.ndarray, other: np.ndarray
) -> np.ndarray:
    """(V, 3) logarithm of the factor by which ``fill`` meets ``seen`` where the latter fades out; harmonic elsewhere.

    Args:
        seen, fill: (S, S, 3) in [0, 255]. weight, other: (S, S) in [0, 1], how far each of them is known.
    """
    band = 4 * weight * (1 - weight) * other
    values, mass = bilinear_at_vertices(mesh, _log_ratio(seen, fill), band, max(1.0, weight.shape[0] / 200))
    known = ((mass > _BORDER) & (np.abs(values).max(axis=1) < _LEFT)).astype(float)
    if not known.any():
        return np.zeros(values.shape)
    return Extension(laplacian, known, _MEMBRANE_PULL).field(values, np.zeros(values.shape))


def relit(colour: np.ndarray, mesh: Mesh, texels: TexelMap, gain: np.ndarray) -> np.ndarray:
    """(S, S, 3) colours (S, S, 3) in [0, 255] times the factor whose logarithm is ``gain`` (V, 3), clipped."""
    factor = np.exp(texels.interpolate(mesh.triangles, gain))
    return np.clip((colour + _DARKEST) * factor - _DARKEST, 0, 255)


def _log_ratio(wanted: np.ndarray, source: np.ndarray) -> np.ndarray:
    return np.log((wanted + _DARKEST) / (source + _DARKEST))
