"""Face model files of the published layouts, written from arrays for the tests."""

from __future__ import annotations

import json
import pickle
import sys
import types
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np
import scipy.sparse as sp

from portrait_pipeline.head.model import FaceModel


@dataclass(frozen=True)
class Head:
    """A small model in cm and the vertices of the bundled one that its own stand for."""

    mean: np.ndarray
    triangles: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    names: tuple[str, ...]
    origin: np.ndarray


def small_head(
    model: FaceModel, identities: int, names: tuple[str, ...], seed: int, without: tuple[int, ...], every: int = 1
) -> Head:
    """The bundled model with a few of its components, its vertices shuffled, and holes where regions are left out.

    ``every`` > 1 keeps only some triangles, for readers that do not look at the surface.
    """
    keep = model.triangles[~np.isin(model.regions[model.triangles], without).any(axis=1)][::every]
    origin = np.random.default_rng(seed).permutation(np.unique(keep))
    place = np.full(len(model.mean), -1)
    place[origin] = np.arange(len(origin))
    shapes = [model.expression_names.index(name) for name in names]
    return Head(
        model.mean[origin].astype(float),
        place[keep],
        model.identity_basis[:identities, origin],
        model.expression_basis[shapes][:, origin],
        names,
        origin,
    )


def in_unit(head: Head, unit: float) -> Head:
    """The head in another unit: ``unit`` cm long."""
    return replace(head, mean=head.mean / unit, identity=head.identity / unit, expression=head.expression / unit)


def write_obj(path: Path, vertices: np.ndarray, triangles: np.ndarray, digits: int = 6) -> None:
    lines = ["v " + " ".join(f"{x:.{digits}f}" for x in v) for v in vertices.tolist()]
    lines += [f"f {a}/1/1 {b}/1/1 {c}/1/1" for a, b, c in (triangles + 1).tolist()]
    path.write_text("# head\nvt 0.5 0.5\nvn 0 0 1\n" + "\n".join(lines) + "\n", encoding="utf-8")


def write_ict(folder: Path, head: Head) -> None:
    """``FaceXModel``: the names of ``head`` are ICT's (``jawOpen``, ``eyeBlink_L``)."""
    folder.mkdir(parents=True)
    write_obj(folder / "generic_neutral_mesh.obj", head.mean, head.triangles)
    for k, delta in enumerate(head.identity):
        write_obj(folder / f"identity{k:03d}.obj", head.mean + delta, head.triangles)
    for name, delta in zip(head.names, head.expression, strict=True):
        write_obj(folder / f"{name}.obj", head.mean + delta, head.triangles)
    (folder / "vertex_indices.json").write_text(json.dumps({"expressions": list(head.names)}), encoding="utf-8")


def write_bfm(path: Path, head: Head, old: bool = False) -> None:
    """HDF5 in mm with the mean split in two; ``old``: columns multiplied by the standard deviation."""
    part = 0.1 * head.expression[0] if len(head.expression) else np.zeros_like(head.mean)
    with h5py.File(path, "w") as file:
        for group, mean, basis in (("shape", head.mean - part, head.identity), ("expression", part, head.expression)):
            flat = 10.0 * basis.reshape(len(basis), -1).T.astype(float)
            deviation = np.linalg.norm(flat, axis=0)
            file[f"{group}/model/mean"] = 10.0 * mean.ravel().astype(float)
            file[f"{group}/model/pcaBasis"] = (flat if old else flat / deviation).astype(np.float32)
            file[f"{group}/model/pcaVariance"] = deviation**2
            file[f"{group}/model/noiseVariance"] = 0.0
            file[f"{group}/representer/points"] = 10.0 * head.mean.T
            file[f"{group}/representer/cells"] = head.triangles.T.astype(np.int32)
        file["version/majorVersion"], file["version/minorVersion"] = 0, 9


