"""The paper's method: one loop over many views, straight on the texture (section 5.1)."""

from __future__ import annotations

from ...base.device import Hardware
from ...base.progress import Progress, silent
from ...texture.params import TextureParams
from ...texture.result import Stylisation, run_method
from ...texture.subject import Subject


def multi_view(
    subject: Subject,
    params: TextureParams,
    progress: Progress = silent,
    *,
    seed: int = 0,
    hardware: Hardware | None = None,
) -> Stylisation:
    """See :func:`~portrait_pipeline.texture.optimise.stylise_together`."""
    return run_method(subject, params, progress, seed=seed, hardware=hardware)
