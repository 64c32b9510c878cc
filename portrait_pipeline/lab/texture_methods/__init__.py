"""Methods of texture stylisation side by side: the paper's, and those it is held against (section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ...base.device import Hardware
from ...base.progress import Progress, silent
from ...texture.params import TextureParams
from ...texture.result import Stylisation
from ...texture.subject import Subject
from .joint import joint
from .multi_view import multi_view
from .single_view import single_view
from .two_step import two_step
from .uv_space import uv_space


class Method(Protocol):
    """A method: head and artwork in, texture (and perhaps moved vertices) out."""

    def __call__(
        self,
        subject: Subject,
        params: TextureParams,
        progress: Progress = silent,
        *,
        seed: int = 0,
        hardware: Hardware | None = None,
    ) -> Stylisation: ...


METHODS: Mapping[str, Method] = {
    "multi_view": multi_view,
    "two_step": two_step,
    "uv_space": uv_space,
    "single_view": single_view,
    "joint": joint,
}
"""Methods by name."""

__all__ = ["METHODS", "Method", "Stylisation"]
