"""From what a user writes for a picture (a path or ``sample:<name>``) to a file.

No photo of a person is bundled: the two sample photos are files of scikit-image and matplotlib, found where
those packages are installed, without importing more than needed and without the network.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ..base.errors import MissingDependencyError, ParameterError
from ..base.files import check_path

PREFIX = "sample:"
ASSETS = Path(__file__).resolve().parent / "assets"


class Source(NamedTuple):
    """A picture: its file, and a short name for titles and messages."""

    path: Path
    name: str


class SampleNames(NamedTuple):
    """Names accepted after ``sample:``."""

    photos: tuple[str, ...]
    artworks: tuple[str, ...]


def sample_names() -> SampleNames:
    """Names of the sample photos and of the bundled artworks, each in alphabetical order."""
    return SampleNames(tuple(sorted(_PHOTOS)), tuple(sorted(path.stem for path in ASSETS.glob("*.png"))))


def resolve(spec: str, root: str | Path = ".") -> Source:
    """Find the file that a user means.

    Args:
        spec: ``sample:<name>``, or a path: absolute, from the home folder (``~/``) or from ``root``. A path
            may lead anywhere the user may read; whether the file is there and is a picture is for
            ``load_image`` to say.
        root: folder of relative paths, usually that of params.yaml.

    Raises:
        ParameterError: unknown sample, empty text or an impossible path.
        MissingDependencyError: the package that holds a sample photo lacks it.
    """
    if not spec.strip() or "\0" in spec:
        raise ParameterError(f"picture {spec!r} is not a path; give a file or {PREFIX}<name>")
    if spec.startswith(PREFIX):
        name = spec[len(PREFIX) :]
        return Source(_sample_path(name), name)
    path = check_path(spec, "picture")
    return Source(path if path.is_absolute() else Path(root) / path, path.stem)


def _sample_path(name: str) -> Path:
    names = sample_names()
    if name in names.photos:
        path = _PHOTOS[name]()
        if not path.is_file():
            raise MissingDependencyError(f"{PREFIX}{name}: {path} is missing; reinstall the package that holds it")
        return path
    if name in names.artworks:
        return ASSETS / f"{name}.png"
    raise ParameterError(
        f"{PREFIX}{name}: no such sample; photos: {', '.join(names.photos)}; artworks: "
        f"{', '.join(names.artworks) or 'none'}"
    )


def _astronaut() -> Path:
    return _package_folder("skimage", "scikit-image") / "data" / "astronaut.png"


def _hopper() -> Path:
    return _package_folder("matplotlib", "matplotlib") / "mpl-data" / "sample_data" / "grace_hopper.jpg"


def _package_folder(module: str, package: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise MissingDependencyError(f"package {package} is not installed; run `pip install {package}`")
    return Path(next(iter(spec.submodule_search_locations)))


_PHOTOS: dict[str, Callable[[], Path]] = {"astronaut": _astronaut, "hopper": _hopper}
