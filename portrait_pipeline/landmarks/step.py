"""From image files to points: the function of the stage ``landmarks``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..base import images
from ..base.progress import Notify
from ..perception.detector import Detection
from ..perception.detector import locate as find_landmarks
from .params import LandmarksParams
from .record import LocatedPair


def locate_pair(
    photo: Path,
    art: Path,
    params: LandmarksParams,
    notify: Notify = lambda message: None,
    more_photos: Sequence[Path] = (),
) -> LocatedPair:
    """Load all images and find their landmarks.

    Raises:
        InputFileError, NoFaceError, LandmarkError: see :mod:`portrait_pipeline.base.images` and ``landmarks``.
    """

    def locate(path: Path) -> tuple[np.ndarray, Detection]:
        image = images.load_image(path, max_side=params.max_side)
        detection = find_landmarks(path, image)
        if detection.faces > 1:
            notify(f"{path}: {detection.faces} faces found, the largest is used")
        return image, detection

    (photo_image, photo_found), (art_image, art_found) = locate(photo), locate(art)
    more = [locate(path) for path in more_photos]
    return LocatedPair(
        photo=photo_image,
        art=art_image,
        photo_points=photo_found.points,
        art_points=art_found.points,
        photo_source=photo_found.source,
        art_source=art_found.source,
        more_photos=tuple(image for image, _ in more),
        more_points=tuple(found.points for _, found in more),
    )
