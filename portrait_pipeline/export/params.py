"""Parameters of the stage ``export``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..base.params import Section


class ExportParams(Section):
    """What a person opens."""

    turntable_frames: Annotated[int, Field(ge=1, le=720)] = 36
    """Frames of the turntable GIF."""
    turntable_size: Annotated[int, Field(ge=64, le=2048)] = 320
    """Side of the turntable in pixels."""
