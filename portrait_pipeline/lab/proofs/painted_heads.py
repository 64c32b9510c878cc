"""Painted heads: a face model's head with a known texture, and photographs of it from known cameras.

The paint has what makes textures from photos hard: light from one side, marks that the other side does not have, hair,
lips, brows, grain; the photographs have a background, clothes over the neck, hair beyond the head's outline and
a lock of hair over one cheek, none of which belongs into the texture.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from ...head.camera import PerspectiveCamera
from ...head.model import FaceModel
from ...head.parts import regions_with_whole_ears
from ...head.pose import rotation_from_angles
from ...mesh.geometry import vertex_normals
from ...mesh.mesh import Mesh
from ...mesh.render import embree_rasterise, sample_texture
from ...mesh.texels import texel_map
from ...perception.part_map import PartMap
from ...perception.parts import Part
from ...regions.head import landmarks_in_layout
from ...regions.labels import EYES, LIPS, region_map

_SKINS = ((222.0, 178.0, 152.0), (176.0, 126.0, 98.0), (112.0, 74.0, 56.0))
_HAIRS = ((92.0, 62.0, 40.0), (38.0, 30.0, 28.0), (196.0, 164.0, 112.0))
_CLOTH, _LIP = np.array([60.0, 74.0, 110.0]), np.array([178.0, 88.0, 84.0])
_AMBIENT, _DIFFUSE = 0.62, 0.5
_BEHIND = 1.5  # cm behind the ears, below which there is no hair
_SUPERSAMPLE = 2


@dataclass(frozen=True)
class PaintedHead:
    """One head.

    Attributes:
        mesh: vertices in head space. texture: (S, S, 3) uint8, the truth, lit. hair: (3,) colour of its hair.
        worn: (S, S, 3) uint8, the same with collar and lock. covered: (S, S) bool, where they lie.
        parts: (S, S) uint8, what is worn: skin, hair and clothes of :class:`.perception.parts.Part`.
    """

    mesh: Mesh
    texture: np.ndarray
    hair: np.ndarray
    worn: np.ndarray
    covered: np.ndarray
    parts: np.ndarray


def paint_head(model: FaceModel, index: int, size: int, rng: np.random.Generator) -> PaintedHead:
    """Head number ``index``: identity and paint drawn from ``rng``, skin and hair colours in turn.

    Args:
        size: side of the texture, texels.
    """
    identity = 0.8 * rng.standard_normal(len(model.identity_basis))
    mesh = model.mesh(model.vertices(identity, np.zeros(len(model.expression_names))))
    texels = texel_map(mesh, size)
    fields = np.concatenate([mesh.vertices, vertex_normals(mesh.vertices, mesh.triangles)], axis=1)
    fields = texels.interpolate(mesh.triangles, fields)
    places, normals = fields[..., :3], fields[..., 3:]
    region = regions_with_whole_ears(model)[mesh.triangles[texels.triangle]].max(axis=-1)
    hair = np.array(_HAIRS[index % len(_HAIRS)])
    albedo = _skin(np.array(_SKINS[index % len(_SKINS)]), places, region, rng)
    albedo = _features(albedo, model, mesh, hair, rng)
    streaks = hair * (1 + 0.16 * _noise(places * (1, 0.25, 1), 0.35, rng))[..., None]
    ear = places[region == FaceModel.REGIONS.index("ear")]
    nape = (places[..., 1] < ear[:, 1].mean()) & (places[..., 2] > ear[:, 2].min() - _BEHIND)
    scalp = ((region == FaceModel.REGIONS.index("scalp")) & ~nape).astype(np.float32)
    line = cv2.GaussianBlur(scalp, (0, 0), size / 150) + 0.12 * _noise(places, 0.5, rng) > 0.5
    albedo = np.where(line[..., None], streaks, albedo)
    light = _light(normals, rng)
    texture = _rounded(albedo * light)
    worn, collar, lock = _worn(albedo, streaks, places, region, rng)
    covered = collar | lock
    parts = np.select([collar, lock | line], [Part.CLOTHES, Part.HAIR], Part.SKIN).astype(np.uint8)
    worn = np.where(covered[..., None], _rounded(worn * light), texture)
    return PaintedHead(mesh, texture, hair, worn, covered, parts)


def photograph(
    head: PaintedHead, yaw: float, size: int, rng: np.random.Generator, exposure: np.ndarray | None = None
) -> tuple[PerspectiveCamera, np.ndarray]:
    """A square photo (size, size, 3) uint8 of a head that turns by ``yaw`` degrees, and its camera.

    Args:
        exposure: (3,) factors of R, G, B; 1 if None.
    """
    vertices = np.asarray(head.mesh.vertices, float)
    middle = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    rotation = rotation_from_angles(yaw, float(rng.uniform(-6, 6)), float(rng.uniform(-4, 4)))
    distance = float(rng.uniform(60, 120))
    focal = 0.85 * size / np.ptp(vertices[:, 1]) * distance
    place = np.array([0.0, 0.0, -distance]) - rotation @ middle
    camera = PerspectiveCamera(rotation, place, focal, size * (0.5 + rng.uniform(-0.03, 0.03, 2)))
    image, mask = _rendered(head, camera, size)
    behind = _background(head, mask, size, rng)
    image = image + behind * (1 - mask[..., None])
    return camera, _rounded(image * (1.0 if exposure is None else exposure))


def parts_of(head: PaintedHead, camera: PerspectiveCamera, size: int) -> PartMap:
    """What a photo of :func:`photograph` shows where."""
    worn = [Part.SKIN, Part.HAIR, Part.CLOTHES]
    drawn = np.stack([255 * (head.parts == part) for part in worn], axis=-1).astype(np.uint8)
    shares, mask = _rendered(replace(head, worn=drawn), camera, size)
    probabilities = np.zeros((len(Part), size, size), np.float32)
    probabilities[worn] = np.moveaxis(shares / 255, -1, 0)
    probabilities[Part.HAIR] += (1 - mask) * _standing_off(mask, size)
    probabilities[Part.BACKGROUND] = 1 - probabilities.sum(axis=0)
    return PartMap(probabilities.astype(np.float16), np.eye(2, 3))


def _rendered(head: PaintedHead, camera: PerspectiveCamera, size: int) -> tuple[np.ndarray, np.ndarray]:
    """(size, size, 3) premultiplied picture and (size, size) coverage, antialiased."""
    mesh, fine = head.mesh, size * _SUPERSAMPLE
    projected = camera.project(mesh.vertices)
    flat = (projected - (size / 2, size / 2, 0)) * (1, -1, 1) / (size / 2)
    triangle, weights = embree_rasterise(flat, mesh.triangles, fine)
    seen = triangle >= 0
    corners = mesh.triangles[triangle[seen]]
    depth = (np.asarray(mesh.vertices) @ camera.rotation.T + camera.translation)[:, 2]
    weights = weights[seen] / depth[corners]  # straight in the image is not straight in depth
    weights /= weights.sum(axis=1, keepdims=True)
    uv = np.einsum("nk,nkc->nc", weights, mesh.uv[mesh.uv_triangles[triangle[seen]]])
    image = np.zeros((fine, fine, 3), np.float32)
    image[seen] = sample_texture(head.worn, uv, np.zeros(len(uv)))
    blocks = (size, _SUPERSAMPLE, size, _SUPERSAMPLE)
    return image.reshape(*blocks, 3).mean(axis=(1, 3)), seen.reshape(blocks).mean(axis=(1, 3))


def _background(head: PaintedHead, mask: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Blurred patches of colour; hair that stands off the upper half of the head."""
    patches = (rng.uniform(40, 220, (7, 7, 1)) + rng.uniform(-35, 35, (7, 7, 3))).astype(np.float32)
    picture = cv2.resize(patches, (size, size), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    wide = _standing_off(mask, size)[..., None]
    grain = cv2.GaussianBlur(rng.standard_normal((size, size)).astype(np.float32), (0, 0), 1.0)[..., None]
    return picture * (1 - wide) + np.clip(head.hair * (0.8 + 0.8 * grain), 0, 255) * wide


def _standing_off(mask: np.ndarray, size: int) -> np.ndarray:
    """(size, size) in [0, 1]: hair about the upper half of a head that covers the photo by ``mask``."""
    upper = (mask > 0.5).astype(np.uint8)
    rows = np.flatnonzero(upper.any(axis=1))
    upper[int(rows[0] + 0.5 * len(rows)) :] = 0
    radius = max(2, round(0.03 * size))
    wide = cv2.dilate(upper, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)))
    return cv2.GaussianBlur(wide.astype(np.float32), (0, 0), 1.0)


