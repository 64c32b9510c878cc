"""The list of artworks, and how one is drawn and saved."""

from __future__ import annotations

import zlib
from importlib import import_module
from pathlib import Path

import numpy as np

from ...head.model import FaceModel
from . import sitters
from .scene import stage

# name -> (sitter and look, style module)
ARTWORKS = {
    "ink_caricature": (sitters.INK, "ink"),
    "oil_strokes": (sitters.OIL, "oil"),
    "halftone_poster": (sitters.HALFTONE, "halftone"),
    "stained_glass": (sitters.GLASS, "glass"),
    "woodcut": (sitters.WOODCUT, "woodcut"),
    "watercolour": (sitters.WATERCOLOUR, "watercolour"),
    "mosaic": (sitters.MOSAIC, "mosaic"),
    "pastel": (sitters.PASTEL, "pastel"),
}
SIZE = 768
LARGEST_FILE = 600_000  # bytes


def draw(name: str, model: FaceModel, size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """Draw one artwork.

    Returns:
        The picture, (size, size, 3) uint8 RGB, and its 68 landmarks (68, 2) in px (iBUG order, continuous
        image
        coordinates). The same name, model and size give the same bytes.

    Raises:
        KeyError: no artwork of that name.
    """
    (sitter, look), style = ARTWORKS[name]
    seed = zlib.crc32(name.encode())
    scene = stage(sitter, look, model, size, np.random.default_rng([seed, 1]))
    picture = import_module(f".styles.{style}", __package__).render(scene, np.random.default_rng([seed, 2]))
    return np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8), scene.posed.points


def points_text(points: np.ndarray) -> str:
    """The landmarks (68, 2) px as the text of a .pts file (continuous image coordinates)."""
    rows = "\n".join(f"{x:.2f} {y:.2f}" for x, y in points)
    return f"version: 1\nn_points: {len(points)}\n{{\n{rows}\n}}\n"


def save(folder: Path, name: str, picture: np.ndarray, points: np.ndarray) -> Path:
    """Write ``<name>.png`` (palette colours when true colour would be too large) and ``<name>.pts``."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    image = Image.fromarray(picture)
    for colours in (None, 256, 160, 96):
        # Dithering would add noise that a style transfer copies.
        reduced = (
            image if colours is None else image.quantize(colours, Image.Quantize.MEDIANCUT, 2, None, Image.Dither.NONE)
        )
        reduced.save(path, optimize=True)
        if path.stat().st_size <= LARGEST_FILE:
            break
    (folder / f"{name}.pts").write_text(points_text(points))
    return path
