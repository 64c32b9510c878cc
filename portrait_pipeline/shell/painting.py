"""The shell's photo texture: the pictures of front and back brought into its UV layout."""

from __future__ import annotations

import cv2
import numpy as np

from ..mesh.mesh import Mesh
from ..mesh.texels import texel_map
from .lookup import Lookup
from .pictures import FINER, Pictures
from .relief import strand_at

_BLEND = 6.0  # canvas px about the middle plane over which front turns into back


def paint(mesh: Mesh, lookup: Lookup, pictures: Pictures, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Texture (S, S, 3) uint8 RGB, row 0 on top, and how far each texel is the photo itself, (S, S) float32.

    Args:
        mesh: the shell with its UV. lookup: of its vertices.
    """
    texels = texel_map(mesh, size)
    columns = np.stack([lookup.x, lookup.y, lookup.before, lookup.grazing, strand_at(pictures, lookup)], axis=1)
    x, y, before, grazing, grain = np.moveaxis(texels.interpolate(mesh.triangles, columns), -1, 0)
    ahead = np.clip(0.5 + before / _BLEND, 0, 1)[..., None].astype(np.float32)

    def seen(picture: np.ndarray) -> np.ndarray:
        return cv2.remap(
            picture.astype(np.float32),
            (x * FINER - 0.5).astype(np.float32),
            (y * FINER - 0.5).astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )

    def both(front: np.ndarray, back: np.ndarray) -> np.ndarray:
        share = ahead if front.ndim == 3 else ahead[..., 0]
        return seen(front) * share + seen(back) * (1 - share)

    broad, strength = both(pictures.front_broad, pictures.back_broad), both(pictures.front_grain, pictures.back_grain)
    shade = strength * grain / np.maximum(broad.mean(axis=-1), 8)
    side = broad * (1 + shade[..., None])
    glance = grazing[..., None]
    colour = both(pictures.front, pictures.back) * (1 - glance) + side * glance
    photo = seen(pictures.photo) * ahead[..., 0] * (1 - grazing)
    return np.clip(np.rint(colour), 0, 255).astype(np.uint8), photo.astype(np.float32)
