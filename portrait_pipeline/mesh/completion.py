"""Texels that no view shows well: they follow their neighbours on the surface."""

from __future__ import annotations

import cv2
import numpy as np

from .laplacian import surface_laplacian
from .mesh import Mesh
from .texels import Extension, bilinear_at_vertices, texel_map

_WELL_SEEN = 0.25
_WIDER, _SOFT = 512, 256  # parts of the texture's side
_FIELD_SIZE = 256  # texels: the field is smooth, so it need not be solved for at the texture's own size
_KNOWN = 0.3


class Completion:
    """Everything about a head that the completion of its texture needs but the texture itself.

    Args:
        mesh: head with UV. weight: (S, S), how much of the views each texel makes up.
    """

    def __init__(self, mesh: Mesh, weight: np.ndarray) -> None:
        self.mesh, size = mesh, len(weight)
        confidence = np.clip(weight / max(float(np.median(weight[weight > 0])), 1e-12) / _WELL_SEEN, 0, 1)
        # Widened first: what is seen beside what is hidden keeps its strokes, or a plain line would run along there.
        near = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * (size // _WIDER) + 1,) * 2)
        confidence = cv2.dilate(confidence.astype(np.float32), near)
        confidence = cv2.GaussianBlur(confidence, (0, 0), max(1.0, size / _SOFT))
        self.confidence = np.clip((confidence - 0.5) * 2.0, 0, 1)
        self.small = (min(size, _FIELD_SIZE),) * 2
        self.known = cv2.resize(self.confidence, self.small, interpolation=cv2.INTER_AREA)
        self.texels = texel_map(mesh, self.small[0])
        _, mass = bilinear_at_vertices(mesh, self.known[..., None], self.known, self.small[0] / 48)
        self.extension = Extension(surface_laplacian(mesh), np.where(mass > _KNOWN, mass, 0.0))

    def field(self, change: np.ndarray) -> np.ndarray:
        """The change of well-seen texels carried smoothly over the whole head.

        Args:
            change: (s, s, 3) of a texture of side ``small``.

        Returns:
            (s, s, 3) float32.
        """
        values, _ = bilinear_at_vertices(self.mesh, change, self.known, self.small[0] / 48)
        return self.texels.interpolate(self.mesh.triangles, self.extension.field(values)).astype(np.float32)
