"""Is it still the same person? Distance between faces in the space of dlib's face recognition network.

The network maps a face to 128 numbers such that photos of one person lie within about 0.6 of one another and
photos of different people farther apart (dlib's documentation; 99.38 % on Labeled Faces in the Wild at that
threshold). A stylised head is no photo: its distance says which of two results keeps more of the person, not
whether it is the person.
"""

from __future__ import annotations

import numpy as np

from ..head.points import MOUTH_CORNERS, OUTER_EYE_CORNERS
from ..perception.detector import detect
from ..perception.models import embedder, landmark_shape
from ..perception.views import AffineView

SAME_PERSON = 0.6
"""Photos of one person are usually closer than this."""
_SIDE = 400  # pixels of the upright crop given to dlib, which cuts its own 150 pixel chip from it
_EYES = 100  # outer eye distance there; points are rounded to whole pixels there


def embedding(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The face's place in dlib's recognition space.

    Args:
        image: (H, W, 3) uint8 RGB.
        points: (68, 2) pixels of ``image``; any size and roll.

    Returns:
        (128,) float64.

    Raises:
        MissingDependencyError: dlib or its model is not installed.
    """
    view = AffineView(_crop_matrix(points), (_SIDE, _SIDE))
    descriptor = embedder().compute_face_descriptor(view.warp(image), landmark_shape(view.to_view(points)))
    return np.array(descriptor, dtype=np.float64)


def distance(
    first: np.ndarray, first_points: np.ndarray, second: np.ndarray, second_points: np.ndarray | None = None
) -> float | None:
    """Distance of two faces: 0 the same picture, under about 0.6 the same person (for photos).

    Args:
        first: (H, W, 3) uint8 RGB, usually the photo.
        first_points: (68, 2) pixels of ``first``.
        second: (H, W, 3) uint8 RGB, usually a frontal render.
        second_points: (68, 2) pixels of ``second``; searched if not given.

    Returns:
        Euclidean distance of the embeddings, or None if ``second_points`` is not given and no face is seen in
        ``second``.
    """
    if second_points is None:
        found = detect(second)
        if found is None:
            return None
        second_points = found.points
    return float(np.linalg.norm(embedding(first, first_points) - embedding(second, second_points)))


def _crop_matrix(points: np.ndarray) -> np.ndarray:
    """(2, 3) similarity that puts the face upright into the middle of the crop, its eyes 100 pixels apart."""
    eyes = points[list(OUTER_EYE_CORNERS)]
    across = eyes[1] - eyes[0]
    mouth = points[list(MOUTH_CORNERS)].mean(axis=0)
    # A long face must fit as well: the distance from eyes to mouth counts where it is larger.
    size = max(np.linalg.norm(across), np.linalg.norm(mouth - eyes.mean(axis=0)), 1e-6)
    direction = across / max(np.linalg.norm(across), 1e-9) * (_EYES / size)
    linear = np.array([[direction[0], direction[1]], [-direction[1], direction[0]]])
    centre = (eyes.mean(axis=0) + mouth) / 2
    return np.column_stack([linear, np.array([_SIDE, _SIDE]) / 2 - linear @ centre])
