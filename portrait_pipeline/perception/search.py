"""Where faces may be: frames to begin with, and what the network makes of them.

A beginning is cheap (a glance by the encoder alone); its coarse points give the frame of a closer look, and the look
says how far to trust it. Beginnings that lead to the same face are looked at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch

from ..base.device import one_thread
from ..head.points import face_size, handedness
from .crops import SIZE, Frame, Picture, around_box, around_points
from .network import Network
from .passes import Look, glance, look

CENTRED_SIDES = (0.55, 0.8, 1.05, 1.35)
"""Sides of the first frames, in shorter sides of the picture."""
SURVEY_FACTOR = 0.7
"""Each survey has frames of this size compared with the one before it."""
SURVEY_PASSES = 230
"""Surveys end when they would cost as much as this many crops (six seconds of one core)."""
SMALLEST_SURVEY = 64.0
"""Surveys end at frames of this side, in pixels: smaller faces are a handful of pixels across an eye."""
SMALLEST_FACE = 24.0
"""Faces under this size, in pixels, are not believed."""

_SAME_PLACE, _SAME_SIZE = 0.2, 1.25  # two frames nearer than this (in sides, and in ratio of sides) see one face
_STEP = 32  # pixels between the crops of a survey
_LARGEST = 2.0  # face size over the longer side of the picture
_SURVEY_PICKS = 6  # most promising crops of one survey
_LOOKS = 4  # closer looks a search


def centred(picture: Picture, angle: float = 0.0) -> list[Frame]:
    """Frames for portraits: squares of four sizes in the middle, in long pictures also towards the ends.

    Args:
        picture: the picture.
        angle: radians by which the picture is turned clockwise: where its lower edge would be if it were upright.
    """
    width, height = picture.width, picture.height
    shorter = min(width, height)
    down = np.array([-np.sin(angle), np.cos(angle)])
    middle = np.array([width, height]) / 2
    along = np.array([1.0, 0.0]) if width >= height else np.array([0.0, 1.0])
    spare = max(width, height) - shorter
    upwards = -down if abs(float(down @ along)) > 0.5 else None
    places: list[tuple[np.ndarray, float]] = []
    for size in CENTRED_SIDES:
        places.append((middle, size))
        if size < 1:  # heads of half-length portraits are above, faces in close crops below the middle
            places.append((middle + 0.1 * shorter * down, size))
        if spare > 0.15 * shorter and upwards is not None:
            places.append((middle + min(spare, 0.5 * shorter) * 0.4 * upwards, size))
        elif spare > 0.3 * shorter and size < 1.2:
            places += [(middle + side * min(spare, shorter) / 2 * along, size) for side in (-1.0, 1.0)]
    return [Frame(float(place[0]), float(place[1]), size * shorter, angle) for place, size in places]


def boxed(boxes: Iterable[Sequence[float]]) -> list[Frame]:
    """Frames for detectors' boxes: left, top, right, bottom in pixels of the picture; impossible boxes are left out."""
    frames = []
    for box in boxes:
        values = np.asarray(box, dtype=np.float64)
        if values.shape == (4,) and np.isfinite(values).all() and (values[2:] - values[:2] > 1).all():
            frames.append(around_box(values))
    return frames


def survey_sides(picture: Picture, largest: float) -> Iterator[float]:
    """Sides of the frames of one survey after the other, from the largest, in pixels of the picture."""
    side, spent = largest, 0.0
    while True:
        spent += (picture.width + side / 3) * (picture.height + side / 3) / side**2
        if spent > SURVEY_PASSES or side < SMALLEST_SURVEY:
            return
        yield side
        side *= SURVEY_FACTOR


