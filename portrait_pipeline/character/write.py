"""The character's file with the graft in it: what was cut is left out, all else stays as it was."""

from __future__ import annotations

import copy

import numpy as np

from .. import __version__
from ..animation.rig import Part, compact
from ..export.glb import BENT, bent_normals
from ..mesh import gltf
from ..mesh.files import METRES_PER_CM, png_bytes
from ..mesh.geometry import unit, vertex_normals
from ..mesh.mesh import Mesh
from ..mesh.split import smooth_normals, split_seams
from .body import Character, Surface, blended, skin_matrices
from .cut import Clipped
from .graft import Graft, Limb, dense_weights, four_largest


def character_glb(character: Character, graft: Graft) -> bytes:
    """The content of the new file; equal input gives equal bytes."""
    document = copy.deepcopy(character.file.document)
    writer = gltf.BufferWriter()
    writer.data = bytearray(character.file.binary)
    writer.views, writer.accessors = document.setdefault("bufferViews", []), document.setdefault("accessors", [])
    lost = _cut_surfaces(character, graft, document, writer)
    material = _material_base(character, graft)
    nodes, scene = document["nodes"], document["scenes"][document.get("scene", 0)]
    limbs = graft.limbs
    moving = [limb for limb in limbs if len(limb.targets)]
    document["meshes"].append(
        {
            "name": "PortraitHead",
            "primitives": [_primitive(writer, character, graft, document, limb, material) for limb in moving],
            "extras": {"targetNames": list(graft.names)},
            "weights": np.asarray(graft.expression, float).tolist(),
        }
    )
    nodes.append({"name": "PortraitHead", "mesh": len(document["meshes"]) - 1, "skin": graft.skin})
    scene["nodes"].append(len(nodes) - 1)
    _speak_with_the_new_head(character, graft, document, writer, lost, len(nodes) - 1)
    for limb in limbs:
        if not len(limb.targets):
            name = f"Portrait{limb.name}"
            primitive = _primitive(writer, character, graft, document, limb, material)
            document["meshes"].append({"name": name, "primitives": [primitive]})
            nodes.append({"name": name, "mesh": len(document["meshes"]) - 1, "skin": graft.skin})
            scene["nodes"].append(len(nodes) - 1)
    for part in graft.eyes:
        _add_eye(writer, character, graft, document, part, material)
    generator = document.get("asset", {}).get("generator")
    ours = f"portrait-pipeline {__version__}"
    document["asset"] = document["asset"] | {"generator": f"{generator}, {ours}" if generator else ours}
    return gltf.pack(*gltf.pruned(document, bytes(writer.data)))


def _cut_surfaces(character: Character, graft: Graft, document: dict, writer: gltf.BufferWriter) -> dict[int, list]:
    """Rewrite every primitive that lost triangles, and drop those that lost all.

    Returns:
        the nodes that lost triangles, with the names of the morph targets that their meshes have.
    """
    clipped = graft.opening.clipped
    owner = character.owner[clipped.source]
    places = clipped.extended(character.places)
    for number, surface in enumerate(character.surfaces):
        mine = clipped.triangles[owner == number]
        primitive = document["meshes"][surface.mesh]["primitives"][surface.primitive]
        if not len(mine):
            primitive["attributes"] = {}  # marks it as gone: numbers of the others must not change yet
        elif len(mine) < len(surface.triangles) or (mine >= clipped.count).any():
            _rewrite(character, surface, number, primitive, clipped, places, mine, writer)
    lost = {
        surface.node: document["meshes"][surface.mesh].get("extras", {}).get("targetNames", [])
        for number, surface in enumerate(character.surfaces)
        if (owner == number).sum() != len(surface.triangles)
    }
    number: dict[int, int] = {}
    for index, mesh in enumerate(document["meshes"]):
        mesh["primitives"] = [primitive for primitive in mesh["primitives"] if primitive["attributes"]]
        if mesh["primitives"]:
            number[index] = len(number)
    for node in document["nodes"]:
        if "mesh" in node and node["mesh"] not in number:
            for key in ("mesh", "skin", "weights"):
                node.pop(key, None)
        elif "mesh" in node:
            node["mesh"] = number[node["mesh"]]
    document["meshes"] = [document["meshes"][index] for index in number]
    return lost


