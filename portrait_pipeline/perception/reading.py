"""Reading a picture: the largest face's 68 points, how far to trust them, and what every pixel shows.

One look at the right crop is nearly as good as a dozen (README.md of this room says what was tried), so the time goes
into finding the face; the points are the mean of a crop and its mirror image, or of two such crops where the face is
not sure.

The search widens step by step, and stops as soon as a face is certain enough: squares in the middle and given boxes;
boxes of a detector that is asked only now; the picture turned by a quarter, a half and three quarters; if nothing at
all was seen, every place at smaller and smaller sizes. A picture whose face is sure at once costs about 0.35 s of one
core, points and parts; a large one without a face about ten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from ..base.errors import NoFaceError
from ..head.points import face_size
from . import search
from .crops import LIFT, Frame, Picture, around_points, roll_of, spread
from .network import Network
from .parts import Part, named
from .passes import Look, look, parse
from .weights import load

Boxes = Sequence[Sequence[float]] | Callable[[np.ndarray], Sequence[Sequence[float]]]
"""Left, top, right, bottom of faces in pixels, brows to chin as dlib's HOG detector draws them; or a detector that
gives such boxes for an (H, W, 3) picture, asked only where the first search is not certain."""

# README.md of this room says how they were chosen, and tells the misses and false alarms of each.
CERTAIN = -3.3
"""A face with less doubt is a face: the search ends. Turned and small faces must reach it to be believed at all."""
SURE = -3.9
"""A first look with less doubt than this has met a face for certain, and well: one crop is enough to read it, and
frames in the middle of it are not tried."""
DOUBTFUL = -3.75
"""A face with more doubt than this should be looked at by somebody before it is used. On works of artists that had no
part in the choice one bad work in seven is missed (3 of 22), and one good one in five is told (20 of 98)."""
NO_FACE = -2.6
"""With more doubt than this there is no face. Of the 120 works and 11 photos none is missed (the worst has -2.89).
Of 51 pictures without a face none passes: the most face-like has -2.42 upright, and turned ones, which must be
certain, reach -2.92."""
HOPELESS = -1.8
"""A first look with more doubt than this is not followed up."""
LOST = -3.0
"""Doubt of a single look beyond which a face followed through a video counts as lost."""

_RATIOS = (1.6, 1.95)  # crops over the face's size, for the points
_PARTS_RATIO, _PARTS_LIFT = 2.2, LIFT - 0.1  # crop for the parts: hair needs room above
_WIDE_RATIO = 3.0  # of a second crop for what lies about it: shoulders; hats and glasses are lost in it
_RIM = 1.5 / 96  # of a crop's side: a cell and a half of the network's maps
_QUARTERS = (90, 270, 180)  # other turns, in the order in which photos come
_UPRIGHT_ROLL = 60.0  # degrees of roll that a head has by itself
_FIRST = 2  # frames that are glanced at before all others
_ROUNDS, _STILL = 3, 0.015  # readings of one face at most; a move, in face sizes, that needs no further one
_SMALL = 0.33  # faces under this share of the shorter side are not taken without looking for larger ones
_LARGEST_SURVEY = 0.7  # frames of the first survey, in shorter sides of the picture


@dataclass(frozen=True)
class Reading:
    """What a picture shows; all coordinates are continuous pixels of the picture as it was given."""

    points: np.ndarray
    """(68, 2) float64, iBUG order."""
    errors: np.ndarray
    """(68,) float64 pixels: how far each point may be off, as the network expects it. On photos this is about right;
    on the artworks of Artistic-Faces the distance from the annotators' points is twice as large on average."""
    doubt: float
    """The confidence as one number: the mean over the points of ln(error / half the face's size). Good photos have
    -4.5, artworks -4; see the thresholds of this module."""
    face: float
    """Face score, a logit. It compares crops of one picture; it does not tell pictures without a face."""
    faces: int
    """Number of different faces seen, at least 1. The largest is the one read."""
    turn: int
    """0, 90, 180 or 270: degrees clockwise by which the picture must be turned to be upright."""
    shape: tuple[int, int]
    """Height and width of the picture."""
    frame: Frame
    """The crop in which the parts were read."""
    crop_parts: np.ndarray | None
    """(14, S, S) float32 probabilities over ``frame``, 1 MB whatever the picture's size; None if not asked for."""

    @property
    def doubtful(self) -> bool:
        """Whether a warning is due."""
        return self.doubt > DOUBTFUL

    def probability(self, names: str | Sequence[str]) -> np.ndarray:
        """(H, W) float32 probability that a pixel shows one of the named parts or groups of parts.

        Outside the crop everything is background.
        """
        chosen = named(names)
        values = self._parts()[list(chosen)].sum(axis=0, keepdims=True)
        return spread(values, self.frame, self.shape, np.array([float(Part.BACKGROUND in chosen)]))[0]

    def probabilities(self) -> np.ndarray:
        """(14, H, W) float32 probabilities of all parts, summing to one: 56 bytes a pixel, so mind large pictures."""
        outside = np.zeros(len(Part))
        outside[Part.BACKGROUND] = 1.0
        return spread(self._parts(), self.frame, self.shape, outside)

    def labels(self) -> np.ndarray:
        """(H, W) uint8 most probable part of each pixel, computed with the memory of two maps."""
        best = np.full(self.shape, -1.0, dtype=np.float32)
        labels = np.zeros(self.shape, dtype=np.uint8)
        for part in Part:
            outside = np.array([float(part is Part.BACKGROUND)])
            values = spread(self._parts()[part : part + 1], self.frame, self.shape, outside)[0]
            better = values > best
            best[better] = values[better]
            labels[better] = part
        return labels

    def upright(self) -> Reading:
        """The reading in terms of the picture set upright by :func:`set_upright`."""
        middle = _turned(np.array([[self.frame.x, self.frame.y]]), self.turn, self.shape)[0]
        angle = _wrapped(self.frame.angle + np.radians(self.turn))
        return replace(
            self,
            points=_turned(self.points, self.turn, self.shape),
            turn=0,
            shape=self.shape if self.turn % 180 == 0 else self.shape[::-1],
            frame=replace(self.frame, x=float(middle[0]), y=float(middle[1]), angle=angle),
        )

    def _parts(self) -> np.ndarray:
        if self.crop_parts is None:
            raise ValueError("the reading was made without parts")
        return self.crop_parts


