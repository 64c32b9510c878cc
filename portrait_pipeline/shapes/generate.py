"""Generated landmark sets: normal faces from the 3DMM, art faces as exaggerations of them.

Both are bundled defaults in place of the paper's collected sets. A face is drawn as an identity from N(0, 1),
a sparse expression and a moderate pose; an art face is warped in the frontal plane before the head turns, so
that an exaggeration looks the same from every side. Output: pixels of a 512 x 512 canvas, y down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..base.errors import ParameterError
from ..base.numerics import one_blas_thread
from ..head.model import FaceModel
from .families import EFFECTS, FAMILIES, warp
from .points import JAW, STROKES
from .validity import crossing, uncross

# Expression stems that a portrait shows, their chance and their largest amplitude.
EXPRESSIONS: dict[str, tuple[float, float]] = {
    "mouthSmile": (0.30, 0.8),
    "mouthFrown": (0.08, 0.6),
    "jawOpen": (0.15, 0.35),
    "browDown": (0.12, 0.7),
    "browInnerUp": (0.12, 0.8),
    "browOuterUp": (0.10, 0.7),
    "eyeWide": (0.08, 0.8),
    "eyeSquint": (0.12, 0.7),
    "eyeBlink": (0.10, 0.45),
    "mouthPucker": (0.06, 0.5),
    "mouthStretch": (0.06, 0.4),
    "mouthPress": (0.08, 0.5),
    "mouthUpperUp": (0.06, 0.4),
    "mouthLowerDown": (0.06, 0.4),
    "noseSneer": (0.06, 0.4),
    "mouthFunnel": (0.04, 0.4),
    "mouthDimple": (0.05, 0.5),
    "mouthShrugLower": (0.05, 0.4),
    "mouthLeft": (0.02, 0.3),
    "mouthRight": (0.02, 0.3),
}
IDENTITY_SPREAD = 0.9
YAW, PITCH, ROLL = (6.0, 15.0), (4.0, 10.0), (2.0, 5.0)  # degrees: standard deviation, limit
EYE_DISTANCE_PX = 120.0
# Where people put the 68 points on real faces, against where the model carries them: effects of the warp.
ANNOTATION = {
    "brow_raise": -0.06,
    "brow_length": 0.03,
    "nose_width": 0.2,
    "nose_base": 0.06,
    "mouth_width": 0.1,
    "lip_full": -0.05,
    "eye_size": 0.07,
    "philtrum": 0.05,
    "chin_length": 0.08,
    "jaw_square": -0.05,
}
LIFE_SPREAD = 0.6  # share of the natural spread of ``EFFECTS`` that real faces show beyond the model's identities
_BATCH = 2048


@dataclass(frozen=True)
class _Basis:
    """The model at the vertices that can carry a landmark: the 68 and the jaw candidates."""

    mean: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    fixed: np.ndarray  # (68,) columns
    jaw: np.ndarray  # (17, C) columns
    inside: np.ndarray  # (17, C) bool: the landmark's own vertex or further towards the face


def _basis(model: FaceModel) -> _Basis:
    ids, inverse = np.unique(np.concatenate([model.landmarks, model.jaw_contours.ravel()]), return_inverse=True)
    jaw = inverse[68:].reshape(model.jaw_contours.shape)
    own = np.array(
        [
            np.flatnonzero(row == point)[0] if (row == point).any() else 0
            for row, point in zip(model.jaw_contours, model.landmarks[:17], strict=True)
        ]
    )
    inside = np.arange(jaw.shape[1])[None] >= own[:, None]
    return _Basis(
        model.mean[ids].astype(float),
        model.identity_basis[:, ids].astype(float),
        model.expression_basis[:, ids].astype(float),
        inverse[:68],
        jaw,
        inside,
    )


@one_blas_thread
def generate_normal(model: FaceModel, count: int, rng: np.random.Generator) -> np.ndarray:
    """Landmarks of plausible real faces.

    Args:
        model: the head model.
        count: number of faces, at least 1.
        rng: source of all randomness; the same state gives the same faces.

    Returns:
        (count, 68, 2) float64 pixels of a 512 canvas, y down, none with crossing lids, lips or jaw line.
    """
    basis = _basis(model)
    return _collect(count, lambda n: _normal_batch(model, basis, n, rng))


@one_blas_thread
def generate_art(model: FaceModel, count: int, rng: np.random.Generator) -> np.ndarray:
    """Landmarks of artistically exaggerated faces: ``len(FAMILIES)`` families, their mixtures and spread.

    Args, returns: as :func:`generate_normal`.
    """
    basis = _basis(model)
    return _collect(count, lambda n: _art_batch(model, basis, n, rng))


def _collect(count: int, draw: Callable[[int], np.ndarray]) -> np.ndarray:
    """Draw batches of faces until ``count`` without a crossing are there."""
    if count < 1:
        raise ParameterError(f"number of generated faces is {count}, must be at least 1")
    faces: list[np.ndarray] = []
    missing = count
    while missing > 0:
        batch = draw(min(_BATCH, missing + missing // 4 + 16))
        batch = batch[~crossing(batch)][:missing]
        faces.append(uncross(batch))
        missing -= len(batch)
    return np.concatenate(faces)


def _heads(model: FaceModel, basis: _Basis, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """n random heads: landmarks (n, 68, 3) in head space, jaw points on the silhouette of the pose;
    rotations.
    """
    identity = rng.normal(0, IDENTITY_SPREAD, (n, len(basis.identity)))
    expression = sample_expressions(model.expression_names, n, rng)
    vertices = (
        basis.mean + np.tensordot(identity, basis.identity, axes=1) + np.tensordot(expression, basis.expression, axes=1)
    )
    rotation = sample_rotations(n, rng)
    points = vertices[:, basis.fixed].copy()
    points[:, JAW] = _slide(vertices, basis, points, rotation)
    return points, rotation


def _slide(vertices: np.ndarray, basis: _Basis, points: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Jaw landmarks of turned heads: of each row's candidates, the one outermost in the image.

    Only candidates from the landmark's own vertex inwards take part: the side that turns away slides onto the
    cheek, the side that turns to the viewer keeps the physical jaw line, as annotators do.
    """
    candidates = vertices[:, basis.jaw]
    turned = np.einsum("nij,nrcj->nrci", rotation, candidates)[..., :2]
    frontal = points[:, JAW, :2]
    outward = frontal - points[:, 27:, :2].mean(1, keepdims=True)
    outward /= np.linalg.norm(outward, axis=-1, keepdims=True)
    score = np.where(basis.inside, (turned * outward[:, :, None]).sum(-1), -np.inf)
    best = score.argmax(-1)
    return np.take_along_axis(candidates, best[..., None, None], axis=2)[:, :, 0]


