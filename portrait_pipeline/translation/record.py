"""What the room ``translation`` leaves for those after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..base.artifacts import Record


@dataclass(frozen=True)
class TranslatedPair(Record):
    """l_x, l_y and l_z of the paper in the frontal view.

    Attributes:
        content, style, translated: (68, 2); content and translated in photo px, style in artwork px.
    """

    kind: ClassVar[str] = "translate"
    content: np.ndarray
    style: np.ndarray
    translated: np.ndarray
