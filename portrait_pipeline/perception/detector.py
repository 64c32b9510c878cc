"""Find the 68 points of the largest face of an image.

A landmark file beside the image wins. Otherwise three searches follow one another until one finds a face:
dlib's HOG detector on the image and enlarged; dlib's CNN detector; and the HOG detector on turned, stretched
and softened views, which is what tilted, long or drawn faces need. The predictor always gets boxes like those
of the HOG detector, with which it was trained, and works in the view in which the face was found.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from ..base import images
from ..base.errors import NoFaceError
from .files import find_points, read_points
from .models import cnn_detector, edges, hog_boxes
from .predict import TURNS, WIDE_TURNS, predict_points
from .views import AffineView, turned

HOG_SIDES = (320, 1000)
"""The HOG detector works on images of this longer side (pixels); it sees faces from about 80 pixels on."""
CNN_SIDE = 600
"""Largest input of the CNN detector: at 600 x 600 it takes 0.4 GB and 2.4 s of one core."""
CNN_TO_HOG = (0.008, 0.040, 1.095)
"""Shift right and down, and factor on the side, from a CNN box to the HOG box of the same face, in sides of
the CNN box; medians over 98 portraits in which both detectors found the face."""
RETRY_SIDES = (256, 320, 400, 512)
RETRY_TURNS = (0.0, -15.0, 15.0, -30.0, 30.0)
RETRY_STRETCHES = (1.0, 0.8, 1.25)
RETRY_MARGIN = 0.3
WEAK = 0.4
"""Boxes with less than this share of the best score are not taken for faces."""


class Detection(NamedTuple):
    """The 68 points of one face and where they come from."""

    points: np.ndarray
    """(68, 2) float64 pixels of the image given to :func:`locate`, iBUG order."""
    source: str
    """``dlib-hog``, ``dlib-cnn``, ``dlib-retry`` or ``file:<name of the landmark file>``."""
    faces: int
    """Number of faces seen, at least 1; the largest was taken."""
    box: tuple[float, float, float, float]
    """Left, top, right, bottom of the face in pixels: the detector's box, or that of the points of a file."""


class _Face(NamedTuple):
    score: float
    box: np.ndarray  # (4,) left, top, right, bottom in continuous pixels of the view
    view: AffineView

    @property
    def area(self) -> float:
        """In pixels of the image."""
        return float(np.prod(self.box[2:] - self.box[:2])) / self.view.scale**2


def locate(image_path: str | Path, image: np.ndarray) -> Detection:
    """The 68 points of the largest face.

    Args:
        image_path: the picture's file; ``photo.jpg.pts``, ``photo.jpg.txt``, ``photo.pts`` or ``photo.txt``
            beside it (the first that exists) is read instead of searching. Its points are pixels of the file
            at its full size.
        image: (H, W, 3) uint8 RGB, the same picture, possibly reduced.

    Returns:
        Points in pixels of ``image``. The result is the same on every run.

    Raises:
        NoFaceError: nothing found; the message says how to give the points by hand.
        LandmarkError: the landmark file is not usable.
        MissingDependencyError: dlib or its models are not installed.
    """
    image_path = Path(image_path)
    file = find_points(image_path)
    if file is not None:
        height, width = images.image_size(image_path)
        points = read_points(file, (height, width)) * (np.array(image.shape[1::-1]) / (width, height))
        return Detection(points, f"file:{file.name}", 1, _corners(points))
    detection = detect(image)
    if detection is None:
        raise NoFaceError(no_face(image_path))
    return detection


def no_face(image_path: Path) -> str:
    """What a user is told of a picture without a face."""
    return (
        f"{image_path}: no face was found; give a picture with a larger, more frontal face, or write "
        "its 68 points (iBUG order, one 'x y' a line, pixels of the picture) to "
        f"{image_path.name}.pts beside it"
    )


def boxes(image: np.ndarray) -> list[tuple[float, float, float, float]]:
    """Left, top, right, bottom (px) of the faces that the HOG detector sees, or else the CNN detector.

    Args:
        image: (H, W, 3) uint8 RGB.

    Raises:
        MissingDependencyError: dlib or its models are not installed.
    """
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    faces = _search_hog(grey) or _search_cnn(image)
    return [_corners(face.view.to_image(face.box.reshape(2, 2))) for face in faces]


def detect(image: np.ndarray) -> Detection | None:
    """Search the largest face in the pixels alone; None if there is none.

    Args:
        image: (H, W, 3) uint8 RGB.
    """
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    searches = (
        ("dlib-hog", lambda: _search_hog(grey)),
        ("dlib-cnn", lambda: _search_cnn(image)),
        ("dlib-retry", lambda: _search_views(grey)),
    )
    for source, search in searches:
        faces = search()
        if faces:
            face = max(faces, key=lambda item: item.area)
            corners = face.view.to_image(face.box.reshape(2, 2)[[[0, 0], [1, 0], [1, 1], [0, 1]], [0, 1]])
            # The CNN detector finds tilted faces without telling the tilt.
            turns = WIDE_TURNS if source == "dlib-cnn" else TURNS
            points = predict_points(grey, face.view, face.box, turns)
            return Detection(points, source, len(faces), _corners(corners))
    return None


def _search_hog(grey: np.ndarray) -> list[_Face]:
    side = int(np.clip(max(grey.shape), *HOG_SIDES))
    for factor in (1, 2):  # enlarging finds smaller faces, and more that are none: only if needed
        faces = _strong(_hog(grey, turned(grey.shape, side * factor)))
        if faces:
            return faces
    return []


def _search_cnn(image: np.ndarray) -> list[_Face]:
    view = turned(image.shape[:2], min(max(image.shape[:2]), CNN_SIDE))
    faces = []
    right, down, factor = CNN_TO_HOG
    for found in cnn_detector()(np.ascontiguousarray(view.warp(image)), 0):
        box = edges(found.rect)
        side = float(box[2] - box[0] + box[3] - box[1]) / 2
        centre = (box[:2] + box[2:]) / 2 + np.array([right, down]) * side
        half = side * factor / 2
        faces.append(_Face(float(found.confidence), np.concatenate([centre - half, centre + half]), view))
    return _strong(faces)


def _search_views(grey: np.ndarray) -> list[_Face]:
    """The best box over turned, stretched, enlarged and softened views, as a list of one."""
    best: _Face | None = None
    full = min(max(grey.shape), HOG_SIDES[1])
    sides = RETRY_SIDES + ((full,) if full > RETRY_SIDES[-1] else ())  # small tilted faces in large pictures
    for side, turn, stretch in product(sides, RETRY_TURNS, RETRY_STRETCHES):
        view = turned(grey.shape, side, turn, stretch, RETRY_MARGIN)
        for blur in (0.0, 1.5):
            for face in _hog(grey, view, blur):
                if best is None or face.score > best.score:
                    best = face
    return [] if best is None else [best]


def _hog(grey: np.ndarray, view: AffineView, blur: float = 0.0) -> list[_Face]:
    pixels = view.warp(grey)
    if blur:
        pixels = cv2.GaussianBlur(pixels, (0, 0), blur)
    return [_Face(score, box, view) for score, box in hog_boxes(pixels)]


def _strong(faces: list[_Face]) -> list[_Face]:
    best = max((face.score for face in faces), default=0.0)
    return [face for face in faces if face.score >= WEAK * best]


def _corners(points: np.ndarray) -> tuple[float, float, float, float]:
    low, high = points.min(axis=0), points.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])
