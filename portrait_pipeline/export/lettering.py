"""Letters in figures: DejaVu for what it has, another font of the machine for other scripts, never boxes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

from ..base.errors import MissingDependencyError

_NO_LETTERS = "lastresort"  # fonts that draw a box for every letter there is


@lru_cache(maxsize=16)
def label_font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib, so that every machine draws the same letters."""
    return ImageFont.truetype(_dejavu(bold), max(size, 6))


def lettering(text: str, size: int, bold: bool = False) -> tuple[str, ImageFont.FreeTypeFont]:
    """A text in one line, and a font that has all its letters.

    Where no font of the machine has them, they are left out; of a text that has lost half of its letters nothing is
    left.
    """
    text = " ".join(text.split())
    if not text.isascii():
        wanted = {ord(letter) for letter in text if not letter.isspace()}
        for path in _fonts(bold):
            if wanted <= _letters(path):
                return text, ImageFont.truetype(path, max(size, 6))
        known = "".join(letter for letter in text if letter.isspace() or ord(letter) in _letters(_dejavu(bold)))
        text = " ".join(known.split()) if 2 * _count(known) > _count(text) else ""
    return text, label_font(size, bold)


def _count(text: str) -> int:
    return sum(letter.isalnum() for letter in text)


def _dejavu(bold: bool) -> str:
    matplotlib = find_spec("matplotlib")  # found, not imported: that takes a while
    if matplotlib is None or matplotlib.origin is None:
        raise MissingDependencyError("matplotlib is not installed, whose fonts are used; pip install -e .")
    fonts = Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf"
    return str(fonts / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"))


def _fonts(bold: bool) -> Iterator[str]:
    """DejaVu, then the machine's fonts in the order of their names, those as bold as wanted first."""
    yield _dejavu(bold)

    from matplotlib.font_manager import findSystemFonts  # takes a while, and is seldom needed

    found = [path for path in findSystemFonts() if _NO_LETTERS not in Path(path).name.lower().replace("-", "")]
    yield from sorted(found, key=lambda path: (("bold" in Path(path).name.lower()) != bold, Path(path).name, path))


@lru_cache(maxsize=256)
def _letters(path: str) -> frozenset[int]:
    """Code points that a font has; none of a font that cannot be read."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()