def _speak_with_the_new_head(
    character: Character, graft: Graft, document: dict, writer: gltf.BufferWriter, lost: dict[int, list], node: int
) -> None:
    """Animations of morph targets that were cut drive those of the same names on the new head, ``node``."""
    ours = {name.lower(): column for column, name in enumerate(graft.names)}
    for animation in document.get("animations", []):
        channels, taken = [], False
        for channel in animation["channels"]:
            target = channel["target"]
            if target.get("path") != "weights" or "mesh" in document["nodes"][target.get("node", 0)]:
                channels.append(channel)
            if target.get("path") != "weights" or target.get("node") not in lost:
                continue
            names = lost[target["node"]]
            pairs = [(k, ours[str(name).lower()]) for k, name in enumerate(names) if str(name).lower() in ours]
            if not pairs or taken:
                continue
            sampler = animation["samplers"][channel["sampler"]]
            values = character.file.values(sampler["output"]).reshape(-1, len(names))
            moved = np.zeros((len(values), len(graft.names)))
            for theirs, column in pairs:
                moved[:, column] = values[:, theirs]
            animation["samplers"].append(sampler | {"output": writer.add_floats(moved.ravel(), target=None)})
            channels.append({"sampler": len(animation["samplers"]) - 1, "target": target | {"node": node}})
            taken = True
        used = sorted({channel["sampler"] for channel in channels})
        animation["samplers"] = [animation["samplers"][index] for index in used]
        animation["channels"] = [channel | {"sampler": used.index(channel["sampler"])} for channel in channels]
    document["animations"] = [entry for entry in document.get("animations", []) if entry["channels"]]
    if not document["animations"]:
        del document["animations"]


def _rewrite(
    character: Character, surface: Surface, number: int, primitive: dict, clipped: Clipped, places: np.ndarray,
    mine: np.ndarray, writer: gltf.BufferWriter,
) -> None:  # fmt: skip
    """New accessors of one primitive: the old vertices that are left, and those along the cut.

    Args:
        number: of the surface. places: (V + N, 3) of all vertices. mine: (F, 3) its triangles.
    """
    used = np.unique(mine)
    old = used[used < clipped.count] - character.first[number]
    new = used[used >= clipped.count] - clipped.count
    ends = clipped.ends[new] - character.first[number]
    share = clipped.share[new][:, None]

    def rows(values: np.ndarray) -> np.ndarray:
        return np.concatenate([values[old], values[ends[:, 0]] * (1 - share) + values[ends[:, 1]] * share])

    attributes = dict(surface.attributes)
    result: dict[str, int] = {}
    if surface.skin >= 0:
        joints = np.asarray(character.file.entry("skins", surface.skin)["joints"])
        dense = dense_weights(character, joints)
        sewn = four_largest(clipped.rows(dense)[new])
        matrices = skin_matrices(character.file, surface.skin, character.file.world_matrices())
        ids, weights = _packed(sewn)
        mixed = blended(matrices, ids, weights)
        bind = np.einsum("vij,vj->vi", np.linalg.inv(mixed), np.c_[places[clipped.count :][new], np.ones(len(new))])
        position = np.concatenate([attributes["POSITION"][old], bind[:, :3]])
    else:
        position = rows(attributes["POSITION"])
    for name, values in attributes.items():
        if name == "POSITION":
            result[name] = writer.add_floats(position, bounds=True)
        elif name.startswith(("JOINTS_", "WEIGHTS_")):
            if surface.skin >= 0:
                added = (ids if name[0] == "J" else weights) if name.endswith("_0") else np.zeros((len(new), 4))
            else:
                added = values[ends[:, 0]]
            whole = np.concatenate([values[old], added])
            result[name] = writer.add_joints(whole) if name[0] == "J" else writer.add_floats(whole)
        elif name == "NORMAL":
            result[name] = writer.add_floats(unit(rows(values)))
        elif name == "TANGENT":
            tangent = rows(values)
            tangent[:, :3] = unit(tangent[:, :3])
            tangent[:, 3] = np.where(tangent[:, 3] < 0, -1.0, 1.0)
            result[name] = writer.add_floats(tangent)
        else:
            result[name] = writer.add_floats(rows(values))
    primitive["attributes"] = result
    primitive["indices"] = writer.add_indices(np.searchsorted(used, mine))
    if "targets" in primitive:
        primitive["targets"] = [
            {
                name: writer.add_floats(rows(character.file.values(index)), bounds=name == "POSITION")
                for name, index in target.items()
            }
            for target in primitive["targets"]
        ]


