"""One mesh with a texture of its own among those that are painted together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base.errors import ParameterError
from ..mesh.mesh import Mesh


@dataclass(frozen=True)
class Part:
    """A head, or the shell about it.

    Attributes:
        mesh: deformed, with UV, head space.
        photo: (S, S, 3) uint8 RGB, the photo in the UV layout: content and start.
        labels: (S, S) uint8 regions; see :mod:`portrait_pipeline.regions.labels`.
        trust: (S, S) bool, where the photo really shows something that is worth keeping; None is everywhere.
        covered: (S, S) bool, false in the gaps of the layout; None is everywhere.
        guide: (S, S, 3) uint8 RGB, what the part should look like in the end as far as guided, (S, S) uint8 from 0 to
            255, says; None is no guide.
    """

    mesh: Mesh
    photo: np.ndarray
    labels: np.ndarray
    trust: np.ndarray | None = None
    covered: np.ndarray | None = None
    guide: np.ndarray | None = None
    guided: np.ndarray | None = None

    @property
    def size(self) -> int:
        """S, side of the texture."""
        return len(self.photo)

    def check(self) -> None:
        """Whether the texture is one.

        Raises:
            ParameterError: it is not a square uint8 image.
        """
        photo = self.photo
        if photo.ndim != 3 or photo.shape[2] != 3 or photo.shape[0] != photo.shape[1] or photo.dtype != np.uint8:
            raise ParameterError(
                f"photo texture is {photo.dtype} of shape {photo.shape}: it must be a square uint8 RGB image"
            )
