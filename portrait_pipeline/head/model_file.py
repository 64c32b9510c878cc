"""The project's own file of a face model: HDF5, meant to be written by others too.

Attributes of the root: ``kind`` = "face_model", ``format_version`` = 1, ``name``. Datasets (V vertices, F triangles, K
identity components, E expressions, T texture coordinates, C contour candidates); numbers may be of any size, bases are
stored as float16 or more:

====================  =============  ==================================================================================
dataset               shape          meaning
====================  =============  ==================================================================================
mean                  (V, 3)         neutral mean head: cm, +y up, +z out of the face, +x the subject's left
triangles             (F, 3)         vertex ids, counter-clockwise from outside
identity_basis        (K, V, 3)      cm; coefficient 1 is one standard deviation
expression_basis      (E, V, 3)      cm; of a blend shape, coefficient 1 is the full shape
expression_names      (E,)           text, all different; ARKit's where they mean the same
expression_low        (E,)           least coefficient, 0 (also if absent) for a blend shape, -inf for statistical ones
expression_high       (E,)           largest coefficient, 1 (also if absent) or inf
expression_spread     (E,)           standard deviation of the coefficient, > 0; 0.4 if absent
cross_basis           (K, E, V, 3)   of a bilinear model: change of expression E by identity K; optional
uv                    (T, 2)         texture coordinates in [0, 1], origin bottom left; T = 0 if there are none
uv_triangles          (F, 3)         ids into uv; (0, 3) if there are none
landmarks             (68,)          vertex ids, iBUG order
jaw_contours          (17, C)        vertex ids along which jaw landmark i slides, from the ear to the face
mirror                (V,)           vertex ids of the reflection x -> -x; mirror[mirror[i]] = i
regions               (V,)           0 face, 1 and 2 left and right eye, 3 mouth, 4 ear, 5 scalp, 6 neck
====================  =============  ==================================================================================

``portrait model convert`` reads a file that has only the first three (a landmark id of -1 is an unknown one) and writes
a complete one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..base.artifacts import FORMAT_VERSION
from ..base.errors import ModelError
from ..base.files import refusal
from ..base.hdf5 import Stored, open_hdf5

KIND = "face_model"
MOST_BYTES = 4 * 2**30
MOST_VERTICES = 500_000
MOST_LENGTH = 1e6  # cm
REQUIRED = ("mean", "triangles", "identity_basis")
OPTIONAL = ("cross_basis", "expression_low", "expression_high", "expression_spread")
SHAPES: dict[str, tuple[int | str, ...]] = {
    "mean": ("V", 3), "triangles": ("F", 3), "identity_basis": ("K", "V", 3), "expression_basis": ("E", "V", 3),
    "expression_names": ("E",), "expression_low": ("E",), "expression_high": ("E",), "expression_spread": ("E",),
    "cross_basis": ("K", "E", "V", 3), "uv": ("T", 2), "uv_triangles": ("U", 3), "landmarks": (68,),
    "jaw_contours": (17, "C"), "mirror": ("V",), "regions": ("V",),
}  # fmt: skip
IDS = {"triangles": "V", "uv_triangles": "T", "landmarks": "V", "jaw_contours": "V", "mirror": "V"}
BASES = ("identity_basis", "expression_basis", "cross_basis")
REGION_COUNT = 7
REMEDY = "convert the model again with `portrait model convert`"


def read_model_file(path: str | Path, complete: bool = True) -> tuple[str, dict[str, np.ndarray]]:
    """Name and checked arrays of a model file; see the table above.

    Args:
        complete: demand every dataset; else only the first three, and landmark ids may be -1.

    Raises:
        ModelError: missing, damaged or foreign file; a dataset that is missing, of another shape, too large, not
            finite, or with ids or values out of range. The message names the dataset and the remedy.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"{path}: missing; give a face model (.h5) written by `portrait model convert`, or 'bundled'")
    remedy = REMEDY if complete else "see the table of datasets in head/model_file.py"
    refuse = refusal(ModelError, path, remedy)
    with open_hdf5(path, refuse, MOST_BYTES, SHAPES) as content:
        kind, version = (content.attributes.get(name) for name in ("kind", "format_version"))
        if (kind, version) != (KIND, FORMAT_VERSION):
            raise refuse(f"holds '{kind}' version {version}, expected '{KIND}' version {FORMAT_VERSION}")
        lengths = _check_shapes(path, content.arrays, complete, remedy)
        name = str(content.attributes.get("name", path.stem))
        arrays = {key: stored.read() for key, stored in content.arrays.items()}
    _check_values(path, arrays, lengths, complete, remedy)
    return name, arrays


