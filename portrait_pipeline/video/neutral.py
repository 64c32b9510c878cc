"""The frame of a clip that a head is best made from: a calm face seen from the front, sharp."""

from __future__ import annotations

import cv2
import numpy as np

from ..base.progress import Progress, silent
from ..fit.params import FitParams
from ..head.model import FaceModel
from .reader import Clip, Film
from .track import Track, track

LOOKED_AT = 60
"""Frames of a clip that are compared, spread over it."""
AS_CALM = 1.25
"""Frames that are at most so many times as restless as the calmest one: of these the sharpest counts."""
LIPS = 62, 66
"""Points in the middle of the lips' inner rims."""

_FRONTAL = np.array([12.0, 12.0, 20.0])  # degrees of yaw, pitch and roll that weigh as much as a full expression

_TELLING = 2.0  # weight of closed eyes, and of a centimetre between the lips


def neutral_frame(
    clip: Clip, model: FaceModel, params: FitParams, progress: Progress = silent
) -> tuple[float, np.ndarray]:
    """Second and pixels (H, W, 3) of the frame, at the clip's own size.

    Raises:
        InputFileError, NoFaceError, LandmarkError, FitError: see :func:`.track.track`.
    """
    every = max(1, clip.count // LOOKED_AT)
    moves = track(clip, model, params, every, smooth=0.0, progress=progress)
    restless = unrest(moves, model)
    wanted = set(np.flatnonzero(restless <= AS_CALM * restless.min()).tolist())
    frames = {index: frame for index, frame in enumerate(Film(clip, every=every)) if index in wanted}
    best = max(frames, key=lambda index: _sharpness(frames[index].pixels, moves, index))
    return frames[best].time, frames[best].pixels


def unrest(moves: Track, model: FaceModel) -> np.ndarray:
    """(T,) how far each frame is from a calm face seen from the front; infinite without a face."""
    turned = np.linalg.norm(moves.turns / _FRONTAL, axis=1)
    blinks = np.array([name.startswith("eyeBlink") for name in model.expression_names])
    moved = np.linalg.norm(moves.expression * np.where(blinks, _TELLING, 1.0), axis=1)
    # Several coefficients part the lips: what counts is by how much.
    lips = model.expression_basis[:, model.landmarks[list(LIPS)], 1].astype(float)
    parted = np.maximum(moves.expression @ (lips[:, 0] - lips[:, 1]), 0.0)
    return np.where(moves.seen, turned + moved + _TELLING * parted, np.inf)


def _sharpness(pixels: np.ndarray, moves: Track, index: int) -> float:
    """Spread of the second derivatives where the face is."""
    factor = pixels.shape[1] / moves.size[0]
    x, y = np.rint(moves.origin[index] * factor).astype(int)
    reach = max(int(7 * moves.scale[index] * factor), 8)  # cm: half a face
    face = pixels[max(y - reach, 0) : y + reach, max(x - reach, 0) : x + reach]
    return float(cv2.Laplacian(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), cv2.CV_32F).std()) if face.size else 0.0
