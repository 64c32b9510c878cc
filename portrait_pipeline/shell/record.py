"""The shell as a record that stages pass on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..base.artifacts import Record
from ..mesh.mesh import Mesh

HAIR, CLOTHES, SKIN = 0, 1, 2
"""What a vertex is; hats count as clothes."""


@dataclass(frozen=True)
class Shell(Record):
    """Hair, hat, clothes and shoulders as one closed surface about the fitted head; all arrays empty if there is none.

    Attributes:
        vertices: (V, 3) float32 head space, cm. triangles: (F, 3) int32, counter-clockwise from outside.
        uv: (T, 2) float32, origin bottom left. uv_triangles: (F, 3) int32.
        labels: (V,) int8: HAIR, CLOTHES or SKIN.
        texture: (S, S, 3) uint8 RGB, row 0 on top: the photo's colours, and likely ones where it shows nothing.
        seen: (S, S) uint8, how far a texel is the photo itself, 0 to 255.
        facing: (V,) float32, z of the normal towards the photo's camera.
        bare: (H,) float32, of each vertex of the **head**: cm from the border of bare skin in the photo, > 0 on bare
            skin, < 0 where the shell covers the head.
        note: one line on what the shell is not sure of, or why there is none; empty if all went well.
    """

    kind: ClassVar[str] = "shell"
    vertices: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    uv_triangles: np.ndarray
    labels: np.ndarray
    texture: np.ndarray
    seen: np.ndarray
    facing: np.ndarray
    bare: np.ndarray
    note: str

    @property
    def exists(self) -> bool:
        """Whether there is a shell at all."""
        return len(self.vertices) > 0

    def mesh(self, vertices: np.ndarray | None = None) -> Mesh:
        """The shell's topology and UV with the given (V, 3) positions, or its own."""
        return Mesh(self.vertices if vertices is None else vertices, self.triangles, self.uv, self.uv_triangles)

    @classmethod
    def none(cls, reason: str) -> Shell:
        """No shell, for a reason of one line."""
        triangles, plain = np.zeros((0, 3), np.int32), np.zeros(0, np.float32)
        return cls(
            vertices=np.zeros((0, 3), np.float32),
            triangles=triangles,
            uv=np.zeros((0, 2), np.float32),
            uv_triangles=triangles,
            labels=np.zeros(0, np.int8),
            texture=np.zeros((0, 0, 3), np.uint8),
            seen=np.zeros((0, 0), np.uint8),
            facing=plain,
            bare=plain,
            note=reason,
        )
