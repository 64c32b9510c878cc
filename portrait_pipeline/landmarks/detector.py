"""Find the 68 points of the largest face of an image."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import images
from ..errors import NoFaceError
from .files import find_points, read_points
from .models import hog_detector, predictor


class Detection(NamedTuple):
    """The 68 points of one face and where they come from."""

    points: np.ndarray
    """(68, 2) float64 pixels of the image given, iBUG order."""
    source: str
    """``dlib-hog``, ``dlib-cnn``, ``dlib-retry`` or ``file:<name>``."""
    faces: int
    """Number of faces seen; the largest was taken."""
    box: tuple[float, float, float, float]
    """Left, top, right, bottom of the face in pixels."""


def locate(image_path: str | Path, image: np.ndarray) -> Detection:
    """Points from the landmark file beside the image, else from detection."""
    image_path = Path(image_path)
    file = find_points(image_path)
    if file is not None:
        height, width = images.image_size(image_path)
        points = read_points(file, (height, width))
        points = points * np.array([image.shape[1] / width, image.shape[0] / height])
        return Detection(points, f"file:{file.name}", 1, (*points.min(axis=0), *points.max(axis=0)))
    boxes = hog_detector()(np.ascontiguousarray(image), 1)
    if not boxes:
        raise NoFaceError(f"{image_path}: no face found; put 68 lines 'x y' in {image_path.name}.pts beside it")
    box = max(boxes, key=lambda item: item.area())
    shape = predictor()(np.ascontiguousarray(image), box)
    points = np.array([(point.x + 0.5, point.y + 0.5) for point in shape.parts()])
    return Detection(points, "dlib-hog", len(boxes), (box.left(), box.top(), box.right(), box.bottom()))
