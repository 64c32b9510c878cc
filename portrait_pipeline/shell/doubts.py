"""When the shell is not sure: it says so in one line, and makes do with less."""

from __future__ import annotations

import numpy as np

from ..head.model import FaceModel
from ..mesh.render import silhouette
from ..perception.parts import Part
from . import parts
from .canvas import Canvas
from .masks import component_at, dilate
from .matte import person_matte

_PROFILE = 50.0  # degrees of yaw
_AGREE, _UNSURE = 0.80, 0.16  # overlap of parsing and GrabCut; share of half-hearted pixels near the head
_COVERED = 0.6  # share of the head in the photo that has to be a person
_CLOSE = 0.12  # face widths of hair about the head where the matte is not to be trusted


def profile(canvas: Canvas) -> str:
    """Why a photo so far turned gets no shell; empty if it is not."""
    if abs(canvas.yaw) <= _PROFILE:
        return ""
    return f"no shell: the head is turned by {abs(canvas.yaw):.0f} degrees, at most {_PROFILE:.0f} are possible"


def matte_with_doubts(
    canvas: Canvas,
    model: FaceModel,
    photo: np.ndarray,
    points: np.ndarray,
    probabilities: np.ndarray,
    mask: np.ndarray | None,
) -> tuple[np.ndarray | None, str]:
    """The matte (H, W) float32 to be used, or None, and a note of one line (empty without doubts)."""
    projected = canvas.camera.project(canvas.to_head(canvas.vertices))
    head = silhouette(model.mesh(), projected, photo.shape[:2])
    width = float(np.linalg.norm(points[16] - points[0]))
    matte = person_matte(photo, points, probabilities, mask)
    covered = (matte.alpha > 0.5)[head].mean() if head.any() else 0.0
    if covered < _COVERED:
        return None, f"no shell: the person covers {covered:.0%} of the fitted head; give a mask beside the photo"
    if mask is not None:
        return matte.alpha, ""
    looked = parts.known(probabilities)
    about = dilate(head, 0.6 * width) & looked
    background = np.asarray(probabilities[Part.BACKGROUND], np.float32)
    doubt = float(((background > 0.25) & (background < 0.75) & about).sum() / max(about.sum(), 1))
    person = component_at(1 - background > 0.5, points[30])
    if matte.agreement < _AGREE or doubt > _UNSURE:
        near = dilate(head, _CLOSE * width) | (np.arange(len(head))[:, None] > points[8, 1])
        alpha = np.where(near, matte.alpha, 0).astype(np.float32)
        return alpha, "the outline of hair is not sure: the shell keeps close to the head; a mask helps"
    if points[17:27, 1].min() < 0.30 * width:
        return matte.alpha, "the photo ends at the forehead: the top of the hair is invented"
    if person[0].any() and person[0].mean() > 0.95:
        return matte.alpha, "the photo shows no background: the outline of hair is its border"
    return matte.alpha, ""
