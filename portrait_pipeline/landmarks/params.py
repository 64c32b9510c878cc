"""Parameters of the stage ``landmarks``, and the pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from ..base.errors import ParameterError
from ..base.params import PAIR_NAME, PAIR_NAME_RULE, Section, read_params, validate


class Pair(Section):
    """One photo and one artwork."""

    photo: str
    """Portrait photo: a path from the project root, or ``sample:<name>``."""
    more_photos: Annotated[list[str], Field(max_length=64)] = []
    """Further photos (or video frames) of the same person: they share its identity in the fit and fill its texture."""
    art: str
    """Portrait artwork: a path from the project root, or ``sample:<name>``."""
    shell: Literal["auto", "none"] = "auto"
    """Hair, hat and shoulders around the head: found in the photo, or left out."""


class LandmarksParams(Section):
    """Landmark detection on a photo and an artwork."""

    detector: Literal["ours", "dlib"] = "ours"
    """``ours``: the bundled network; ``dlib``: the paper's detector. Points in a file beside a picture win."""
    max_side: Annotated[int, Field(ge=128, le=8192)] = 1600
    """Images are reduced to this longer side (pixels) before anything else."""


def read_pairs(values: dict[str, Any], path: str | Path) -> dict[str, Pair]:
    """The pairs among the plain values of a params.yaml.

    Raises:
        ParameterError: a name that is no file name, or a pair that is not two pictures.
    """
    pairs = values.get("pairs")
    if not isinstance(pairs, dict):
        raise ParameterError(f"{path}: parameter 'pairs' is missing, or is not a mapping from names to photo and art")
    known: dict[str, str] = {}
    for name in pairs:
        if not isinstance(name, str) or not PAIR_NAME.fullmatch(name):
            raise ParameterError(f"{path}: pair name {name!r} is not allowed: {PAIR_NAME_RULE}")
        if known.setdefault(name.lower(), name) != name:  # many file systems do not tell them apart
            raise ParameterError(
                f"{path}: pairs '{known[name.lower()]}' and '{name}' differ in capitals only; rename one of them"
            )
    return {name: validate(Pair, pair, str(path), f"pairs.{name}.") for name, pair in pairs.items()}


def load_pair(name: str, path: str | Path = "params.yaml") -> Pair:
    """The pair called ``name``.

    Raises:
        ParameterError: no such pair, or a params.yaml that cannot be used.
    """
    pairs = load_pairs(path)
    if name not in pairs:
        raise ParameterError(f"pair '{name}' is not in params.yaml; known pairs: {', '.join(pairs) or 'none'}")
    return pairs[name]


def load_pairs(path: str | Path = "params.yaml") -> dict[str, Pair]:
    """All pairs of a params.yaml, by name.

    Raises:
        ParameterError: as :func:`read_pairs`.
    """
    return read_pairs(read_params(path), path)
