"""Masks: what somebody drew over a picture, in the colours of :data:`.parts.PALETTE`, wins over the network's parts."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ..base import images
from ..base.errors import InputFileError
from .files import find_mask
from .parts import labelled

_ASPECT = 0.01  # relative difference of width over height up to which a mask belongs to a picture


def read_mask(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """The part (H, W) that somebody drew at each pixel of a picture of ``shape`` (height, width), or None.

    Raises:
        InputFileError: the mask beside the picture cannot be read, or is of another shape.
    """
    file = find_mask(path)
    if file is None:
        return None
    mask = images.load_image(file)
    height, width = shape[:2]
    if abs(mask.shape[1] / mask.shape[0] * height / width - 1) > max(_ASPECT, 2 / min(shape[:2])):
        raise InputFileError(
            f"{file}: {mask.shape[1]} x {mask.shape[0]} pixels are another shape than the picture's; draw it over the "
            "picture at its full size"
        )
    return cv2.resize(labelled(mask), (width, height), interpolation=cv2.INTER_NEAREST)
