"""A rig moved by a track, and where it is in each frame's picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..animation.pose import EYES, eye_turn
from ..animation.rig import SHELL, Rig
from ..base.errors import InputFileError
from ..head.model import FaceModel
from ..head.pose import rotation_from_angles
from ..shell.record import HAIR
from .track import Track

CHIN, FACE, SIDES = 8, slice(17, 68), ([0, 16], [2, 14], [4, 12])  # of the 68 points
_NECK = (0.8, 3.2)  # cm below the chin between which the head fades into the video's own neck
_CHEST, _ROOM = 10.0, 1.1  # cm below the chin that a panel shows; its side over what it must hold
_SHELL_NEARER = 0.15  # cm
_HAIR = (0.0, 5.0)  # the same for hair
_CLOTHES = (-6.0, -3.0)  # and for clothes: hats stay, collars go
_SHOULDERS = (0.0, 6.0)  # cm below the chin between which the turn of the head dies away


class Puppet:
    """The vertices of a rig for given expressions, in one array over its parts in their order.

    Args:
        rig: of a stylised head on the model's topology. names: of the track's expressions.

    Raises:
        InputFileError: the rig is of another topology.
    """

    def __init__(self, rig: Rig, model: FaceModel, names: Sequence[str]) -> None:
        self.rig, self.names = rig, names
        head = np.asarray(rig.parts[0].mesh.vertices, np.float32)
        if len(head) < len(model.mean):
            raise InputFileError(
                f"the head has {len(head)} vertices, the face model {len(model.mean)}; it is of another model"
            )
        self.points = head[model.landmarks].astype(float)
        rests = [np.asarray(part.mesh.vertices, np.float32) for part in rig.parts]
        self.ends = np.cumsum([0, *map(len, rests)])
        self.rest = np.concatenate(rests)
        place = {name: index for index, name in enumerate(rig.names)}
        order = [place.get(name, -1) for name in names]
        # one row for each of the track's expressions: what the rig does not know moves nothing
        self.targets = [
            None if part.stiff else np.asarray(part.targets, np.float32)[order].reshape(len(names), -1) * known
            for part, known in ((part, (np.array(order)[:, None] >= 0).astype(np.float32)) for part in rig.parts)
        ]
        self.neutral = self.vertices(np.zeros(len(names)))
        # Lifted brows would come through a stiff fringe: where the two touch, the shell is seen.
        self.nearer = np.zeros(len(self.rest), np.float32)
        for part, first, end in zip(rig.parts, self.ends, self.ends[1:], strict=False):
            self.nearer[first:end] = _SHELL_NEARER if part.name == SHELL else 0.0

    def vertices(self, expression: np.ndarray) -> np.ndarray:
        """(V, 3) float32 head space (cm) for coefficients (E,); the head itself does not turn."""
        result = self.rest.copy()
        values = np.asarray(expression, np.float32)
        for part, targets, first, end in zip(self.rig.parts, self.targets, self.ends, self.ends[1:], strict=False):
            if part.name in EYES:
                turn = rotation_from_angles(*eye_turn(part.name, self.names, expression)).astype(np.float32)
                result[first:end] = part.pivot + result[first:end] @ turn.T * part.stretch
            elif targets is not None:
                result[first:end] += (values @ targets).reshape(-1, 3)
        return result

    def bust(self) -> tuple[np.ndarray, float]:
        """Middle (3,) and half side (cm) of a square with the resting head, some room about it, and the upper chest."""
        chin = self.points[CHIN]
        head = self.neutral[self.neutral[:, 1] > chin[1]]
        top, aside = head[:, 1].max(), np.abs(head[:, 0] - chin[0]).max()
        foot = max(self.neutral[:, 1].min(), chin[1] - _CHEST)
        half = float(max((top - foot) / 2, aside)) * _ROOM
        return np.float32([chin[0], foot + half if foot > self.neutral[:, 1].min() else (top + foot) / 2, 0.0]), half

    def below_chin(self, near: float, far: float) -> np.ndarray:
        """(V,) 1 down to ``near`` cm below the chin, 0 from ``far`` on, smooth between, at rest."""
        depth = self.points[CHIN, 1] - self.neutral[:, 1]
        share = np.clip((far - depth) / (far - near), 0, 1)
        return (share * share * (3 - 2 * share)).astype(np.float32)

    def opacity(self) -> np.ndarray:
        """(V,) how far each vertex covers the video, where the head takes the place of the one that is filmed."""
        result = self.below_chin(*_NECK)
        for part, first, end in zip(self.rig.parts, self.ends, self.ends[1:], strict=False):
            if part.name == SHELL:
                hair, worn = (self.below_chin(*reach)[first:end] for reach in (_HAIR, _CLOTHES))
                is_hair = np.zeros(end - first, bool) if part.labels is None else part.labels == HAIR
                result[first:end] = np.where(is_hair, hair, worn)
        return result

    def turned(self, vertices: np.ndarray, turn: np.ndarray) -> np.ndarray:
        """(V, 3) head space, the head turned by yaw, pitch and roll about the neck, shoulders and chest at rest."""
        rotation = rotation_from_angles(*turn).astype(np.float32)
        neck = self.rig.neck.astype(np.float32)
        moved = neck + (vertices - neck) @ rotation.T
        return vertices + self.below_chin(*_SHOULDERS)[:, None] * (moved - vertices)


def onto_person(puppet: Puppet, model: FaceModel, track: Track) -> tuple[np.float32, np.ndarray]:
    """Factor and shift (3,) cm, float32, that lay a stylised head over the person in the video, without expression.

    The size is that of the 68 points, or what covers the person's jaw, if that is wider.
    """
    person = model.vertices(track.identity, np.zeros(len(model.expression_names)))[model.landmarks]
    ours, theirs = puppet.points[FACE].mean(axis=0), person[FACE].mean(axis=0)
    size = np.linalg.norm(person - theirs) / np.linalg.norm(puppet.points - ours)
    width = np.mean([np.ptp(person[pair, 0]) / np.ptp(puppet.points[pair, 0]) for pair in SIDES])
    scale = float(max(size, width))
    return np.float32(scale), (theirs - scale * ours).astype(np.float32)
