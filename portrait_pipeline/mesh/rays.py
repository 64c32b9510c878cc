"""What rays meet: Embree, on the CPU."""

from __future__ import annotations

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene


class RayScene:
    """Triangles that rays can meet.

    Args:
        vertices: (V, 3). triangles: (F, 3) vertex ids.
    """

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray) -> None:
        self._scene = EmbreeScene(robust=True)
        TriangleMesh(self._scene, np.ascontiguousarray(vertices, np.float32), np.ascontiguousarray(triangles, np.int32))

    def first_hits(self, origins: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """(N,) int32: the first triangle that each ray meets, -1 for none.

        Args:
            origins: (N, 3). directions: (N, 3), or (3,) for all.
        """
        origins = np.ascontiguousarray(origins, np.float32)
        directions = np.ascontiguousarray(np.broadcast_to(np.asarray(directions, np.float32), origins.shape))
        return np.asarray(self._scene.run(origins, directions), np.int32)

    def distances(self, origins: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """:meth:`first_hits` for unit directions (N, 3), and how far the triangles are (N,)."""
        parts = (np.ascontiguousarray(part, np.float32) for part in (origins, directions))
        hits = self._scene.run(*parts, output=1)
        return np.asarray(hits["primID"], np.int32), np.asarray(hits["tfar"])


def sphere_points(count: int) -> np.ndarray:
    """(``count``, 3) evenly spread unit vectors (Fibonacci spiral)."""
    step = np.arange(count) + 0.5
    height, turn = 1 - 2 * step / count, np.pi * (1 + 5**0.5) * step
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), height], axis=1)
