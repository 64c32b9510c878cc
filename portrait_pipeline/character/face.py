"""The face of a character: the view that shows it from the front, its 68 points in the picture and in space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base.errors import NoFaceError
from ..base.progress import Notify
from ..head.points import face_size
from ..mesh.render import Framing, View
from ..perception.reading import CERTAIN, DOUBTFUL, Reading, read
from .body import Character
from .look import Look

SIDE = 640
"""px of the pictures that are read and of the style image."""
_SEARCH = 256
"""px of the pictures in which the face is looked for."""
_TURNS = (0.0, 180.0, 90.0, -90.0)
_MARGIN = 1.35  # half the picture against half the head
_CLOSE = 1.0  # half the style image against the face's size
_NEAR = 8  # px: a point beside the outline counts for the nearest place of the head


@dataclass(frozen=True)
class CharacterFace:
    """Where a character's face is.

    Attributes:
        view, framing: of the picture. picture: (S, S, 3) uint8, base colours on white. opacity: (S, S) uint8.
        points: (68, 2) px of it. places: (68, 3) rest space; the row is NaN where nothing is hit.
        triangles: (68,) of the joined character, -1 where nothing is hit.
    """

    view: View
    framing: Framing
    picture: np.ndarray
    opacity: np.ndarray
    points: np.ndarray
    places: np.ndarray
    triangles: np.ndarray


def head_framing(character: Character) -> Framing:
    """The frame that shows what goes with the head joint from all sides."""
    mine = character.places[character.head_share > 0.5]
    if len(mine) < 3:
        raise character.file.error("has a head joint that moves nothing; name another with --head-joint")
    low, high = np.quantile(mine, (0.005, 0.995), axis=0)
    return Framing((low + high) / 2, float((high - low).max()) / 2 * _MARGIN)


def find_character_face(
    character: Character, look: Look, points: np.ndarray | None = None, notify: Notify = lambda line: None
) -> CharacterFace:
    """Look at the head from four sides and read the face where it is surest.

    Args:
        points: (68, 2) px of the front view of side :data:`SIDE`, placed by hand; nothing is looked for then.
        notify: receives a remark on a face that is hard to read.

    Raises:
        NoFaceError: no view shows a face.
        InputFileError: the head is empty, or points lie beside it.
    """
    framing, view = head_framing(character), View()
    if points is None:
        view, framing, reading = _surest(character, look, framing)
        points = reading.points
        if reading.doubt > DOUBTFUL:
            notify(
                f"{character.file.path}: the face is hard to read, its points may be off; look at --render face.png, "
                "and place them by hand with --points"
            )
    framing, points = _closer(view, framing, points)
    picture, opacity = look.picture(view, framing, SIDE)
    places, triangles = _in_space(character, look, view, framing, points)
    if np.isfinite(places[:, 0]).sum() < 40:
        raise character.file.error("has its 68 points beside the head; place them in the picture of --render")
    return CharacterFace(view, framing, picture, opacity, points, places, triangles)


def _surest(character: Character, look: Look, framing: Framing) -> tuple[View, Framing, Reading]:
    """The first side that shows a face (glTF asks for the front, not every file keeps to it), read from near."""
    for azimuth in _TURNS:
        view = View(azimuth)
        reading = _read(look, view, framing, _SEARCH)
        if reading is None:
            continue
        near, _ = _closer(view, framing, reading.points * (SIDE / _SEARCH))
        closely = _read(look, view, near, SIDE)
        if closely is not None:
            return view, near, closely
    raise NoFaceError(
        f"{character.file.path}: no face was found on the head; write its front with --render face.png, place the "
        "68 points of that picture in face.pts (lines x y) and give --points face.pts"
    )


def _read(look: Look, view: View, framing: Framing, size: int) -> Reading | None:
    """The surer reading of the base colours and of the lit surface; None if neither shows a face."""
    found: list[Reading] = []
    for shading in (0.7, 0.0) if view.azimuth == 0 else (0.7,):
        picture, _ = look.picture(view, framing, size, shading)
        try:
            found.append(read(picture, parts=False, turns=False))
        except NoFaceError:
            continue
        if found[-1].doubt < CERTAIN:
            break
    return min(found, key=lambda reading: reading.doubt) if found else None


def _closer(view: View, framing: Framing, points: np.ndarray) -> tuple[Framing, np.ndarray]:
    """The frame that the face fills, and the points (68, 2) px in it."""
    low, high = points.min(axis=0), points.max(axis=0)
    x, y = ((low + high) / SIDE - 1) * (1, -1) * framing.half_extent
    half = framing.half_extent * 2 * face_size(points) / SIDE * _CLOSE
    near = Framing(framing.centre + (x, y, 0.0) @ view.rotation(), half)
    return near, ((points - (low + high) / 2) * (framing.half_extent / half) + SIDE / 2)


def _in_space(
    character: Character, look: Look, view: View, framing: Framing, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Places (68, 3) on the surface that points (68, 2) px show, and their triangles (68,)."""
    triangle, shares = look.seen(view, framing, SIDE)
    head = character.head_share[character.triangles].mean(axis=1) > 0.5
    rows, columns = np.nonzero((triangle >= 0) & head[triangle])
    if not len(rows):
        return np.full((len(points), 3), np.nan), np.full(len(points), -1)
    from scipy.spatial import cKDTree

    far, near = cKDTree(np.stack([columns, rows], axis=1) + 0.5).query(points)
    hit = triangle[rows[near], columns[near]]
    places = (character.places[character.triangles[hit]] * shares[rows[near], columns[near]][..., None]).sum(axis=1)
    beside = far > _NEAR
    places[beside] = np.nan
    return places, np.where(beside, -1, hit)
