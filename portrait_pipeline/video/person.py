"""One person in the frames of a video: a shape that the face model alone cannot take, and what moves it.

A painted face has proportions beyond the model's, and the network misplaces each point by about as much in all frames.
Both are the same all through a clip, and both look like an expression that never ends. So each point has an offset of
its own that all frames share, unknown like the identity and fitted with it. Expressions are few: what lasts goes into
the offsets, what comes and goes into the coefficients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..fit.fit import Fit, check_plausible, fit_of
from ..fit.model_at_landmarks import LandmarkModel, landmark_model
from ..fit.params import FitParams
from ..fit.problem import Problem, State, slide_jaw
from ..fit.settings import FitSettings
from ..fit.solver import minimise
from ..fit.start import FRAME_DIAGONAL, ImageSize, checked, joined, start
from ..head.camera import PerspectiveCamera
from ..head.model import FaceModel

SAMPLE = 40
"""Frames of a video that its identity is fitted to."""
BLOCK = 64
"""Frames of a video that are fitted at a time."""
FEW, PRIOR = 2.0, 0.3
"""Of a video's expressions: weight of the coefficients over their spread, and of the usual prior. On rendered heads
of known motion what other coefficients wrongly show falls from 2.4 to 0.6 in sum; errors of the right ones stay."""
LEAST_FRAMES = 25
"""Frames from which on what lasts can be told from what the face does."""
SPREAD = 0.2
"""cm: expected offset of a point to the side and up. With .1 painted faces keep half of their false smile; from .3 on
a head that hardly rests loses some of a true one, and the pitch of photos' heads errs by a degree more."""
OUTER_LIPS, INNER_LIPS = 0.25, 0.05
"""Weights of the points of the lips that are no corners, for the network: on rendered heads of known motion it sees
open mouths too little open, by 5 to 15 hundredths at the outer rims and 15 to 30 at the inner ones."""

_AXES = 2  # sideways and up: depth is hardly seen


@dataclass(frozen=True)
class Person:
    """T frames of one person.

    Attributes:
        fits: T, with the same identity.
        offsets: (68, 3) cm in head space, from the model's landmarks to those seen, the same in all frames.
    """

    fits: list[Fit]
    offsets: np.ndarray


def fit_person(
    model: FaceModel, points: Sequence[np.ndarray], params: FitParams | None, size: ImageSize, by_hand: bool = False
) -> Person:
    """Identity, offsets and focal length of some frames, spread over the clip; then expression and pose of each frame.

    Time and memory grow with the frames, not with their square.

    Args:
        points: T arrays (68, 2) px without gaps. size: (width, height) px of the frames.
        by_hand: whether people placed the points: then all lips count.

    Raises:
        LandmarkError, FitError: as :func:`portrait_pipeline.fit.fit.fit_landmarks`.
    """
    weights, settings = (None if by_hand else lip_weights()), FitSettings.of(params)
    alone = landmark_model(model)
    known = alone if len(points) < LEAST_FRAMES else with_offsets(alone)
    chosen = np.unique(np.linspace(0, len(points) - 1, SAMPLE).round().astype(int))
    problem, state = _views(known, [points[index] for index in chosen], weights, size, settings)
    state = minimise(problem, state, settings.iterations)
    check_plausible(state, ["landmarks"] * len(chosen))
    cameras = [state.views.camera(index) for index in range(len(chosen))]
    if isinstance(cameras[0], PerspectiveCamera):
        focal = float(np.median([camera.focal for camera in cameras])) / np.hypot(*size) * FRAME_DIAGONAL
        settings = settings.model_copy(update={"focal_length": focal})
    identity, rest = np.split(state.identity, [alone.identities])
    offsets = np.zeros((68, 3))
    offsets[:, :_AXES] = SPREAD * rest.reshape(-1, _AXES) if len(rest) else 0.0
    person, fits = known.of_person(state.identity), []
    for first in range(0, len(points), BLOCK):
        problem, state = _views(person, points[first : first + BLOCK], weights, size, settings)
        state = minimise(problem, state, settings.iterations)
        jaw, whole = slide_jaw(problem, state), State(state.views, identity, state.expression)
        fits += [fit_of(model, alone, whole, jaw, index) for index in range(len(state.expression))]
    return Person(fits, offsets)


def lip_weights() -> np.ndarray:
    """(68,) of the points as the network reads them."""
    weights = np.ones(68)
    weights[48:60], weights[60:68] = OUTER_LIPS, INNER_LIPS
    weights[[48, 54]] = 1.0
    weights[[60, 64]] = 2 * INNER_LIPS
    return weights


def with_offsets(known: LandmarkModel) -> LandmarkModel:
    """The model with two more identities for each of the 68 landmarks that move it by :data:`SPREAD`.

    All candidates of a jaw point move as one.
    """
    moved = np.concatenate([np.arange(17, 68), np.repeat(np.arange(17), known.candidates)])  # landmark of each row
    offsets = np.zeros((len(known.mean), 3, 68, _AXES))
    for axis in range(_AXES):
        offsets[np.arange(len(moved)), axis, moved, axis] = SPREAD
    offsets = offsets.reshape(*offsets.shape[:2], -1)
    count = offsets.shape[-1]
    shapes, expressions = np.split(known.basis, [known.identities], axis=-1)
    return replace(
        known,
        basis=np.concatenate([shapes, offsets, expressions], axis=-1),
        cross=None if known.cross is None else np.pad(known.cross, ((0, 0), (0, 0), (0, count), (0, 0))),
        identities=known.identities + count,
    )


def _views(
    known: LandmarkModel,
    points: Sequence[np.ndarray],
    weights: np.ndarray | None,
    size: ImageSize,
    settings: FitSettings,
) -> tuple[Problem, State]:
    """The problem of some frames, few expressions preferred to a little of many, and where the descent starts."""
    views = [checked("landmarks", item, weights) for item in points]
    problem, state = joined(known, [start(known, *view, size, settings, "landmarks") for view in views], settings)
    cost = FEW * (known.low >= 0) / known.spread
    return replace(problem, expression_prior=PRIOR * problem.expression_prior, expression_cost=cost), state
