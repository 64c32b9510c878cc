"""Which views a scale looks at: its windows are drawn while it is built."""

from __future__ import annotations

from collections.abc import Sequence

from ..mesh.mesh import Mesh
from ..texture.rendering.base import RenderedViews, Renderer, Shot


class Recorder:
    """A renderer that hands its work on and remembers the last shots.

    Attributes:
        shots: of the last ``prepare``, one list for all scenes.
    """

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self.shots: list[Shot] = []
        self._sizes: tuple[int, Sequence[int], int] = (1, (1,), 1)

    def prepare(
        self,
        scenes: Sequence[Sequence[Mesh]],
        shots: Sequence[Sequence[Shot]],
        size: int,
        texture_sizes: Sequence[int],
        supersample: int,
    ) -> RenderedViews:
        """See :class:`~portrait_pipeline.texture.rendering.base.Renderer`."""
        self.shots = [shot for group in shots for shot in group]
        self._sizes = size, texture_sizes, supersample
        return self._renderer.prepare(scenes, shots, *self._sizes)

    def again(self, meshes: Sequence[Mesh]) -> RenderedViews:
        """The last shots, all of one scene."""
        return self._renderer.prepare([meshes], [self.shots], *self._sizes)
