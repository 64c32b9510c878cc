"""From photo, artwork and stylised head to the picture: the function of the stage ``picture`` (7.4)."""

from __future__ import annotations

import cv2
import numpy as np

from ..animation.rig import Rig
from ..base.device import Hardware
from ..base.numerics import one_blas_thread
from ..base.progress import Progress, silent
from ..fit.record import FittedPair
from ..head.model import FaceModel
from ..landmarks.record import LocatedPair
from ..regions.labels import TEETH
from ..shell.record import Shell
from ..texture.params import TextureParams
from .canvas import Canvas
from .guide import stylised_view
from .moves import picture_moves
from .painting import Plan, paint
from .params import PictureParams
from .regions import art_regions, bare_face, photo_regions
from .warp import backward_flow, read_at

_INSET, _SOFT = 0.03, 0.015  # of the face's width: how far the guide ends inside the face, and how softly


@one_blas_thread
def picture_pair(
    model: FaceModel,
    pair: LocatedPair,
    fitted: FittedPair,
    shell: Shell,
    rig: Rig,
    params: PictureParams,
    texture: TextureParams,
    expression: np.ndarray | None = None,
    progress: Progress = silent,
    *,
    seed: int = 0,
    hardware: Hardware | None = None,
) -> np.ndarray:
    """The photo redrawn in the artwork's geometry and hand (section 7.4).

    Args:
        rig: the stylised head. expression: (E,) its coefficients in the picture; None is the photo's.

    Returns:
        (H, W, 3) uint8 RGB, the longer side ``params.size``.
    """
    plan = plan_picture(model, pair, fitted, shell, rig, params.size, expression)
    return paint(plan, pair.art, pair.art_points, art_regions(pair), texture, progress, seed=seed, hardware=hardware)


def plan_picture(
    model: FaceModel,
    pair: LocatedPair,
    fitted: FittedPair,
    shell: Shell,
    rig: Rig,
    size: int,
    expression: np.ndarray | None = None,
) -> Plan:
    """Bend the photo and render the head over it; nothing is painted yet. ``size`` is the picture's longer side."""
    canvas = Canvas.of(pair.photo.shape, size)
    altered = expression is not None and not np.array_equal(expression, rig.expression)
    expression = rig.expression if expression is None else expression
    source, target = picture_moves(model, fitted, shell, rig, expression)
    width = canvas.factor * float(np.linalg.norm(pair.photo_points[16] - pair.photo_points[0]))
    unit = canvas.factor * float(np.ptp(pair.photo_points, axis=0).max())
    places = backward_flow((canvas.height, canvas.width), canvas.factor * source, canvas.factor * target, unit)

    def bent(photo: np.ndarray) -> np.ndarray:
        return canvas.within(read_at(canvas.resized(photo), places))

    labels = canvas.within(read_at(photo_regions(pair), places / canvas.factor, cv2.INTER_NEAREST))
    view, face, inside = stylised_view(model, rig, expression, fitted.camera, canvas.corner, canvas.factor, canvas.side)
    guided = _soft(face & (bent(bare_face(pair)) > 0.5), width)
    content = bent(pair.photo)
    if altered and inside.any():  # lips that part now show what no photo has
        share = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), max(0.5, 0.5 * _SOFT * width))
        content = np.rint(content + share[..., None] * (view.astype(np.float32) - content)).astype(np.uint8)
        guided, labels = np.maximum(guided, share), np.where(inside, TEETH, labels)
    points = canvas.factor * target[: len(model.landmarks)] + canvas.margin
    return Plan(canvas, content, labels, points, view, np.rint(255 * guided).astype(np.uint8))


def _soft(mask: np.ndarray, width: float) -> np.ndarray:
    """(S, S) float32 in [0, 1], drawn in and with a soft border; ``width`` of the face, px."""
    distance = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    inner = (distance > _INSET * width).astype(np.float32)
    return cv2.GaussianBlur(inner, (0, 0), max(0.5, _SOFT * width))
