"""Points and parts of a picture file: by hand where somebody placed them, else by the network, or by dlib.

A landmark file beside the picture (:mod:`.files`) wins over every detector. A mask beside it, ``photo.jpg.mask.png`` or
``photo.mask.png`` in the colours of :data:`.parts.PALETTE`, wins over the network's parts; so does an alpha channel:
what is transparent is background.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from ..base import images
from ..base.errors import MissingDependencyError, NoFaceError
from ..base.numerics import one_blas_thread
from . import detector as dlib_detector
from .files import find_points, read_points
from .masks import read_mask
from .part_map import PartMap
from .parts import Part
from .reading import Reading, at_points, read, set_upright

Detector = Literal["ours", "dlib"]


@dataclass(frozen=True)
class Located:
    """A picture set upright and what it shows; pixels are those of ``image``.

    Attributes:
        image: (H, W, 3) uint8 RGB. points: (68, 2) float64, iBUG order.
        errors: (68,) px, how far each point may be off; 0 where points were placed by hand.
        doubt: the network's doubt of the face, see :class:`.reading.Reading`.
        source: ``network``, ``dlib-hog``, ``dlib-cnn``, ``dlib-retry`` or ``file:<name of the landmark file>``.
        faces: number of faces seen; the largest was taken.
        turn: degrees clockwise by which the picture was turned. parts: what the picture shows where.
        matte: (H, W) uint8, how far each pixel is the person, where a mask or an alpha channel says so; else (0, 0).
        opacity: (H, W) uint8, the alpha channel; (0, 0) where nothing is transparent.
    """

    image: np.ndarray
    points: np.ndarray
    errors: np.ndarray
    doubt: float
    source: str
    faces: int
    turn: int
    parts: PartMap
    matte: np.ndarray
    opacity: np.ndarray

    @property
    def by_hand(self) -> bool:
        """Whether somebody placed the points."""
        return self.source.startswith("file:")


@one_blas_thread
def locate(image_path: str | Path, max_side: int, detector: Detector = "ours") -> Located:
    """Read the largest face of a picture file.

    Args:
        max_side: the picture is reduced to this longer side (px) first.
        detector: of the points; parts are read by the network in any case.

    Raises:
        InputFileError: the picture or its mask cannot be used. NoFaceError: it shows no face; the message says how to
            give the points by hand. LandmarkError: a landmark file that cannot be used.
        MissingDependencyError: dlib is asked for and missing.
    """
    path = Path(image_path)
    image, alpha = images.load_with_alpha(path, max_side)
    reading, source = _read(path, image, detector)
    labels = read_mask(path, image.shape)
    parts = PartMap.of_crop(reading.crop_parts, reading.frame) if labels is None else PartMap.of_labels(labels)
    matte = (
        np.zeros((0, 0), np.uint8) if labels is None else np.where(labels == Part.BACKGROUND, 0, 255).astype(np.uint8)
    )
    if alpha is not None:
        parts, matte = parts.within(alpha), alpha
    if reading.turn:
        parts = PartMap(parts.probabilities, _turned_grid(parts.grid, reading.turn, image.shape[:2]))
    upright = reading.upright()
    return Located(
        set_upright(image, reading.turn),
        upright.points,
        upright.errors,
        upright.doubt,
        source,
        upright.faces,
        reading.turn,
        parts,
        set_upright(matte, reading.turn),
        set_upright(np.zeros((0, 0), np.uint8) if alpha is None else alpha, reading.turn),
    )


def find_face(image_path: str | Path, image: np.ndarray, detector: Detector = "ours") -> dlib_detector.Detection:
    """The 68 points of the largest face alone, in pixels of ``image`` as it is; arguments and errors as
    :func:`.detector.locate`."""
    if detector == "dlib" or find_points(image_path) is not None:
        return dlib_detector.locate(image_path, image)
    reading = read(image, face_boxes, parts=False, name=str(image_path))
    low, high = reading.points.min(axis=0), reading.points.max(axis=0)
    return dlib_detector.Detection(reading.points, "network", reading.faces, (*low.tolist(), *high.tolist()))


def face_boxes(image: np.ndarray) -> list[tuple[float, float, float, float]]:
    """Boxes of faces that dlib sees, for the network to look at; none where dlib is not installed."""
    try:
        return dlib_detector.boxes(image)
    except MissingDependencyError:
        return []


def _read(path: Path, image: np.ndarray, detector: Detector) -> tuple[Reading, str]:
    """What the picture shows, with the points that count, in its own pixels."""
    file = find_points(path)
    if file is not None:
        height, width = images.image_size(path)
        points = read_points(file, (height, width)) * (np.array(image.shape[1::-1]) / (width, height))
        return replace(
            at_points(image, points), points=points, errors=np.zeros(len(points)), turn=0
        ), f"file:{file.name}"
    if detector == "ours":
        return read(image, face_boxes, name=str(path)), "network"
    found = dlib_detector.detect(image)
    if found is None:
        raise NoFaceError(dlib_detector.no_face(path))
    seen = at_points(image, found.points)
    away = np.linalg.norm(seen.points - found.points, axis=1)
    return replace(
        seen, points=found.points, errors=np.maximum(seen.errors, away), faces=found.faces, turn=0
    ), found.source


def _turned_grid(grid: np.ndarray, turn: int, shape: tuple[int, int]) -> np.ndarray:
    """(2, 3) map to the same cells from the pixels of the picture of ``shape`` after turning it clockwise."""
    height, width = shape
    back = {  # from pixels of the turned picture to those of the picture
        90: np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, height]]),
        180: np.array([[-1.0, 0.0, width], [0.0, -1.0, height]]),
        270: np.array([[0.0, -1.0, width], [1.0, 0.0, 0.0]]),
    }[turn]
    return np.column_stack([grid[:, :2] @ back[:, :2], grid[:, :2] @ back[:, 2] + grid[:, 2]])
