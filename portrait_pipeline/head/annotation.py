"""Where annotators put the 68 landmarks on the surface of a model.

The vertices of :attr:`FaceModel.landmarks` are chosen by anatomy and by what a mesh of this density offers; people
who mark faces put some points elsewhere, in the same way on every face: the outer eye corners 1.6 mm further out, the
points beside the middle of the inner lips 4 mm nearer to it. ``assets/landmark_places.json`` holds, for the bundled
model, the mean places on 700 annotated faces (its own field ``provenance`` says which and how).
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files

import numpy as np

from ..mesh.closest import SurfacePoints
from .model import FaceModel


@lru_cache(maxsize=1)
def _measured() -> dict[str, np.ndarray]:
    text = (files(__package__) / "assets" / "landmark_places.json").read_text("utf-8")
    return {name: np.array(value) for name, value in json.loads(text).items()}


def annotated_landmarks(model: FaceModel) -> SurfacePoints:
    """The 68 landmarks of a frontal view; for models other than the bundled one these are ``model.landmarks``."""
    measured = _measured()
    if len(model.mean) == measured["vertices"] and np.array_equal(model.landmarks, measured["landmarks"]):
        return SurfacePoints(measured["ids"], measured["shares"])
    ids = np.repeat(np.asarray(model.landmarks)[:, None], 3, axis=1)
    return SurfacePoints(ids, np.tile([1.0, 0.0, 0.0], (68, 1)))
