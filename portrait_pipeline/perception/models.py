"""dlib's trained models, found in the package face_recognition_models and loaded once.

That package is never imported: it needs ``pkg_resources``, which recent setuptools no longer has.
"""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import MissingDependencyError

PREDICTOR = "shape_predictor_68_face_landmarks.dat"
CNN_DETECTOR = "mmod_human_face_detector.dat"
EMBEDDING = "dlib_face_recognition_resnet_model_v1.dat"


def model_path(name: str) -> Path:
    """Path of one of dlib's model files.

    Raises:
        MissingDependencyError: the package or the file is missing.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        path = Path(folder) / "models" / name
        if path.is_file():
            return path
    raise MissingDependencyError(
        f"{name}: not found; run `pip install --force-reinstall face_recognition_models==0.3.0`"
    )


@lru_cache(maxsize=1)
def hog_detector() -> Any:
    """dlib's frontal face detector (histograms of oriented gradients)."""
    return _dlib().get_frontal_face_detector()


@lru_cache(maxsize=1)
def cnn_detector() -> Any:
    """dlib's max-margin CNN face detector."""
    return _dlib().cnn_face_detection_model_v1(str(model_path(CNN_DETECTOR)))


@lru_cache(maxsize=1)
def predictor() -> Any:
    """dlib's 68-point shape predictor (takes about a second to load)."""
    return _dlib().shape_predictor(str(model_path(PREDICTOR)))


def rectangle(box: np.ndarray) -> Any:
    """A dlib rectangle for a box (left, top, right, bottom in continuous pixels), rounded to whole pixels."""
    left, top, right, bottom = (int(value) for value in np.rint(box))
    return _dlib().rectangle(left, top, right - 1, bottom - 1)


def landmark_shape(points: np.ndarray) -> Any:
    """dlib's form of the 68 points, rounded to whole pixels; its box is that of the points.

    Args:
        points: (68, 2) continuous pixels.
    """
    dlib = _dlib()
    indices = [dlib.point(int(x), int(y)) for x, y in np.floor(points)]
    return dlib.full_object_detection(rectangle(np.concatenate([points.min(axis=0), points.max(axis=0)])), indices)


def edges(found: Any) -> np.ndarray:
    """(4,) left, top, right, bottom of a dlib rectangle in continuous pixels; its integers are pixels
    inside."""
    return np.array([found.left(), found.top(), found.right() + 1, found.bottom() + 1], dtype=np.float64)


def hog_boxes(grey: np.ndarray, lowest_score: float = 0.0) -> list[tuple[float, np.ndarray]]:
    """What the HOG detector sees at the resolution given: score and (4,) box in continuous pixels for each
    face.

    Args:
        grey: (H, W) uint8; faces of at least 80 pixels are seen.
        lowest_score: 0 is the detector's own threshold.
    """
    found, scores, _ = hog_detector().run(np.ascontiguousarray(grey), 0, lowest_score)
    return [(float(score), edges(box)) for box, score in zip(found, scores, strict=True)]


@lru_cache(maxsize=1)
def embedder() -> Any:
    """dlib's face recognition network: 150 px aligned face to 128 numbers."""
    return _dlib().face_recognition_model_v1(str(model_path(EMBEDDING)))


def _dlib() -> Any:
    try:
        import dlib
    except ImportError as error:
        raise MissingDependencyError("dlib is not installed; run `pip install dlib-bin`") from error
    return dlib
