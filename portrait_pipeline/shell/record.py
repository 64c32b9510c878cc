"""The shell as a record that stages pass on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Self

import numpy as np

from ..base.artifacts import Record
from ..base.errors import ArtifactError
from ..base.layout import Array
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
    vertices: Annotated[np.ndarray, Array("f", "V2", 3)]
    triangles: Annotated[np.ndarray, Array("iu", "F", 3)]
    uv: Annotated[np.ndarray, Array("f", "T", 2)]
    uv_triangles: Annotated[np.ndarray, Array("iu", "F", 3)]
    labels: Annotated[np.ndarray, Array("int8", "V2")]
    texture: Annotated[np.ndarray, Array("uint8", "S", "S", 3)]
    seen: Annotated[np.ndarray, Array("uint8", "S", "S")]
    facing: Annotated[np.ndarray, Array("f", "V2")]
    bare: Annotated[np.ndarray, Array("f", "B")]
    note: str

    def flaw(self) -> str | None:
        """See :meth:`portrait_pipeline.base.artifacts.Record.flaw`."""
        for name, ids, count in (
            ("triangles", self.triangles, len(self.vertices)),
            ("uv_triangles", self.uv_triangles, len(self.uv)),
        ):
            if ids.size and not (ids.min() >= 0 and ids.max() < count):
                return f"'{name}' has ids from {ids.min()} to {ids.max()}, expected 0 to {count - 1}"
        if self.labels.size and not (self.labels.min() >= HAIR and self.labels.max() <= SKIN):
            return f"'labels' has {self.labels.min()} to {self.labels.max()}, expected {HAIR} to {SKIN}"
        if len({bool(part.size) for part in (self.vertices, self.triangles, self.uv, self.texture, self.bare)}) > 1:
            return "some of its arrays are empty"
        return None

    @classmethod
    def load(cls, path: str | Path, **lengths: int) -> Self:
        """As :meth:`portrait_pipeline.base.artifacts.Record.load`; V, the head's, counts where there is a shell."""
        shell = super().load(path)
        if shell.exists and lengths.get("V", len(shell.bare)) != len(shell.bare):
            raise ArtifactError(f"{path}: made for a head of {len(shell.bare)} vertices; delete it and run `dvc repro`")
        return shell

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