def _packed(dense: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(V, 4) joints and weights of rows (V, J) with at most four entries."""
    width = min(4, dense.shape[1])
    ids = np.argsort(-dense, axis=1, kind="stable")[:, :width]
    weights = np.take_along_axis(dense, ids, axis=1)
    ids = np.where(weights > 0, ids, 0)
    fill = ((0, 0), (0, 4 - width))
    ids, weights = np.pad(ids, fill), np.pad(weights, fill).astype(np.float32).astype(float)
    return ids, weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)


def _material_base(character: Character, graft: Graft) -> dict:
    """What all of the head's materials take over from the character's skin."""
    owner = np.bincount(character.owner[graft.opening.skin]).argmax()
    theirs = character.surfaces[owner].material
    rough = theirs.get("pbrMetallicRoughness", {})
    textured = "metallicRoughnessTexture" in rough
    base = {
        "pbrMetallicRoughness": {
            "metallicFactor": 0.0 if textured else rough.get("metallicFactor", 1.0),
            "roughnessFactor": max(rough.get("roughnessFactor", 1.0), 0.6 if textured else 0.0),
        },
        "doubleSided": True,
    }
    if "KHR_materials_unlit" in theirs.get("extensions", {}):
        base["extensions"] = {"KHR_materials_unlit": {}}
    return base


def _add_material(writer: gltf.BufferWriter, document: dict, base: dict, name: str, texture: np.ndarray) -> int:
    image = {"name": name, "mimeType": "image/png", "bufferView": writer.add_bytes(png_bytes(texture))}
    document.setdefault("images", []).append(image)
    document.setdefault("samplers", []).append(
        {
            "magFilter": gltf.LINEAR,
            "minFilter": gltf.LINEAR_MIPMAP_LINEAR,
            "wrapS": gltf.REPEAT,
            "wrapT": gltf.CLAMP_TO_EDGE,
        }
    )
    document.setdefault("textures", []).append(
        {"name": name, "sampler": len(document["samplers"]) - 1, "source": len(document["images"]) - 1}
    )
    material = copy.deepcopy(base) | {"name": name}
    material["pbrMetallicRoughness"]["baseColorTexture"] = {"index": len(document["textures"]) - 1}
    document.setdefault("materials", []).append(material)
    return len(document["materials"]) - 1


def _primitive(
    writer: gltf.BufferWriter, character: Character, graft: Graft, document: dict, limb: Limb, base: dict
) -> dict:
    split = split_seams(limb.mesh)
    used = np.unique(split.triangles)
    source, uv = split.source[used], split.uv[used]
    ids, weights = _packed(limb.weights)
    matrices = skin_matrices(character.file, graft.skin, character.file.world_matrices())
    mixed = blended(matrices, ids, weights)
    back = np.linalg.inv(mixed)
    position = np.einsum("vij,vj->vi", back, np.c_[limb.mesh.vertices, np.ones(len(ids))])[:, :3]
    normal = unit(np.einsum("vji,vj->vi", mixed[:, :3, :3], limb.normals))
    primitive = {
        "attributes": {
            "POSITION": writer.add_floats(position[source], bounds=True),
            "NORMAL": writer.add_floats(normal[source]),
            "TEXCOORD_0": writer.add_floats(np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1)),
            "JOINTS_0": writer.add_joints(ids[source]),
            "WEIGHTS_0": writer.add_floats(weights[source]),
        },
        "indices": writer.add_indices(np.searchsorted(used, split.triangles)),
        "material": _add_material(writer, document, base, f"Portrait{limb.name}", limb.texture),
    }
    if len(limb.targets):
        turn = np.einsum("vij->vji", mixed[:, :3, :3])
        smooth = vertex_normals(limb.mesh.vertices, limb.mesh.triangles)
        primitive["targets"] = [
            _target(writer, limb.mesh, target, graft.lift.scale, smooth, back[:, :3, :3], turn, source)
            for target in limb.targets
        ]
    return primitive


def _target(
    writer: gltf.BufferWriter, mesh: Mesh, target: np.ndarray, scale: float, normals: np.ndarray, back: np.ndarray,
    turn: np.ndarray, source: np.ndarray,
) -> dict[str, int]:  # fmt: skip
    """One morph target as sparse accessors, in the space of the skin's vertices.

    Args:
        target: (V, 3) rest space; ``scale`` of it is a centimetre. normals: (V, 3) of the mesh without it.
        back, turn: (V, 3, 3) that take displacements and normals there. source: (N,) vertex of each written one.
    """
    where, moves = compact(target / scale)
    displaced = np.zeros(target.shape)
    displaced[where] = moves * scale
    moves_at = np.zeros(len(target), bool)
    moves_at[where] = True
    change = bent_normals(mesh, normals, moves_at, displaced) - normals
    bends = (np.linalg.norm(change, axis=1) > BENT)[source]
    moved, bent = np.flatnonzero(moves_at[source]), np.flatnonzero(bends)
    change = change[source[bent]]
    turned = unit(np.einsum("vij,vj->vi", turn[source[bent]], change)) * np.linalg.norm(change, axis=1, keepdims=True)
    shifted = np.einsum("vij,vj->vi", back[source[moved]], displaced[source[moved]])
    return {
        "POSITION": writer.add_sparse(len(source), moved, shifted, bounds=True),
        "NORMAL": writer.add_sparse(len(source), bent, turned),
    }


def _add_eye(
    writer: gltf.BufferWriter, character: Character, graft: Graft, document: dict, part: Part, base: dict
) -> None:
    """An eyeball that hangs on the head joint: its socket has the place and the stretch, the eye inside turns."""
    lift = graft.lift
    inverse = np.linalg.inv(character.world(character.head))
    place = np.eye(4)
    place[:3, :3], place[:3, 3] = lift.rotation * lift.scale, lift.apply(part.pivot)
    local = inverse @ place
    size = np.linalg.norm(local[:3, :3], axis=0)
    document["nodes"].append(
        {
            "name": f"Portrait{part.name}Socket",
            "translation": local[:3, 3].tolist(),
            "rotation": _quaternion(local[:3, :3] / size).tolist(),
            "scale": (size / METRES_PER_CM * np.asarray(part.stretch, float)).tolist(),
            "children": [len(document["nodes"]) + 1],
        }
    )
    mesh = part.mesh
    split = split_seams(mesh)
    document["meshes"].append(
        {
            "name": f"Portrait{part.name}",
            "primitives": [
                {
                    "attributes": {
                        "POSITION": writer.add_floats(mesh.vertices[split.source] * METRES_PER_CM, bounds=True),
                        "NORMAL": writer.add_floats(smooth_normals(mesh)[split.source]),
                        "TEXCOORD_0": writer.add_floats(np.stack([split.uv[:, 0], 1 - split.uv[:, 1]], axis=1)),
                    },
                    "indices": writer.add_indices(split.triangles),
                    "material": _add_material(writer, document, base, f"Portrait{part.name}", part.texture),
                }
            ],
        }
    )
    document["nodes"].append({"name": f"Portrait{part.name}", "mesh": len(document["meshes"]) - 1})
    head = document["nodes"][character.head]
    head.setdefault("children", []).append(len(document["nodes"]) - 2)


def _quaternion(rotation: np.ndarray) -> np.ndarray:
    """(4,) x, y, z, w of a (3, 3) rotation."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_matrix(rotation).as_quat()
