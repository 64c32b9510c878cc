"""What a perceptual study is made of: finished heads with their photo and artwork, and pools of similar pictures.

Heads come from a project (its params.yaml names photo and artwork of each pair, ``data/results`` holds the heads) or
from a table: a CSV file with the columns ``result,photo,art``, paths from the table's folder or ``sample:<name>``.
Of a result folder head.obj is read (its vertices keep the model's order, which a GLB reader may not) and texture.png.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from ...base import images
from ...base.errors import InputFileError
from ...base.images import IMAGE_SUFFIXES
from ...base.stage import Layout
from ...head.model import FaceModel
from ...mesh.files import METRES_PER_CM
from ...mesh.obj import TEXTURE_NAME
from ...perception.detector import locate
from ...pipeline.params import load_params
from ...samples.sources import resolve
from ...shapes.collection import MAX_SIDE
from .answers import Portrait, Study, StyledHead

COLUMNS = ("result", "photo", "art")
Notify = Callable[[str], None]


class HeadSource(NamedTuple):
    """Where a head and its two pictures lie; ``name`` is that of the pair or of the result folder."""

    name: str
    result: Path
    photo: Path
    art: Path


def find_heads(source: Path) -> list[HeadSource]:
    """The heads of a project folder or a table.

    Raises:
        InputFileError: neither, a table without the columns or with empty cells, no head at all.
        ParameterError: the project's params.yaml is bad.
    """
    if (source / "params.yaml").is_file():
        layout, pairs = Layout(source), load_params(source / "params.yaml").pairs
        heads = [
            HeadSource(name, layout.result(name), *(resolve(text, source).path for text in (pair.photo, pair.art)))
            for name, pair in pairs.items()
        ]
    else:
        try:
            rows = pd.read_csv(source, usecols=COLUMNS, dtype=str, skipinitialspace=True)
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise InputFileError(
                f"{source}: is neither a project (a folder with params.yaml) nor a CSV table with the columns "
                f"{','.join(COLUMNS)} ({reason})"
            ) from error
        if rows.isna().any(axis=None):
            raise InputFileError(f"{source}: a line lacks one of {','.join(COLUMNS)}; fill it in or remove the line")
        places = [[resolve(row[name], source.parent).path for name in COLUMNS] for _, row in rows.iterrows()]
        heads = [HeadSource(result.name, result, photo, art) for result, photo, art in places]
    if not heads:
        raise InputFileError(f"{source}: names no heads; add a pair or a line")
    if len({head.name for head in heads}) < len(heads):
        raise InputFileError(f"{source}: two result folders have one name; rename one")
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
    photos: dict[Path, Portrait] = {}
    artworks: dict[Path, Portrait] = {}

    def place(pool: dict[Path, Portrait], path: Path) -> int:
        """Where the picture lies in its pool; it is read if it is new."""
        key = path.resolve()
        if key not in pool:
            image = images.load_image(path, max_side=MAX_SIDE)
            pool[key] = Portrait(path.stem, image, locate(path, image).points)
        return list(pool).index(key)

    loaded = [
        StyledHead(
            head.name,
            *_read_head(head.result, model),
            model.landmarks,
            place(photos, head.photo),
            place(artworks, head.art),
        )
        for head in heads
    ]
    for pool, folders in ((photos, photo_folders), (artworks, art_folders)):
        for folder in folders:
            found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
            if not found:
                raise InputFileError(f"{folder}: holds no {', '.join(IMAGE_SUFFIXES)} files; give a folder of pictures")
            for path in found:
                try:
                    place(pool, path)
                except InputFileError as error:
                    notify(f"left out: {error}")
    return Study(loaded, list(photos.values()), list(artworks.values()))


def _read_head(folder: Path, model: FaceModel) -> tuple:
    """Mesh (from the ``v`` lines of head.obj, metres) and texture of a result folder."""
    texture, path = images.load_image(folder / TEXTURE_NAME), folder / "head.obj"
    try:
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("v ")]
        vertices = np.array([line[1:4] for line in lines], dtype=np.float64)
    except (OSError, ValueError) as error:
        raise InputFileError(f"{path}: cannot be read as OBJ ({error}); run `portrait stylize` again") from error
    if vertices.shape != model.mean.shape or not np.isfinite(vertices).all():
        raise InputFileError(
            f"{path}: has {len(vertices)} vertices, the face model {len(model.mean)}; give a result folder of this "
            "program"
        )
    return model.mesh(vertices / METRES_PER_CM), texture
