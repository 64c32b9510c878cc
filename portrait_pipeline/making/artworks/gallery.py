"""How an artwork is drawn and saved."""

from __future__ import annotations

import zlib
from importlib import import_module
from pathlib import Path

import numpy as np
from PIL import Image

from ...head.model import FaceModel
from .cast import sitter_of
from .scene import stage

SIZE = 768
LARGEST_FILE = 600_000  # bytes


def draw(name: str, model: FaceModel, size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """Draw one artwork.

    Returns:
        The picture, (size, size, 3) uint8 RGB, and its 68 landmarks (68, 2) in px (iBUG order, continuous image
        coordinates). The same name, model and size give the same bytes.

    Raises:
        KeyError: no artwork of that name.
    """
    sitter, look, style = sitter_of(name)
    seed = zlib.crc32(name.encode())
    scene = stage(sitter, look, model, size, np.random.default_rng([seed, 1]))
    picture = import_module(f".styles.{style}", __package__).render(scene, np.random.default_rng([seed, 2]))
    return np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8), scene.posed.points


def save(folder: Path, name: str, picture: np.ndarray, points: np.ndarray) -> Path:
    """Write ``<name>.png`` (palette colours when true colour would be too large) and ``<name>.pts``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    image = Image.fromarray(picture)
    image.save(path, optimize=True)
    for colours in (256, 160, 96):
        if path.stat().st_size > LARGEST_FILE:  # dithering would add noise that a style transfer copies
            image.quantize(colours, Image.Quantize.MEDIANCUT, 2, None, Image.Dither.NONE).save(path, optimize=True)
    rows = "\n".join(f"{x:.2f} {y:.2f}" for x, y in points)
    (folder / f"{name}.pts").write_text(f"version: 1\nn_points: {len(points)}\n{{\n{rows}\n}}\n")
    return path
