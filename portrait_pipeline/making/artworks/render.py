"""Ray casting of the posed head to the maps that the styles paint from."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from embreex import rtcore_scene
from embreex.mesh_construction import TriangleMesh

from ...mesh.geometry import vertex_normals
from .sitter import Posed


@dataclass(frozen=True)
class Maps:
    """Per-pixel maps of the head, all (S, S) or (S, S, 3) float32.

    Attributes:
        inside: coverage in [0, 1]. normal: unit, camera space (x right, y up, z to the viewer). depth: px.
        rest: rest-space position in cm. openness: ambient visibility in [0, 1]. lit: share of the key light
        seen.
        key: (3,) unit direction towards the key light.
    """

    inside: np.ndarray
    normal: np.ndarray
    depth: np.ndarray
    rest: np.ndarray
    openness: np.ndarray
    lit: np.ndarray
    key: np.ndarray

    def lambert(self, direction: np.ndarray, wrap: float = 0.0) -> np.ndarray:
        """Diffuse shading in [0, 1] by a light from ``direction``; ``wrap`` softens the terminator."""
        direction = np.asarray(direction, np.float32) / np.linalg.norm(direction)
        return np.clip((self.normal @ direction + wrap) / (1 + wrap), 0, 1)


def cast(posed: Posed, key: tuple[float, float, float], rng: np.random.Generator) -> Maps:
    """Render the head of ``posed`` under a key light from ``key`` (camera space)."""
    size, camera = posed.size, posed.camera
    projected = camera.project(posed.vertices)
    world = np.ascontiguousarray(projected * [1, -1, 1], np.float32)  # px, y up, z to the viewer
    triangles = posed.model.triangles
    scene = rtcore_scene.EmbreeScene()
    TriangleMesh(scene, world, triangles.astype(np.int32))
    rows, columns = np.mgrid[0:size, 0:size]
    origin = np.stack([columns + 0.5, -(rows + 0.5), np.full(rows.shape, world[:, 2].max() + 10)], -1)
    origin = origin.reshape(-1, 3).astype(np.float32)
    hit = scene.run(origin, np.tile(np.float32([0, 0, -1]), (len(origin), 1)), output=1)
    seen = hit["primID"] >= 0
    corners = triangles[hit["primID"][seen]]
    weights = np.stack([1 - hit["u"] - hit["v"], hit["u"], hit["v"]], 1)[seen]
    normals = vertex_normals(world, triangles)
    normal, position, rest = (
        _fill(seen, np.einsum("nk,nkc->nc", weights, values[corners]), size) for values in (normals, world, posed.rest)
    )
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)
    key = np.asarray(key, float) / np.linalg.norm(key)
    openness, lit = _visibility(scene, position, normal, seen.reshape(size, size), key, rng)
    inside = seen.reshape(size, size).astype(np.float32)
    return Maps(inside, normal, position[..., 2], rest, openness, lit, key.astype(np.float32))


def _fill(seen: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    out = np.zeros((size * size, values.shape[1]), np.float32)
    out[seen] = values
    return out.reshape(size, size, -1)


def _visibility(scene, position, normal, seen, key, rng, count: int = 40, step: int = 2):
    """Share of the hemisphere that is open, and of a soft key light that is seen, at every ``step``-th
    pixel."""
    size = len(seen)
    grid = np.zeros_like(seen)
    grid[::step, ::step] = True
    index = np.nonzero(seen & grid)
    start = (position[index] + 1.5 * normal[index]).astype(np.float32)
    around = normal[index]
    open_sum, lit_sum = np.zeros(len(start)), np.zeros(len(start))
    for _ in range(count):
        ray = rng.normal(size=(len(start), 3))
        ray = around + 0.98 * ray / np.linalg.norm(ray, axis=1, keepdims=True)
        open_sum += scene.run(start, ray.astype(np.float32), output=1)["primID"] < 0
        light = key + 0.13 * rng.normal(size=(len(start), 3))
        lit_sum += scene.run(start, light.astype(np.float32), output=1)["primID"] < 0
    return tuple(_spread(index, total / count, seen, size, step) for total in (open_sum, lit_sum))


def _spread(index, values, seen, size: int, step: int) -> np.ndarray:
    """Scattered values -> a dense smooth map (normalised convolution inside the head)."""
    sums, weights = np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
    sums[index], weights[index] = values, 1
    sigma = 1.6 * step * size / 768
    sums, weights = (cv2.GaussianBlur(m, (0, 0), sigma) for m in (sums, weights))
    return np.where(seen, np.clip(sums / np.maximum(weights, 1e-4), 0, 1), 1).astype(np.float32)
