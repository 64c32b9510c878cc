"""What a perceptual study is made of: finished heads with their photo and artwork, and pools of similar pictures.

Heads come from a project (its params.yaml names photo and artwork of each pair, ``data/results`` holds the heads) or
from a table: a CSV file with the columns ``result,photo,art``, paths from the table's folder or ``sample:<name>``.
Of a result folder head.obj is read (its vertices keep the model's order, which a GLB reader may not) and texture.png.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...base import images
from ...base.errors import InputFileError
from ...base.stage import Layout
from ...head.model import FaceModel
from ...mesh.files import METRES_PER_CM
from ...mesh.obj import TEXTURE_NAME
from ...perception.detector import locate
from ...pipeline.params import load_params
from ...samples.sources import resolve
from ...shapes.collection import IMAGE_SUFFIXES, MAX_SIDE
from .answers import Portrait, Study, StyledHead

COLUMNS = ("result", "photo", "art")
Notify = Callable[[str], None]


@dataclass(frozen=True)
class HeadSource:
    """Where a head and its two pictures lie; ``name`` is that of the pair or of the result folder."""

    name: str
    result: Path
    photo: Path
    art: Path


def find_heads(source: Path) -> list[HeadSource]:
    """The heads of a project folder or a table.

    Raises:
        InputFileError: neither, a table without the columns, an empty line or a name twice, no head at all.
        ParameterError: the project's params.yaml is bad.
    """
    if (source / "params.yaml").is_file():
        heads = _of_project(source)
    elif source.is_file():
        heads = _of_table(source)
    else:
        raise InputFileError(
            f"{source}: is neither a project (a folder with params.yaml) nor a table; give a CSV file with the "
            f"columns {','.join(COLUMNS)}"
        )
    if not heads:
        raise InputFileError(f"{source}: names no heads; add a pair or a line")
    return heads


def load_study(
    heads: Sequence[HeadSource],
    photo_folders: Sequence[Path],
    art_folders: Sequence[Path],
    model: FaceModel,
    notify: Notify,
) -> Study:
    """Read everything; copies of a picture under other names stay, but never stand in one question.

    Args:
        photo_folders, art_folders: further pictures, searched with their sub-folders; those without a face that can
            be found are left out and told by ``notify``.

    Raises:
        InputFileError, NoFaceError, LandmarkError: a head or one of its own pictures cannot be used.
    """
    photos, artworks = _Pool(), _Pool()
    loaded = [
        StyledHead(
            head.name, *_read_head(head.result, model), model.landmarks, photos.add(head.photo), artworks.add(head.art)
        )
        for head in heads
    ]
    for pool, folders in ((photos, photo_folders), (artworks, art_folders)):
        for path in _pictures(folders):
            try:
                pool.add(path)
            except InputFileError as error:
                notify(f"left out: {error}")
    return Study(loaded, photos.items, artworks.items)


class _Pool:
    """Pictures of different files in the order of their coming."""

    def __init__(self) -> None:
        self.items: list[Portrait] = []
        self._places: dict[Path, int] = {}

    def add(self, path: Path) -> int:
        """The place of the picture in ``path``, which is read if it is new."""
        key = path.resolve()
        if key not in self._places:
            image = images.load_image(path, max_side=MAX_SIDE)
            self.items.append(Portrait(path.stem, image, locate(path, image).points))
            self._places[key] = len(self.items) - 1
        return self._places[key]


def _of_project(root: Path) -> list[HeadSource]:
    layout = Layout(root)
    return [
        HeadSource(name, layout.result(name), *(resolve(text, root).path for text in (pair.photo, pair.art)))
        for name, pair in load_params(root / "params.yaml").pairs.items()
    ]


def _of_table(path: Path) -> list[HeadSource]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputFileError(f"{path}: cannot be read as a table ({error}); give a CSV file") from error
    heads: list[HeadSource] = []
    for number, row in enumerate(rows, start=2):
        values = [(row.get(column) or "").strip() for column in COLUMNS]
        if not all(values):
            missing = COLUMNS[[bool(value) for value in values].index(False)]
            raise InputFileError(
                f"{path}: line {number} has no {missing}; the first line must be {','.join(COLUMNS)} and every line "
                "must fill them"
            )
        result, photo, art = (resolve(value, path.parent).path for value in values)
        heads.append(HeadSource(result.name, result, photo, art))
    names = [head.name for head in heads]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputFileError(f"{path}: two result folders are called {twice}; rename one")
    return heads


def _read_head(folder: Path, model: FaceModel) -> tuple:
    """Mesh and texture of a result folder."""
    texture = images.load_image(folder / TEXTURE_NAME)
    if texture.shape[0] != texture.shape[1]:
        raise InputFileError(
            f"{folder / TEXTURE_NAME}: is {texture.shape[1]} x {texture.shape[0]} pixels, not square; "
            "run `portrait stylize` again"
        )
    return model.mesh(_vertices(folder / "head.obj", len(model.mean))), texture


def _vertices(path: Path, count: int) -> np.ndarray:
    """(V, 3) cm from the ``v`` lines of an OBJ file in metres."""
    remedy = "give a result folder of this program, or run `portrait stylize` again"
    try:
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("v ")]
        vertices = np.array([line[1:4] for line in lines], dtype=np.float64)
    except FileNotFoundError:
        raise InputFileError(f"{path}: no such file; {remedy}") from None
    except (OSError, ValueError) as error:
        raise InputFileError(f"{path}: cannot be read as OBJ ({error}); {remedy}") from error
    if vertices.shape != (count, 3) or not np.isfinite(vertices).all():
        raise InputFileError(f"{path}: has {len(vertices)} vertices, the face model has {count}; {remedy}")
    return vertices / METRES_PER_CM


def _pictures(folders: Iterable[Path]) -> list[Path]:
    found = []
    for folder in folders:
        if not folder.is_dir():
            raise InputFileError(f"{folder}: is not a folder; give a folder of pictures")
        inside = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
        if not inside:
            raise InputFileError(f"{folder}: holds no pictures; give a folder of {', '.join(IMAGE_SUFFIXES)} files")
        found += inside
    return found
