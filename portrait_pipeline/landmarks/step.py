"""From image files to points and parts: the function of the stage ``landmarks``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..base.images import holds_several
from ..base.progress import Notify
from ..perception.locate import Located, locate
from ..perception.reading import DOUBTFUL
from .params import LandmarksParams
from .record import LocatedPair


def locate_pair(
    photo: Path,
    art: Path,
    params: LandmarksParams,
    notify: Notify = lambda message: None,
    more_photos: Sequence[Path] = (),
) -> LocatedPair:
    """Load all pictures, set them upright, and read points and parts.

    Raises:
        InputFileError, NoFaceError, LandmarkError: see :func:`portrait_pipeline.perception.locate.locate`.
    """

    def found(path: Path) -> Located:
        located = locate(path, params.max_side, params.detector)
        for message in remarks(path, located):
            notify(message)
        return located

    ours, theirs, *more = (found(path) for path in (photo, art, *more_photos))
    return LocatedPair(
        photo=ours.image,
        art=theirs.image,
        photo_points=ours.points,
        art_points=theirs.points,
        photo_errors=ours.errors,
        art_errors=theirs.errors,
        photo_doubt=ours.doubt,
        art_doubt=theirs.doubt,
        photo_source=ours.source,
        art_source=theirs.source,
        photo_turn=ours.turn,
        art_turn=theirs.turn,
        photo_parts=ours.parts.probabilities,
        art_parts=theirs.parts.probabilities,
        photo_grid=ours.parts.grid,
        art_grid=theirs.parts.grid,
        photo_matte=ours.matte,
        art_opacity=theirs.opacity,
        more_photos=tuple(item.image for item in more),
        more_points=tuple(item.points for item in more),
        more_errors=tuple(item.errors for item in more),
        more_parts=tuple(item.parts.probabilities for item in more),
        more_grids=tuple(item.parts.grid for item in more),
    )


def remarks(path: Path, located: Located) -> list[str]:
    """What a user should know of a picture that was read, a line each."""
    lines = []
    if holds_several(path):
        lines.append(f"{path}: holds several pictures, the first is used")
    if located.faces > 1:
        lines.append(f"{path}: {located.faces} faces found, the largest is used")
    if located.turn:
        lines.append(f"{path}: set upright, turned by {located.turn} degrees clockwise")
    if located.doubt > DOUBTFUL and not located.by_hand:
        lines.append(
            f"{path}: the face is hard to read, its points may be off; look at their overlay, and if they are, place "
            f"the 68 points in {path.name}.pts beside it"
        )
    return lines