def read(
    image: np.ndarray,
    boxes: Boxes = (),
    *,
    parts: bool = True,
    turns: bool = True,
    survey: bool = True,
    network: Network | None = None,
    name: str = "the picture",
) -> Reading:
    """Read the largest face of a picture. The same picture gives the same bits, whatever the number of threads.

    Args:
        image: (H, W, 3) uint8 RGB.
        boxes: faces seen by a detector, or the detector. It finds small faces sooner than the search does; boxes
            given as a list are looked at in any case, so that the faces are counted and the largest is known.
        parts: read the parts as well.
        turns: try the picture on its side and upside down if it shows no face as it is.
        survey: look at every place at last, if nothing at all was seen; most of the time of a picture without a face.
        network: None is the bundled one.
        name: what the message calls the picture, usually its path.

    Raises:
        NoFaceError: there is none, or none that can be told from chance.
    """
    network = load() if network is None else network
    picture = Picture(image)
    found = _faces(network, picture, image, boxes, turns, survey)
    if not found:
        raise NoFaceError(
            f"{name}: no face was found; give a picture with a larger, more frontal face, or place its 68 points by "
            "hand in a .pts file beside it"
        )
    best = max(found, key=lambda item: face_size(item.points))
    return _reading(best, picture, len(found), *_parts_about(network, picture, best.points, parts))


def at_points(image: np.ndarray, points: np.ndarray, network: Network | None = None) -> Reading:
    """Read the face whose points are roughly known: what the network sees in the crop that they define.

    Args:
        image: (H, W, 3) uint8 RGB.
        points: (68, 2) pixels.
        network: None is the bundled one.
    """
    network = load() if network is None else network
    picture = Picture(image)
    seen = _read_at(network, picture, points)
    return _reading(seen, picture, 1, *_parts_about(network, picture, points, True))


def follow(
    image: np.ndarray, points: np.ndarray, *, mirror: bool = False, network: Network | None = None
) -> Reading | None:
    """Read the next picture of a video, where the face is near its last place: one pass, about 50 ms of one core.

    Args:
        image: (H, W, 3) uint8 RGB.
        points: (68, 2) pixels, the face in the last picture.
        mirror: read the mirror image too and take the mean: steadier, and no slower where a second core is free.
        network: None is the bundled one.

    Returns:
        The reading, without parts; None if the face is lost, and :func:`read` is due.
    """
    network = load() if network is None else network
    picture = Picture(image)
    frame = around_points(points)
    seen = look(network, picture, [frame], mirror=mirror)[0]
    if seen.doubt > LOST or not search.possible(picture, seen.points):
        return None
    return _reading(seen, picture, 1, frame, None)


