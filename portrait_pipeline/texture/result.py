"""What every method of texture stylisation gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..base.device import Hardware
from ..base.progress import Progress, silent
from .optimise import History, TextureRun, stylise_together
from .params import TextureParams
from .subject import Subject


@dataclass(frozen=True)
class Stylisation:
    """A stylised head, and what is about it.

    Attributes:
        textures: (S, S, 3) uint8 RGB of each part, the head's first.
        history: one record a step: step, scale, loss, content, emd, moments, colour.
        vertices: (V, 3) head space, cm, where the method moved them; None where the geometry stayed as it was.
    """

    textures: list[np.ndarray]
    history: History
    vertices: np.ndarray | None = None

    @property
    def texture(self) -> np.ndarray:
        """(S, S, 3) uint8 RGB, the head's."""
        return self.textures[0]


def run_method(
    subject: Subject,
    params: TextureParams,
    progress: Progress = silent,
    work: Callable[..., TextureRun] | None = None,
    *,
    seed: int = 0,
    hardware: Hardware | None = None,
) -> Stylisation:
    """The stylisation of one subject by some kind of :class:`~portrait_pipeline.texture.optimise.TextureRun`.

    Raises:
        PortraitError: as :func:`~portrait_pipeline.texture.optimise.stylise_together`.
    """
    ((textures, history),) = stylise_together([subject], params, progress, work, seed=seed, hardware=hardware)
    return Stylisation(textures, history)
