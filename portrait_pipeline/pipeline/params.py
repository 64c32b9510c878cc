"""All parameters of the pipeline: params.yaml as one typed object, and the table of what each means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ..animation.params import AnimationParams
from ..base.errors import ParameterError
from ..base.params import Section, read_yaml, validate
from ..deformation.params import DeformParams
from ..export.params import ExportParams
from ..fid.params import FidParams
from ..fit.params import FitParams
from ..landmarks.params import LandmarksParams, Pair, read_pairs
from ..photo_texture.params import PhotoTextureParams
from ..shapes.params import LandmarkSetsParams, ShapeSpaceParams
from ..texture.params import TextureParams
from ..translation.params import AutoencoderParams, TranslateParams, TranslationParams


class Params(Section):
    """All of params.yaml."""

    pairs: dict[str, Pair]
    """Name of the pair to its photo and artwork."""
    landmark_sets: LandmarkSetsParams = LandmarkSetsParams()
    shape_space: ShapeSpaceParams = ShapeSpaceParams()
    autoencoder: AutoencoderParams = AutoencoderParams()
    translation: TranslationParams = TranslationParams()
    fid: FidParams = FidParams()
    landmarks: LandmarksParams = LandmarksParams()
    fit: FitParams = FitParams()
    translate: TranslateParams = TranslateParams()
    deform: DeformParams = DeformParams()
    photo_texture: PhotoTextureParams = PhotoTextureParams()
    texture: TextureParams = TextureParams()
    animation: AnimationParams = AnimationParams()
    export: ExportParams = ExportParams()


def load_params(path: str | Path = "params.yaml") -> Params:
    """Read and check params.yaml.

    Raises:
        ParameterError: missing file, bad YAML, unknown name, wrong type or value out of range.
    """
    values = read_yaml(path)
    return validate(Params, values | {"pairs": read_pairs(values, path)}, str(path))


def project_params(project: Path, overrides: Sequence[str] = ()) -> Params:
    """The parameters of the project at a folder, or the defaults where it has no params.yaml, with ``overrides``.

    Raises:
        ParameterError: as :func:`load_params` and :func:`with_overrides`.
    """
    file = project / "params.yaml"
    return with_overrides(load_params(file) if file.is_file() else Params(pairs={}), overrides)


def parameter_rows() -> Iterator[tuple[str, str, str, str]]:
    """Name, default, allowed values and meaning of every parameter except ``pairs``."""
    for section, field in Params.model_fields.items():
        if section != "pairs":
            for name, item in type(field.default).model_fields.items():
                yield f"{section}.{name}", str(item.default), _allowed(item), str(item.description)


def describe() -> str:
    """The table of :func:`parameter_rows` as text."""
    return "\n".join(
        f"{name} = {default}{f' [{allowed}]' if allowed else ''}\n    {' '.join(meaning.split())}"
        for name, default, allowed, meaning in parameter_rows()
    )


def _allowed(item: Any) -> str:
    """Range or choices of a pydantic field, in words."""
    choices = getattr(item.annotation, "__args__", ())
    if choices and all(isinstance(choice, str) for choice in choices):
        return " | ".join(choices)
    words = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    bounds = [
        f"{sign} {getattr(rule, name)}"
        for rule in item.metadata
        for name, sign in words.items()
        if getattr(rule, name, None) is not None
    ]
    return ", ".join(bounds)


def with_overrides(params: Params, overrides: Sequence[str]) -> Params:
    """Apply ``section.name=value`` strings; values are read as YAML.

    Raises:
        ParameterError: no such parameter, or a value it does not allow.
    """
    values = params.model_dump()
    for override in overrides:
        name, separator, text = override.partition("=")
        section, dot, key = name.partition(".")
        if not (separator and dot) or section == "pairs" or section not in values or key not in values[section]:
            raise ParameterError(f"-S {override}: no such parameter; `portrait params` lists them all")
        try:
            values[section][key] = YAML(typ="safe", pure=True).load(text)
        except YAMLError as error:
            reason = " ".join(str(error).split())
            raise ParameterError(f"-S {override}: the value is not valid YAML ({reason})") from error
    return validate(Params, values, "-S")
