"""A head of the project's own that moves in a known way, as a video would show it."""

from __future__ import annotations

import numpy as np

from ...animation.rig import Rig
from ...head.camera import PerspectiveCamera
from ...head.model import FaceModel
from ...head.pose import rotation_from_angles
from ...video.eyes import with_gaze
from ...video.puppet import Puppet
from ...video.reenact import Artist

RATE = 25
"""Frames a second."""


def motion(names: tuple[str, ...], count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (T, E) and turns (T, 3): it talks, smiles, blinks twice, looks about, shakes its head."""
    seconds = np.arange(count) / RATE
    expression, turns = np.zeros((count, len(names))), np.zeros((count, 3))
    expression[:, names.index("jawOpen")] = np.clip(0.5 * np.sin(2 * np.pi * seconds / 1.6), 0, 1)
    for side in ("Left", "Right"):
        expression[:, names.index(f"mouthSmile{side}")] = 0.35 - 0.35 * np.cos(2 * np.pi * seconds / 2.4)
        blink = sum(np.exp(-0.5 * ((seconds - moment) / 0.08) ** 2) for moment in (0.6, 1.8))
        expression[:, names.index(f"eyeBlink{side}")] = blink
    turns[:, 0] = 18 * np.sin(2 * np.pi * seconds / 2.4)
    turns[:, 2] = 3 * np.cos(np.pi * seconds)
    return with_gaze(names, expression, np.stack([15 * np.sin(np.pi * seconds), 0 * seconds], axis=1)), turns


def acted(rig: Rig, model: FaceModel, size: int, count: int = 60) -> list[np.ndarray]:
    """Frames (size, size, 3) of a rig that moves as :func:`motion` says."""
    puppet, middle = Puppet(rig, model, model.expression_names), np.full(2, size / 2)

    def camera(turn: np.ndarray) -> PerspectiveCamera:
        return PerspectiveCamera(rotation_from_angles(*turn), np.array([0.0, -3.0, -80.0]), size * 80 / 34, middle)

    places = camera(np.zeros(3)).project(puppet.neutral)
    artist, frames = Artist([(part.mesh, part.texture) for part in rig.parts], places), []
    for expression, turn in zip(*motion(model.expression_names, count), strict=True):
        frame = np.full((size, size, 3), (120, 130, 140), np.uint8)
        artist.draw(camera(turn).project(puppet.vertices(expression)), (size, size)).onto(frame)
        frames.append(frame)
    return frames
