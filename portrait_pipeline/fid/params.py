"""Parameters of the stage ``fid``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..base.params import Section


class FidParams(Section):
    """Comparison of all translation methods (Table 1)."""

    samples: Annotated[int, Field(ge=64, le=10_000)] = 500
    """Translations of held-out samples (paper: 500)."""
