"""The deformation's energy, its factorised matrix, and the displacements that minimise it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from ..mesh.geometry import directed_edges
from ..mesh.laplacian import cotangent_laplacian, factorise, graph_laplacian, ring_similarities
from ..mesh.mesh import Mesh
from .follow import skull_stiffness
from .params import DeformSettings

SIMILARITY_ROUNDS = 4
ADAM_STEPS = 1000
ADAM_RATE = 0.07  # of the typical shift of the landmarks


@dataclass(frozen=True)
class Energy:
    """E(u) = sum_i |u[id_i] - s_i|^2 + alpha |L u - c|^2 + skull u' K u for displacements u (V, 3) of a head at rest.

    All terms are squared lengths, so the weights have no unit. c is zero for the uniform and the cotangent Laplacian
    (eqs. 8-10); for ``similarity`` it is what makes the differential of each vertex turn and grow with its ring.

    Attributes:
        before: (V, 3) the fitted head, whose detail is to be kept.
        rest: (V, 3) the same scaled to the size of the targets.
        triangles: (F, 3). ids: (N,) landmark vertices.
        laplacian: (V, V). skull: (V, V), weighted.
        alpha: weight. similar: whether differentials follow the similarity of their ring.
    """

    before: np.ndarray
    rest: np.ndarray
    triangles: np.ndarray
    ids: np.ndarray
    laplacian: sp.csr_matrix
    skull: sp.csr_matrix
    alpha: float
    similar: bool

    @classmethod
    def of(cls, mesh: Mesh, rest: np.ndarray, ids: np.ndarray, params: DeformSettings) -> Energy:
        """The energy that ``params`` ask for; weights and Laplacian are those of the fitted head ``mesh``."""
        before, triangles = np.asarray(mesh.vertices, float), mesh.triangles
        if params.laplacian == "uniform":
            laplacian = graph_laplacian(triangles, len(before))
        else:
            laplacian = cotangent_laplacian(before, triangles)
        skull = params.skull * skull_stiffness(before, triangles, ids)
        similar = params.laplacian == "similarity"
        return cls(before, rest, triangles, ids, laplacian, skull, params.alpha, similar)

    @cached_property
    def matrix(self) -> sp.csc_matrix:
        """(V, V) half the second derivative of E."""
        unused = np.asarray(abs(self.laplacian).sum(axis=1)).ravel() == 0
        # A vertex of no triangle stays put.
        diagonal = (np.bincount(self.ids, minlength=len(self.rest)) + unused).astype(float)
        return (self.alpha * (self.laplacian.T @ self.laplacian) + self.skull + sp.diags(diagonal)).tocsc()

    @cached_property
    def _factor(self):
        return factorise(self.matrix)

    @cached_property
    def spread(self) -> np.ndarray:
        """(V, N) displacement for a unit shift of each landmark."""
        return self._factor.solve(self.pulls(np.eye(len(self.ids))))

    def pulls(self, shifts: np.ndarray) -> np.ndarray:
        """(V, D) shifts (N, D) at their vertices; landmarks that share a vertex add up."""
        result = np.zeros((len(self.rest), shifts.shape[1]))
        np.add.at(result, self.ids, shifts)
        return result

    def displacement(self, shifts: np.ndarray, offset: np.ndarray) -> np.ndarray:
        """Minimiser (V, 3) for the wanted shifts (N, 3) and the right side ``offset`` of :meth:`detail`."""
        return self._factor.solve(self.pulls(shifts) + offset)

    def detail(self, shifts: np.ndarray) -> np.ndarray:
        """alpha L' c, (V, 3): what turned and scaled differentials add to the right side (zero where they do not).

        Sorkine et al. 2004 ask for ``L v_i = T_i L before_i`` with the similarity T_i that best takes the ring of
        vertex i to its new place. Here T_i and v are found in turn: one solve with the same factors each, and exact
        rotations instead of linearised ones.
        """
        offset = np.zeros_like(self.rest)
        if not self.similar:
            return offset
        edges = directed_edges(self.triangles)
        old, level = self.laplacian @ self.before, self.laplacian @ self.rest
        for _ in range(SIMILARITY_ROUNDS):
            scale, rotation = ring_similarities(self.before, self.rest + self.displacement(shifts, offset), edges)
            turned = scale[:, None] * np.einsum("vab,vb->va", rotation, old)
            offset = self.alpha * (self.laplacian.T @ (turned - level))
        return offset

    def by_adam(self, shifts: np.ndarray, offset: np.ndarray) -> np.ndarray:
        """:meth:`displacement` by the paper's optimiser."""
        reach = np.sqrt(self.alpha * len(self.rest) / len(self.ids))
        smoother = graph_laplacian(self.triangles, len(self.rest))
        return solve_adam(self.matrix, self.pulls(shifts) + offset, reach, smoother, float(np.sqrt((shifts**2).mean())))


def solve_adam(
    matrix: sp.csc_matrix,
    right: np.ndarray,
    reach: float,
    laplacian: sp.csr_matrix,
    unit: float,
    steps: int = ADAM_STEPS,
    rate: float = ADAM_RATE,
) -> np.ndarray:
    """The minimum of ``x' matrix x - 2 x' right``, i.e. ``matrix^-1 right``, by Adam on its gradient.

    Adam on the coordinates themselves needs tens of thousands of steps, because smooth motions of the whole
    head hardly change the energy. It therefore moves u in ``x = (I + reach L)^-1 u``, and its rate falls along a half
    cosine.

    Args:
        matrix: (V, V) symmetric, positive definite.
        right: (V, D).
        reach: in edges squared, over which one landmark has to speak for its surroundings.
        laplacian: (V, V) graph Laplacian.
        unit: typical size of the solution, by which distances are divided so that the rate has no unit; 0 gives 0.
    """
    import torch

    if unit == 0.0:
        return np.zeros_like(right)
    right = right / unit
    factor = factorise((sp.eye(matrix.shape[0]) + reach * laplacian).tocsc())
    unknown = torch.zeros(right.shape, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([unknown], lr=rate, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        gradient = 2.0 * (matrix @ factor.solve(unknown.detach().numpy()) - right)
        unknown.grad = torch.from_numpy(factor.solve(gradient, "T"))
        optimizer.step()
        schedule.step()
    return unit * factor.solve(unknown.detach().numpy())
