"""All parameters of the pipeline: params.yaml as one typed object, and the table of what each means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from ..animation.params import AnimationParams
from ..base.errors import ParameterError
from ..base.params import Section, Seed, parse_yaml, read_params, validate
from ..deformation.params import DeformParams
from ..export.params import ExportParams
from ..fid.params import FidParams
from ..fit.params import FitParams
from ..landmarks.params import LandmarksParams, Pair, read_pairs
from ..photo_texture.params import PhotoTextureParams
from ..picture.params import PictureParams
from ..shapes.params import LandmarkSetsParams, ShapeSpaceParams
from ..shell.params import ShellParams
from ..texture.params import TextureParams
from ..translation.params import AutoencoderParams, TranslateParams, TranslationParams


class Params(Section):
    """All of params.yaml."""

    pairs: dict[str, Pair]
    """Name of the pair to its photo and artwork."""
    seed: Seed = 0
    """Seed of everything that is drawn: generated faces, splits, initial weights, views and samples."""
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
    shell: ShellParams = ShellParams()
    texture: TextureParams = TextureParams()
    animation: AnimationParams = AnimationParams()
    picture: PictureParams = PictureParams()
    export: ExportParams = ExportParams()


def load_params(path: str | Path = "params.yaml") -> Params:
    """Read and check params.yaml.

    Raises:
        ParameterError: missing file, bad YAML, unknown name, wrong type or value out of range.
    """
    values = read_params(path)
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
        if section == "pairs":
            continue
        if not isinstance(field.default, Section):
            yield section, _written(field.default), _allowed(field), str(field.description)
        else:
            for name, item in type(field.default).model_fields.items():
                yield f"{section}.{name}", _written(item.default), _allowed(item), str(item.description)


def describe() -> str:
    """The table of :func:`parameter_rows` as text."""
    return "\n".join(
        f"{name} = {default}{f' [{allowed}]' if allowed else ''}\n    {' '.join(meaning.split())}"
        for name, default, allowed, meaning in parameter_rows()
    )


def _written(value: Any) -> str:
    """A default as params.yaml has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _allowed(item: Any) -> str:
    """Range or choices of a pydantic field, in words."""
    kind = item.annotation
    if kind is bool:
        return "true | false"
    choices = get_args(kind)
    if get_origin(kind) is Literal:
        return " | ".join(choices)
    bounds = _bounds(item.metadata)
    if get_origin(kind) is list and hasattr(choices[0], "__metadata__"):
        each = [rule for part in choices[0].__metadata__ for rule in getattr(part, "metadata", [part])]
        bounds = [f"each {', '.join(_bounds(each))}"]
    return ", ".join(bounds)


def _bounds(rules: Sequence[Any]) -> list[str]:
    words = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    return [
        f"{sign} {getattr(rule, name)}"
        for rule in rules
        for name, sign in words.items()
        if getattr(rule, name, None) is not None
    ]


def with_overrides(params: Params, overrides: Sequence[str]) -> Params:
    """Apply ``section.name=value`` (and ``seed=value``) strings; values are read as YAML.

    Raises:
        ParameterError: no such parameter, or a value it does not allow.
    """
    values = params.model_dump()
    for override in overrides:
        name, separator, text = override.partition("=")
        section, _, key = name.rpartition(".")
        place = values.get(section) if section else values
        known = isinstance(place, dict) and section != "pairs" and not isinstance(place.get(key, {}), dict)
        if not (separator and known):
            raise ParameterError(f"-S {override}: no such parameter; `portrait params` lists them all")
        place[key] = parse_yaml(text, f"-S {override if len(override) <= 60 else override[:57] + '...'}")
    return validate(Params, values, "-S")
