"""A rigged character made by code: the project's mean head on a body of tubes, skinned, with a clip that waves.

In one mesh, or with the head, eyes and hair as meshes of their own, as characters of different makers are.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...head.model import FaceModel
from ...head.points import POLYLINES
from ...mesh import gltf
from ...mesh.files import png_bytes
from ...mesh.mesh import Mesh, join
from ...mesh.split import smooth_normals, split_seams
from ...mesh.texels import texel_map

JOINTS = {"Hips": (0, 80, 0), "Spine": (0, 110, 0), "Neck": (0, 143, -5), "Head": (0, 150, -3), "Arm": (20, 138, 0)}
PARENTS = {"Spine": "Hips", "Neck": "Spine", "Head": "Neck", "Arm": "Spine"}
LIFT = np.array([0.0, 158.0, 0.0])
"""cm: the middle of the head above the ground."""
SKIN, SHIRT, HAIR = (205, 150, 120), (60, 90, 150), (60, 40, 30)


def tube(rings: list[tuple[tuple[float, float, float], float]], axis: int = 1, sides: int = 24) -> Mesh:
    """A closed tube of rings (centre, radius) along an axis, cm; all of it has one texture coordinate a ring."""
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    across = [k for k in range(3) if k != axis]
    points = np.zeros((len(rings), sides, 3))
    for number, (centre, radius) in enumerate(rings):
        points[number] = centre
        points[number][:, across[0]] += radius * np.cos(angle)
        points[number][:, across[1]] += radius * np.sin(angle) * (-1 if axis == 1 else 1)
    first, last = points[0].mean(axis=0), points[-1].mean(axis=0)
    vertices = np.concatenate([points.reshape(-1, 3), [first, last]])
    k, n = np.arange(sides), len(rings)
    triangles = [np.stack([np.full(sides, n * sides), np.roll(k, -1), k], axis=1)]
    for ring in range(n - 1):
        a, b = ring * sides + k, ring * sides + np.roll(k, -1)
        triangles += [np.stack([a, b, b + sides], axis=1), np.stack([a, b + sides, a + sides], axis=1)]
    end = (n - 1) * sides
    triangles.append(np.stack([np.full(sides, n * sides + 1), end + k, end + np.roll(k, -1)], axis=1))
    faces = np.concatenate(triangles).astype(np.int32)
    return Mesh(vertices, faces, np.full((len(vertices), 2), 0.5), faces)


def face_texture(model: FaceModel, size: int = 256) -> np.ndarray:
    """A simple face on the model's layout: skin, eyes, brows, lips."""
    mesh = model.mesh()
    places = texel_map(mesh, size).interpolate(mesh.triangles, mesh.vertices)
    marks = model.mean[model.landmarks]
    texture = np.broadcast_to(np.float64(SKIN), (size, size, 3)).copy()

    def near(ids: tuple[int, ...], radius: float) -> np.ndarray:
        lines = np.concatenate([np.linspace(marks[a], marks[b], 12) for a, b in zip(ids, ids[1:], strict=False)])
        return np.min([np.linalg.norm(places - point, axis=-1) for point in lines], axis=0) < radius

    front = places[..., 2] > 0
    for ids, _ in POLYLINES:
        if ids[0] in (17, 22):
            texture[near(ids, 0.35) & front] = HAIR
        if ids[0] == 48:
            texture[near((*ids, ids[0]), 0.45) & front] = (170, 70, 70)
        if ids[0] in (36, 42):
            middle = marks[list(ids)].mean(axis=0)
            away = np.hypot(*np.moveaxis(places - middle, -1, 0)[:2]) + 10 * ~front
            texture[(away < 1.25) & near((*ids, ids[0]), 0.9)] = (240, 240, 240)
            texture[away < 0.55] = (60, 60, 70)
            texture[near(ids[:4], 0.12) & front] = (50, 30, 30)
    return texture.astype(np.uint8)


