"""What a sitter wears, in which colours and in which light."""

from __future__ import annotations

from dataclasses import dataclass

from .hair import Lock


@dataclass(frozen=True)
class Palette:
    """Colours as RGB in [0, 1]."""

    skin: tuple = (0.86, 0.63, 0.50)
    shadow: tuple = (0.42, 0.22, 0.20)
    light: tuple = (1.0, 0.93, 0.82)
    blush: tuple = (0.80, 0.36, 0.30)
    lips: tuple = (0.66, 0.26, 0.25)
    hair: tuple = (0.22, 0.13, 0.09)
    hair_light: tuple = (0.66, 0.44, 0.27)
    iris: tuple = (0.30, 0.42, 0.45)
    brow: tuple = (0.20, 0.12, 0.09)
    cloth: tuple = (0.20, 0.27, 0.38)
    cloth_light: tuple = (0.45, 0.55, 0.66)
    shirt: tuple = (0.90, 0.88, 0.84)
    background: tuple = (0.55, 0.52, 0.44)
    background_dark: tuple = (0.25, 0.26, 0.26)
    rim: tuple = (0.45, 0.58, 0.75)


@dataclass(frozen=True)
class Look:
    """What the sitter wears and how the study is lit.

    Attributes:
        locks: hair. collar: garment cut, one of "jacket", "crew", "vneck", "dress". age, stubble, makeup in [0, 1].
        brow: thickness. gaze: iris shift in eye widths. iris: size factor. earrings: colour of hoops.
        key: light direction.
    """

    palette: Palette
    locks: list[Lock]
    collar: str = "crew"
    age: float = 0.2
    stubble: float = 0.0
    makeup: float = 0.0
    brow: float = 1.0
    gaze: tuple[float, float] = (0.0, 0.0)
    iris: float = 1.0
    earrings: tuple[float, float, float] | None = None
    key: tuple[float, float, float] = (-0.55, 0.55, 0.65)