def _skin(colour: np.ndarray, places: np.ndarray, region: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    broad, grain = _noise(places, 4.0, rng), _noise(places, 0.12, rng)
    skin = colour * (1 + 0.04 * broad + 0.03 * grain)[..., None]
    names = FaceModel.REGIONS
    skin[region == names.index("neck")] *= (0.9, 0.9, 0.92)
    skin[region == names.index("ear")] *= (1.02, 0.92, 0.9)
    size = len(region)
    for part in range(3):  # borders of neck and ears are not drawn with a ruler
        skin[..., part] = cv2.GaussianBlur(skin[..., part], (0, 0), size / 400)
    return skin


def _features(
    albedo: np.ndarray, model: FaceModel, mesh: Mesh, hair: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Lips, eyes, brows, blush, and moles where the other side has none."""
    size = len(albedo)
    points = landmarks_in_layout(mesh, model.landmarks)[0] * size
    labels = region_map(points, albedo.shape[:2], teeth=False)
    albedo = _mixed(albedo, labels == LIPS, _LIP * albedo.mean() / 150, size / 300)
    albedo = _mixed(albedo, labels == EYES, np.array([225.0, 222.0, 216.0]), size / 600)
    unit = np.linalg.norm(points[45] - points[36])
    for eye in (slice(36, 42), slice(42, 48)):
        albedo = _dotted(albedo, points[eye].mean(axis=0), 0.055 * unit, np.array([52.0, 40.0, 34.0]), 0.95)
    for brow in (points[17:22], points[22:27]):
        mask = np.zeros(albedo.shape[:2], np.uint8)
        cv2.polylines(mask, [np.rint(brow * 16).astype(np.int32)], False, 1, max(1, round(0.05 * unit)), shift=4)
        albedo = _mixed(albedo, mask > 0, hair * 0.8, size / 300)
    for side in (slice(1, 5), slice(12, 16)):
        cheek = (points[side].mean(axis=0) + points[30]) / 2
        albedo = _dotted(albedo, cheek, 0.16 * unit, albedo.mean(axis=(0, 1)) * (1.2, 0.9, 0.85), 0.3)
    for _ in range(9):
        ends = points[rng.integers(1, 16)], points[27 + rng.integers(0, 4)]
        where = ends[0] + rng.uniform(0.1, 0.9) * (ends[1] - ends[0])
        albedo = _dotted(albedo, where, rng.uniform(0.012, 0.03) * unit, albedo.mean(axis=(0, 1)) * 0.45, 0.8)
    return albedo


def _worn(
    albedo: np.ndarray, streaks: np.ndarray, places: np.ndarray, region: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Albedo with a collar round the neck and a lock of hair over one cheek, and where each of them lies."""
    neck = region == FaceModel.REGIONS.index("neck")
    low, high = np.quantile(places[neck][:, 1], (0.02, 0.98))
    collar = neck & (places[..., 1] < low + 0.45 * (high - low))
    side = 1.0 if rng.random() < 0.5 else -1.0
    face = region == FaceModel.REGIONS.index("face")
    width = float(np.quantile(np.abs(places[face][:, 0]), 0.95))
    line = 0.72 * width + 0.25 * np.sin(1.3 * places[..., 1])
    band = np.abs(side * places[..., 0] - line) < 0.11 * width
    lock = band & (places[..., 2] > places[face][:, 2].mean() - 3) & ~neck
    lock &= places[..., 1] > np.quantile(places[face][:, 1], 0.25)
    worn = np.where(collar[..., None], _CLOTH * (1 + 0.1 * _noise(places, 0.3, rng))[..., None], albedo)
    return np.where(lock[..., None], streaks, worn), collar, lock


def _light(normals: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(S, S, 3) factors: soft light from one side and above, a little warm."""
    direction = np.array([rng.choice((-1.0, 1.0)) * rng.uniform(0.5, 0.8), 0.4, 0.6])
    normals = normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
    lit = np.clip((normals @ (direction / np.linalg.norm(direction)) + 0.4) / 1.4, 0, 1)[..., None]
    return _AMBIENT * np.array([0.98, 1.0, 1.03]) + _DIFFUSE * lit * np.array([1.04, 1.0, 0.94])


def _noise(places: np.ndarray, length: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth solid noise of unit variance about, waves of about ``length`` cm in all directions."""
    result = np.zeros(places.shape[:-1])
    for _ in range(12):
        wave = rng.standard_normal(3) / length
        result += np.cos(places @ wave * 2 + rng.uniform(0, 2 * np.pi))
    return result / np.sqrt(6.0)


def _mixed(picture: np.ndarray, mask: np.ndarray, colour: np.ndarray, soft: float) -> np.ndarray:
    share = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), max(0.5, soft))[..., None]
    return picture * (1 - share) + colour * share


def _dotted(picture: np.ndarray, centre: np.ndarray, radius: float, colour: np.ndarray, strength: float) -> np.ndarray:
    rows, columns = np.indices(picture.shape[:2]) + 0.5
    distance = np.hypot(columns - centre[0], rows - centre[1])
    share = strength * np.clip(1.5 - distance / max(radius, 0.5), 0, 1)[..., None]
    return picture * (1 - share) + colour * share


def _rounded(picture: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