def sample_expressions(names: tuple[str, ...], n: int, rng: np.random.Generator) -> np.ndarray:
    """Sparse plausible expressions: (n, E) coefficients in [0, 1], left and right alike up to a little."""
    weights = np.zeros((n, len(names)))
    for stem, (chance, largest) in EXPRESSIONS.items():
        amount = (rng.random(n) < chance) * largest * rng.beta(1.3, 1.8, n)
        for suffix in ("", "_L", "_R", "Left", "Right"):
            if stem + suffix in names:
                uneven = np.clip(rng.normal(1, 0.1, n), 0.5, 1.5)
                weights[:, names.index(stem + suffix)] = np.clip(amount * uneven, 0, 1)
    return weights


def sample_rotations(n: int, rng: np.random.Generator) -> np.ndarray:
    """(n, 3, 3) rotations with moderate yaw, pitch and roll (limits: 15, 10 and 5 degrees)."""
    yaw, pitch, roll = (
        np.radians(np.clip(rng.normal(0, spread, n), -limit, limit)) for spread, limit in (YAW, PITCH, ROLL)
    )
    return _axis_rotation(2, roll) @ _axis_rotation(0, pitch) @ _axis_rotation(1, yaw)


def _axis_rotation(axis: int, angle: np.ndarray) -> np.ndarray:
    rotation = np.zeros((len(angle), 3, 3))
    i, j = [k for k in range(3) if k != axis]
    rotation[:, axis, axis] = 1
    rotation[:, i, i] = rotation[:, j, j] = np.cos(angle)
    rotation[:, i, j], rotation[:, j, i] = -np.sin(angle), np.sin(angle)
    return rotation


