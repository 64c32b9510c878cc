"""Designed hair: families of guide curves in rest space, filled with strands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from .pen import smooth_noise, spline
from .sitter import Posed


@dataclass(frozen=True)
class Lock:
    """A sheet of hair between guide curves.

    Attributes:
        guides: list of [(x, y), ...] rest-space curves from root to tip, neighbours ordered across the sheet.
        lift: cm that the sheet stands off the skull. count: strands. wave: (amplitude cm, turns) along a
        strand.
        behind: drawn before the head (true) or over it. spread: randomness of the strands' position, cm.
        shine: strength of the highlight band. tip, root: random shortening of the strands at each end, 0 to
        1.
        on_face: the sheet lies on the front of the face (moustache, beard) instead of the skull.
    """

    guides: list[list[tuple[float, float]]]
    lift: float = 0.6
    count: int = 400
    wave: tuple[float, float] = (0.0, 1.0)
    behind: bool = False
    spread: float = 0.12
    shine: float = 1.0
    tip: float = 0.08
    root: float = 0.12
    on_face: bool = False


@dataclass(frozen=True)
class Strand:
    """One strand in px: points (N, 2), light (N,) in [0, 1], its random value and position across the
    sheet."""

    points: np.ndarray
    light: np.ndarray
    value: float
    across: float
    behind: bool


def skull_depth(xy: np.ndarray, lift: float) -> np.ndarray:
    """Rest-space z (N,) of an ellipsoid around the skull (the rim's depth outside of it)."""
    inside = 1 - (xy[:, 0] / (8.2 + lift)) ** 2 - ((xy[:, 1] - 4.5) / (10.0 + lift)) ** 2
    return -3.4 + (9.2 + lift) * np.sqrt(np.clip(inside, 0, None))


def grow(posed: Posed, locks: list[Lock], key: np.ndarray, rng: np.random.Generator) -> list[Strand]:
    """All strands of the hairstyle, in drawing order (deep strands first within a lock)."""
    strands = []
    for lock in locks:
        sheet = np.stack([spline(np.array(guide), 28) for guide in lock.guides])  # (G, 28, 2)
        across = np.linspace(0, len(sheet) - 1, len(sheet))
        smooth = [
            np.stack([np.interp(u, across, sheet[:, i, c]) for c in range(2)], -1)
            for u in [np.linspace(0, len(sheet) - 1, 64)]
            for i in range(28)
        ]
        table = np.stack(smooth, 1)  # (64, 28, 2)
        rest, values, where = [], [], []
        for _ in range(lock.count):
            u = rng.uniform(0, 63)
            base = table[int(u)] + (u % 1) * (table[min(int(u) + 1, 63)] - table[int(u)])
            rest.append(_wander(base, lock, u, rng))
            values.append(rng.uniform(0, 1))
            where.append(u / 63)
        xyz = np.stack(rest)
        flat = xyz.reshape(-1, 2)
        if lock.on_face:
            front = posed.rest[posed.rest[:, 2] > 0]
            z = front[cKDTree(front[:, :2]).query(flat)[1], 2] + lock.lift
        else:
            z = skull_depth(flat, lock.lift) if not lock.behind else np.full(len(flat), -6.0)
        pixels = posed.project(np.column_stack([flat, z])).reshape(len(rest), 28, 2)
        light = _light(xyz, z.reshape(len(rest), 28), lock, key)
        strands += [Strand(pixels[i], light[i], values[i], where[i], lock.behind) for i in range(len(rest))]
    return strands


def _wander(base: np.ndarray, lock: Lock, u: float, rng: np.random.Generator) -> np.ndarray:
    t = np.linspace(0, 1, len(base))
    end = 1 - lock.tip * rng.uniform(0, 1) ** 2
    start = lock.root * rng.uniform(0, 1) ** 1.5
    curve = np.stack([np.interp(start + t * (end - start), t, base[:, c]) for c in range(2)], 1)
    curve = curve + lock.spread * smooth_noise(len(base), rng) * np.linspace(0.3, 1, len(base))[:, None]
    amplitude, turns = lock.wave
    if amplitude:
        phase = 2 * np.pi * turns * t + 0.09 * u + 0.5 * rng.normal()
        tangent = np.gradient(curve, axis=0)
        normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
        curve = curve + amplitude * np.sin(phase)[:, None] * normal * smooth_rise(t)[:, None]
    return curve


def smooth_rise(t: np.ndarray) -> np.ndarray:
    """0 at the root, 1 from the first third on."""
    return np.clip(t / 0.33, 0, 1)


def _light(xy: np.ndarray, z: np.ndarray, lock: Lock, key: np.ndarray) -> np.ndarray:
    """Lambert on the skull's ellipsoid plus a highlight where the strand runs across the half vector."""
    normal = np.stack([xy[..., 0] / 8.2, (xy[..., 1] - 4.5) / 10.0, (z + 3.4) / 9.2], -1)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)
    strand = np.concatenate([np.gradient(xy, axis=1), np.gradient(z, axis=1)[..., None]], -1)
    strand /= np.maximum(np.linalg.norm(strand, axis=-1, keepdims=True), 1e-6)
    half = key + np.array([0, 0, 1.0])
    half /= np.linalg.norm(half)
    across = np.sqrt(np.clip(1 - (strand @ half) ** 2, 0, 1))
    lambert = np.clip(normal @ key, 0, 1)
    light = 0.25 + 0.45 * lambert + 0.6 * lock.shine * across**14 * np.clip(normal @ half, 0, 1) ** 3
    return np.clip(light * (0.55 if lock.behind else 1.0), 0, 1)