def walker(path: Path, model: FaceModel, separate: bool = False, skin: bool = True, head: str = "Head") -> Path:
    """Write the character.

    Args:
        separate: head and hair as meshes of their own. skin: bind it. head: name of the head joint.
    """
    mesh = model.mesh(model.mean + LIFT)
    body = tube(
        [((0, y, z), r) for y, z, r in ((80, 0, 16), (110, 0, 17), (136, -2, 19), (140, -4, 12), (150, -5, 5.5))]
    )
    arm = tube([((18, 138, 0), 4), ((40, 138, 0), 4), ((65, 138, 0), 3)], axis=0)
    hair = tube([((0, LIFT[1] + y, -6), r) for y, r in ((6, 9.5), (10, 9.0), (13, 5.0))])
    face = face_texture(model)
    plain = np.broadcast_to(np.uint8(SHIRT), face.shape).copy()
    plain[: len(plain) // 2] = HAIR
    atlas = np.concatenate([face, plain], axis=1)  # twice as wide as high
    parts = {"Body": [(body, 0.0), (arm, 0.0)], "Hair": [(hair, 1.0)], "Face": [(mesh, None)]}
    names = {"Body": ["Body"], "Hair": ["Hair"], "Face": ["Face"]} if separate else {"Body": list(parts)}
    writer = gltf.BufferWriter()
    meshes = []
    for name, members in names.items():
        placed = join([_on_atlas(part, share) for member in members for part, share in parts[member]])
        meshes.append({"name": name, "primitives": [_primitive(writer, placed, model, skin)]})
    joints = list(JOINTS)
    at = {name: np.array(place) / 100 for name, place in JOINTS.items()}
    nodes = []
    for name in joints:
        local = at[name] - at[PARENTS[name]] if name in PARENTS else at[name]
        children = [joints.index(other) for other in joints if PARENTS.get(other) == name]
        node = {"name": head if name == "Head" else name, "translation": local.tolist()}
        nodes.append(node | ({"children": children} if children else {}))
    bind = np.tile(np.eye(4, dtype=np.float32), (len(joints), 1, 1))
    bind[:, 3, :3] = [-at[name] for name in joints]  # columns first
    bind_view = writer.add_bytes(bind.tobytes())
    writer.accessors.append({"bufferView": bind_view, "componentType": 5126, "count": len(joints), "type": "MAT4"})
    skins = [{"joints": list(range(len(joints))), "inverseBindMatrices": len(writer.accessors) - 1}]
    for index, entry in enumerate(meshes):
        nodes.append({"name": entry["name"], "mesh": index} | ({"skin": 0} if skin else {}))
    document = {
        "asset": {"version": "2.0", "generator": "walker"},
        "scene": 0,
        "scenes": [{"nodes": [0, *range(len(joints), len(nodes))]}],
        "nodes": nodes,
        "meshes": meshes,
        "materials": [
            {"name": "All", "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "metallicFactor": 0.0}}
        ],
        "textures": [{"source": 0}],
        "images": [{"mimeType": "image/png", "bufferView": writer.add_bytes(png_bytes(atlas))}],
        "animations": [_clip(writer, joints)],
        "extras": {"made": "by code"},
    }
    if skin:
        document["skins"] = skins
    document |= {"accessors": writer.accessors, "bufferViews": writer.views}
    writer.data.extend(b"\0" * (-len(writer.data) % 4))
    document["buffers"] = [{"byteLength": len(writer.data)}]
    path.write_bytes(gltf.pack(document, bytes(writer.data)))
    return path


def _on_atlas(mesh: Mesh, share: float | None) -> Mesh:
    """The head on the left half, shirt (0) and hair (1) on the right."""
    uv = np.array(mesh.uv, float)
    if share is None:
        return Mesh(mesh.vertices, mesh.triangles, uv * (0.5, 1.0), mesh.uv_triangles)
    return Mesh(mesh.vertices, mesh.triangles, np.full(uv.shape, (0.75, 0.25 + 0.5 * share)), mesh.uv_triangles)


def _primitive(writer: gltf.BufferWriter, mesh: Mesh, model: FaceModel, skin: bool) -> dict:
    split = split_seams(mesh)
    vertices = np.asarray(mesh.vertices)[split.source] / 100
    primitive = {
        "attributes": {
            "POSITION": writer.add_floats(vertices, bounds=True),
            "NORMAL": writer.add_floats(smooth_normals(mesh)[split.source]),
            "TEXCOORD_0": writer.add_floats(np.stack([split.uv[:, 0], 1 - split.uv[:, 1]], axis=1)),
        },
        "indices": writer.add_indices(split.triangles),
        "material": 0,
    }
    if skin:
        joints, weights = _weights(vertices * 100)
        primitive["attributes"] |= {"JOINTS_0": writer.add_joints(joints), "WEIGHTS_0": writer.add_floats(weights)}
    return primitive


def _weights(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(V, 4) joints and weights: hips to head by height, the arm by its reach."""
    x, y = places[:, 0], places[:, 1]
    stops, order = np.array([80, 110, 140, 152.0]), [0, 1, 2, 3]
    where = np.clip(np.interp(y, stops, order), 0, 3)
    low = np.minimum(where.astype(int), 2)
    joints = np.stack([low, low + 1, np.full(len(y), 4), np.zeros(len(y), int)], axis=1)
    arm = np.clip((x - 18) / 6, 0, 1) * (y < 145)
    weights = np.stack([(1 - where + low) * (1 - arm), (where - low) * (1 - arm), arm, 0 * arm], axis=1)
    return np.where(weights > 0, joints, 0), weights


def _clip(writer: gltf.BufferWriter, joints: list[str]) -> dict:
    """One second: the arm waves, the neck bends, the head turns."""
    times = np.linspace(0, 1, 9)
    phase = np.sin(2 * np.pi * times)
    entry = {"name": "Wave", "channels": [], "samplers": []}
    keys = writer.add_floats(times, bounds=True, target=None)
    for name, axis, degrees in (("Arm", 2, 60.0), ("Neck", 0, 20.0), ("Head", 1, 35.0)):
        half = np.radians(degrees) * phase / 2
        quaternions = np.zeros((len(times), 4))
        quaternions[:, axis], quaternions[:, 3] = np.sin(half), np.cos(half)
        entry["samplers"].append({"input": keys, "output": writer.add_floats(quaternions, target=None)})
        entry["channels"].append(
            {"sampler": len(entry["samplers"]) - 1, "target": {"node": joints.index(name), "path": "rotation"}}
        )
    return entry