def _turn(framed: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Scaled orthographic view of (n, 68, 3) face coordinates: eyes 120 px apart (before turning), y down."""
    turned = np.einsum("nij,npj->npi", rotation, framed)
    return np.stack([256 + EYE_DISTANCE_PX * turned[..., 0], 233.6 - EYE_DISTANCE_PX * turned[..., 1]], axis=-1)


def _frame(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Face coordinates of (..., 68, 3): origin midway between the eyes, unit the eye distance; and that
    unit.
    """
    left, right = points[..., 36:42, :].mean(-2), points[..., 42:48, :].mean(-2)
    unit = np.linalg.norm((right - left)[..., :2], axis=-1)
    return (points - ((left + right) / 2)[..., None, :]) / unit[..., None, None], unit


def _faces(model: FaceModel, basis: _Basis, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """n random faces as people annotate them: (n, 68, 3) face coordinates, y up, not yet turned;
    rotations.
    """
    points, rotation = _heads(model, basis, n, rng)
    framed, _ = _frame(points)
    effect = {
        name: ANNOTATION.get(name, 0.0) + LIFE_SPREAD * spread * rng.normal(size=n) for name, spread in EFFECTS.items()
    }
    framed[..., :2] = warp(framed[..., :2], effect, smooth_noise(n, rng))
    return framed, rotation


def _mean_face(basis: _Basis) -> np.ndarray:
    """(68, 2) face coordinates of the model's mean as people annotate it."""
    framed, _ = _frame(basis.mean[basis.fixed][None])
    effect = {name: np.full(1, ANNOTATION.get(name, 0.0)) for name in EFFECTS}
    return warp(framed[..., :2], effect, np.zeros((1, 68, 2)))[0]


def _normal_batch(model: FaceModel, basis: _Basis, n: int, rng: np.random.Generator) -> np.ndarray:
    return _turn(*_faces(model, basis, n, rng))


def _art_batch(model: FaceModel, basis: _Basis, n: int, rng: np.random.Generator) -> np.ndarray:
    faces, rotation = _faces(model, basis, n, rng)
    return _turn(exaggerate(faces, sample_effects(n, rng), smooth_noise(n, rng), _mean_face(basis)), rotation)


def exaggerate(
    faces: np.ndarray, effect: dict[str, np.ndarray], wobble: np.ndarray, mean_face: np.ndarray
) -> np.ndarray:
    """Warp faces (n, 68, 3) in face coordinates in their frontal plane; depth stays.

    Args:
        effect: as of :func:`sample_effects`. wobble: (n, 68, 2). mean_face: (68, 2), what a caricature
            departs from.
    """
    amplified = faces[..., :2] + effect["caricature"][:, None, None] * (faces[..., :2] - mean_face)
    return np.concatenate([warp(amplified, effect, wobble), faces[..., 2:]], axis=-1)


def sample_effects(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw a family (often two), its strength and spread for n faces: (n,) values for every name of
    ``EFFECTS``.
    """
    names = list(EFFECTS)
    table = np.array([[row.get(name, 0.0) for name in names] for row in FAMILIES.values()])
    natural = np.array(list(EFFECTS.values()))
    sided = np.array([name in ("crooked", "cubist", "expressionist") for name in FAMILIES])

    def draw(strength: np.ndarray) -> np.ndarray:
        family = rng.integers(len(table), size=n)
        rows = table[family] * rng.normal(1, 0.3, (n, len(names))) * strength[:, None]
        flip = np.where(sided[family], rng.choice([-1.0, 1.0], n), 1.0)[:, None]
        return np.where(np.isin(names, _SIDED_EFFECTS), rows * flip, rows)

    values = draw(rng.uniform(0.2, 1.15, n))
    values += (rng.random(n) < 0.5)[:, None] * draw(rng.uniform(0.2, 0.8, n))
    values += rng.normal(0, 1, values.shape) * natural * rng.uniform(0.3, 1.2, (n, 1))
    effects = dict(zip(names, values.T, strict=True))
    for name in ("wobble", "caricature"):
        effects[name] = np.abs(effects[name])
    return effects


_SIDED_EFFECTS = (
    "eye_uneven",
    "eye_unlike",
    "jaw_skew",
    "mouth_skew",
    "mouth_tilt",
    "half_width",
    "nose_bend",
)


def smooth_noise(n: int, rng: np.random.Generator) -> np.ndarray:
    """(n, 68, 2) noise that varies smoothly along every stroke of the face, standard deviation about 1."""
    noise = np.zeros((n, 68, 2))
    for stroke in STROKES:
        rows = stroke[:-1] if stroke[0] == stroke[-1] else stroke
        closed = len(rows) < len(stroke)
        gap = np.abs(np.arange(len(rows))[:, None] - np.arange(len(rows)))
        gap = np.minimum(gap, len(rows) - gap) if closed else gap
        values, vectors = np.linalg.eigh(np.exp(-((gap / 1.6) ** 2)))
        mix = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
        noise[:, rows] = np.einsum("rk,nkd->nrd", mix, rng.normal(size=(n, len(rows), 2)))
    return noise
