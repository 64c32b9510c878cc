"""Reading the measured heads and making them exactly left-right symmetric."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from ...base.errors import InputFileError

SKIN = 11248  # vertices 0..SKIN-1 are face, head and neck
EYEBALLS = slice(21451, 24591)
FIELDS = ("neutral", "identity", "expression", "expression_names", "quads", "landmarks68")


@dataclass(frozen=True)
class Source:
    """Skin of the measured heads; x -> -x maps the vertices onto themselves.

    Attributes:
        vertices: (N, 3) float64 neutral positions, cm, symmetric.
        triangles: (F, 3) int, counter-clockwise from outside; holes at eyes and mouth.
        mirror: (N,) int, the involution of the reflection.
        identity: (K, N, 3) deltas of one standard deviation.
        expression: name -> (N, 3) deltas, names with ``_L``/``_R`` (left = the subject's left = +x).
        landmarks: (68,) vertex ids.
        eye_centre, eye_radius: sphere of the +x eyeball.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    mirror: np.ndarray
    identity: np.ndarray
    expression: dict[str, np.ndarray]
    landmarks: np.ndarray
    eye_centre: np.ndarray
    eye_radius: float


def load_source(path: str | Path) -> Source:
    """Read ICT-FaceKit as one NPZ (fields ``FIELDS``).

    Raises:
        InputFileError: the file is missing, no NPZ, or lacks a field.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            missing = [name for name in FIELDS if name not in data.files]
            if missing:
                raise InputFileError(f"{path}: lacks the field '{missing[0]}', expected {', '.join(FIELDS)}")
            fields = {name: data[name] for name in FIELDS}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputFileError(f"{path}: cannot be read as NPZ ({error}); give the file ict_facekit.npz") from error
    quads = fields["quads"]
    raw = fields["neutral"].astype(float)
    vertices, mirror = symmetrise(raw[:SKIN])
    names = [str(name) for name in fields["expression_names"]]
    deltas = {name: fields["expression"][k, :SKIN].astype(float) for k, name in enumerate(names)}
    balls = raw[EYEBALLS]
    centre, radius = fit_sphere(balls[balls[:, 0] > 0])
    return Source(
        vertices=vertices,
        triangles=split_quads(quads[(quads < SKIN).all(axis=1)]),
        mirror=mirror,
        identity=fields["identity"][:, :SKIN].astype(np.float32),
        expression=deltas,
        landmarks=fields["landmarks68"].astype(int),
        eye_centre=centre,
        eye_radius=radius,
    )


def split_quads(quads: np.ndarray) -> np.ndarray:
    """(Q, 4) quads, where triangles repeat their last index, to (F, 3) triangles of the same winding."""
    real = quads[:, 3] != quads[:, 2]
    return np.concatenate([quads[:, :3], quads[real][:, [0, 2, 3]]]).astype(int)


def symmetrise(vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average (N, 3) positions with their reflection: ``(vertices, mirror)``.

    Raises:
        InputFileError: the nearest reflected vertices are no pairing, so the head is not symmetric.
    """
    flip = np.array([-1.0, 1.0, 1.0])
    mirror = cKDTree(vertices).query(vertices * flip)[1]
    if not np.array_equal(mirror[mirror], np.arange(len(vertices))):
        raise InputFileError("the head's vertices are not left-right symmetric; give the neutral ICT-FaceKit head")
    return (vertices + vertices[mirror] * flip) / 2, mirror


def fit_sphere(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Least-squares sphere through (N, 3) points: ``(centre (3,), radius)``."""
    system = np.c_[2 * points, np.ones(len(points))]
    solution = np.linalg.lstsq(system, (points**2).sum(axis=1), rcond=None)[0]
    centre = solution[:3]
    return centre, float(np.sqrt(solution[3] + centre @ centre))
