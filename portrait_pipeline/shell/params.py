"""What a user may turn of the shell."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..base.params import Section


class ShellParams(Section):
    """Hair, hat, clothes and shoulders around the head."""

    density: Annotated[float, Field(ge=0.6, le=1.4, allow_inf_nan=False)] = 1.0
    """Vertices of the shell relative to the default (some 40 000, depending on the hair)."""
    relief: Annotated[float, Field(ge=0, le=3, allow_inf_nan=False)] = 1.0
    """How deep the photo's light and shade engrave strands and folds; 0 leaves the surface smooth."""
    size: Annotated[int, Field(ge=128, le=4096, multiple_of=64)] = 1024
    """Side of the shell's texture, texels."""
