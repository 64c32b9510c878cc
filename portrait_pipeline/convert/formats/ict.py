"""ICT-FaceKit light model (University of Southern California, MIT): a folder of OBJ files.

``FaceXModel/`` holds ``generic_neutral_mesh.obj``, ``identity000.obj`` and on (the neutral head plus one standard
deviation of a component) and one OBJ a blend shape, named in the list ``expressions`` of ``vertex_indices.json``.
Centimetres; y up, z out of the face, x the subject's left. All 26 719 vertices are kept by a native conversion; the
landmark ids are those of the published table (Multi-PIE, the same order as iBUG-68).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...base.errors import ModelError
from ...base.files import load_json, refusal
from ...head.model import blend_shape_limits
from .foreign import ForeignModel
from .wavefront import read_obj, read_obj_vertices

VERTICES = 26719
SKIN = 11248  # vertices before this one are face, head and neck; then sockets, teeth, eyes, lashes
LANDMARKS = np.array(
    "1225 1888 1052 367 1719 1722 2199 1447 966 3661 4390 3927 3924 2608 3272 4088 3443 268 493 1914 2044 1401 3615 "
    "4240 4114 2734 2509 978 4527 4942 4857 1140 2075 1147 4269 3360 1507 1542 1537 1528 1518 1511 3742 3751 3756 "
    "3721 3725 3732 5708 5695 2081 0 4275 6200 6213 6346 6461 5518 5957 5841 5702 5711 5533 6216 6207 6470 5517 "
    "5966".split(),
    np.int32,
)
MOST_JSON_BYTES = 50 * 10**6
HALVES = ("browInnerUp", "cheekPuff")  # two files each, one name in ARKit
REMEDY = "give the folder FaceXModel of ICT-FaceKit, complete"


def find_folder(path: Path) -> Path | None:
    """The model's folder: ``path`` itself or its ``FaceXModel``; None if it is no ICT-FaceKit."""
    for folder in (path, path / "FaceXModel"):
        if (folder / "generic_neutral_mesh.obj").is_file():
            return folder
    return None


def read_ict(path: Path) -> ForeignModel:
    """Read the folder.

    Raises:
        ModelError: a file is missing, damaged or of another number of vertices.
    """
    folder = find_folder(path)
    if folder is None:
        raise ModelError(f"{path}: holds no generic_neutral_mesh.obj; {REMEDY}")
    neutral = read_obj(folder / "generic_neutral_mesh.obj")
    count = len(neutral.vertices)
    files = sorted(folder.glob("identity[0-9][0-9][0-9].obj"))
    missing = [k for k, file in enumerate(files) if file.name != f"identity{k:03d}.obj"]
    if not files or missing:
        raise ModelError(f"{folder}: identity{missing[0] if missing else 0:03d}.obj is missing; {REMEDY}")
    identity = np.stack([_delta(file, neutral.vertices) for file in files])
    shapes: dict[str, np.ndarray] = {}
    for stem in _expressions(folder):
        name = arkit_name(stem)
        delta = _delta(folder / f"{stem}.obj", neutral.vertices)
        shapes[name] = shapes[name] + delta if name in shapes else delta
    published = count == VERTICES
    skin = np.arange(count) < SKIN if published else None
    return ForeignModel(
        name="ict-facekit",
        mean=neutral.vertices,
        triangles=neutral.triangles,
        identity_basis=identity,
        expression_basis=np.stack(list(shapes.values())),
        expression_names=tuple(shapes),
        **blend_shape_limits(len(shapes)),
        uv=neutral.uv,
        uv_triangles=neutral.uv_triangles,
        landmarks=LANDMARKS if published else None,
        skin=skin,
        notes=("browInnerUp and cheekPuff are the sums of their two halves, as ARKit has them",),
    )


def arkit_name(stem: str) -> str:
    """ARKit's name of a blend shape file: ``_L`` and ``_R`` spelled out, halves of one shape merged."""
    for suffix, side in (("_L", "Left"), ("_R", "Right")):
        if stem.endswith(suffix):
            base = stem.removesuffix(suffix)
            return base if base in HALVES else base + side
    return stem


def _delta(file: Path, neutral: np.ndarray) -> np.ndarray:
    return (read_obj_vertices(file, len(neutral)) - neutral).astype(np.float32)


def _expressions(folder: Path) -> list[str]:
    """Stems of the blend shape files, in the order of the list."""
    file = folder / "vertex_indices.json"
    table = load_json(file, MOST_JSON_BYTES, refusal(ModelError, file, REMEDY))
    stems = table.get("expressions") if isinstance(table, dict) else None
    # A name is a name: no path may lead out of the folder.
    if not isinstance(stems, list) or not stems or not all(isinstance(s, str) and s.isidentifier() for s in stems):
        raise ModelError(f"{file}: 'expressions' is no list of file names without suffix; {REMEDY}")
    if len(set(stems)) != len(stems):
        raise ModelError(f"{file}: 'expressions' names a shape twice; {REMEDY}")
    return stems
