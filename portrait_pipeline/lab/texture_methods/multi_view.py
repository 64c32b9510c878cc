"""The paper's method: one loop over many views, straight on the texture (section 5.1)."""

from __future__ import annotations

from ...base.progress import Progress, silent
from ...texture.params import TextureParams
from ...texture.result import Stylisation, run_method
from ...texture.subject import Subject


def multi_view(subject: Subject, params: TextureParams, progress: Progress = silent) -> Stylisation:
    """See :func:`~portrait_pipeline.texture.optimise.stylise_together`."""
    return run_method(subject, params, progress)
