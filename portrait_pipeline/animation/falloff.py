"""Moving some vertices of a surface so that the skin about them follows smoothly."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from ..mesh.geometry import vertex_areas
from ..mesh.laplacian import cotangent_weights, factorise, stiffness


class Falloff:
    """Displacements of a few vertices spread over the skin about them; factorised once, used for many shapes.

    The displacement field has the least bending that meets the given displacements and vanishes ``radius`` away.
    """

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray, handles: np.ndarray, radius: float):
        """Prepare for ``handles`` (H,) of ``vertices`` (V, 3); other vertices within ``radius`` cm of them follow."""
        from scipy.spatial import cKDTree

        vertices = np.asarray(vertices, float)
        used = np.zeros(len(vertices), bool)
        used[triangles] = True
        used[handles] = False
        near = cKDTree(vertices[handles]).query(vertices)[0] < radius
        self.handles, self.free = np.asarray(handles), np.flatnonzero(near & used)
        stretching = stiffness(cotangent_weights(vertices, triangles))
        mass = np.maximum(vertex_areas(vertices, triangles), 1e-6)
        bending = (stretching @ sp.diags(1.0 / mass) @ stretching).tocsr()
        # A little stretching energy keeps the field from overshooting between handles and border.
        energy = bending + stretching * (2.0 / radius**2)
        self._solver = factorise(energy[self.free][:, self.free])
        self._coupling = energy[self.free][:, self.handles]
        self._count = len(vertices)

    def __call__(self, displacements: np.ndarray) -> np.ndarray:
        """(V, 3) displacements for those (H, 3) of the handles."""
        field = np.zeros((self._count, 3))
        field[self.handles] = displacements
        field[self.free] = self._solver.solve(-(self._coupling @ displacements))
        return field
