"""Faces in pictures: where their points go when the frontal ones change, and methods as functions of points."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ...fit.fit import fit_landmarks, frontalise
from ...fit.params import FitParams
from ...fit.record import FittedPair
from ...fit.settings import FitSettings
from ...head.model import FaceModel
from ...landmarks.record import LocatedPair
from ...pipeline.face import Face
from ...shapes.alignment import apply, invert
from ...shapes.space import ShapeSpace
from .comparison import answers

if TYPE_CHECKING:
    from ...translation.method import Method

Translate = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Frontal points of a person (68, 2) and of an exemplar (68, 2), each px of its picture -> frontal points of the
person in the style of the exemplar (68, 2)."""


def photo_face(model: FaceModel, located: LocatedPair, fitted: FittedPair) -> Face:
    """The photo of a pair."""
    landmarks = fitted.vertices[model.landmarks]
    return Face(located.photo, located.photo_points, fitted.content_points, landmarks, fitted.camera)


def art_face(model: FaceModel, image: np.ndarray, points: np.ndarray, params: FitParams) -> Face:
    """An artwork with its points (68, 2); its pose is removed as for a pair (section 4.2)."""
    fit = fit_landmarks(model, points, FitSettings.for_art(params))
    landmarks = model.vertices(fit.identity, fit.expression)[model.landmarks]
    return Face(image, points, frontalise(model, fit, points), landmarks, fit.camera)


def method_translate(method: Method, space: ShapeSpace, bound: float) -> Translate:
    """A method as a function of landmarks: the plain output of its networks.

    What the PCA does not hold of the person is added, as for a pair; nothing else is done to the answer, so
    that methods are seen as they are.

    Args:
        bound: coefficients of the exemplar stay within so many standard deviations.
    """
    asked = answers(method)

    def translate(content: np.ndarray, style: np.ndarray) -> np.ndarray:
        aligned, to_canvas = space.align(content)
        y = np.clip(space.encode(space.align(style)[0]), -bound, bound)
        z = asked.translate(space.encode(aligned)[None], y[None])[0]
        return apply(invert(to_canvas), space.decode(z) + space.residual(aligned))

    return translate
