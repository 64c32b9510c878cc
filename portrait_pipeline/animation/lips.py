"""Lips that meet at rest and do not cross in any expression."""

from __future__ import annotations

import numpy as np

from ..head.model import FaceModel
from .falloff import Falloff
from .mouth import lip_gap
from .openings import Opening, along, arc_parameter

CLOSING = "mouthClose"  # only makes sense with jawOpen: it closes the mouth that the jaw has opened
REACH = 1.0  # cm about the lips that follow
PARTED = 0.03  # cm that lips may be parted at rest
ROUNDING = 0.5  # cm along the lips over which displacements are averaged
PASSES = 4
OF_THE_MOUTH = 0.1  # cm; shapes that move the lips by more take part in what the neutral mouth leaves over
ENOUGH = 0.1  # sum of squared coefficients of the picture's mouth from which its neutral mouth is trusted to close


def meet_lips(
    model: FaceModel, mouth: Opening, rest: np.ndarray, targets: np.ndarray, expression: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Neutral head (V, 3) and ``targets`` (E, V, 3) changed so that lips touch at rest and nowhere cross.

    The coefficients that a fit finds for a parted mouth explain its opening only about; what is left of it after
    they are taken away is closed at rest and added to the shapes that the picture uses, so that the sum of rest and
    targets weighted by ``expression`` (E,) stays what it was.
    """
    skin = np.delete(model.triangles, mouth.triangles, axis=0)
    spread = Falloff(rest, skin, mouth.rim, REACH)
    reach = np.abs(targets[:, mouth.rim]).max(axis=(1, 2))
    used, names = np.flatnonzero(reach > 1e-3), list(model.expression_names)
    share = np.where(reach > OF_THE_MOUTH, expression, 0.0)
    power = float(share @ share)
    shift = np.zeros_like(rest)
    if power > 0:
        shift = spread(min(1.0, power / ENOUGH) * _closing(rest[mouth.rim], mouth))
    picture = rest + np.tensordot(expression, targets, axes=1)
    excess, result = shift, targets.copy()
    for _ in range(PASSES):
        if power > 0:
            result = result - (share / power)[:, None, None] * excess
        before = np.tensordot(expression, result, axes=1)
        parted = part_lips(names, mouth, rest + shift, result, used, spread)
        excess = np.tensordot(expression, parted, axes=1) - before
        result = parted
    if power > 0:
        result = result - (share / power)[:, None, None] * excess
    return picture - np.tensordot(expression, result, axes=1), result


def round_lips(model: FaceModel, mouth: Opening, head: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """``targets`` (E, V, 3) with displacements that run smoothly along either lip: an opened mouth has no kinks.

    Args:
        head: (V, 3) on which they act, cm.
    """
    skin = np.delete(model.triangles, mouth.triangles, axis=0)
    spread = Falloff(head, skin, mouth.rim, REACH)
    averages = [(arc, _averages(head[mouth.rim[arc]])) for arc in (mouth.upper, mouth.lower)]
    result = targets.copy()
    for index in np.flatnonzero(np.abs(targets[:, mouth.rim]).max(axis=(1, 2)) > 1e-2):
        own = targets[index, mouth.rim]
        shift = np.zeros_like(own)
        for arc, average in averages:
            shift[arc] = average @ own[arc] - own[arc]
        result[index] += spread(shift)
    return result


def _averages(arc: np.ndarray) -> np.ndarray:
    """(N, N) weights of means over about ``ROUNDING`` cm along a polyline (N, 3), less towards its ends."""
    place = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(arc, axis=0), axis=1))]
    width = np.minimum(ROUNDING, 0.5 * np.minimum(place, place[-1] - place)) + 1e-6
    spacing = np.gradient(place)  # vertices stand closer in places
    weights = spacing * np.exp(-0.5 * ((place[None] - place[:, None]) / width[:, None]) ** 2)
    return weights / weights.sum(axis=1, keepdims=True)


def part_lips(
    names: list[str], mouth: Opening, rest: np.ndarray, targets: np.ndarray, used: np.ndarray, spread: Falloff
) -> np.ndarray:
    """``targets`` (E, V, 3), of which those at the indices ``used`` no more move the lips past each other."""
    result = targets.copy()
    for index in used:
        base = rest[mouth.rim]
        if names[index] == CLOSING and "jawOpen" in names:
            base = base + result[names.index("jawOpen"), mouth.rim]
        shift = _uncross(base + targets[index, mouth.rim], mouth)
        if np.abs(shift).max() > 1e-4:
            result[index] += spread(shift)
    return result


def _uncross(rim: np.ndarray, mouth: Opening) -> np.ndarray:
    """(R, 3) shift in y that takes crossing lips half way each to where they touch."""
    shift = np.zeros_like(rim)
    for arc, sign in ((mouth.upper, 1.0), (mouth.lower, -1.0)):
        shift[arc, 1] = sign * np.maximum(-lip_gap(rim, mouth, arc_parameter(rim[arc])), 0) / 2
    shift[mouth.upper[[0, -1]]] = 0.0
    return shift


def _closing(rim: np.ndarray, mouth: Opening) -> np.ndarray:
    """(R, 3) shift that brings parted or crossing lips to less than ``PARTED`` cm of each other."""
    shift = np.zeros_like(rim)
    for arc, other, sign in ((mouth.upper, mouth.lower, 1.0), (mouth.lower, mouth.upper, -1.0)):
        at = arc_parameter(rim[arc])
        gap = lip_gap(rim, mouth, at)
        shift[arc, 1] = sign * (np.clip(gap, 0, PARTED) - gap) / 2
        depth = (along(rim[other], at) - rim[arc])[:, 2]
        shift[arc, 2] = np.where(gap > PARTED, depth / 2 * (1 - PARTED / np.maximum(gap, PARTED)), 0.0)
    shift[mouth.upper[[0, -1]]] = 0.0
    return shift
