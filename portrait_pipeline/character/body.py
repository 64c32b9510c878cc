"""A rigged character as it stands in its file: surfaces in one space, and which joints move them.

**Rest space** is the world of the file with all nodes as they are: metres as a rule, +y up. A skinned vertex v with
joints j of weights w_j lies at ``sum_j w_j (world_j bind_j) v``; that matrix is inverted to write new vertices.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ..base.files import one_line
from ..mesh.geometry import vertex_normals
from ..mesh.gltf_reading import GltfFile

MAX_VERTICES = 2_000_000
_SAME = 2e-6  # of the character's height: vertices nearer than this are one
_FURTHER = re.compile(r"(?i)(top|end|tip|nub|_?effector)[\W_]*\d*$")


@dataclass(frozen=True)
class Surface:
    """One primitive of one node.

    Attributes:
        node, mesh, primitive: where it is in the document. skin: index, or -1 if its node alone moves it.
        attributes: name to (V, width), as in the file. triangles: (F, 3) int64.
        places: (V, 3) in rest space.
        moved_by: (V, K) nodes that move each vertex. weights: (V, K), each row adds up to 1.
        material: the document's, empty for the default one.
    """

    node: int
    mesh: int
    primitive: int
    skin: int
    attributes: dict[str, np.ndarray]
    triangles: np.ndarray
    places: np.ndarray
    moved_by: np.ndarray
    weights: np.ndarray
    material: dict


@dataclass(frozen=True)
class Character:
    """A character's surfaces joined, with the node that is its head.

    Attributes:
        file: as read. surfaces: all that have triangles, those of ``vertices`` one after the other.
        head, neck: nodes; the neck is the joint that the head hangs on (the head itself if there is none).
    """

    file: GltfFile
    surfaces: tuple[Surface, ...]
    head: int
    neck: int

    @cached_property
    def first(self) -> np.ndarray:
        """(S + 1,) number of the first vertex of each surface."""
        return np.cumsum([0, *(len(surface.places) for surface in self.surfaces)])

    @cached_property
    def places(self) -> np.ndarray:
        """(V, 3) in rest space."""
        return np.concatenate([surface.places for surface in self.surfaces])

    @cached_property
    def triangles(self) -> np.ndarray:
        """(F, 3) of the joined vertices."""
        return np.concatenate([s.triangles + start for s, start in zip(self.surfaces, self.first, strict=False)])

    @cached_property
    def owner(self) -> np.ndarray:
        """(F,) surface of each triangle."""
        return np.repeat(np.arange(len(self.surfaces)), [len(surface.triangles) for surface in self.surfaces])

    @cached_property
    def head_share(self) -> np.ndarray:
        """(V,) how far each vertex goes with the head, 0 to 1."""
        inside = self.file.below(self.head)
        return np.concatenate([(s.weights * inside[s.moved_by]).sum(axis=1) for s in self.surfaces])

    @cached_property
    def welded(self) -> np.ndarray:
        """(V,) number of the place of each vertex: equal where vertices lie on each other."""
        size = float(np.ptp(self.places, axis=0).max()) or 1.0
        grid = np.round(self.places / (_SAME * size)).astype(np.int64)
        return np.unique(grid, axis=0, return_inverse=True)[1].ravel()

    @cached_property
    def normals(self) -> np.ndarray:
        """(V, 3) smooth normals, across the seams of textures and meshes."""
        places = np.zeros((int(self.welded.max()) + 1, 3))
        places[self.welded] = self.places
        return vertex_normals(places, self.welded[self.triangles])[self.welded]

    @cached_property
    def pieces(self) -> np.ndarray:
        """(F,) number of the connected piece of each triangle."""
        corners, count = self.welded[self.triangles], int(self.welded.max()) + 1
        rows, columns = corners[:, [0, 1]].ravel(), corners[:, [1, 2]].ravel()
        graph = coo_matrix((np.ones(len(rows)), (rows, columns)), (count, count))
        return connected_components(graph, directed=False)[1][corners[:, 0]]

    def world(self, node: int) -> np.ndarray:
        """(4, 4) of a node in rest space."""
        return self.file.world_matrices()[node]

    def name(self, surface: int) -> str:
        """What people call the mesh of a surface."""
        found = self.surfaces[surface]
        names = (self.file.entry("nodes", found.node).get("name"), self.file.entry("meshes", found.mesh).get("name"))
        return next((str(name) for name in names if name), f"mesh {found.mesh}")


def read_character(file: GltfFile, head_joint: str | None = None) -> Character:
    """The surfaces of a character and its head joint.

    Args:
        head_joint: name of the joint that is the head; looked for if not given.

    Raises:
        InputFileError: damaged, without skin, too large, or without a joint that is a head.
    """
    try:
        return _character(file, head_joint)
    except (TypeError, KeyError, ValueError, AttributeError, IndexError) as error:  # a document of another form
        raise file.error(f"its description is damaged ({one_line(error)}); export it again") from error


def _character(file: GltfFile, head_joint: str | None) -> Character:
    if not file.count("skins"):
        raise file.error("has no skin, so no joint moves it; give a rigged character (or rig it, e.g. with Mixamo)")
    world, surfaces = file.world_matrices(), []
    for node in range(file.count("nodes")):
        entry = file.entry("nodes", node)
        if "mesh" in entry:
            for number, primitive in enumerate(file.entry("meshes", entry["mesh"]).get("primitives", [])):
                if primitive.get("mode", 4) == 4 and "POSITION" in primitive.get("attributes", {}):
                    surfaces.append(_surface(file, world, node, entry, number, primitive))
    surfaces = [surface for surface in surfaces if len(surface.triangles)]
    if not surfaces:
        raise file.error("has no triangles; give a rigged character")
    if sum(len(surface.places) for surface in surfaces) > MAX_VERTICES:
        raise file.error(f"has more than {MAX_VERTICES} vertices; reduce it")
    head = _head_joint(file, surfaces, head_joint)
    joints = {joint for index in range(file.count("skins")) for joint in file.entry("skins", index)["joints"]}
    neck = int(file.parents[head])
    return Character(file, tuple(surfaces), head, neck if neck in joints else head)


def skin_matrices(file: GltfFile, skin: int, world: np.ndarray) -> np.ndarray:
    """(J, 4, 4) from the space of a skin's vertices to that of ``world`` (N, 4, 4), for each of its joints."""
    entry = file.entry("skins", skin)
    joints = entry["joints"]
    for joint in joints:
        file.entry("nodes", joint)
    bind = np.tile(np.eye(4), (len(joints), 1, 1))
    if "inverseBindMatrices" in entry:
        bind = file.values(entry["inverseBindMatrices"])[: len(joints)].reshape(-1, 4, 4).transpose(0, 2, 1)
        if len(bind) != len(joints):
            raise file.error(f"skin {skin} has fewer matrices than joints; export the file again")
    return world[joints] @ bind


