"""A character of a GLB file at a moment of one of its animations: nodes, skins and morph targets, evaluated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from ...character.body import Character, Surface, blended, skin_matrices
from ...mesh.gltf_reading import GltfFile, local_matrix


def duration(file: GltfFile, animation: int) -> float:
    entry = file.entry("animations", animation)
    return max(float(file.values(sampler["input"]).max()) for sampler in entry["samplers"])


def moved(
    character: Character, animation: int | None, time: float, weights: dict[str, float] | None = None
) -> Character:
    """The character as it stands at a time (s); ``weights`` of morph targets by name win over those of the file."""
    file = character.file
    nodes = [dict(file.entry("nodes", index)) for index in range(file.count("nodes"))]
    for channel in () if animation is None else file.entry("animations", animation)["channels"]:
        sampler = file.entry("animations", animation)["samplers"][channel["sampler"]]
        times, values = file.values(sampler["input"])[:, 0], file.values(sampler["output"])
        target = channel["target"]
        if target["path"] != "weights":
            nodes[target["node"]][target["path"]] = _sample(times, values, sampler, time, target["path"]).tolist()
    world = file.world_matrices(np.array([local_matrix(node) for node in nodes]))
    surfaces = tuple(_moved(file, surface, nodes, world, weights or {}) for surface in character.surfaces)
    return replace(character, surfaces=surfaces)


def _sample(times: np.ndarray, values: np.ndarray, sampler: dict, time: float, path: str) -> np.ndarray:
    if sampler.get("interpolation") == "CUBICSPLINE":
        values = values[1::3]  # keys alone: near enough to look at
    time = float(np.clip(time, times[0], times[-1]))
    if path == "rotation" and len(times) > 1:
        return Slerp(times, Rotation.from_quat(values))(time).as_quat()
    return np.array([np.interp(time, times, values[:, k]) for k in range(values.shape[1])])


def _moved(
    file: GltfFile, surface: Surface, nodes: list[dict], world: np.ndarray, weights: dict[str, float]
) -> Surface:
    mesh = file.entry("meshes", surface.mesh)
    position = surface.attributes["POSITION"].copy()
    names = mesh.get("extras", {}).get("targetNames", [])
    given = nodes[surface.node].get("weights", mesh.get("weights", []))
    for index, target in enumerate(mesh["primitives"][surface.primitive].get("targets", [])):
        name = names[index] if index < len(names) else ""
        share = weights.get(name, given[index] if index < len(given) else 0.0)
        if share:
            position += share * file.values(target["POSITION"])
    position = np.c_[position, np.ones(len(position))]
    if surface.skin < 0:
        return replace(surface, places=(position @ world[surface.node].T)[:, :3])
    joints = file.entry("skins", surface.skin)["joints"]
    column = {node: index for index, node in enumerate(joints)}
    ids = np.vectorize(column.get)(surface.moved_by)
    matrices = blended(skin_matrices(file, surface.skin, world), ids, surface.weights)
    return replace(surface, places=np.einsum("vij,vj->vi", matrices, position)[:, :3])
