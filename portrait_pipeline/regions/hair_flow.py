"""The way hair lies on a head: from the whorl outwards and down, turned to what the photo shows of it.

Directions are kept as an angle against the combed direction at each vertex, doubled: hair has an axis, no sign.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy import sparse

from ..mesh.geometry import double_area, triangle_areas, unit, vertex_normals
from ..mesh.mesh import Mesh
from ..mesh.texels import TexelMap, bilinear_at_vertices, extend

_WHORL = np.array([0.0, 0.72, -0.69])  # from the head's middle towards the whorl: the back of the crown
_FALL = 7.0  # cm from the whorl over which hair begins to hang
_SWIRL, _SWIRL_REACH = 0.9, 2.5  # radians at the whorl, cm
_GRADIENT, _WINDOW = 0.07, 0.45  # cm: scale of the strands' edges, and over which their direction is averaged
_COHERENT = 0.15  # share of one direction in the gradients below which hair counts as having none


def combed(mesh: Mesh) -> np.ndarray:
    """(V, 3) unit tangents: away from the whorl at the back of the crown, more and more downwards further off."""
    vertices = np.asarray(mesh.vertices, float)
    normals = vertex_normals(vertices, mesh.triangles)
    middle = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    upper = vertices[vertices[:, 1] > middle[1]]
    whorl = upper[((upper - upper.mean(axis=0)) @ _WHORL).argmax()] * (0.0, 1.0, 1.0)
    away = unit(_tangential(vertices - whorl + (0.0, -1e-3, 0.0), normals))  # somewhere at the whorl itself too
    distance = np.linalg.norm(vertices - whorl, axis=1)
    hang = np.clip(distance / _FALL - 0.6, 0, 1.2)[:, None]
    flow = unit(_tangential(away + hang * (0.0, -1.0, 0.0), normals))
    return turned(flow, normals, _SWIRL * np.exp(-((distance / _SWIRL_REACH) ** 2)))


def turned(flow: np.ndarray, normals: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """(V, 3) tangents turned about the normals by ``angle`` (V,) radians."""
    return np.cos(angle)[:, None] * flow + np.sin(angle)[:, None] * np.cross(normals, flow)


def layout_steps(mesh: Mesh, directions: np.ndarray) -> np.ndarray:
    """(C, 2) what moving 1 cm along the directions (V, 3) at the vertices means in the layout, x right and y down.

    One row for each UV corner: the two sides of a seam see the same direction differently.
    """
    corners = np.asarray(mesh.vertices, float)[mesh.triangles]
    layout = np.asarray(mesh.uv, float)[mesh.uv_triangles] * (1, -1)
    edges, flat = (np.stack([c[:, 1] - c[:, 0], c[:, 2] - c[:, 0]], axis=-1) for c in (corners, layout))
    gram = np.einsum("tki,tkj->tij", edges, edges)
    gram += 1e-9 * np.eye(2) * (1e-12 + np.trace(gram, axis1=1, axis2=2))[:, None, None]
    carry = flat @ np.linalg.solve(gram, np.swapaxes(edges, 1, 2))  # (T, 2, 3)
    size = 2 * triangle_areas(mesh.vertices, mesh.triangles)
    steps = np.einsum("tij,tkj->tki", carry, directions[mesh.triangles]) * size[:, None, None]
    count = len(mesh.uv)
    gather = sparse.csr_matrix(
        (np.ones(mesh.uv_triangles.size), (mesh.uv_triangles.ravel(), np.arange(mesh.uv_triangles.size))),
        shape=(count, mesh.uv_triangles.size),
    )
    weight = gather @ np.repeat(size, 3)
    return gather @ steps.reshape(-1, 2) / np.maximum(weight, 1e-12)[:, None]


def hair_flow(
    mesh: Mesh, laplacian: sparse.csr_matrix, texels: TexelMap, light: np.ndarray, shown: np.ndarray
) -> np.ndarray:
    """(V, 3) unit tangents along the hair.

    Args:
        mesh, laplacian: the head and its :func:`..mesh.laplacian.surface_laplacian`. texels: map of size S.
        light: (S, S) lightness of the photo texture. shown: (S, S) in [0, 1], where it shows hair.
    """
    normals = vertex_normals(np.asarray(mesh.vertices, float), mesh.triangles)
    flow = combed(mesh)
    across = np.cross(normals, flow)
    axis, coherence = _axis(mesh, texels, light, shown, flow, across)
    values, weight = bilinear_at_vertices(mesh, axis, coherence, max(1.0, texels.triangle.shape[0] / 200))
    _, seen = bilinear_at_vertices(mesh, axis, shown, max(1.0, texels.triangle.shape[0] / 200))
    known = np.where(seen > 0.5, np.clip(weight, 0, 1), 0.0)
    prior = np.tile([1.0, 0.0], (len(flow), 1))
    field = extend(laplacian, values, 0.05 * known, prior, pull=0.01)
    return turned(flow, normals, 0.5 * np.arctan2(field[:, 1], field[:, 0]))


def _axis(
    mesh: Mesh, texels: TexelMap, light: np.ndarray, shown: np.ndarray, flow: np.ndarray, across: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(S, S, 2) doubled angle of the streaks against ``flow``, and how sure (S, S): the structure tensor's axis."""
    size = texels.triangle.shape[0]
    cm = texel_size(mesh, texels)
    light = cv2.GaussianBlur(light.astype(np.float32), (0, 0), max(0.6, _GRADIENT / cm))
    slope = np.stack([cv2.Scharr(light, cv2.CV_32F, 1, 0), cv2.Scharr(light, cv2.CV_32F, 0, 1)], axis=-1)
    steps = np.concatenate([layout_steps(mesh, flow), layout_steps(mesh, across)], axis=1)
    steps = texels.interpolate(mesh.uv_triangles, steps).reshape(size, size, 2, 2)
    along, over = np.moveaxis(np.einsum("rckj,rcj->rck", steps, slope), -1, 0)
    solid = cv2.erode(shown.astype(np.float32), np.ones((3, 3), np.uint8))
    products = np.stack([along * along - over * over, 2 * along * over, along * along + over * over], axis=-1)
    mean = cv2.GaussianBlur((products * solid[..., None]).astype(np.float32), (0, 0), max(1.0, _WINDOW / cm))
    mass = mean[..., 2] + 1e-4 * max(float(mean[..., 2].max()), 1e-12)
    axis = -mean[..., :2] / mass[..., None]  # streaks run across the gradient
    strength = np.linalg.norm(axis, axis=-1)
    sure = np.clip((strength - _COHERENT) / (0.6 - _COHERENT), 0, 1) * solid
    return axis / np.maximum(strength, 1e-6)[..., None], sure


def texel_size(mesh: Mesh, texels: TexelMap) -> float:
    """Median side of a texel on the surface, cm."""
    area = 2 * triangle_areas(mesh.vertices, mesh.triangles)
    flat = np.abs(double_area(np.asarray(mesh.uv, float)[mesh.uv_triangles])) * texels.triangle.shape[0] ** 2
    return float(np.sqrt(np.median(area / np.maximum(flat, 1e-12))))


def _tangential(vectors: np.ndarray, normals: np.ndarray) -> np.ndarray:
    return vectors - (vectors * normals).sum(axis=1, keepdims=True) * normals
