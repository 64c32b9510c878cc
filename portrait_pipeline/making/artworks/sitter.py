"""An invented person: a head of the face model with strongly exaggerated proportions, and its camera.

Everything is defined on the average head ("rest space", cm, head-space axes). One smooth warp, driven by the
68
landmarks, carries the head, the hairline, the hair and the landmarks to the exaggerated person, so that what
is
drawn and the landmark file can not drift apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.interpolate import RBFInterpolator

from ...head.camera import Camera
from ...head.model import FaceModel
from ...head.pose import rotation_from_angles
from .tables import TABLES

JAW, BROWS, NOSE, MOUTH = np.arange(17), np.arange(17, 27), np.arange(27, 36), np.arange(48, 68)
RIGHT_EYE, LEFT_EYE = np.arange(36, 42), np.arange(42, 48)  # image left, image right

# Rest-space points that only follow the overall scale: skull, back of the head, ears and neck.
_ANCHORS = np.array(TABLES["anchors"], float)


@dataclass(frozen=True)
class Proportions:
    """How the face departs from the average; 1 or 0 leaves a part as it is. Lengths in cm of the average
    head."""

    face_width: float = 1.0
    face_length: float = 1.0
    jaw_width: float = 1.0
    chin_drop: float = 0.0
    chin_width: float = 1.0
    cheek_width: float = 1.0
    eye_size: float = 1.0
    eye_open: float = 1.0
    eye_spread: float = 0.0
    eye_raise: float = 0.0
    eye_tilt: float = 0.0
    brow_raise: float = 0.0
    brow_arch: float = 0.0
    brow_tilt: float = 0.0
    nose_drop: float = 0.0
    nose_width: float = 1.0
    nose_forward: float = 0.0
    nose_bend: float = 0.0
    mouth_width: float = 1.0
    mouth_drop: float = 0.0
    lip_fullness: float = 1.0
    smile: float = 0.0
    neck_width: float = 1.0


@dataclass(frozen=True)
class Sitter:
    """A person to be drawn: who (identity, expression), how exaggerated, how turned, how framed (768 px
    canvas)."""

    identity: tuple[float, ...]
    proportions: Proportions
    expression: dict[str, float] = field(default_factory=dict)
    yaw: float = 0.0
    roll: float = 0.0
    top: float = 0.07
    chin: float = 0.80
    centre: float = 0.5


@dataclass(frozen=True)
class Posed:
    """A sitter in front of the camera.

    Attributes:
        model: the face model. rest: (V, 3) average head. vertices: (V, 3) exaggerated head (head space, cm).
        camera: to a square canvas of ``size`` px. points: (68, 2) landmarks in px.
        warp: the map from rest space (N, 3) to exaggerated head space (N, 3).
    """

    model: FaceModel
    rest: np.ndarray
    vertices: np.ndarray
    camera: Camera
    points: np.ndarray
    warp: object
    size: int

    def project(self, rest_points: np.ndarray) -> np.ndarray:
        """Rest-space points (N, 3) -> pixels (N, 2) of the drawn person."""
        return self.camera.project(self.warp(np.asarray(rest_points, float)))[:, :2]


def pose(sitter: Sitter, model: FaceModel, size: int) -> Posed:
    """Build the exaggerated head and frame it on a square canvas of ``size`` pixels."""
    weights = np.array([_expression_weight(sitter.expression, name) for name in model.expression_names])
    shaped = model.vertices(np.array(sitter.identity), weights)
    rest = model.mean.astype(float)
    before = rest[model.landmarks]
    after = exaggerate(shaped[model.landmarks], sitter.proportions)
    scale = _overall(sitter.proportions)
    neck = (_ANCHORS[:, 1:2] < -8) * np.array([1.0, 0, 0])
    anchors_after = _ANCHORS * scale * (1 + neck * (sitter.proportions.neck_width - 1))
    # The person's own geometry first (dense), then the landmark-driven warp on top of it.
    own = RBFInterpolator(
        np.vstack([shaped[model.landmarks], _ANCHORS]),
        np.vstack([after, anchors_after]),
        kernel="cubic",
        smoothing=0.05,
    )
    carry = RBFInterpolator(
        np.vstack([before, _ANCHORS]), np.vstack([after, anchors_after]), kernel="cubic", smoothing=0.05
    )
    vertices = own(shaped)
    camera = _frame(sitter, vertices, carry, model, size)
    return Posed(model, rest, vertices, camera, _points(model, vertices, camera, sitter.yaw), carry, size)


def exaggerate(landmarks: np.ndarray, p: Proportions) -> np.ndarray:
    """Move the 68 landmarks (68, 3), head space, to the proportions ``p``."""
    out = landmarks.copy()
    side = np.sign(out[:, 0])
    low = np.clip((2.0 - out[JAW, 1]) / 10.0, 0, 1)
    middle = np.exp(-(((out[JAW, 1] + 1.0) / 3.0) ** 2))
    out[JAW, 0] *= 1 + (p.jaw_width - 1) * low + (p.cheek_width - 1) * middle
    chin = np.exp(-(((JAW - 8) / 2.2) ** 2))
    out[JAW, 0] *= 1 + (p.chin_width - 1) * chin
    out[JAW, 1] -= p.chin_drop * low**1.5
    for eye, direction in ((RIGHT_EYE, -1.0), (LEFT_EYE, 1.0)):
        centre = out[eye].mean(0)
        offset = (out[eye] - centre) * [p.eye_size, p.eye_size * p.eye_open, 1 + 0.3 * (p.eye_size - 1)]
        offset[:, 1] += p.eye_tilt * direction * offset[:, 0]
        out[eye] = centre + offset + [direction * p.eye_spread, p.eye_raise, -0.15 * abs(p.eye_spread)]
    brow = BROWS
    inner = 1 - np.abs(np.abs(brow - 21.5) - 2.5) / 2.0
    outward = (np.abs(brow - 21.5) - 0.5) / 4.0
    out[brow, 1] += p.brow_raise + p.eye_raise + p.brow_arch * inner + p.brow_tilt * (outward - 0.5)
    out[brow, 0] += side[brow] * p.eye_spread
    centre = out[brow, 0]
    out[brow, 0] = centre * (1 + 0.25 * (p.eye_size - 1))
    ramp = np.array([0, 0.3, 0.65, 1, 1, 1, 1, 1, 1])
    out[NOSE, 1] -= p.nose_drop * ramp
    out[NOSE, 2] += p.nose_forward * np.array([0.1, 0.4, 0.8, 1, 0.4, 0.6, 0.7, 0.6, 0.4])
    out[NOSE, 0] *= np.where(NOSE >= 31, p.nose_width, 1)
    out[NOSE, 0] += p.nose_bend * np.array([0, 0.7, 0.8, 0.3, 0, 0, 0, 0, 0])
    mouth = out[MOUTH].mean(0)
    offset = out[MOUTH] - mouth
    line = offset[[13, 14, 15, 17, 18, 19], 1].mean()
    offset[:, 0] *= p.mouth_width
    offset[:, 1] = line + (offset[:, 1] - line) * p.lip_fullness
    offset[:, 1] += p.smile * ((offset[:, 0] / (2.5 * p.mouth_width)) ** 2 - 0.3)
    out[MOUTH] = mouth + offset - [0, p.mouth_drop, 0]
    return out * _overall(p)


def _overall(p: Proportions) -> np.ndarray:
    return np.array([p.face_width, p.face_length, 1.0])


def _expression_weight(wanted: dict[str, float], name: str) -> float:
    # One name for both sides: "mouthSmile" sets mouthSmileLeft/Right (or _L/_R).
    stem = name.removesuffix("_L").removesuffix("_R").removesuffix("Left").removesuffix("Right")
    return wanted.get(name, wanted.get(stem, 0.0))


def _frame(sitter: Sitter, vertices: np.ndarray, carry, model: FaceModel, size: int) -> Camera:
    rotation = rotation_from_angles(sitter.yaw, 0.0, sitter.roll)
    crown = carry(np.array([[0, 15.2, -2.0]])) @ rotation.T
    chin = vertices[model.landmarks[8]] @ rotation.T
    scale = (sitter.chin - sitter.top) * size / (crown[0, 1] - chin[1])
    middle = vertices[model.landmarks[[0, 16, 27, 30, 8]]].mean(0) @ rotation.T
    return Camera(
        rotation, scale, np.array([sitter.centre * size - scale * middle[0], sitter.chin * size + scale * chin[1]])
    )


def _points(model: FaceModel, vertices: np.ndarray, camera: Camera, yaw: float) -> np.ndarray:
    points = camera.project(vertices[model.landmarks])[:, :2]
    if abs(yaw) < 1:
        return points
    # On the side that turns away the jaw landmarks sit on the silhouette, as annotators place them.
    centre = points[27:36].mean(0)
    away = range(9, 17) if yaw > 0 else range(0, 8)
    for i in away:
        candidates = camera.project(vertices[model.jaw_contours[i]])[:, :2]
        direction = (points[i] - centre) / np.linalg.norm(points[i] - centre)
        sideways = np.abs((candidates - points[i]) @ np.array([-direction[1], direction[0]]))
        gain = (candidates - points[i]) @ direction - 2.0 * sideways
        points[i] = candidates[np.argmax(gain)] if gain.max() > 0 else points[i]
    return points
