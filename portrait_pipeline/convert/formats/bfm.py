"""Basel Face Model 2017 and 2019 (University of Basel): one HDF5 file in the layout of Statismo and Scalismo.

``shape/model`` and ``expression/model`` hold ``mean`` (3 N,), ``pcaBasis`` (3 N, K) with columns of unit length and
``pcaVariance`` (K,); ``shape/representer/cells`` the triangles as (3, F). A head is shape + expression, so the mean is
the sum of both means. Millimetres; y up, z out of the face, x the subject's left. Older files of the format keep the
columns multiplied by the standard deviation: told by their length.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...base.errors import ModelError
from ...base.files import refusal
from ...base.hdf5 import open_hdf5
from .foreign import MOST_BYTES, MOST_VERTICES, ForeignModel, check_array, check_ids

MM = 0.1  # cm
DATASETS = (
    *(f"{group}/model/{name}" for group in ("shape", "expression") for name in ("mean", "pcaVariance", "pcaBasis")),
    "shape/representer/cells",
)
REMEDY = "give a Basel Face Model 2017 or 2019, for instance model2017-1_face12_nomouth.h5 or model2019_bfm.h5"


def is_bfm(path: Path) -> bool:
    """Whether a file is HDF5 with the groups of the Basel Face Model."""
    try:
        with open_hdf5(path, refusal(ModelError, path, REMEDY), MOST_BYTES, DATASETS) as content:
            return bool(content.arrays) and "kind" not in content.attributes
    except ModelError:
        return False


def read_bfm(path: Path) -> ForeignModel:
    """Read the file; colours are left out.

    Raises:
        ModelError: missing, damaged or foreign file, or a dataset of another shape.
    """
    with open_hdf5(path, refusal(ModelError, path, REMEDY), MOST_BYTES, DATASETS) as content:
        missing = [name for name in DATASETS if name not in content.arrays and name.startswith("shape/")]
        if missing:
            raise ModelError(f"{path}: lacks the dataset {missing[0]}; {REMEDY}")
        arrays = {name: stored.read() for name, stored in content.arrays.items()}
    mean, identity = _component(arrays, path, "shape", None)
    neutral, expression = np.zeros_like(mean), np.zeros((0, *mean.shape), np.float32)
    if any(name.startswith("expression/") for name in arrays):
        neutral, expression = _component(arrays, path, "expression", len(mean))
    cells = arrays["shape/representer/cells"]
    where = f"{path}: shape/representer/cells"
    if cells.ndim == 2 and cells.shape[0] == 3:
        cells = cells.T
    triangles = check_ids(where, check_array(where, cells, ("F", 3), REMEDY).astype(int), len(mean), REMEDY)
    count = len(expression)
    return ForeignModel(
        name=path.stem,
        mean=(mean + neutral) * MM,
        triangles=triangles,
        identity_basis=identity,
        expression_basis=expression,
        expression_names=tuple(f"expression{k:03d}" for k in range(count)),
        expression_low=np.full(count, -np.inf),
        expression_high=np.full(count, np.inf),
        expression_spread=np.ones(count),
        notes=("colours are left out",),
    )


def _component(
    arrays: dict[str, np.ndarray], path: Path, group: str, vertices: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Mean (V, 3) in the file's unit, and basis (K, V, 3) float32 in cm, one standard deviation each."""
    parts = [arrays.get(f"{group}/model/{name}") for name in ("mean", "pcaVariance", "pcaBasis")]
    if any(part is None for part in parts):
        raise ModelError(f"{path}: lacks a dataset of {group}/model; {REMEDY}")
    mean, variance, basis = parts
    size = "3 N" if vertices is None else 3 * vertices
    check_array(f"{path}: {group}/model/mean", mean, (size,), REMEDY)
    if len(mean) % 3 or len(mean) > 3 * MOST_VERTICES:
        raise ModelError(
            f"{path}: {group}/model/mean: length {len(mean)}, expected 3 N of at most {MOST_VERTICES} "
            f"vertices; {REMEDY}"
        )
    check_array(f"{path}: {group}/model/pcaVariance", variance, ("K",), REMEDY)
    check_array(f"{path}: {group}/model/pcaBasis", basis, (len(mean), len(variance)), REMEDY)
    if (variance < 0).any():
        raise ModelError(f"{path}: {group}/model/pcaVariance: has a negative number; {REMEDY}")
    deviation = np.sqrt(variance.astype(float))
    factor = deviation if _unit_columns(basis, deviation) else np.ones(len(deviation))
    scaled = np.ascontiguousarray(basis.T, np.float32) * (MM * factor[:, None]).astype(np.float32)
    return mean.astype(float).reshape(-1, 3), scaled.reshape(len(variance), -1, 3)


def _unit_columns(basis: np.ndarray, deviation: np.ndarray) -> bool:
    """Whether the columns have unit length rather than the standard deviation's."""
    used = deviation > 1e-9 * deviation.max(initial=0.0)
    length = np.sqrt(np.einsum("ij,ij->j", basis[:, used], basis[:, used], dtype=float))
    length = np.maximum(length, 1e-300)
    unit, scaled = np.abs(np.log(length)), np.abs(np.log(length / deviation[used]))
    return not used.any() or float(np.median(unit)) <= float(np.median(scaled))
