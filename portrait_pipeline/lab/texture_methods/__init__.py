"""Methods of texture stylisation side by side: the paper's, and those it is held against (section 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...base.device import Hardware
from ...base.progress import Progress, silent
from ...mesh.render import View
from ...texture.optimise import TextureRun
from ...texture.params import TextureParams
from ...texture.result import Stylisation, run_method
from ...texture.shots import Directions
from ...texture.subject import Subject
from .gram import gram, image_gradients
from .joint import joint
from .two_step import two_step
from .uv_space import uv_space

_WINDOWS = 4  # where a scale shows parts of the head only, as many parts


class _Frontal(TextureRun):
    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.directions = Directions([View()] * _WINDOWS, [])


def single_view(
    subject: Subject,
    params: TextureParams,
    progress: Progress = silent,
    *,
    seed: int = 0,
    hardware: Hardware | None = None,
) -> Stylisation:
    """The paper's loop with one view from the front; what it does not show follows its neighbours on the surface."""
    return run_method(subject, params, progress, _Frontal, seed=seed, hardware=hardware)


METHODS: Mapping[str, Callable[..., Stylisation]] = {
    "multi_view": run_method,
    "two_step": two_step,
    "uv_space": uv_space,
    "single_view": single_view,
    "joint": joint,
    "gram": gram,
    "image_gradients": image_gradients,
}
"""Each: subject, section ``texture`` and progress in, texture (and perhaps moved vertices) out."""
