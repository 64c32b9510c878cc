"""Expressions, gaze and pose of a person in a video: for ``portrait pose --frames`` and ``reenact`` (section 7.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ..animation.frames import TIME, TURN
from ..base import images
from ..base.artifacts import write_table
from ..base.device import side_by_side
from ..base.errors import NoFaceError
from ..base.progress import Progress, silent
from ..fit.fit import Fit
from ..fit.params import FitParams
from ..head.camera import PerspectiveCamera
from ..head.model import FaceModel
from ..head.pose import angles_from_rotation, rotation_from_angles
from ..perception.files import find_points, read_points
from ..perception.reading import follow, read
from ..perception.weights import load_quick
from .eyes import blinks, directions, irises, openings, with_gaze
from .person import LEAST_FRAMES, fit_person
from .reader import Clip, Film, Frame
from .smoothing import smoothed

MAX_SIDE = 640
"""Frames are reduced to this longer side (px): the network needs no more."""
TOGETHER = 2
"""Frames looked at side by side, at the place where the face was before them."""
PAUSE = 12
"""Frames at most between two searches while no face is seen: a search costs as much as many frames with a face."""
AT_REST = 0.15
"""What a coefficient never falls below, up to this, is the face at rest: identity and expression cannot be told apart
to the last."""
LEVEL = 10.0
"""Degrees by which the height of the gaze may be off; its median over so many frames is level."""
BLINKS = ("eyeBlinkRight", "eyeBlinkLeft")  # the eye at image left is the subject's right
LOOKS = tuple(f"eyeLook{way}{side}" for side in ("Left", "Right") for way in ("In", "Out", "Up", "Down"))
SURVEY = 10
"""Every so many searches look at small faces in all places as well, which takes longer."""


@dataclass(frozen=True)
class Track:
    """One person in T frames.

    Attributes:
        times: (T,) s, from 0 on, increasing.
        seen: (T,) bool, whether a face was seen; elsewhere the rest lies between its neighbours in time.
        expression: (T, E) coefficients of the model, with the gaze in ``eyeLook...``.
        turns: (T, 3) yaw, pitch, roll in degrees.
        scale: (T,) px per cm at the head's origin. origin: (T, 2) px, its image.
        distance: cm of the viewer from the head, inf for weak perspective; one for all frames.
        identity: (K,) of the model.
        size: (width, height) px of the frames that scale and origin are counted in.
    """

    times: np.ndarray
    seen: np.ndarray
    expression: np.ndarray
    turns: np.ndarray
    scale: np.ndarray
    origin: np.ndarray
    distance: float
    identity: np.ndarray
    size: tuple[int, int]

    def project(self, index: int, vertices: np.ndarray, width: int) -> np.ndarray:
        """Head-space points (V, 3) in a frame of this width: x and y in px, y down, and depth towards the viewer."""
        turned = vertices @ rotation_from_angles(*self.turns[index]).T.astype(vertices.dtype)
        factor = width / self.size[0]
        nearer = self.scale[index] * factor / np.maximum(1 - turned[:, 2] / self.distance, 0.05)
        x, y = self.origin[index] * factor
        return np.stack([x + nearer * turned[:, 0], y - nearer * turned[:, 1], turned[:, 2]], axis=1)

    def gaps(self) -> list[tuple[float, float]]:
        """First and last second of each run of frames without a face."""
        edges = np.flatnonzero(np.diff(np.r_[True, self.seen, True].astype(int)))
        return [(float(self.times[a]), float(self.times[b - 1])) for a, b in edges.reshape(-1, 2)]


def track(
    clip: Clip,
    model: FaceModel,
    params: FitParams,
    every: int = 1,
    smooth: float = 0.05,
    progress: Progress = silent,
) -> Track:
    """Fit one person in all frames together: a shared identity, an expression, a gaze and a pose for each frame.

    Args:
        clip: a video, or a folder of pictures; points in .pts files beside pictures are used.
        every: take every n-th frame.
        smooth: seconds over which the motion is smoothed, see :func:`.smoothing.smoothed`; 0 is none.

    Raises:
        InputFileError: the source cannot be read, or has too many frames. NoFaceError: no frame shows a face.
        LandmarkError, FitError: see :func:`.person.fit_person`.
    """
    film, reader = Film(clip, MAX_SIDE, every), Reader()
    times, points, eyes, by_hand, group = [], [], [], [], []

    def read_group() -> None:
        if not group:
            return
        for frame, found in zip(group, reader.points(group), strict=True):
            times.append(frame.time)
            points.append(found)
            by_hand.append(frame.file is not None and find_points(frame.file) is not None)
            eyes.append(np.full((2, 2), np.nan) if found is None else irises(frame.pixels, found))
        total = max(-(-clip.count // every), len(times))
        progress(len(times), total, {})
        group.clear()

    for frame in film:
        group.append(frame)
        if len(group) == TOGETHER:
            read_group()
    read_group()
    seen = np.array([item is not None for item in points])
    if not seen.any():
        raise NoFaceError(f"{clip.path}: no frame shows a face; is it upright, and at least 60 pixels wide?")
    read = [item for item in points if item is not None]
    person = fit_person(model, read, params, film.size, any(by_hand))
    fits = person.fits
    gaze = directions(model, person, np.array(eyes)[seen])
    names, expression = model.expression_names, np.array([fit.expression for fit in fits])
    if not any(by_hand):
        expression = _at_rest(expression)
        scale = np.array([fit.camera.scale for fit in fits])
        closed = blinks(np.array([openings(item) for item in read]) / scale[:, None])
        for column, name in enumerate(BLINKS):
            expression[:, names.index(name)] = closed[:, column]
    return _track(np.array(times), seen, fits, expression, gaze, names, film.size, smooth)


def write_track(path: Path, track: Track, names: tuple[str, ...]) -> None:
    """Write poses as the CSV table that :func:`portrait_pipeline.animation.frames.read_frames` reads.

    Raises:
        OutputError: the file cannot be written.
    """
    rows = zip(track.times, track.expression, track.turns, strict=True)
    write_table(
        path,
        [
            {TIME: time} | dict(zip(names, expression, strict=True)) | dict(zip(TURN, turn, strict=True))
            for time, expression, turn in rows
        ],
    )


def _track(
    times: np.ndarray,
    seen: np.ndarray,
    fits: list[Fit],
    expression: np.ndarray,
    gaze: np.ndarray,
    names: tuple[str, ...],
    size: tuple[int, int],
    smooth: float,
) -> Track:
    """Fits of the frames that were seen, brought to all times and smoothed."""

    def over_time(values: np.ndarray, known: np.ndarray) -> np.ndarray:
        values = np.asarray(values, float).reshape(len(values), -1)[known[seen]]
        at = times[known]
        filled = np.stack([np.interp(times, at, column) for column in values.T], axis=1)
        return smoothed(times, filled, smooth)

    cameras = [fit.camera for fit in fits]
    origins = [camera.project(np.zeros(3))[:2] for camera in cameras]
    perspective = isinstance(cameras[0], PerspectiveCamera)
    told = seen.copy()
    told[seen] = ~np.isnan(gaze).any(axis=1)
    expression = over_time(expression, seen)
    if told.any() and set(LOOKS) <= set(names):
        looks = over_time(gaze, told)
        if len(fits) >= LEAST_FRAMES:
            looks[:, 1] -= np.clip(np.median(looks[:, 1]), -LEVEL, LEVEL)
        expression = with_gaze(names, expression, looks)
    return Track(
        times=times,
        seen=seen,
        expression=np.clip(expression, 0.0, 1.0),
        turns=over_time([angles_from_rotation(camera.rotation) for camera in cameras], seen),
        scale=np.exp(over_time(np.log([camera.scale for camera in cameras]), seen))[:, 0],
        origin=over_time(origins, seen),
        distance=float(np.median([camera.distance for camera in cameras])) if perspective else np.inf,
        identity=fits[0].identity,
        size=size,
    )


def _at_rest(expression: np.ndarray) -> np.ndarray:
    """Coefficients (T, E) without what they never fall below."""
    if len(expression) < LEAST_FRAMES:
        return expression
    return expression - np.clip(np.percentile(expression, 2, axis=0), 0, AT_REST)


class Reader:
    """Points of one face from frame to frame: where it was in the last frames it is looked at first."""

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._searches = self._wait = 0  # since the face was lost; frames until the next one

    def points(self, frames: Sequence[Frame]) -> list[np.ndarray | None]:
        """(68, 2) px of the face in consecutive frames, the largest where it has to be searched; None without one.

        Points in a file beside a picture win.
        """
        beside = [_beside(frame) for frame in frames]
        looks = [
            partial(self._follow, frame.pixels) for frame, known in zip(frames, beside, strict=True) if known is None
        ]
        readings = iter(side_by_side(looks) if looks and self._last is not None else [None] * len(looks))
        found = []
        for frame, points in zip(frames, beside, strict=True):
            if points is None:
                points = next(readings)
                points = self._search(frame.pixels) if points is None else points
            if points is not None:
                self._last, self._searches, self._wait = points, 0, 0
            found.append(points)
        return found

    def _follow(self, image: np.ndarray) -> np.ndarray | None:
        reading = follow(image, self._last, network=load_quick())
        return None if reading is None else reading.points

    def _search(self, image: np.ndarray) -> np.ndarray | None:
        if self._wait > 0:
            self._wait -= 1
            return None
        survey = self._searches % SURVEY == 0
        try:
            return read(image, parts=False, turns=False, survey=survey, network=load_quick()).points
        except NoFaceError:
            self._wait, self._searches = min(2**self._searches, PAUSE), self._searches + 1
            return None


def _beside(frame: Frame) -> np.ndarray | None:
    """Points in a file beside a picture, px of the frame."""
    path = None if frame.file is None else find_points(frame.file)
    if path is None:
        return None
    height, width = images.image_size(frame.file)
    return read_points(path, (height, width)) * (np.array(frame.pixels.shape[1::-1]) / (width, height))
