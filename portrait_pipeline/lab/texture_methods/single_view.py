"""Only the frontal view is optimised; what it does not show follows its neighbours on the surface."""

from __future__ import annotations

from ...base.device import Hardware
from ...base.progress import Progress, silent
from ...mesh.render import View
from ...texture.optimise import Work
from ...texture.params import TextureParams
from ...texture.result import Stylisation, run_method
from ...texture.subject import Subject

_WINDOWS = 4  # where a scale shows parts of the head only, as many parts


class _Frontal(Work):
    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.front, self.surround = [View()] * _WINDOWS, []


def single_view(
    subject: Subject,
    params: TextureParams,
    progress: Progress = silent,
    *,
    seed: int = 0,
    hardware: Hardware | None = None,
) -> Stylisation:
    """As the paper's loop with one view from the front; ``texture.views`` and the like have no effect."""
    return run_method(subject, params, progress, _Frontal, seed=seed, hardware=hardware)