def survey(network: Network, picture: Picture, side: float) -> list[tuple[np.ndarray, float]]:
    """Most promising faces of about one size anywhere in an upright picture.

    Args:
        network: as loaded.
        picture: the picture.
        side: side of a crop in pixels of the picture; faces are a little smaller.

    Returns:
        Coarse points (68, 2) in pixels and face score of at most six, best first. Scores say which crops of one
        survey are the better ones, not whether there is a face.
    """
    scale = SIZE / side
    extent = np.array([picture.width, picture.height]) * scale + SIZE / 3
    columns, rows = (max(SIZE, int(np.ceil(value / _STEP)) * _STEP) for value in extent)
    reduced = picture.window(scale, (rows, columns))
    values = torch.from_numpy(reduced).to(network.grid.device).permute(2, 0, 1)[None].float().div(255)
    with one_thread(), torch.inference_mode():
        coarse, scores = network.survey(values.contiguous(memory_format=torch.channels_last))
    corners = np.stack(np.meshgrid(np.arange(scores.shape[1]), np.arange(scores.shape[0])), axis=-1) * _STEP
    places = (coarse.cpu().numpy().astype(np.float64) + 1) * (SIZE / 2) + corners[:, :, None, :]
    middle = np.array([columns, rows]) / 2
    points = ((places - middle) / scale + np.array([picture.width, picture.height]) / 2).reshape(-1, *places.shape[2:])
    flat = scores.cpu().numpy().ravel()
    picked: list[int] = []
    for index in np.argsort(-flat, kind="stable"):
        frame = around_points(points[index])
        if not any(same(frame, around_points(points[other])) for other in picked):
            picked.append(int(index))
        if len(picked) == _SURVEY_PICKS:
            break
    return [(points[index], float(flat[index])) for index in picked]


def same(one: Frame, other: Frame) -> bool:
    """Whether two frames see the same face."""
    smaller, larger = sorted([one.side, other.side])
    distance = np.hypot(one.x - other.x, one.y - other.y)
    return larger <= _SAME_SIZE * smaller and distance <= _SAME_PLACE * smaller


def looks_from(
    network: Network, picture: Picture, frames: Sequence[Frame], base: float = 0.0, seen: Sequence[Look] = ()
) -> list[Look]:
    """Glance at frames, and look closer at the different faces that the glances suggest.

    Args:
        network: as loaded.
        picture: the picture.
        frames: where to glance.
        base: radians by which the picture as a whole is turned.
        seen: faces that are not looked at again.

    Returns:
        One look a face, the most certain first.
    """
    return closer(network, picture, glance(network, picture, frames), base, seen)


def closer(
    network: Network,
    picture: Picture,
    glances: Sequence[tuple[np.ndarray, float]],
    base: float = 0.0,
    seen: Sequence[Look] = (),
) -> list[Look]:
    """One look at each different face that coarse points suggest (the four of the highest scores, without those
    seen), the most certain first."""
    frames: list[Frame] = []
    known = [around_points(item.points) for item in seen]
    for points, _ in sorted(glances, key=lambda item: -item[1]):
        frame = around_points(points, base=base)
        if possible(picture, points) and not any(same(frame, other) for other in [*known, *frames]):
            frames.append(frame)
        if len(frames) == _LOOKS:
            break
    found = [item for item in look(network, picture, frames, mirror=False) if possible(picture, item.points)]
    return different(sorted(found, key=lambda item: item.doubt))


def different(looks: Sequence[Look]) -> list[Look]:
    """The looks without those that see the face of an earlier one."""
    kept: list[Look] = []
    for item in looks:
        frame = around_points(item.points)
        if not any(same(frame, around_points(other.points)) for other in kept):
            kept.append(item)
    return kept


def possible(picture: Picture, points: np.ndarray) -> bool:
    """Whether points could be a face of the picture: not mirrored, not tiny, not outside, not larger than it."""
    size = face_size(points)
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    inside = (middle > 0).all() and (middle < [picture.width, picture.height]).all()
    return bool(
        inside and handedness(points) > 0 and SMALLEST_FACE < size < _LARGEST * max(picture.width, picture.height)
    )
