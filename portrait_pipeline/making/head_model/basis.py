"""Identity basis by PCA on sampled heads, and the 52 ARKit expressions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

ARKIT_NAMES = (
    "eyeBlinkLeft eyeLookDownLeft eyeLookInLeft eyeLookOutLeft eyeLookUpLeft eyeSquintLeft eyeWideLeft "
    "eyeBlinkRight eyeLookDownRight eyeLookInRight eyeLookOutRight eyeLookUpRight eyeSquintRight "
    "eyeWideRight jawForward jawLeft jawRight jawOpen mouthClose mouthFunnel mouthPucker mouthLeft "
    "mouthRight mouthSmileLeft mouthSmileRight mouthFrownLeft mouthFrownRight mouthDimpleLeft "
    "mouthDimpleRight mouthStretchLeft mouthStretchRight mouthRollLower mouthRollUpper mouthShrugLower "
    "mouthShrugUpper mouthPressLeft mouthPressRight mouthLowerDownLeft mouthLowerDownRight "
    "mouthUpperUpLeft mouthUpperUpRight browDownLeft browDownRight browInnerUp browOuterUpLeft "
    "browOuterUpRight cheekPuff cheekSquintLeft cheekSquintRight noseSneerLeft noseSneerRight tongueOut"
).split()
MERGED = ("browInnerUp", "cheekPuff")  # measured as two halves
EMPTY = ("tongueOut",)  # the mouth is closed by a surface: there is no tongue to show
CROSSING = ("mouthClose",)  # undoes jawOpen, so on its own it moves the lips past each other


def identity_basis(
    modes: np.ndarray, mirror: np.ndarray, count: int, samples: int, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Principal components of sampled heads and their reflections.

    Args:
        modes: (K, V, 3) independent displacements of one standard deviation each, cm.
        mirror: (V,) reflection of the vertices.
        count: components to keep.
        samples: heads to draw.

    Returns:
        (count, V, 3) components, mutually orthogonal, of one standard deviation each, every one
        either symmetric or antisymmetric; and the share of the variance that they keep.
    """
    flip = np.array([-1.0, 1.0, 1.0])
    reflected = modes[:, mirror] * flip
    size = len(modes)
    even, odd = (modes + reflected) / 2, (modes - reflected) / 2
    draws = rng.standard_normal((samples, size))
    # A set closed under reflection has a covariance that splits into even and odd heads.
    parts, total = [], 0.0
    for half in (even, odd):
        orthogonal, triangular = np.linalg.qr(half.reshape(size, -1).T.astype(float))
        heads = draws @ triangular.T
        _, singular, rotation = np.linalg.svd(heads, full_matrices=False)
        deviation = singular / np.sqrt(samples)
        total += float((deviation**2).sum())
        parts += [(s, s * (orthogonal @ r)) for s, r in zip(deviation, rotation, strict=True)]
    parts.sort(key=lambda part: -part[0])
    kept = parts[:count]
    basis = np.stack([component.reshape(-1, 3) for _, component in kept])
    peak = np.abs(basis.reshape(count, -1)).argmax(axis=1)
    basis *= np.sign(basis.reshape(count, -1)[np.arange(count), peak])[:, None, None]
    return basis, sum(s**2 for s, _ in kept) / total


def measured_names(name: str) -> tuple[str, ...]:
    """The measured shapes (``_L``/``_R`` names) whose sum is the ARKit expression ``name``."""
    if name in EMPTY:
        return ()
    if name in MERGED:
        return (f"{name}_L", f"{name}_R")
    for suffix in ("Left", "Right"):
        if name.endswith(suffix) and name not in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
            return (f"{name.removesuffix(suffix)}_{suffix[0]}",)
    return (name,)


def expression_basis(
    measured: Mapping[str, np.ndarray], transfer: Callable[[np.ndarray, bool], np.ndarray]
) -> np.ndarray:
    """(52, V, 3) expressions in the order of ``ARKIT_NAMES``.

    ``transfer(deltas, lips_may_cross)`` carries one measured shape over.
    """
    empty = np.zeros_like(next(iter(measured.values())))
    shapes = (sum((measured[part] for part in measured_names(name)), empty) for name in ARKIT_NAMES)
    return np.stack([transfer(shape, name in CROSSING) for name, shape in zip(ARKIT_NAMES, shapes, strict=True)])


def quantise(values: np.ndarray, step: float = 2.0**-12) -> np.ndarray:
    """Round to multiples of ``step`` cm (0.0024 mm), which makes the stored file a good deal smaller."""
    return np.round(values / step) * step