def set_upright(image: np.ndarray, turn: int) -> np.ndarray:
    """The picture turned clockwise by 0, 90, 180 or 270 degrees; a copy where it is turned.

    Args:
        image: (H, W) or (H, W, C).
        turn: degrees, as :attr:`Reading.turn` has them.
    """
    return np.ascontiguousarray(np.rot90(image, k=-(turn // 90))) if turn else image


def _parts_about(
    network: Network, picture: Picture, points: np.ndarray, parts: bool
) -> tuple[Frame, np.ndarray | None]:
    """The wide frame about a face, and what it shows: a narrow crop, and a wider one where that has not looked."""
    narrow = around_points(points, _PARTS_RATIO, lift=_PARTS_LIFT)
    wide = around_points(points, _WIDE_RATIO, lift=_PARTS_LIFT)
    if not parts:
        return wide, None
    near, far = parse(network, picture, narrow, wide)
    size = round(near.shape[1] * _WIDE_RATIO / _PARTS_RATIO)  # cells as fine as the narrow crop's
    middles = np.stack(np.meshgrid(*[np.arange(size) + 0.5] * 2), axis=-1)
    cells = narrow.to_crop(wide.to_picture(middles, size), near.shape[1])
    inside = (np.abs(cells / near.shape[1] - 0.5) < 0.5 - _RIM).all(axis=-1)
    x, y = np.moveaxis((cells - 0.5).astype(np.float32), -1, 0)
    merged = [
        np.where(inside, cv2.remap(fine, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), coarse)
        for fine, coarse in zip(near, (cv2.resize(part, (size, size)) for part in far), strict=True)
    ]
    return wide, np.stack(merged).astype(np.float32)


def _reading(seen: Look, picture: Picture, faces: int, frame: Frame, crop_parts: np.ndarray | None) -> Reading:
    return Reading(
        points=seen.points,
        errors=seen.errors * face_size(seen.points) / 2,
        doubt=seen.doubt,
        face=seen.face,
        faces=faces,
        turn=_turn_of(seen.points),
        shape=(picture.height, picture.width),
        frame=frame,
        crop_parts=crop_parts,
    )


def _faces(
    network: Network, picture: Picture, image: np.ndarray, boxes: Boxes, turns: bool, survey: bool
) -> list[Look]:
    """Settled looks at different faces: all that are certain, or the one that may still be a face, or none."""
    uncertain: list[Look] = []
    for looks, counts in _searches(network, picture, image, boxes, turns):
        settled = _settled_faces(network, picture, looks)
        certain = [item for item in settled if item.doubt <= CERTAIN]
        if certain:
            return certain
        if counts:
            uncertain += settled
    best = min(uncertain, key=lambda item: item.doubt, default=None)
    if best is not None and best.doubt <= NO_FACE:
        return [best]
    for side in _survey_sides(picture) if survey else ():
        looks = search.closer(network, picture, search.survey(network, picture, side))
        certain = [item for item in _settled_faces(network, picture, looks) if item.doubt <= CERTAIN]
        if certain:
            return certain
    return []


def _searches(
    network: Network, picture: Picture, image: np.ndarray, boxes: Boxes, turns: bool
) -> Iterator[tuple[list[Look], bool]]:
    """One search after the other: its looks, and whether a face that is not certain may come from it.

    Many turns (and, later, places) are many chances to take a pattern for a face: there a face has to be certain.
    """
    looks = _first_looks(network, picture)
    if not callable(boxes):
        looks = _joined(search.looks_from(network, picture, search.boxed(boxes)), looks)
    if looks and looks[0].doubt <= CERTAIN and _is_small(picture, looks[0]):
        looks = _joined(looks, _larger(network, picture, looks[0]))
    yield looks, True
    if callable(boxes):
        asked = search.boxed(boxes(image))
        if asked:
            yield search.looks_from(network, picture, asked), True
    for degrees in _QUARTERS if turns else ():
        angle = float(np.radians(degrees))
        yield search.looks_from(network, picture, search.centred(picture, angle), angle), False


def _first_looks(network: Network, picture: Picture) -> list[Look]:
    """Looks from the centred frames; once a face is sure, only frames whose middles lie beside it are tried."""
    frames = search.centred(picture)
    first, rest = frames[:_FIRST], frames[_FIRST:]
    looks = search.looks_from(network, picture, first)
    if looks and looks[0].doubt <= SURE:
        low, high = looks[0].points.min(axis=0), looks[0].points.max(axis=0)
        rest = [frame for frame in rest if not (low < (frame.x, frame.y)).all() or ((frame.x, frame.y) > high).any()]
    return _joined(looks, search.looks_from(network, picture, rest, seen=looks))


def _survey_sides(picture: Picture) -> Iterator[float]:
    return search.survey_sides(picture, _LARGEST_SURVEY * min(picture.width, picture.height))


def _is_small(picture: Picture, seen: Look) -> bool:
    return face_size(seen.points) < _SMALL * min(picture.width, picture.height)


def _larger(network: Network, picture: Picture, seen: Look) -> list[Look]:
    """Looks at faces elsewhere in the picture that are at least about as large as one that was found."""
    looks: list[Look] = []
    for side in _survey_sides(picture):
        if side < face_size(seen.points):
            break
        looks += search.closer(network, picture, search.survey(network, picture, side))
    return looks


def _joined(first: list[Look], second: list[Look]) -> list[Look]:
    return search.different(sorted(first + second, key=lambda item: item.doubt))


def _settled_faces(network: Network, picture: Picture, looks: list[Look]) -> list[Look]:
    """The faces of some looks, each read carefully: those that look certain, or else the two least doubtful."""
    hopeful = [item for item in looks if item.doubt <= HOPELESS]
    promising = [item for item in hopeful if item.doubt <= CERTAIN] or hopeful[:2]
    settled = [_settled(network, picture, item) for item in promising]
    settled = [item for item in settled if search.possible(picture, item.points)]
    return search.different(sorted(settled, key=lambda item: item.doubt))


def _settled(network: Network, picture: Picture, seen: Look) -> Look:
    """A face read until it stays where it is: a poor start leaves its mark on a single reading."""
    sure = seen.doubt <= SURE
    points = seen.points
    for _ in range(_ROUNDS):
        settled = _read_at(network, picture, points, _RATIOS[:1] if sure else _RATIOS)
        moved = np.linalg.norm(settled.points - points, axis=1) / face_size(settled.points)
        if moved.mean() < _STILL or settled.doubt > HOPELESS or not search.possible(picture, settled.points):
            break
        points = settled.points
    # The reading before was of another crop too: where it disagrees the error grows, as between two sizes.
    return settled._replace(errors=settled.errors + moved / 2) if sure else settled


def _read_at(network: Network, picture: Picture, points: np.ndarray, ratios: Sequence[float] = _RATIOS) -> Look:
    """Points from crops of some sizes and their mirror images; where the sizes disagree the error grows."""
    looks = look(network, picture, [around_points(points, ratio) for ratio in ratios])
    mean = np.mean([item.points for item in looks], axis=0)
    gap = np.linalg.norm(looks[0].points - looks[-1].points, axis=1) / (face_size(mean) / 2)
    errors = np.mean([item.errors for item in looks], axis=0) + gap / 4
    return Look(mean, errors, float(np.mean([item.face for item in looks])))


def _turn_of(points: np.ndarray) -> int:
    """Degrees clockwise to the next upright position; a roll that a head has by itself is left alone."""
    roll = float(np.degrees(roll_of(points)))
    return 0 if abs(roll) <= _UPRIGHT_ROLL else int(-round(roll / 90) * 90 % 360)


def _turned(points: np.ndarray, turn: int, shape: tuple[int, int]) -> np.ndarray:
    """Points of a picture of ``shape`` (height, width) after turning it clockwise."""
    height, width = shape
    x, y = points[:, 0], points[:, 1]
    places = {0: (x, y), 90: (height - y, x), 180: (width - x, height - y), 270: (y, width - x)}
    return np.stack(places[turn], axis=1)


def _wrapped(angle: float) -> float:
    return float(np.remainder(angle + np.pi, 2 * np.pi) - np.pi)
