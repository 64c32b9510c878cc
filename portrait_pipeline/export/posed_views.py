"""Pictures of a rig in a pose, for ``portrait pose`` and the contact sheet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..animation.aliases import as_vector
from ..animation.pose import Pose, look_coefficients, posed_parts
from ..animation.rig import Rig
from ..mesh.pictures import Scene
from ..mesh.render import Framing, View
from .contact_sheet import tight_frame

MARGIN = 0.1
MOVES = 0.3
"""cm; what some expression moves further than this is the face."""

EXPRESSIONS: tuple[tuple[str, dict[str, float]], ...] = (
    ("Neutral", {}),
    ("Smile", {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0}),
    ("Jaw open", {"jawOpen": 0.8}),
    ("Blink", {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}),
    (
        "Looking aside, brows up",
        look_coefficients(25.0, 0.0) | {"browInnerUp": 0.8, "browOuterUpLeft": 0.8, "browOuterUpRight": 0.8},
    ),
)
"""Captions and coefficients of :func:`expression_row`."""


def picture(
    rig: Rig, pose: Pose, size: int, framing: Framing | None = None, background: tuple[int, int, int] = (255, 255, 255)
) -> np.ndarray:
    """A rig in a pose, seen from the front: (size, size, 3) uint8 RGB.

    Args:
        framing: what is shown; if not given, the head as it lies without its expression, so that pictures of different
            expressions can be compared.
    """
    if framing is None:
        neutral = posed_parts(rig, replace(pose, expression=0 * pose.expression))
        framing = tight_frame(np.concatenate([part.mesh.vertices for part in neutral]), [View()], MARGIN)
    parts = [(part.mesh, part.texture) for part in posed_parts(rig, pose)]
    return Scene(parts).picture(View(), framing, size, background)


def expression_row(rig: Rig, size: int, background: tuple[int, int, int]) -> list[tuple[str, np.ndarray]]:
    """Captions and pictures (size, size, 3) of the face in a few expressions, in one frame; none of a stiff head."""
    neutral, framing = np.zeros(len(rig.names)), face_frame(rig)
    if framing is None:
        return []
    return [
        (caption, picture(rig, Pose(as_vector(values, rig.names, neutral)), size, framing, background))
        for caption, values in EXPRESSIONS
    ]


def face_frame(rig: Rig) -> Framing | None:
    """What holds the face from the front: all that some expression moves; None of a stiff head."""
    head = rig.parts[0]
    face = (np.linalg.norm(head.targets, axis=2) > MOVES).any(axis=0)
    return tight_frame(np.asarray(head.mesh.vertices)[face], [View()], MARGIN) if face.any() else None
