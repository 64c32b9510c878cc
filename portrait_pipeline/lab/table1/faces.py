"""Faces in pictures: where their points go when the frontal ones change, and methods as functions of points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from ...fit.fit import fit_landmarks, frontalise
from ...fit.params import FitParams
from ...fit.record import FittedPair
from ...head.model import FaceModel
from ...landmarks.record import LocatedPair
from ...pipeline.face import Face
from ...shapes.alignment import align, apply, invert
from ...shapes.families import EFFECTS, warp
from ...shapes.space import ShapeSpace

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
    fit = fit_landmarks(model, points, params.for_art())
    landmarks = model.vertices(fit.identity, fit.expression)[model.landmarks]
    return Face(image, points, frontalise(model, fit, points), landmarks, fit.camera)


def method_translate(method: Method, space: ShapeSpace, bound: float) -> Translate:
    """A method as a function of landmarks: the plain output of its networks.

    What the PCA does not hold of the person is added, as for a pair; nothing else is done to the answer, so
    that methods are seen as they are.

    Args:
        bound: coefficients of the exemplar stay within so many standard deviations.
    """
    from .comparison import answers

    asked = answers(method)

    def translate(content: np.ndarray, style: np.ndarray) -> np.ndarray:
        aligned, to_canvas = space.align(content)
        y = np.clip(space.encode(space.align(style)[0]), -bound, bound)
        z = asked.translate(space.encode(aligned)[None], y[None])[0]
        return apply(invert(to_canvas), space.decode(z) + space.residual(aligned))

    return translate


def arriving(exemplar: np.ndarray, variant: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """Share of the change from ``exemplar`` to ``variant`` that arrives between their translations.

    All (68, 2); on aligned faces, the part of the translations' difference that points along the exemplars'
    difference, over the size of the latter: 0 no answer, 1 the same change.
    """
    before, after, made, changed_to = (align(points)[0] for points in (exemplar, variant, first, second))
    cause = after - before
    return float(((changed_to - made) * cause).sum() / max((cause**2).sum(), 1e-12))


def changed(frontal: np.ndarray, effect: Mapping[str, float]) -> np.ndarray:
    """A frontal face (68, 2), px, with some of the exaggerations of the generated art domain.

    Args:
        effect: names of :data:`~portrait_pipeline.shapes.families.EFFECTS` to their strengths.
    """
    eyes = np.stack([frontal[36:42].mean(0), frontal[42:48].mean(0)])
    unit = np.linalg.norm(eyes[1] - eyes[0]) * np.array([1.0, -1.0])
    strengths = {name: np.array([effect.get(name, 0.0)]) for name in EFFECTS}
    points = (frontal - eyes.mean(0)) / unit
    return warp(points[None], strengths, np.zeros((1, 68, 2)))[0] * unit + eyes.mean(0)
