"""Typed parameters: what every section of a params.yaml has in common, and how one is read.

The classes refuse strings for numbers (DVC writes ``1e-05``, which YAML 1.1 reads as a string; ruamel.yaml reads
YAML 1.2), NaN, unknown names and values out of range. Each room has its sections in its own ``params.py``, with one
line of documentation under each field and the defaults, which stand nowhere else. What machine computes is no
parameter, see :mod:`.device`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from .errors import ParameterError

SECTIONS = (
    "pairs",
    "seed",
    "landmark_sets",
    "shape_space",
    "autoencoder",
    "translation",
    "fid",
    "landmarks",
    "fit",
    "translate",
    "deform",
    "photo_texture",
    "shell",
    "texture",
    "animation",
    "picture",
    "export",
)
"""All that may stand at the top of the project's params.yaml: a stage reads its own section and no other, yet must not
take a misspelt one for one that was left out."""

PAIR_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
PAIR_NAME_RULE = "letters, digits, '-' and '_' only, the first a letter or digit, at most 64"


Seed = Annotated[int, Field(ge=0, lt=2**32)]


Count = Annotated[int, Field(ge=1)]


Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


Source = Annotated[str, Field(min_length=1, max_length=4096)]


Sources = Source | Annotated[list[Source], Field(min_length=1, max_length=64)]


class Section(BaseModel):
    """Base of every section: strict types, no unknown names, immutable, fields documented by their docstrings."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


S = TypeVar("S", bound=Section)


def validate(section: type[S], values: Any, where: str, prefix: str = "") -> S:
    """Build a section from plain values.

    Args:
        section: class to build.
        values: mapping of field names to values.
        where: beginning of messages, such as ``params.yaml``. prefix: of the names in them, such as ``texture.``.

    Raises:
        ParameterError: one line naming the parameter, the bad value and what is allowed.
    """
    try:
        return section.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = prefix + ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise ParameterError(f"{where}: unknown parameter '{name}'; remove it or mend its spelling") from None
        if first["type"] == "missing":
            raise ParameterError(f"{where}: parameter '{name}' is missing") from None
        value = repr(first["input"])
        value = value if len(value) <= 60 else value[:57] + "..."
        raise ParameterError(f"{where}: {name} is {value}, which is not allowed: {first['msg']}") from None


def parse_yaml(text: str, where: str) -> Any:
    """The plain value of a YAML text.

    Args:
        where: beginning of messages: a file, or what was typed.

    Raises:
        ParameterError: it is not YAML, or nested too deeply.
    """
    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise ParameterError(f"{where}: not valid YAML ({' '.join(str(error).split())})") from error
    except RecursionError:
        raise ParameterError(f"{where}: not valid YAML (nested too deeply); write it with fewer brackets") from None


def read_yaml(path: str | Path) -> dict[str, Any]:
    """The plain values of a params.yaml.

    Raises:
        ParameterError: missing file, or not a YAML mapping.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ParameterError(f"{path}: missing; run in the project's root folder") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path}: cannot be read ({error})") from error
    values = parse_yaml(text, str(path))
    values = {} if values is None else values
    if not isinstance(values, dict):
        raise ParameterError(f"{path}: must be a mapping of sections, not {type(values).__name__}")
    return values


def read_params(path: str | Path = "params.yaml") -> dict[str, Any]:
    """The plain values of the project's params.yaml, under the names of ``SECTIONS``.

    Raises:
        ParameterError: as :func:`read_yaml`, or a section of another name.
    """
    values = read_yaml(path)
    for name in values:
        if name not in SECTIONS:
            raise ParameterError(f"{path}: unknown parameter '{name}'; remove it or mend its spelling")
    return values


def load_section(section: type[S], name: str, path: str | Path = "params.yaml") -> S:
    """Read one section of the project's params.yaml, all that a stage needs; left out, it has its defaults.

    Raises:
        ParameterError: missing file, bad YAML, unknown name, wrong type or value out of range.
    """
    values = read_params(path).get(name)
    return validate(section, {} if values is None else values, str(path), f"{name}.")


class _Seeded(Section):
    seed: Seed = 0


def load_seed(path: str | Path = "params.yaml") -> int:
    """The project's one seed: every stage that draws makes a generator of its own from it.

    Raises:
        ParameterError: as :func:`load_section`.
    """
    values = read_params(path)
    return validate(_Seeded, {"seed": values["seed"]} if "seed" in values else {}, str(path)).seed
