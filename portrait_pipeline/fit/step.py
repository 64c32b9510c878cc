"""From points to a fitted head: the function of the stage ``fit`` (4.2)."""

from __future__ import annotations

import numpy as np

from ..base.numerics import one_blas_thread
from ..base.progress import Notify
from ..deformation.deform import deform
from ..deformation.params import DeformSettings
from ..head.camera import ROW_LENGTH
from ..head.model import FaceModel
from ..head.points import BROWS, EYES, JAW, MOUTH, NOSE, eye_distance
from ..landmarks.record import LocatedPair
from .fit import Fit, fit_errors, fit_joint, fit_landmarks, frontalise, landmark_offsets
from .params import FitParams
from .record import FittedPair
from .settings import FitSettings

WRONG_POINT = 0.15
"""Points further from the fitted head than this share of the eye distance are taken for wrong, not for its shape."""


GROUPS = {"jaw line": JAW, "brows": BROWS, "nose": NOSE, "eyes": EYES, "mouth": MOUTH}
PHOTO_LIMITS = (0.15, 0.20, 0.08, 0.06, 0.07)
"""Mean distances of each group of points from the fitted head, as shares of the eye distance, that no face needs."""
ART_LIMITS = (0.18, 0.45, 0.17, 0.14, 0.10)
"""The same of drawn faces."""


@one_blas_thread
def fit_pair(
    model: FaceModel, pair: LocatedPair, params: FitParams, notify: Notify = lambda message: None
) -> FittedPair:
    """Fit the face model to the photos (its geometry is used) and to the artwork (only its pose is used).

    Further photos share the identity and have an expression and a camera of their own.

    Args:
        notify: receives a line for each picture whose points the fitted head cannot explain.
    """
    points = [pair.photo_points, *pair.more_points]
    photos = (pair.photo, *pair.more_photos)
    sizes = [(image.shape[1], image.shape[0]) for image in photos]
    fits = fit_joint(model, points, params, image_sizes=sizes, images=photos)
    heads = [_on_landmarks(model, *seen).astype(np.float32) for seen in zip(fits, points, strict=True)]
    art = fit_landmarks(model, pair.art_points, FitSettings.for_art(params))
    photo = fits[0]
    names = ["photo", *(f"further photo {number + 1}" for number in range(len(pair.more_points))), "artwork"]
    for name, fit, seen in zip(names, [*fits, art], [*points, pair.art_points], strict=True):
        if found := unexplained(model, fit, seen, ART_LIMITS if fit is art else PHOTO_LIMITS):
            notify(
                f"{name}: no face explains its points at {' and '.join(found)}; look at their overlay: are they in "
                "iBUG order, none left out, none twice?"
            )
    errors = fit_errors(model, photo, pair.photo_points) / eye_distance(pair.photo_points)
    return FittedPair(
        vertices=heads[0],
        identity=photo.identity,
        expression=photo.expression,
        camera_row=photo.camera.row(),
        more_vertices=np.array(heads[1:], np.float32).reshape(-1, *model.mean.shape),
        more_camera_rows=np.array([fit.camera.row() for fit in fits[1:]]).reshape(-1, ROW_LENGTH),
        content_points=frontalise(model, photo, pair.photo_points),
        style_points=frontalise(model, art, pair.art_points),
        inner_error=float(errors[17:60].mean()),
        jaw_error=float(errors[:17].mean()),
    )


def unexplained(model: FaceModel, fit: Fit, points: np.ndarray, limits: tuple[float, ...]) -> list[str]:
    """Groups of the 68 points (px) that lie further from the fitted head than any face would explain.

    Of points slipped by a line either way, jaw or brows reversed, eyes exchanged, and mouths turned, of 20 works of
    Artistic-Faces and 20 frontal photos of MERL-RAV (240 sets), all were told or their fit refused; of the 40 unchanged
    sets none was told. The limits were chosen on these; of the other 100 works and of 50 further photos one was told.
    """
    errors = fit_errors(model, fit, points) / eye_distance(points)
    return [name for (name, group), limit in zip(GROUPS.items(), limits, strict=True) if errors[group].mean() > limit]


def _on_landmarks(model: FaceModel, fit: Fit, points: np.ndarray) -> np.ndarray:
    """The fitted head (V, 3) drawn the last percents to the landmarks (68, 2) of its photo.

    The model's prior leaves lips and lids a little off; projected from there, teeth would be painted on the lips.
    """
    vertices = model.vertices(fit.identity, fit.expression)
    offsets = landmark_offsets(model, fit, points)
    size = np.linalg.norm(vertices[model.landmarks[36]] - vertices[model.landmarks[45]])
    offsets[np.linalg.norm(offsets, axis=1) > WRONG_POINT * size] = 0.0
    targets = vertices[model.landmarks] + offsets
    return deform(model.mesh(vertices), model.landmarks, targets, DeformSettings(follow="none"))
