"""Collect the faces of a folder or an array file: images (detected), landmark files, arrays of many faces.

Files are taken in the order of their names, and detection in several processes changes nothing but the time.
Cheap checks come first: with ``skip=False`` a bad landmark file stops the run before any image is searched.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..base import images
from ..base.errors import InputFileError, LandmarkError, NoFaceError
from ..base.images import IMAGE_SUFFIXES
from ..base.progress import Progress, silent
from ..head.points import COUNT
from ..perception import files
from . import arrays

NOT_LANDMARKS = ("readme", "license", "licence", "notice")
"""Text files whose names begin so are not taken for landmarks."""
MAX_SIDE = 1600
"""Images are reduced to this longer side (pixels) before the search."""
MIN_PARALLEL = 4
"""Fewer images are searched in this process: another one takes seconds to start."""
MAX_WORKERS = 8
"""The CNN detector takes 0.4 GB in each process."""


@dataclass(frozen=True)
class Faces:
    """Faces of one source, each in its own pixels.

    Attributes:
        landmarks: (N, 68, 2) float64, iBUG order, y down; NaN at missing points.
        known: (N, 68) bool, the point was placed or detected.
        occluded: (N, 68) bool, placed by guess.
        groups: (N,) str; faces that belong together share one, such as the works of an artist.
        bad: one line for each file or face that could not be used.
        no_face: one line for each image in which no face was found.
    """

    landmarks: np.ndarray
    known: np.ndarray
    occluded: np.ndarray
    groups: np.ndarray
    bad: tuple[str, ...] = ()
    no_face: tuple[str, ...] = ()


class _Found(NamedTuple):
    """What one file gave."""

    faces: arrays.FaceArrays | None
    problem: str = ""
    no_face: bool = False


@dataclass
class _Plan:
    """The files of a folder by what has to be done with them."""

    quick: list[Path] = field(default_factory=list)
    detect: list[Path] = field(default_factory=list)


def collect(path: str | Path, skip: bool = False, progress: Progress = silent, workers: int | None = None) -> Faces:
    """Read all faces of a source.

    A folder is searched with its sub-folders for images, ``.pts``/``.txt`` files and ``.npz``/``.h5`` files; an image
    with a landmark file beside it uses that file. The sub-folder is the group of its faces; faces of the top folder
    and of an array file without ``group`` are groups of their own.

    Args:
        path: folder, ``.npz`` or ``.h5`` file.
        skip: leave bad files out and tell them in the result, instead of raising.
        progress: called once an image with detected points.
        workers: processes for detection; as many as there are cores (at most 8) if not given.

    Raises:
        InputFileError: no such path, nothing to read in it, or (without ``skip``) a bad file: the first is named
            with the number of the others.
        MissingDependencyError: dlib or its models are needed and not installed.
    """
    path = Path(path)
    plan = _plan(path)
    found: dict[Path, _Found] = {file: _read(file) for file in plan.quick}
    if not skip:
        _refuse([item.problem for item in found.values() if item.problem])
    for step, (file, item) in enumerate(zip(plan.detect, _search(plan.detect, workers), strict=True), start=1):
        found[file] = item
        progress(step, len(plan.detect), {})
    result = _join(path, {file: found[file] for file in sorted(found)})
    if not skip:
        _refuse([*result.bad, *result.no_face])
    return result


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        more = f" (and {len(problems) - 1} more bad files)" if len(problems) > 1 else ""
        raise InputFileError(f"{problems[0]}{more}; or leave such files out with landmark_sets.bad_files: skip")


def _plan(path: Path) -> _Plan:
    if path.is_file() and path.suffix.lower() in arrays.SUFFIXES:
        return _Plan(quick=[path])
    if not path.is_dir():
        kind = "is no folder and no .npz or .h5 file" if path.exists() else "no such folder or file"
        raise InputFileError(f"{path}: {kind}; give a folder of images or landmark files, or an array file")
    listed = sorted(_walk(path))
    pictures = [file for file in listed if file.suffix.lower() in IMAGE_SUFFIXES]
    beside = {picture: _beside(picture) for picture in pictures}
    taken = {file for file in beside.values() if file is not None}
    plan = _Plan()
    for file in listed:
        suffix = file.suffix.lower()
        if file in beside:
            (plan.quick if beside[file] else plan.detect).append(file)
        elif suffix in arrays.SUFFIXES or suffix in files.SUFFIXES and file not in taken:
            plan.quick.append(file)
    if not (plan.quick or plan.detect):
        raise InputFileError(f"{path}: holds no image, .pts, .txt, .npz or .h5 file; put some there or mend the path")
    return plan


def _beside(picture: Path) -> Path | None:
    """The landmark file of a picture; the picture where two could claim it, which :func:`_read` refuses."""
    try:
        return files.find_points(picture)
    except LandmarkError:
        return picture


def _walk(path: Path) -> Iterator[Path]:
    """Files that may hold a face, hidden ones and notes left out."""
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith(".") and not name.lower().startswith(NOT_LANDMARKS):
                yield Path(folder) / name


def _search(pictures: Sequence[Path], workers: int | None) -> Iterator[_Found]:
    """Detect the points of pictures, in order, in several processes if that pays."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = min(workers or min(cores, MAX_WORKERS), len(pictures))
    if workers < 2 or len(pictures) < MIN_PARALLEL:
        yield from map(_read, pictures)
        return
    # A fork would copy the locks of this process's threads; a fresh interpreter has none.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            yield from pool.map(_read, pictures, chunksize=2)
        except BrokenProcessPool as error:
            raise InputFileError(
                f"{pictures[0].parent}: a process that searched images was killed, probably for want "
                "of memory; close other programs or give fewer images at a time"
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _read(file: Path) -> _Found:
    """The faces of one file, or why there are none."""
    try:
        if file.suffix.lower() in arrays.SUFFIXES:
            return _Found(arrays.read_arrays_file(file))
        if file.suffix.lower() not in IMAGE_SUFFIXES:
            return _Found(_single(files.read_points(file, missing=True)))
        beside = files.find_points(file)
        if beside is not None:
            return _Found(_single(files.read_points(beside, images.image_size(file), missing=True)))
        from ..perception.locate import find_face  # loads the network's library: seconds, for pictures alone

        return _Found(_single(find_face(file, images.load_image(file, MAX_SIDE)).points))
    except NoFaceError as error:
        return _Found(None, str(error), no_face=True)
    except InputFileError as error:
        return _Found(None, str(error))


def _single(points: np.ndarray) -> arrays.FaceArrays:
    known = np.isfinite(points).all(axis=-1)
    return arrays.FaceArrays(points[None], known[None], np.zeros((1, COUNT), bool), None)


def _join(root: Path, found: dict[Path, _Found]) -> Faces:
    landmarks, known, occluded, groups, bad = [], [], [], [], []
    for file, item in found.items():
        if item.faces is None:
            continue
        usable, problems = _judge(file, item.faces)
        bad += problems
        landmarks.append(item.faces.landmarks[usable])
        known.append(item.faces.known[usable])
        occluded.append(item.faces.occluded[usable])
        groups.append(_groups(root, file, item.faces)[usable])
    problems = [item for item in found.values() if item.problem]
    return Faces(
        np.concatenate([np.zeros((0, COUNT, 2)), *landmarks]),
        np.concatenate([np.zeros((0, COUNT), bool), *known]),
        np.concatenate([np.zeros((0, COUNT), bool), *occluded]),
        np.concatenate([np.zeros(0, str), *groups]),
        (*(item.problem for item in problems if not item.no_face), *bad),
        tuple(item.problem for item in problems if item.no_face),
    )


def _judge(file: Path, faces: arrays.FaceArrays) -> tuple[np.ndarray, list[str]]:
    """Which faces (N,) bool of a file could be faces, and a line for each that could not."""
    usable, problems = np.ones(len(faces.landmarks), bool), []
    for index, points in enumerate(faces.landmarks):
        try:
            files.check_face(f"{file}: face {index}", points)
        except LandmarkError as error:
            usable[index] = False
            problems.append(str(error))
    return usable, problems


def _groups(root: Path, file: Path, faces: arrays.FaceArrays) -> np.ndarray:
    """(N,) names: an array file's own groups or one for each face; else the sub-folder, else one for each face."""
    folder = file.parent.relative_to(root).as_posix() if root != file else "."
    place = "" if folder == "." else f"{folder}/"
    if faces.group is not None:
        return np.array([f"{place}{name}" for name in faces.group])
    if place and file.suffix.lower() not in arrays.SUFFIXES:
        return np.full(len(faces.landmarks), place)
    return np.array([f"{place}{file.name}#{index}" for index in range(len(faces.landmarks))])