def blended(matrices: np.ndarray, joints: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(V, 4, 4) of vertices with joints (V, K) of weights (V, K), from ``matrices`` (J, 4, 4)."""
    result = np.zeros((len(joints), 4, 4))
    for k in range(joints.shape[1]):
        result += weights[:, k, None, None] * matrices[joints[:, k]]
    return result


def _surface(file: GltfFile, world: np.ndarray, node: int, entry: dict, number: int, primitive: dict) -> Surface:
    attributes = {name: file.values(index) for name, index in primitive["attributes"].items()}
    count = len(attributes["POSITION"])
    if any(len(values) != count for values in attributes.values()) or attributes["POSITION"].shape[1] != 3:
        raise file.error(f"mesh {entry['mesh']} has attributes of different lengths; export the file again")
    corners = file.values(primitive["indices"])[:, 0] if "indices" in primitive else np.arange(count)
    corners = corners[: len(corners) // 3 * 3].astype(np.int64)
    if len(corners) and not (corners.min() >= 0 and corners.max() < count):
        raise file.error(f"mesh {entry['mesh']} has triangles of vertices that it lacks; export the file again")
    attributes["POSITION"] = attributes["POSITION"].astype(float)
    positions = np.concatenate([attributes["POSITION"], np.ones((count, 1))], axis=1)
    if "skin" in entry and "JOINTS_0" in attributes and "WEIGHTS_0" in attributes:
        skin = entry["skin"]
        joints = np.concatenate([attributes[key] for key in ("JOINTS_0", "JOINTS_1") if key in attributes], axis=1)
        weights = np.concatenate([attributes[key] for key in ("WEIGHTS_0", "WEIGHTS_1") if key in attributes], axis=1)
        weights = weights.astype(float)
        matrices = skin_matrices(file, skin, world)
        if joints.shape != weights.shape or joints.min(initial=0) < 0 or joints.max(initial=0) >= len(matrices):
            raise file.error(f"mesh {entry['mesh']} names joints that its skin lacks; export the file again")
        total = weights.sum(axis=1, keepdims=True)
        weights = np.where(total > 0, weights / np.where(total > 0, total, 1), np.eye(weights.shape[1])[0])
        places = np.einsum("vij,vj->vi", blended(matrices, joints, weights), positions)[:, :3]
        moved_by = np.asarray(file.entry("skins", skin)["joints"])[joints]
    else:
        skin, moved_by, weights = -1, np.full((count, 1), node), np.ones((count, 1))
        places = (positions @ world[node].T)[:, :3]
    material = file.entry("materials", primitive["material"]) if "material" in primitive else {}
    return Surface(
        node, entry["mesh"], number, skin, attributes, corners.reshape(-1, 3), places, moved_by, weights, material
    )


def _head_joint(file: GltfFile, surfaces: list[Surface], asked: str | None) -> int:
    joints = sorted({joint for skin in file.document["skins"] for joint in skin.get("joints", [])})
    names = {joint: str(file.entry("nodes", joint).get("name", "")) for joint in joints}
    if asked is not None:
        for joint, name in names.items():
            if name == asked:
                return joint
        raise file.error(f"has no joint '{asked}' (--head-joint); its joints are {', '.join(names.values())}"[:600])
    for extension, bone in (("VRMC_vrm", None), ("VRM", "head")):
        bones = file.document.get("extensions", {}).get(extension, {}).get("humanoid", {}).get("humanBones", {})
        found = (
            [item.get("node") for item in bones if item.get("bone") == bone]
            if isinstance(bones, list)
            else [bones.get("head", {}).get("node")]
        )
        if found and found[0] in names:
            return found[0]
    called = [joint for joint, name in names.items() if _is_head(name)]
    if not called:
        raise file.error(
            f"has no joint called head; name it with --head-joint, one of {', '.join(filter(None, names.values()))}"[
                :500
            ]
        )
    moved = dict.fromkeys(called, 0.0)
    for surface in surfaces:
        for joint in called:
            moved[joint] += float((surface.weights * (surface.moved_by == joint)).sum())
    return max(called, key=lambda joint: (moved[joint], -joint))


def _is_head(name: str) -> bool:
    """Whether a joint's name says head, as ``mixamorig:Head``, ``C_head0001_bind_JNT`` and ``Bip01 Head`` do."""
    word = re.split(r"[:|]", name)[-1]
    tokens = re.findall(r"[A-Za-z]+?(?=[A-Z][a-z]|[\W_\d]|$)|\d+", word)
    lower = [token.lower() for token in tokens]
    return "head" in lower and not _FURTHER.search(word)
