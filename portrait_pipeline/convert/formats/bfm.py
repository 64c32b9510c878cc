"""Basel Face Model 2017 and 2019 (University of Basel): one HDF5 file in the layout of Statismo and Scalismo.

``shape/model`` and ``expression/model`` hold ``mean`` (3 N,), ``pcaBasis`` (3 N, K) with columns of unit length and
``pcaVariance`` (K,); ``shape/representer/cells`` the triangles as (3, F). A head is shape + expression, so the mean is
the sum of both means. Millimetres; y up, z out of the face, x the subject's left. Older files of the format keep the
columns multiplied by the standard deviation: told by their length.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from ...base.errors import ModelError
from .foreign import MOST_VERTICES, ForeignModel, check_array, check_ids, check_path

MM = 0.1  # cm
REMEDY = "give a Basel Face Model 2017 or 2019, for instance model2017-1_face12_nomouth.h5 or model2019_bfm.h5"


def is_bfm(path: Path) -> bool:
    """Whether a file is HDF5 with the groups of the Basel Face Model."""
    try:
        with h5py.File(path, "r") as file:
            return "shape" in file and "kind" not in file.attrs
    except OSError:
        return False


def read_bfm(path: Path) -> ForeignModel:
    """Read the file; colours are left out.

    Raises:
        ModelError: missing, damaged or foreign file, or a dataset of another shape.
    """
    check_path(path, REMEDY)
    try:
        with h5py.File(path, "r") as file:
            mean, identity = _component(file, path, "shape", None)
            neutral, expression = np.zeros_like(mean), np.zeros((0, *mean.shape), np.float32)
            if "expression" in file:
                neutral, expression = _component(file, path, "expression", len(mean))
            cells = _read(file, path, "shape/representer/cells")
    except (OSError, RuntimeError) as error:
        raise ModelError(f"{path}: damaged HDF5 ({' '.join(str(error).split())[:120]}); {REMEDY}") from error
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


def _component(file: h5py.File, path: Path, group: str, vertices: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Mean (V, 3) in the file's unit, and basis (K, V, 3) float32 in cm, one standard deviation each."""
    mean = _read(file, path, f"{group}/model/mean")
    size = "3 N" if vertices is None else 3 * vertices
    check_array(f"{path}: {group}/model/mean", mean, (size,), REMEDY)
    if len(mean) % 3 or len(mean) > 3 * MOST_VERTICES:
        raise ModelError(
            f"{path}: {group}/model/mean: length {len(mean)}, expected 3 N of at most {MOST_VERTICES} "
            f"vertices; {REMEDY}"
        )
    variance = _read(file, path, f"{group}/model/pcaVariance")
    check_array(f"{path}: {group}/model/pcaVariance", variance, ("K",), REMEDY)
    basis = _read(file, path, f"{group}/model/pcaBasis")
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
    unit, scaled = np.abs(np.log(length)), np.abs(np.log(length / deviation[used]))
    return not used.any() or float(np.median(unit)) <= float(np.median(scaled))


def _read(file: h5py.File, path: Path, name: str) -> np.ndarray:
    item = file.get(name)
    if not isinstance(item, h5py.Dataset):
        raise ModelError(f"{path}: lacks the dataset {name}; {REMEDY}")
    if item.size > 2**30:  # a small file may unpack to any size
        raise ModelError(f"{path}: {name}: shape {item.shape} is too large; {REMEDY}")
    return np.asarray(item[()])