def _check_shapes(path: Path, file: dict[str, Stored], complete: bool, remedy: str) -> dict[str, int]:
    """Lengths of the axes by name. Nothing is unpacked before its size is known."""
    for name in SHAPES if complete else REQUIRED:
        if name not in OPTIONAL and name not in file:
            raise ModelError(f"{path}: lacks the dataset '{name}'; {remedy}")
    lengths: dict[str, int] = {}
    for name, shape in SHAPES.items():
        if name not in file:
            continue
        got = file[name].shape
        expected = tuple(lengths.get(axis, axis) if isinstance(axis, str) else axis for axis in shape)
        if len(got) != len(expected) or any(
            isinstance(want, int) and want != have for want, have in zip(expected, got, strict=True)
        ):
            raise ModelError(f"{path}: '{name}' has shape {got}, expected ({', '.join(map(str, expected))}); {remedy}")
        lengths |= {axis: length for axis, length in zip(shape, got, strict=True) if isinstance(axis, str)}
        if lengths.get("V", 0) > MOST_VERTICES:
            raise ModelError(
                f"{path}: '{name}' of shape {got} is too large: at most {MOST_VERTICES} vertices; {remedy}"
            )
    uses = lengths.get("U", 0)
    if (
        lengths["V"] < 3
        or lengths["F"] < 1
        or uses not in (0, lengths["F"])
        or (uses == 0) != (lengths.get("T", 0) == 0)
    ):
        raise ModelError(
            f"{path}: {lengths['V']} vertices, {lengths['F']} triangles and {uses} textured triangles, expected some "
            f"of the first two, and as many of the third as of the second or none; {remedy}"
        )
    return lengths


def _check_values(
    path: Path, arrays: dict[str, np.ndarray], lengths: dict[str, int], complete: bool, remedy: str
) -> None:
    names = arrays.get("expression_names")
    for name, array in arrays.items():
        if name == "expression_names":
            if array.dtype.kind != "U":
                raise ModelError(f"{path}: '{name}' holds {array.dtype}, expected text; {remedy}")
            continue
        if array.dtype.kind not in ("iu" if name in (*IDS, "regions") else "fiu"):
            raise ModelError(f"{path}: '{name}' holds {array.dtype}, expected numbers; {remedy}")
        bounds = name in ("expression_low", "expression_high")
        if array.dtype.kind == "f" and not (~np.isnan(array) if bounds else np.isfinite(array)).all():
            raise ModelError(f"{path}: '{name}' has a number that is not finite; {remedy}")
        length = float(np.abs(array).max(initial=0)) if name in ("mean", *BASES) else 0.0
        if length > MOST_LENGTH:
            raise ModelError(f"{path}: '{name}' has {length:g} cm, expected at most {MOST_LENGTH:g}; {remedy}")
    for name, axis in IDS.items():
        if name in arrays:
            lowest = -1 if name == "landmarks" and not complete else 0
            _check_range(path, name, arrays[name], lowest, lengths[axis] - 1, remedy)
    if "uv" in arrays:
        _check_range(path, "uv", arrays["uv"], 0.0, 1.0, remedy)
    if "regions" in arrays:
        _check_range(path, "regions", arrays["regions"], 0, REGION_COUNT - 1, remedy)
    if names is not None and len(set(names.tolist())) != len(names):
        twice = next(name for k, name in enumerate(names) if name in names[:k])
        raise ModelError(f"{path}: 'expression_names' has '{twice}' twice, expected different names; {remedy}")
    if "mirror" in arrays and not np.array_equal(arrays["mirror"][arrays["mirror"]], np.arange(lengths["V"])):
        raise ModelError(f"{path}: 'mirror' is no reflection: mirror[mirror[i]] must be i for every vertex; {remedy}")
    if "expression_spread" in arrays and not (arrays["expression_spread"] > 0).all():
        raise ModelError(f"{path}: 'expression_spread' must be above 0; {remedy}")
    if complete and not (arrays["jaw_contours"] == arrays["landmarks"][:17, None]).any(axis=1).all():
        raise ModelError(f"{path}: a row of 'jaw_contours' lacks its landmark; {remedy}")


def _check_range(path: Path, name: str, array: np.ndarray, low: float, high: float, remedy: str) -> None:
    bad = array[(array < low) | (array > high)]
    if len(bad):
        raise ModelError(f"{path}: '{name}' has {bad.ravel()[0]}, expected {low} to {high}; {remedy}")
