"""A rig as one binary glTF 2.0 file that other programs can animate, in metres.

Nodes::

    Portrait            turns about the neck (its rotation is the head's)
      Head              one mesh: a primitive each for skin, mouth and teeth, with the same morph targets
      Shell             hair, hat and shoulders, where there are any: a mesh of its own, without targets
      EyeLeftSocket     the eyeball's place and its stretch
        EyeLeft         turns (its rotation is the gaze)
      EyeRightSocket
        EyeRight

The mesh's weights are the coefficients of the pose, so that a viewer shows the picture's expression at first; all 0 is
neutral. ``extras.targetNames`` names the targets, as every program reads it. Targets are sparse: displacements that
nobody sees are left out (see :func:`..rig.compact`), and so are changes of a normal by less than :data:`BENT`.

Materials are unlit (``KHR_materials_unlit``: the textures hold the final colours, the method knows no light) with a
rough, non-metallic one as the standard's fallback, and visible from both sides.

glTF has the origin of texture coordinates at the top left, the project at the bottom left, so ``1 - v`` is written.
That is the only flip: row 0 of a texture image is its top in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .. import __version__
from ..animation.frames import Frames, add_animation
from ..animation.pose import EYES, Pose, eye_turn, quaternion
from ..animation.rig import SHELL, Part, Rig, compact
from ..base.artifacts import write_bytes
from ..mesh import gltf
from ..mesh.files import METRES_PER_CM, check_finite, png_bytes
from ..mesh.geometry import vertex_normals
from ..mesh.mesh import Mesh
from ..mesh.split import SplitMesh, smooth_normals, split_seams

BENT = 0.03
"""Smaller changes of a unit normal (about two degrees) are left out of a target."""


def rig_glb(rig: Rig, pose: Pose | None = None, frames: Frames | None = None) -> bytes:
    """The rig as the content of a GLB file; equal input gives equal bytes.

    Args:
        rig: in head space (cm); at least a head.
        pose: first shown; if not given that of the first frame, or else the picture's expression, unturned.
        frames: an animation.

    Raises:
        ValueError: a texture is not (H, W, 3) uint8, or a vertex or displacement is not finite.
    """
    if pose is None:
        pose = Pose(rig.expression) if frames is None else Pose(frames.expression[0], *frames.turns[0].tolist())
    writer = gltf.BufferWriter()
    head = [part for part in rig.parts if part.name not in EYES and part.name != SHELL]
    shell = [part for part in rig.parts if part.name == SHELL]
    eyes = [part for part in rig.parts if part.name in EYES]
    meshes = [
        {
            "name": "Head",
            "primitives": [_primitive(writer, part, rig.parts.index(part)) for part in head],
            "extras": {"targetNames": list(rig.names)},
        }
    ]
    others = [*shell, *eyes]
    meshes += [{"name": part.name, "primitives": [_primitive(writer, part, rig.parts.index(part))]} for part in others]
    names = [part.name for part in rig.parts]
    images = [writer.add_bytes(png_bytes(part.texture)) for part in rig.parts]
    writer.data.extend(b"\0" * (-len(writer.data) % 4))
    document = {
        "asset": {"version": "2.0", "generator": f"portrait-pipeline {__version__}"},
        "extensionsUsed": ["KHR_materials_unlit"],
        "scene": 0,
        "scenes": [{"name": "Scene", "nodes": [0]}],
        "nodes": _nodes(rig.neck, shell, eyes),
        "meshes": meshes,
        "materials": [_material(name, index) for index, name in enumerate(names)],
        "textures": [{"name": name, "sampler": 0, "source": index} for index, name in enumerate(names)],
        "samplers": [
            {
                "magFilter": gltf.LINEAR,
                "minFilter": gltf.LINEAR_MIPMAP_LINEAR,
                "wrapS": gltf.REPEAT,
                "wrapT": gltf.CLAMP_TO_EDGE,
            }
        ],
        "images": [
            {"name": name, "mimeType": "image/png", "bufferView": view}
            for name, view in zip(names, images, strict=True)
        ],
        "accessors": writer.accessors,
        "bufferViews": writer.views,
        "buffers": [{"byteLength": len(writer.data)}],
    }
    document, binary = _posed(document, rig.names, pose), bytes(writer.data)
    return gltf.pack(*((document, binary) if frames is None else add_animation(document, binary, rig.names, frames)))


def write_rig_glb(path: str | Path, rig: Rig) -> None:
    """Write :func:`rig_glb` to a file, replaced atomically.

    Raises:
        ValueError: bad texture or vertices (see there).
        OutputError: the file cannot be written.
    """
    write_bytes(path, rig_glb(rig))


def _posed(document: dict, names: Sequence[str], pose: Pose) -> dict:
    """The document of a rig with the (E,) expressions ``names``, in a pose: weights and rotations."""
    turns = {"Portrait": pose.turn} | {name: eye_turn(name, names, pose.expression) for name in EYES}
    nodes = []
    for node in document["nodes"]:
        turn = turns.get(node["name"], (0.0, 0.0, 0.0))
        nodes.append(node | ({"rotation": quaternion(*turn).tolist()} if any(turn) else {}))
    head, *others = document["meshes"]
    weights = {"weights": np.asarray(pose.expression, float).tolist()} if len(names) else {}
    return document | {"nodes": nodes, "meshes": [head | weights, *others]}


def _nodes(neck: np.ndarray, shell: Sequence[Part], eyes: Sequence[Part]) -> list[dict]:
    place = np.asarray(neck, float) * METRES_PER_CM
    nodes = [
        {"name": "Portrait", "translation": place.tolist(), "children": [1]},
        {"name": "Head", "mesh": 0, "translation": (-place).tolist()},
    ]
    for index, part in enumerate(shell, start=1):
        nodes[0]["children"].append(len(nodes))
        nodes.append({"name": part.name, "mesh": index, "translation": (-place).tolist()})
    for index, part in enumerate(eyes, start=1 + len(shell)):
        nodes[0]["children"].append(len(nodes))
        where = np.asarray(part.pivot, float) * METRES_PER_CM - place
        nodes.append(
            {
                "name": f"{part.name}Socket",
                "translation": where.tolist(),
                "scale": np.asarray(part.stretch, float).tolist(),
                "children": [len(nodes) + 1],
            }
        )
        nodes.append({"name": part.name, "mesh": index})
    return nodes


def _material(name: str, texture: int) -> dict:
    surface = {"baseColorTexture": {"index": texture}, "metallicFactor": 0.0, "roughnessFactor": 1.0}
    return {
        "name": name,
        "pbrMetallicRoughness": surface,
        "doubleSided": True,
        "extensions": {"KHR_materials_unlit": {}},
    }


def _primitive(writer: gltf.BufferWriter, part: Part, material: int) -> dict:
    """One textured surface with its targets."""
    mesh = part.mesh
    check_finite(mesh)
    if not np.isfinite(part.targets).all():
        raise ValueError(f"a displacement of {part.name} is not finite, nothing was written")
    split = split_seams(mesh)
    attributes = {
        "POSITION": writer.add_floats(mesh.vertices[split.source] * METRES_PER_CM, bounds=True),
        "NORMAL": writer.add_floats(smooth_normals(mesh)[split.source]),
        "TEXCOORD_0": writer.add_floats(np.stack([split.uv[:, 0], 1 - split.uv[:, 1]], axis=1)),
    }
    primitive = {"attributes": attributes, "indices": writer.add_indices(split.triangles), "material": material}
    if part.name not in EYES and len(part.targets):
        normals = vertex_normals(mesh.vertices, mesh.triangles)
        primitive["targets"] = [_target(writer, mesh, normals, split, target) for target in part.targets]
    return primitive


def _target(
    writer: gltf.BufferWriter, mesh: Mesh, normals: np.ndarray, split: SplitMesh, target: np.ndarray
) -> dict[str, int]:
    """One morph target: sparse displacements, and changes of the ``normals`` (V, 3) at full displacement."""
    where, displacements = compact(target)
    target = np.zeros(mesh.vertices.shape)
    target[where] = displacements
    moves = np.zeros(len(target), bool)
    moves[where] = True
    change = bent_normals(mesh, normals, moves, target) - normals
    bends = np.linalg.norm(change, axis=1) > BENT
    count = len(split.source)
    moved, bent = np.flatnonzero(moves[split.source]), np.flatnonzero(bends[split.source])
    return {
        "POSITION": writer.add_sparse(count, moved, target[split.source[moved]] * METRES_PER_CM, bounds=True),
        "NORMAL": writer.add_sparse(count, bent, change[split.source[bent]]),
    }


def bent_normals(mesh: Mesh, normals: np.ndarray, moves: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Normals (V, 3) with the displacements ``target`` (V, 3) of the vertices that move; the others' are kept."""
    touched = np.zeros(len(normals), bool)
    touched[mesh.triangles[moves[mesh.triangles].any(axis=1)]] = True
    about = mesh.triangles[touched[mesh.triangles].any(axis=1)]
    return np.where(touched[:, None], vertex_normals(mesh.vertices + target, about), normals)
