"""The tongue: its form at rest, and how far it comes out between the lips of an open mouth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

ROWS, COLUMNS = 20, 29
CENTRE, SIZE = (0.0, -0.95, -2.9), (1.55, 0.6, 2.3)  # cm, half axes; it lies between the lower teeth
LIGHT, DARK = 0.15, 0.68  # v of the lightest and of the darkest flesh in the texture of the gums

HALF_THICK, HALF_WIDE = 0.46, 1.1  # cm where it lies between the lips, for an average mouth
REACH, DROOP = 0.9, 0.85  # cm that the tip stands before the lower lip and hangs below its edge
OPENED = 0.6  # coefficient of jawOpen for which the way out is laid


@dataclass(frozen=True)
class Tongue:
    """A surface about a middle line, hollow along its back.

    Attributes:
        form: (N, 3) within the unit ball about: across, up, and along from the root (-1) to the tip (1).
        uv: (N, 2) in the texture of teeth and gums. triangles: (F, 3).
    """

    form: np.ndarray
    uv: np.ndarray
    triangles: np.ndarray


def tongue() -> Tongue:
    """The average tongue."""
    polar, turn = np.meshgrid(np.linspace(0.02, np.pi - 0.02, ROWS), np.linspace(0, 2 * np.pi, COLUMNS), indexing="ij")
    forward = np.cos(polar)
    around = np.sin(polar) ** 0.8  # the pole points forward; the tip is thinner than the root
    x, y = around * np.cos(turn), around * np.sin(turn) * (1 - 0.35 * np.clip(forward, 0, 1))
    y = y - 0.25 * np.exp(-((x / 0.25) ** 2)) * (y > 0) * around + 0.5 * np.clip(-forward, 0, 1) ** 2
    # Light on its back, darker in the furrow, at the sides, below, and towards the throat.
    shade = 0.25 * np.exp(-((x / 0.12) ** 2)) * (y > 0) + 0.35 * x**2 + np.clip(-y, 0, 1)
    shade = np.clip(shade + 0.9 * np.clip(-forward - 0.1, 0, 1), 0, 1)
    uv = np.stack([np.full(y.size, 0.75), LIGHT + (DARK - LIGHT) * shade.ravel()], axis=1)
    grid = np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS)
    a, b, c, d = grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]
    triangles = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    return Tongue(np.stack([x, y, forward], axis=2).reshape(-1, 3), uv, triangles)


@dataclass(frozen=True)
class WayOut:
    """What the tongue passes on its way out of the open mouth, in its middle: (3,) points in head space, cm.

    Attributes:
        teeth: top of the lower incisors. lower, upper: edges of the lips.
        front: z of the lower lip and the skin below it, where they stand out furthest.
    """

    teeth: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    front: float


def tongue_out(form: np.ndarray, lying: np.ndarray, way: WayOut, scale: np.ndarray) -> np.ndarray:
    """Where the tongue's vertices (N, 3) are when it is out: over teeth and lip, its tip before the lower lip.

    Args:
        form: (N, 3) as in :class:`Tongue`. lying: (N, 3) cm, in the open mouth.
        way: past teeth and lips, in the same expression.
        scale: (3,) size of the mouth relative to the average.
    """
    middle = np.array([way.lower[0], 0.0, 0.0])
    thick = min(HALF_THICK * scale[1], max(0.42 * (way.upper[1] - way.lower[1]), 0.1))
    wide = HALF_WIDE * scale[0]
    root = lying[form[:, 2] < -0.9].mean(axis=0)
    above = np.array([0.0, 0.8 * thick, 0.0])
    edge = max(way.teeth[1], way.lower[1])  # it lies on both and bends over the higher one
    line = np.stack(
        [
            root,
            0.5 * (root + way.teeth) + above,
            np.array([0.0, edge, way.teeth[2]]) + above,
            np.array([0.0, way.lower[1], way.lower[2]]) + above,
            np.array([0.0, way.lower[1] - 0.30 * DROOP * scale[1], way.front + 0.6 * thick]),
            np.array([0.0, way.lower[1] - DROOP * scale[1], way.front + REACH * scale[2]]),
        ]
    )
    line[:, 0] = 0.0
    chord = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))]
    curve = PchipInterpolator(chord, line)
    # More of the rows for the part that is seen.
    at = np.interp(form[:, 2], [-1.0, -0.6, 1.0], [0.0, 0.45, 1.0]) * chord[-1]
    centre, ahead = curve(at), curve(at, 1)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    up = np.stack([np.zeros(len(ahead)), ahead[:, 2], -ahead[:, 1]], axis=1)
    along = at / chord[-1]
    half = np.interp(along, [0.0, 0.4, 0.6, 1.0], [SIZE[0] * scale[0], 1.15 * wide, wide, 0.85 * wide])
    height = np.interp(along, [0.0, 0.4, 0.6, 1.0], [SIZE[1] * scale[1], thick, thick, 0.9 * thick])
    across = (half * form[:, 0])[:, None] * np.array([1.0, 0.0, 0.0])
    return middle + centre + across + (height * form[:, 1])[:, None] * up
