"""The portrait while it is painted: one view, rasterised once, whose colours are looked up again and again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ..base.artifacts import atomic_path
from ..export.contact_sheet import tight_frame
from ..mesh.mesh import Mesh, join
from ..mesh.render import View, rasterise, sample_texture
from ..texture.optimisation_step import Optimisation
from ..texture.optimise import TextureRun

VIEW = View(-18.0, 2.0)
SIZE = 720
SECONDS, SHARE = 4.0, 0.04
"""Shortest time between two pictures, and the largest share of the time that they may cost."""


class Glimpse:
    """One orthographic view of meshes (head space, cm) whose textures change.

    Args:
        meshes: of all parts. size: side of the picture in pixels.
    """

    def __init__(self, meshes: Sequence[Mesh], size: int = SIZE) -> None:
        framing = tight_frame(np.concatenate([mesh.vertices for mesh in meshes]), [VIEW])
        seen = rasterise(join(meshes), VIEW, framing, size)
        ends = np.cumsum([len(mesh.triangles) for mesh in meshes])
        self.part = np.where(seen.triangle >= 0, np.searchsorted(ends, seen.triangle, side="right"), -1)
        self.uv, self.footprint = seen.uv, seen.footprint

    def picture(self, textures: Sequence[np.ndarray]) -> np.ndarray:
        """(size, size, 4) uint8 RGBA of textures (S, S, 3) uint8, one a mesh; transparent beside the portrait."""
        picture = np.zeros((*self.part.shape, 4), np.uint8)
        for number, texture in enumerate(textures):
            here = self.part == number
            picture[here, :3] = np.rint(sample_texture(texture, self.uv[here], self.footprint[here]))
            picture[here, 3] = 255
        return picture


def watched(path: Path, tell: Callable[[], None]) -> type[TextureRun]:
    """A :class:`~portrait_pipeline.texture.optimise.TextureRun` that writes a picture every few seconds.

    Args:
        path: of the picture (.webp), replaced each time. tell: called after each.
    """

    class Watched(TextureRun):
        glimpse: Glimpse | None = None
        due = 0.0

        def watch(self, optimisation: Optimisation) -> None:
            if time.monotonic() < self.due:
                return
            self.glimpse = self.glimpse or Glimpse(self.scenes[0].meshes)
            began = time.monotonic()
            textures = [
                (part[0].permute(1, 2, 0) * 255).round().clamp(0, 255).byte().cpu().numpy()
                for part in optimisation.textures
            ]
            save_picture(path, self.glimpse.picture(textures))
            now = time.monotonic()
            self.due = now + max(SECONDS, (now - began) / SHARE)
            tell()

    return Watched


def save_picture(path: Path, picture: np.ndarray) -> None:
    """Write an RGBA picture as WebP, atomically.

    Raises:
        OutputError: the disk refuses.
    """
    with atomic_path(path) as temporary:
        Image.fromarray(picture).save(temporary, format="WEBP", quality=88, method=2)
