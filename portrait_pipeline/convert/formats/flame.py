"""FLAME (Max Planck Institute for Intelligent Systems): ``generic_model.pkl``, or the same arrays as NPZ.

``v_template`` (V, 3), ``f`` (F, 3), ``shapedirs`` (V, 3, 400): 300 components of identity and 100 of expression of one
standard deviation each; joints root, neck, jaw and both eyes with ``weights`` (V, 5), ``posedirs`` (V, 3, 36) and
``J_regressor`` (5, V). Metres; y up, z out of the face, x the subject's left. The pickle is read without running code.

A linear model has no joints, so the jaw becomes three shapes: where skinning and pose correctives put the mean head
with the jaw turned by ``JAW_OPEN`` or ``JAW_SIDE``. The neck, the eyes' turn and the file's landmark embedding (another
file) are left out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...base.errors import ModelError
from ...base.files import refusal
from ...base.npz import open_npz
from ...head.pose import rotation_from_vector
from .foreign import MOST_BYTES, MOST_VERTICES, ForeignModel, check_array, check_ids
from .safe_pickle import read_pickled_arrays

METRE = 100.0  # cm
IDENTITIES = 300
JAW = 2  # of the joints root, neck, jaw, left eye, right eye
JAW_OPEN, JAW_SIDE = 0.35, 0.12  # radians
NAMES = ("v_template", "f", "shapedirs", "weights", "posedirs", "J_regressor")
REMEDY = "give FLAME's generic_model.pkl (2017, 2020 or 2023) or an NPZ with the same arrays"


def read_flame(path: Path) -> ForeignModel:
    """Read the pickle or the NPZ.

    Raises:
        ModelError: missing or damaged file, a pickle that asks for code to run, or an array of another shape.
    """
    arrays = _read_npz(path) if path.suffix.lower() == ".npz" else read_pickled_arrays(path, NAMES, REMEDY)
    missing = [name for name in NAMES if name not in arrays]
    if missing:
        raise ModelError(f"{path}: lacks the array {missing[0]}; {REMEDY}")
    mean = check_array(f"{path}: v_template", arrays["v_template"], ("V", 3), REMEDY).astype(float)
    count = len(mean)
    if not 3 <= count <= MOST_VERTICES:
        raise ModelError(f"{path}: v_template: {count} vertices, expected 3 to {MOST_VERTICES}; {REMEDY}")
    shapes = {
        "f": ("F", 3),
        "shapedirs": (count, 3, "K"),
        "weights": (count, 5),
        "posedirs": (count, 3, 36),
        "J_regressor": (5, count),
    }
    for name, shape in shapes.items():
        check_array(f"{path}: {name}", arrays[name], shape, REMEDY)
    triangles = check_ids(f"{path}: f", arrays["f"].astype(int), count, REMEDY)
    basis = np.ascontiguousarray(np.moveaxis(arrays["shapedirs"], 2, 0), np.float32) * np.float32(METRE)
    identities = min(IDENTITIES, len(basis))
    jaw = {"jawOpen": (JAW_OPEN, 0.0, 0.0), "jawLeft": (0.0, JAW_SIDE, 0.0), "jawRight": (0.0, -JAW_SIDE, 0.0)}
    turned = [turn_jaw(arrays, mean, np.array(axis)) - mean for axis in jaw.values()]
    statistical = len(basis) - identities
    return ForeignModel(
        name=f"flame-{path.stem}",
        mean=mean * METRE,
        triangles=triangles,
        identity_basis=basis[:identities],
        expression_basis=np.concatenate([basis[identities:], (np.stack(turned) * METRE).astype(np.float32)]),
        expression_names=(*(f"expression{k:03d}" for k in range(statistical)), *jaw),
        expression_low=np.r_[np.full(statistical, -np.inf), np.zeros(len(jaw))],
        expression_high=np.r_[np.full(statistical, np.inf), np.ones(len(jaw))],
        expression_spread=np.r_[np.ones(statistical), np.full(len(jaw), 0.4)],
        notes=(
            f"the jaw joint became the shapes jawOpen (turned by {np.degrees(JAW_OPEN):.0f} degrees), jawLeft and "
            f"jawRight ({np.degrees(JAW_SIDE):.0f} degrees); neck and eye joints are left out",
        ),
    )


def turn_jaw(arrays: dict[str, np.ndarray], mean: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """(V, 3) linear blend skinning of the mean with pose correctives, the jaw turned by the (3,) axis-angle vector."""
    rotation = rotation_from_vector(axis)
    joint = arrays["J_regressor"][JAW].astype(float) @ mean
    columns = slice(9 * (JAW - 1), 9 * JAW)  # the root has no correctives
    posed = mean + arrays["posedirs"][:, :, columns].astype(float) @ (rotation - np.eye(3)).ravel()
    moved = (posed - joint) @ rotation.T + joint
    share = arrays["weights"][:, JAW, None].astype(float)
    return posed + share * (moved - posed)


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    with open_npz(path, refusal(ModelError, path, REMEDY), MOST_BYTES, NAMES) as arrays:
        return {name: stored.read() for name, stored in arrays.items()}