def flame_arrays(head: Head) -> dict[str, np.ndarray]:
    """FLAME's arrays in m, the identity padded to 300 components."""
    count = len(head.mean)
    shapes = np.zeros((count, 3, 300 + len(head.expression)), np.float32)
    shapes[:, :, : len(head.identity)] = np.moveaxis(head.identity, 0, 2) / 100.0
    shapes[:, :, 300:] = np.moveaxis(head.expression, 0, 2) / 100.0
    weights = np.zeros((count, 5))
    weights[:, 2] = np.clip((-head.mean[:, 1] - 3.0) / 2.0, 0.0, 1.0) * (head.mean[:, 2] > 0)
    weights[:, 1] = 1.0 - weights[:, 2]
    regressor = np.zeros((5, count))
    regressor[:, head.mean[:, 2].argmin()] = 1.0
    return {
        "v_template": head.mean / 100.0,
        "f": head.triangles.astype(np.uint32),
        "shapedirs": shapes,
        "weights": weights,
        "posedirs": np.zeros((count, 3, 36)),
        "J_regressor": regressor,
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.int64),
    }


def write_flame(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """A pickle as Python 2, chumpy and an old SciPy wrote it (names of modules included)."""
    module = types.ModuleType("chumpy.ch")
    chumpy_array = type("Ch", (), {"__module__": "chumpy.ch"})
    module.Ch = chumpy_array
    content: dict[str, object] = {"bs_style": "lbs", "bs_type": "lrotmin"}
    for name, array in arrays.items():
        content[name] = array
        if name in ("v_template", "shapedirs", "posedirs", "weights"):
            content[name] = chumpy_array()
            content[name].__dict__.update({"x": array, "_dirty_vars": None, "_cache": {"drs": {}}})
    content["J_regressor"] = sp.csc_matrix(arrays["J_regressor"])
    sys.modules |= {"chumpy": types.ModuleType("chumpy"), "chumpy.ch": module}
    try:
        text = pickle.dumps(content, protocol=2)
    finally:
        del sys.modules["chumpy"], sys.modules["chumpy.ch"]
    for new, old in (
        (b"numpy._core.multiarray", b"numpy.core.multiarray"),
        (b"scipy.sparse._csc", b"scipy.sparse.csc"),
    ):
        text = text.replace(b"c" + new + b"\n", b"c" + old + b"\n")
    path.write_bytes(text)


def write_testers(folder: Path, people: np.ndarray, triangles: np.ndarray) -> None:
    """FaceWarehouse's data set: people (P, 1 + S, V, 3) in cm, written in dm."""
    for number, shapes in enumerate(people / 10.0, 1):
        tester = folder / f"Tester_{number}"
        (tester / "Blendshape").mkdir(parents=True)
        head = np.array([len(shapes) - 1, shapes.shape[1], len(triangles)], "<i4").tobytes()
        (tester / "Blendshape" / "shape.bs").write_bytes(head + shapes.astype("<f4").tobytes())
    (folder / "Tester_1" / "TrainingPose").mkdir()
    write_obj(folder / "Tester_1" / "TrainingPose" / "pose_0.obj", people[0, 0] / 10.0, triangles)


def write_core(folder: Path, core: np.ndarray, people: np.ndarray, shapes: np.ndarray | None) -> None:
    """FaceWarehouse's core tensor (K, E, 3 V) in dm with the weights of people (P, K) and shapes (S, E)."""
    folder.mkdir(parents=True, exist_ok=True)
    content = np.array(core.shape, "<i4").tobytes() + core.astype("<f8").tobytes()
    (folder / "blendshape_core.tensor").write_bytes(content)
    for name, rows in (("u_0", people), ("u_1", shapes)):
        if rows is None:
            continue
        size = rows.shape[1]
        prior = np.concatenate([rows.mean(axis=0), rows[0], np.cov(rows.T).ravel()])
        (folder / f"blendshape_{name}_aug.tensor").write_bytes(
            np.array([size], "<i4").tobytes()
            + prior.astype("<f8").tobytes()
            + np.array(rows.shape, "<i4").tobytes()
            + rows.T.astype("<f8").tobytes()
        )
