"""Parameters of the stage ``picture``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..base.params import Section

Size = Annotated[int, Field(ge=64, le=2048)]


class PictureParams(Section):
    """The photo redrawn (section 7.4); strokes and balance are those of ``texture``."""

    size: Size = 512
    """Longer side of the picture (pixels)."""
