"""Parameters of the stage ``photo_texture``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..base.params import Section


class PhotoTextureParams(Section):
    """Projection of the photo into the UV layout."""

    size: Annotated[int, Field(ge=64, le=4096)] = 1024
    """Side of the texture in texels."""
