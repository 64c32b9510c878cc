"""A rig in a pose: coefficients of its expressions, the direction of its eyes and the turn of its head.

Left and right are the subject's: left is +x, image right in a frontal view. Posing takes no optimisation: it is a
weighted sum of the rig's displacements and one rotation for each eye and the whole head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..base.errors import ParameterError
from ..head.pose import rotation_from_angles
from .rig import Part, Rig

LOOK_SIDE, LOOK_UP, LOOK_DOWN = 30.0, 25.0, 30.0
"""Degrees that an eye turns at coefficient 1 of ``eyeLookIn`` and ``Out``, ``Up``, and ``Down``: about what the lids of
the model's expressions follow."""

EYES = {"EyeLeft": "Left", "EyeRight": "Right"}
"""Parts that are eyeballs, and the end of the names of the expressions that turn them."""


@dataclass(frozen=True)
class Pose:
    """Coefficients and turn of a head.

    Attributes:
        expression: (E,) coefficients of the rig's expressions; 0 is neutral.
        yaw, pitch, roll: degrees about the neck, applied in this order: yaw > 0 turns the nose to image right,
            pitch > 0 lifts it, roll > 0 tilts the head anticlockwise in the image.
    """

    expression: np.ndarray
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    @property
    def turn(self) -> tuple[float, float, float]:
        """Yaw, pitch and roll in degrees."""
        return self.yaw, self.pitch, self.roll


def look_coefficients(x: float, y: float) -> dict[str, float]:
    """Coefficients of the eight ``eyeLook`` expressions for both eyes looking the same way.

    Lids follow the eyes in these expressions, so this is better than turning the eyeballs alone.

    Args:
        x, y: degrees to image right and up.

    Raises:
        ParameterError: further than the eyes turn.
    """
    if not (abs(x) <= LOOK_SIDE and -LOOK_DOWN <= y <= LOOK_UP):
        raise ParameterError(
            f"--gaze {x:g},{y:g}: degrees to image right (-{LOOK_SIDE:g} to {LOOK_SIDE:g}) and up "
            f"(-{LOOK_DOWN:g} to {LOOK_UP:g})"
        )
    left, right = max(x, 0) / LOOK_SIDE, max(-x, 0) / LOOK_SIDE
    up, down = max(y, 0) / LOOK_UP, max(-y, 0) / LOOK_DOWN
    return {
        "eyeLookOutLeft": left,
        "eyeLookInRight": left,
        "eyeLookInLeft": right,
        "eyeLookOutRight": right,
        "eyeLookUpLeft": up,
        "eyeLookUpRight": up,
        "eyeLookDownLeft": down,
        "eyeLookDownRight": down,
    }


def eye_turn(name: str, names: Sequence[str], expression: np.ndarray) -> tuple[float, float, float]:
    """Yaw, pitch and roll (degrees) of the eyeball called ``name`` (of :data:`EYES`), as the ``eyeLook`` ones ask.

    Args:
        names, expression: E names and coefficients; absent names count as 0.
    """
    values = dict(zip(names, np.asarray(expression, float).tolist(), strict=True))
    side = EYES[name]

    def value(direction: str) -> float:
        return values.get(f"eyeLook{direction}{side}", 0.0)

    outwards = LOOK_SIDE * (value("Out") - value("In"))
    yaw = outwards if side == "Left" else -outwards
    return yaw, LOOK_UP * value("Up") - LOOK_DOWN * value("Down"), 0.0


def quaternion(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """x, y, z, w (4,) of :func:`portrait_pipeline.head.pose.rotation_from_angles`, w >= 0."""
    y, p, r = np.radians([yaw, pitch, roll]) / 2
    cy, sy, cp, sp, cr, sr = np.cos(y), np.sin(y), np.cos(p), np.sin(p), np.cos(r), np.sin(r)
    # roll about z times minus pitch about x times yaw about y
    value = np.array(
        [
            -cr * sp * cy - sr * cp * sy,
            cr * cp * sy - sr * sp * cy,
            cr * -sp * sy + sr * cp * cy,
            cr * cp * cy + sr * sp * sy,
        ]
    )
    return value if value[3] >= 0 else -value


def posed_part(rig: Rig, part: Part, pose: Pose) -> np.ndarray:
    """Vertices (V, 3) float64 of a part in head space (cm), posed."""
    vertices = np.asarray(part.mesh.vertices, float)
    if part.name in EYES:
        rotation = rotation_from_angles(*eye_turn(part.name, rig.names, pose.expression))
        turned = vertices @ rotation.T
        vertices = part.pivot + turned * part.stretch
    elif not part.stiff:
        used = np.flatnonzero(pose.expression)
        vertices = vertices + np.tensordot(pose.expression[used], part.targets[used], axes=1)
    return rig.neck + (vertices - rig.neck) @ rotation_from_angles(*pose.turn).T


def posed_parts(rig: Rig, pose: Pose) -> list[Part]:
    """Every part as it lies in head space (cm) in a pose, without targets: what a renderer or an OBJ file wants."""
    return [
        Part(
            part.name,
            part.mesh.with_vertices(posed_part(rig, part, pose)),
            part.texture,
            part.targets[:0],
            np.zeros(3),
            np.ones(3),
        )
        for part in rig.parts
    ]
