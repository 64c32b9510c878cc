"""FaceWarehouse (Zhejiang University): identity x expression, kept bilinear.

Two layouts, in decimetres, y up, z out of the face, x the subject's left:

* the data set: ``Tester_<n>/Blendshape/shape.bs``, little-endian: int32 shapes S (46), vertices V (11510), polygons;
  float32 (1 + S, V, 3), the neutral face first; triangles from ``Tester_<n>/TrainingPose/pose_0.obj``. The bilinear
  model is made here: principal components of all expressions of a person together (the identity mode of an N-mode
  decomposition), centred, 50 of them;
* the core tensor as public fitting code passes it on: ``blendshape_core.tensor`` with int32 identities K, expressions E
  and coordinates 3 V, then float64 (K, E, 3 V); ``blendshape_u_0_aug.tensor`` (persons) and
  ``blendshape_u_1_aug.tensor`` (expressions) with int32 n, float64 mean (n,), start (n,), covariance (n, n), then int32
  rows and columns and the weights of every person or expression, float64, column by column. Without the second file
  the tensor's own E expressions count, the neutral face first. Triangles from the one OBJ beside it.

Either way v = sum_ie w_i x_e C_ie becomes: the mean person's neutral face and shapes; identity components whitened over
the persons; and how each changes each shape. Expression weights stay what they are: 0 neutral, 1 the full shape.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...base.errors import ModelError
from ...base.numerics import rank, steady_signs
from ...head.model import blend_shape_limits
from .foreign import MOST_BYTES, MOST_NUMBER, MOST_VERTICES, ForeignModel, check_path
from .wavefront import ObjMesh, read_obj

DM = 10.0  # cm
IDENTITIES = 50
LEAST = 1e-4  # of the largest standard deviation: a smaller component is what single precision leaves of coordinates
CORE, PERSONS, EXPRESSIONS = (f"blendshape_{part}.tensor" for part in ("core", "u_0_aug", "u_1_aug"))
DATASET_REMEDY = "give the folder of FaceWarehouse that holds Tester_1 and on"
CORE_REMEDY = f"give the folder with {CORE}, {PERSONS}, {EXPRESSIONS} and the template OBJ"


def is_facewarehouse(path: Path) -> bool:
    """Whether a folder (or a core tensor file) has one of the two layouts."""
    return (path / CORE).is_file() or path.name == CORE or bool(_testers(path))


def read_facewarehouse(path: Path, template: Path | None = None) -> ForeignModel:
    """Read either layout.

    Args:
        template: OBJ with the triangles, if it does not lie where the layout has it.

    Raises:
        ModelError: a file is missing, truncated or does not match the others.
    """
    testers = _testers(path)
    if testers:
        blocks = _dataset_blocks(testers)
        default = testers[0] / "TrainingPose" / "pose_0.obj"
        found = template or default
    else:
        folder = path.parent if path.name == CORE else path
        blocks = _core_blocks(folder)
        found = template or _only_obj(folder)
    mesh = read_obj(found)
    if len(mesh.vertices) != blocks.shape[2] // 3:
        raise ModelError(
            f"{found}: {len(mesh.vertices)} vertices, expected {blocks.shape[2] // 3} as in the model; "
            "give --template with the OBJ of this topology"
        )
    return _model(blocks, mesh)


def _model(blocks: np.ndarray, mesh: ObjMesh) -> ForeignModel:
    """From (1 + K, 1 + S, 3 V) float32: [0] the mean person, [k] component k; [:, 0] neutral, then the shapes."""
    terms = blocks.reshape(*blocks.shape[:2], -1, 3)
    terms[:, 1:] -= terms[:, :1]
    terms *= DM
    count = terms.shape[1] - 1
    return ForeignModel(
        name="facewarehouse",
        mean=terms[0, 0].astype(float),
        triangles=mesh.triangles,
        identity_basis=terms[1:, 0],
        expression_basis=terms[0, 1:],
        expression_names=tuple(f"faceWarehouse{k + 1:02d}" for k in range(count)),
        **blend_shape_limits(count),
        cross_basis=terms[1:, 1:],
        uv=mesh.uv,
        uv_triangles=mesh.uv_triangles,
        notes=("expressions are numbered as in the file, which has no names",),
    )


def whitened(weights: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean (n,) of weight rows (P, n), and (K, n) directions of one standard deviation each, the largest first."""
    centre = weights.mean(axis=0)
    _, singular, directions = np.linalg.svd(weights - centre, full_matrices=False)
    count = min(most, len(weights) - 1, rank(singular, LEAST))
    length = singular[:count] / np.sqrt(max(len(weights) - 1, 1)) * steady_signs(directions[:count])
    return centre, length[:, None] * directions[:count]


def _testers(path: Path) -> list[Path]:
    folders = [folder for folder in path.glob("Tester_*") if folder.name.removeprefix("Tester_").isdecimal()]
    return sorted(folders, key=lambda folder: int(folder.name.removeprefix("Tester_")))


