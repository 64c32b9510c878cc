"""Expressions by name as a person writes them: ARKit's names, a few everyday words, both sides at once."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ..base.errors import ParameterError

ALIASES: Mapping[str, tuple[str, ...]] = {
    "smile": ("mouthSmileLeft", "mouthSmileRight"),
    "frown": ("mouthFrownLeft", "mouthFrownRight"),
    "pucker": ("mouthPucker",),
    "blink": ("eyeBlinkLeft", "eyeBlinkRight"),
    "wink": ("eyeBlinkLeft",),
    "browUp": ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    "squint": ("eyeSquintLeft", "eyeSquintRight"),
    "sneer": ("noseSneerLeft", "noseSneerRight"),
    "lookUp": ("eyeLookUpLeft", "eyeLookUpRight"),
    "lookDown": ("eyeLookDownLeft", "eyeLookDownRight"),
    "lookLeft": ("eyeLookOutLeft", "eyeLookInRight"),
    "lookRight": ("eyeLookInLeft", "eyeLookOutRight"),
}
"""Everyday word to ARKit names; left and right are the subject's."""


def known_names(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Everything that may be written: each name itself, names without their side, and the aliases that apply."""
    known = {name: (name,) for name in names}
    for name in names:
        both = name.removesuffix("Left"), name.removesuffix("Right")
        stem = min(both, key=len)
        pair = (f"{stem}Left", f"{stem}Right")
        if stem and set(pair) <= set(names) and stem not in known:
            known[stem] = pair
    return {alias: parts for alias, parts in ALIASES.items() if set(parts) <= set(names)} | known


def parse_expressions(items: Iterable[str], names: Sequence[str]) -> dict[str, float]:
    """Read ``name=value`` items, separated by commas or given one by one; a later one wins.

    Args:
        items: such as ``jawOpen=0.6,smile=0.4``.
        names: the expressions of the head.

    Returns:
        Name (one of ``names``) to coefficient.

    Raises:
        ParameterError: no ``=``, an unknown name (the nearest ones are told), or a value that is not from 0 to 1.
    """
    known = known_names(names)
    result: dict[str, float] = {}
    for item in (part.strip() for text in items for part in text.split(",")):
        name, separator, text = (part.strip() for part in item.partition("="))
        if not (name and separator):
            raise ParameterError(f"--expression: '{item[:60]}' must be NAME=VALUE, such as smile=0.4")
        if name not in known:
            raise ParameterError(f"--expression: no expression is called '{name[:60]}'; {nearest(name, known)}")
        result |= dict.fromkeys(known[name], _coefficient(name, text))
    return result


def _coefficient(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise ParameterError(f"--expression: {name} is '{text[:40]}'; it must be a number from 0 (none) to 1 (full)")
    return value


def nearest(name: str, known: Iterable[str]) -> str:
    """What to tell about an unknown name: the most similar ones, or how to list all."""
    lower = {word.lower(): word for word in known}
    close = difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.5)
    close += [word for word in lower if name.lower() in word and word not in close][: 3 - len(close)]
    if not close:
        return "`portrait pose --list HEAD` shows all names"
    return f"did you mean {' or '.join(lower[word] for word in close)}?"


def as_vector(values: Mapping[str, float], names: Sequence[str], start: np.ndarray) -> np.ndarray:
    """Coefficients (E,) float64: ``start`` with the named ones replaced."""
    return np.array([values.get(name, old) for name, old in zip(names, start, strict=True)], float)
