"""What all mesh files of the project share: unit, texture files, checks before anything is written.

Files are in **metres** (head space is in centimetres), +y up and the face looking along +z, which is what glTF
prescribes and what puts the head at its natural size into Blender, whichever file is opened. Equal input gives equal
bytes: no dates, no random names.
"""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image

from .mesh import Mesh

METRES_PER_CM = 0.01


def png_bytes(texture: np.ndarray) -> bytes:
    """The PNG file of an RGB image (H, W, 3) uint8; errors as :func:`picture_bytes`."""
    return picture_bytes(texture, "PNG", compress_level=4)  # four times as fast as the best, and 1 % larger


@lru_cache(maxsize=16)  # a portrait's textures go into five files
def _encoded(pixels: bytes, shape: tuple[int, ...], format: str, options: tuple) -> bytes:
    stream = io.BytesIO()
    Image.frombytes("RGB", shape[1::-1], pixels).save(stream, format=format, **dict(options))
    return stream.getvalue()


def picture_bytes(texture: np.ndarray, format: str, **options: object) -> bytes:
    """The file of an RGB image (H, W, 3) uint8 in one of Pillow's formats.

    Raises:
        ValueError: another shape or type.
    """
    if texture.dtype != np.uint8 or texture.ndim != 3 or texture.shape[2] != 3:
        raise ValueError(f"an image must be (H, W, 3) uint8, not {texture.shape} {texture.dtype}")
    return _encoded(texture.tobytes(), texture.shape, format, tuple(sorted(options.items())))


def check_finite(mesh: Mesh) -> None:
    """Raises:
    ValueError: a vertex is not finite.
    """
    if not np.isfinite(mesh.vertices).all():
        raise ValueError("a vertex of the mesh is not finite, nothing was written")
