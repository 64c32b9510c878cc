"""Which views a scale looks at: its windows are drawn while it is built."""

from __future__ import annotations

from collections.abc import Sequence

from ..mesh.mesh import Mesh
from ..texture.rendering.base import RenderedViews, Renderer, Shot


class Recorder:
    """A renderer that hands its work on and remembers the last shots.

    Attributes:
        shots: of the last ``prepare``, one list for all meshes.
    """

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self.shots: list[Shot] = []
        self._sizes = (1, 1, 1)

    def prepare(
        self, meshes: Sequence[Mesh], shots: Sequence[Sequence[Shot]], size: int, texture_size: int, supersample: int
    ) -> RenderedViews:
        """See :class:`~portrait_pipeline.texture.rendering.base.Renderer`."""
        self.shots = [shot for group in shots for shot in group]
        self._sizes = size, texture_size, supersample
        return self._renderer.prepare(meshes, shots, *self._sizes)

    def again(self, mesh: Mesh) -> RenderedViews:
        """The last shots, all of one mesh."""
        return self._renderer.prepare([mesh], [self.shots], *self._sizes)
