"""Finished heads of many pairs side by side, for eyes that judge them: buy, retouch or reject."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ..animation.pose import Pose, posed_parts
from ..animation.rig import Rig
from ..base.errors import InputFileError
from ..base.images import load_image, save_image
from ..export.contact_sheet import CELL, Panel, compose, tight_frame
from ..export.pose import load_rig
from ..export.posed_views import expression_row, face_frame
from ..mesh.pictures import Scene
from ..mesh.render import View
from ..samples.sources import resolve

VIEWS = (
    ("Front", View()),
    ("Turned 45°", View(45.0, 0.0)),
    ("From the side", View(-90.0, 0.0)),
    ("Behind", View(180.0, 0.0)),
    ("From above", View(0.0, 25.0)),
)
CLOSE_UPS = ("Jaw open", "Blink")
WIDTH = 2200
PAIRS_A_SHEET = 4


def write_sheets(table: Path, results: Path, data: Path, output: Path) -> list[Path]:
    """Draw two rows a pair, ``PAIRS_A_SHEET`` pairs a PNG.

    Args:
        table: CSV with the columns name, photo, art; pictures from ``data`` or ``sample:<name>``.
        results: a folder of results for each name; pairs without one are left out.
        output: folder of the sheets.

    Returns:
        The files written.

    Raises:
        InputFileError: the table is not one, or no pair has results. ArtifactError: a damaged rig.
    """
    try:
        pairs = pd.read_csv(table, dtype=str)[["name", "photo", "art"]]
    except (OSError, ValueError, KeyError) as error:
        raise InputFileError(f"{table}: needs the columns name, photo and art ({error})") from error
    pairs = [pair for pair in pairs.itertuples(index=False) if (results / pair.name / "rig.h5").is_file()]
    if not pairs:
        raise InputFileError(f"{results}: holds no results of the pairs in {table}")
    written = []
    for first in range(0, len(pairs), PAIRS_A_SHEET):
        rows: list[list[Panel]] = []
        for pair in pairs[first : first + PAIRS_A_SHEET]:
            pictures = [load_image(resolve(source, data).path) for source in (pair.photo, pair.art)]
            rows += pair_rows(pair.name, *pictures, load_rig(results / pair.name))
        path = output / f"sheet_{first // PAIRS_A_SHEET + 1}.png"
        save_image(path, compose(rows, WIDTH))
        written.append(path)
    return written


def pair_rows(name: str, photo: np.ndarray, art: np.ndarray, rig: Rig) -> list[list[Panel]]:
    """Photo, artwork and the portrait from five sides; its face near, in the picture's expression, open and closed."""
    size = WIDTH // 5
    surfaces = [(part.mesh, part.texture) for part in posed_parts(rig, Pose(rig.expression))]
    around = tight_frame(np.concatenate([mesh.vertices for mesh, _ in surfaces]), [view for _, view in VIEWS])
    scene = Scene(surfaces)
    views = [(caption, scene.picture(view, around, size, CELL)) for caption, view in VIEWS]
    near = dict(expression_row(rig, size, CELL))
    close = [(caption, near[caption]) for caption in CLOSE_UPS if caption in near]
    frame = face_frame(rig)
    face = views[0][1] if frame is None else scene.picture(View(), frame, size, CELL)
    return [views, [(name, photo), ("Artwork", art), ("As in the photo", face), *close]]
