"""Expressions and head turns of a person in a video, as a table for ``portrait pose --frames`` (section 7.1)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from ..animation.frames import MAX_FRAMES, TIME, TURN, Frames
from ..base import images
from ..base.artifacts import write_table
from ..base.errors import InputFileError, NoFaceError
from ..base.images import IMAGE_SUFFIXES
from ..base.progress import Progress, silent
from ..fit.fit import Fit, fit_joint
from ..fit.params import FitParams
from ..head.model import FaceModel
from ..head.pose import angles_from_rotation
from ..perception.files import find_points, read_points
from ..perception.reading import follow, read

MAX_SIDE = 640
"""Frames are reduced to this longer side (px): the network needs no more."""

PAUSE = 12
"""Frames at most between two searches while no face is seen: a search costs as much as many frames with a face."""

FPS = 25.0
"""Of a folder of pictures, and of a video that does not say."""


def track(
    source: Path, model: FaceModel, params: FitParams, every: int = 1, smooth: float = 0.05, progress: Progress = silent
) -> Frames:
    """Fit one person in all frames together: a shared identity, an expression and a turn for each frame.

    Args:
        source: a video, or a folder of pictures (25 a second, in the order of their names). Points in .pts files beside
            pictures are used.
        every: take every n-th frame.
        smooth: standard deviation (s) of the Gaussian by which coefficients and angles are smoothed; 0 is none.

    Returns:
        The poses of the frames; where no face was found, between those of the neighbours.

    Raises:
        InputFileError: the source cannot be read, or has too many frames. NoFaceError: no frame shows a face.
        LandmarkError, FitError: see :func:`portrait_pipeline.fit.fit.fit_joint`.
    """
    step, total = _speed(source)
    reader = Reader()
    times, points, sizes, end = [], [], [], 0.0
    for index, (time, name, image) in enumerate(_frames(source, step)):
        if index % every:
            continue
        image = images.resize_to(image, MAX_SIDE)
        found = reader.points(image, name)
        if found is not None:
            times.append(time)
            points.append(found)
            sizes.append((image.shape[1], image.shape[0]))
        end = time
        progress(index + 1, max(total, index + 1), {})
    if not times:
        raise NoFaceError(f"{source}: no frame shows a face; is it upright, and at least 60 pixels wide?")
    fits = fit_joint(model, points, params, image_sizes=sizes)
    return _even(np.array(times), fits, step * every, end, smooth)


def write_track(path: Path, frames: Frames, names: tuple[str, ...]) -> None:
    """Write poses as the CSV table that :func:`portrait_pipeline.animation.frames.read_frames` reads.

    Raises:
        OutputError: the file cannot be written.
    """
    rows = zip(frames.times, frames.expression, frames.turns, strict=True)
    write_table(
        path,
        [
            {TIME: time} | dict(zip(names, expression, strict=True)) | dict(zip(TURN, turn, strict=True))
            for time, expression, turn in rows
        ],
    )


def _even(times: np.ndarray, fits: list[Fit], step: float, end: float, smooth: float) -> Frames:
    """Poses at even times from 0 to ``end``, interpolated and smoothed."""
    values = np.array([[*fit.expression, *angles_from_rotation(fit.camera.rotation)] for fit in fits])
    count = len(fits[0].expression)
    even = np.arange(int(round(end / step)) + 1) * step
    values = np.stack([np.interp(even, times, column) for column in values.T], axis=1)
    if smooth > 0:
        values = gaussian_filter1d(values, smooth / step, axis=0, mode="nearest")
    return Frames(even, np.clip(values[:, :count], 0.0, 1.0), values[:, count:])


class Reader:
    """Points of one face from frame to frame: where it was in the last frame it is looked at first."""

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._pause = 1  # frames until the next search after one that found nothing
        self._wait = 0

    def points(self, image: np.ndarray, file: Path | None = None) -> np.ndarray | None:
        """(68, 2) px of the face, the largest where it has to be searched; None without one.

        Args:
            image: (H, W, 3) uint8 RGB, possibly reduced. file: of the picture; points beside it win.
        """
        beside = None if file is None else find_points(file)
        if beside is not None:
            height, width = images.image_size(file)
            return read_points(beside, (height, width)) * (np.array(image.shape[1::-1]) / (width, height))
        found = None if self._last is None else follow(image, self._last)
        self._last = self._search(image) if found is None else found.points
        return self._last

    def _search(self, image: np.ndarray) -> np.ndarray | None:
        if self._wait > 0:
            self._wait -= 1
            return None
        try:
            found = read(image, parts=False, turns=False).points
        except NoFaceError:
            self._wait, self._pause = self._pause, min(2 * self._pause, PAUSE)
            return None
        self._pause = 1
        return found


def _frames(source: Path, step: float) -> Iterator[tuple[float, Path | None, np.ndarray]]:
    """Second, file (of a picture) and pixels of each frame."""
    if source.is_dir():
        for index, path in enumerate(_pictures(source)):
            yield index * step, path, images.load_image(path)
        return
    video = cv2.VideoCapture(str(source))
    try:
        index = 0
        while (found := video.read())[0]:
            if index >= MAX_FRAMES:
                raise InputFileError(f"{source}: more than {MAX_FRAMES} frames; cut it into several files")
            yield index * step, None, cv2.cvtColor(found[1], cv2.COLOR_BGR2RGB)
            index += 1
        if index == 0:
            raise InputFileError(f"{source}: is no video that can be read; give an .mp4 file or a folder of pictures")
    finally:
        video.release()


def _pictures(folder: Path) -> list[Path]:
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    if not 1 <= len(paths) <= MAX_FRAMES:
        raise InputFileError(f"{folder}: {len(paths)} pictures; give a folder with 1 to {MAX_FRAMES}, or a video")
    return paths


def _speed(source: Path) -> tuple[float, int]:
    """Seconds between frames, and about how many there are."""
    if source.is_dir():
        return 1 / FPS, len(_pictures(source))
    if not source.is_file():  # OpenCV would take patterns and addresses as well
        raise InputFileError(f"{source}: no such file; give a video or a folder of pictures")
    video = cv2.VideoCapture(str(source))
    try:
        rate, count = video.get(cv2.CAP_PROP_FPS), video.get(cv2.CAP_PROP_FRAME_COUNT)
    finally:
        video.release()
    return 1 / (rate if 1 <= rate <= 1000 else FPS), int(count) if 0 < count <= MAX_FRAMES else 0