def _dataset_blocks(testers: list[Path]) -> np.ndarray:
    """The terms of :func:`_model` from the persons' files."""
    people = _read_people(testers)
    centre = people.mean(axis=0, dtype=float)
    people -= centre
    gram = np.zeros((len(people), len(people)))
    for shape in range(people.shape[1]):
        part = people[:, shape].astype(float)  # products in single precision would drown the small components
        gram += part @ part.T
    # Components of the centred rows from their inner products: the persons are few, the coordinates many.
    variance, vectors = np.linalg.eigh(gram)
    spread = np.sqrt(np.maximum(variance, 0.0))
    count = min(IDENTITIES, len(people) - 1, rank(spread, LEAST))
    largest = vectors[:, ::-1][:, :count].T / np.sqrt(max(len(people) - 1, 1))
    largest *= steady_signs(largest)[:, None]
    blocks = np.empty((1 + count, *people.shape[1:]), np.float32)
    blocks[0] = centre
    for shape in range(people.shape[1]):
        blocks[1:, shape] = largest.astype(np.float32) @ people[:, shape]
    return blocks


def _read_people(testers: list[Path]) -> np.ndarray:
    """(P, 1 + S, 3 V) float32 of all persons."""
    people: np.ndarray | None = None
    for number, tester in enumerate(testers):
        file = tester / "Blendshape" / "shape.bs"
        check_path(file, DATASET_REMEDY)
        shapes, vertices = (int(n) for n in np.fromfile(file, "<i4", 3)[:2]) if file.stat().st_size >= 12 else (0, 0)
        if not (1 <= shapes <= 1000 and 3 <= vertices <= MOST_VERTICES):
            raise ModelError(
                f"{file}: says {shapes} shapes of {vertices} vertices, expected 46 of 11510; {DATASET_REMEDY}"
            )
        wanted = (1 + shapes, 3 * vertices)
        if people is None:
            if len(testers) * wanted[0] * wanted[1] * 4 > MOST_BYTES:
                raise ModelError(f"{tester.parent}: more than {MOST_BYTES // 2**30} GiB of shapes; {DATASET_REMEDY}")
            people = np.empty((len(testers), *wanted), np.float32)
        values = np.fromfile(file, "<f4", offset=12)
        if people.shape[1:] != wanted or values.size != wanted[0] * wanted[1]:
            raise ModelError(
                f"{file}: {values.size} numbers for {shapes} shapes of {vertices} vertices, expected "
                f"{people.shape[1] * people.shape[2]} as in the first person's file; copy it again"
            )
        people[number] = values.reshape(wanted)
        if not (np.abs(people[number]) < MOST_NUMBER).all():
            raise ModelError(f"{file}: has a number that is not finite; copy it again")
    return people


def _core_blocks(folder: Path) -> np.ndarray:
    """The terms of :func:`_model` from a core tensor and the weights of persons and expressions."""
    core = _read_core(folder / CORE)
    persons = _read_weights(folder / PERSONS, core.shape[0])
    shapes = np.eye(core.shape[1])
    if (folder / EXPRESSIONS).is_file():
        shapes = _read_weights(folder / EXPRESSIONS, core.shape[1])
    centre, directions = whitened(persons, core.shape[0])
    rows = np.concatenate([centre[None], directions])
    blocks = np.empty((len(rows), len(shapes), core.shape[2]), np.float32)
    for k, row in enumerate(rows):
        blocks[k] = shapes @ np.tensordot(row, core, axes=1)
    return blocks


def _read_core(file: Path) -> np.ndarray:
    """(K, E, 3 V) float64, not in memory until used."""
    check_path(file, CORE_REMEDY)
    size = file.stat().st_size
    shape = tuple(int(n) for n in np.fromfile(file, "<i4", 3)) if size >= 12 else (0, 0, 0)
    if min(shape) < 1 or shape[2] % 3 or shape[2] > 3 * MOST_VERTICES:
        raise ModelError(f"{file}: shape {shape}, expected (50, 25, 34530) or the like; {CORE_REMEDY}")
    wanted = 12 + 8 * shape[0] * shape[1] * shape[2]
    if size != wanted:
        raise ModelError(f"{file}: {size} bytes for shape {shape}, expected {wanted}; copy it again")
    core = np.memmap(file, "<f8", "r", 12, shape)
    if not all((np.abs(part) < MOST_NUMBER).all() for part in core):
        raise ModelError(f"{file}: has a number that is not finite; copy it again")
    return core


def _read_weights(file: Path, size: int) -> np.ndarray:
    """(rows, ``size``) weights."""
    check_path(file, CORE_REMEDY)
    content = file.read_bytes()
    skipped = 4 + 8 * size * (size + 2)
    head = int(np.frombuffer(content, "<i4", 1)[0]) if len(content) >= 4 else 0
    rows, columns = np.frombuffer(content, "<i4", 2, skipped) if len(content) >= skipped + 8 else (0, 0)
    if head != size or columns != size or len(content) != skipped + 8 + 8 * int(rows) * size:
        raise ModelError(
            f"{file}: {len(content)} bytes of {rows} x {columns} weights for {head} dimensions, expected "
            f"{size} columns and dimensions as in the core tensor; {CORE_REMEDY}"
        )
    weights = np.frombuffer(content, "<f8", offset=skipped + 8).reshape(size, int(rows)).T
    if len(weights) < 2 or not np.isfinite(weights).all():
        raise ModelError(f"{file}: {len(weights)} rows of weights, expected 2 or more, all finite; {CORE_REMEDY}")
    return weights


def _only_obj(folder: Path) -> Path:
    files = sorted(folder.glob("*.obj"))
    if len(files) != 1:
        raise ModelError(f"{folder}: {len(files)} OBJ files, expected 1 with the triangles; give --template")
    return files[0]
