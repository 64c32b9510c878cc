"""Busts that are known all round: heads of the model with hair of balls and locks, and shoulders of ellipsoids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull

from ...head.camera import Camera
from ...head.model import FaceModel
from ...head.pose import rotation_from_angles
from ...mesh.geometry import triangle_normals, vertex_normals
from ...mesh.rays import sphere_points
from ...mesh.render import embree_rasterise
from ...perception.parts import Part

_BALLS = 420  # over the scalp: a ball stands out by a millimetre or two
_ROUND = 42  # vertices of a ball
_CAP = {"short": (0.9, 1.5), "tall": (3.4, 2.2), "bun": (0.7, 1.5), "bob": (1.4, 1.6), "long": (1.1, 1.6)}
"""Thickness of the hair over the skull and radius of its balls, cm."""
_HANGS = {"bob": 2.0, "long": -6.0}
"""Where hair beside the head ends, cm above the chin."""
_LOCK = 1.5  # radius of a lock, cm
_BUN = 3.2  # and of a bun
_FACE = 0.28  # of the photo's side between points 0 and 16
_CHIN = 0.68  # of the photo's side above the chin
_COLOURS = {
    Part.BACKGROUND: (148, 170, 196),
    Part.SKIN: (214, 168, 140),
    Part.NECK: (206, 158, 130),
    Part.EARS: (206, 150, 128),
    Part.HAIR: (74, 46, 30),
    Part.CLOTHES: (52, 66, 128),
}
_LIGHT = np.array([-0.35, 0.45, 0.82]) / np.linalg.norm([-0.35, 0.45, 0.82])


@dataclass(frozen=True)
class KnownBust:
    """A head with hair and shoulders in head space, cm.

    Attributes:
        head: (H, 3) the head's vertices, which come first.
        vertices: (V, 3) all of it. triangles: (F, 3). part: (F,) :class:`..perception.parts.Part` of each triangle.
    """

    head: np.ndarray
    vertices: np.ndarray
    triangles: np.ndarray
    part: np.ndarray


@dataclass(frozen=True)
class Photo:
    """What a camera sees of a bust.

    Attributes:
        image: (S, S, 3) uint8 RGB. labels: (S, S) uint8 parts.
        points: (68, 2) px, the landmarks.
    """

    camera: Camera
    image: np.ndarray
    labels: np.ndarray
    points: np.ndarray


def make_bust(model: FaceModel, style: str, rng: np.random.Generator) -> KnownBust:
    """A head drawn from the model that wears its hair in a style of :data:`_CAP`."""
    identity = 0.7 * rng.standard_normal(len(model.identity_basis))
    head = np.asarray(model.vertices(identity, np.zeros(len(model.expression_names))), float)
    names = np.array(model.REGIONS)[model.regions]
    part = np.select([names == "neck", names == "ear"], [Part.NECK, Part.EARS], Part.SKIN)
    vertices, triangles, parts = [head], [model.triangles], [part[model.triangles[:, 0]]]
    worn = (
        (Part.HAIR, _ROUND, _hair(model, head, names, style, rng)),
        (Part.CLOTHES, 12 * _ROUND, _shoulders(head[names == "neck"])),
    )
    for kind, count, ellipsoids in worn:
        ball = sphere_points(count)
        faces = ConvexHull(ball).simplices
        for centre, half in ellipsoids:
            triangles.append(faces + sum(map(len, vertices)))
            vertices.append(centre + ball * half)
            parts.append(np.full(len(faces), kind))
    return KnownBust(head, np.concatenate(vertices), np.concatenate(triangles), np.concatenate(parts))


Ellipsoid = tuple[np.ndarray, np.ndarray | float]
"""Centre (3,) and half axes (3,), or a ball's radius."""


def _hair(
    model: FaceModel, head: np.ndarray, names: np.ndarray, style: str, rng: np.random.Generator
) -> list[Ellipsoid]:
    """Balls over the scalp, hanging locks, a bun."""
    thickness, radius = _CAP[style]
    scalp = np.flatnonzero(names == "scalp")
    chosen = rng.choice(scalp, min(_BALLS, len(scalp)), replace=False)
    normals = vertex_normals(head, model.triangles)[chosen]
    thick = thickness * rng.uniform(0.85, 1.15, (len(chosen), 1))
    result: list[Ellipsoid] = [(centre, radius) for centre in head[chosen] + normals * (thick - radius)]
    skull, ears = head[scalp], head[names == "ear"]
    if style == "bun":
        top = skull[skull[:, 1].argmax()]
        result.append((top + [0.0, 0.7 * _BUN, -1.5], _BUN))
    if style in _HANGS:
        middle = np.array([0.0, ears[:, 1].max(), skull[:, 2].mean()])
        wide, deep = np.ptp(skull[:, 0]) / 2 - 0.4, np.ptp(skull[:, 2]) / 2 - 0.4
        end = head[model.landmarks[8], 1] + _HANGS[style]
        for angle in np.radians(np.linspace(85, 275, 27)):  # from one ear about the back to the other
            turn = angle + rng.normal(0, 0.03)
            wave, low = rng.uniform(0, 2 * np.pi), end + rng.uniform(-0.8, 0.8)
            for height in np.arange(low, middle[1], 0.9):
                sway = 1 + 0.05 * np.sin(0.7 * height + wave)
                taper = 0.6 + 0.4 * min(1.0, (height - low) / 3)
                place = middle + [sway * wide * np.sin(turn), height - middle[1], sway * deep * np.cos(turn)]
                result.append((place, _LOCK * taper))
    return result


def _shoulders(neck: np.ndarray) -> list[Ellipsoid]:
    """Chest, and the slope from the neck down to either side."""
    foot = np.array([0.0, neck[:, 1].min(), np.median(neck[neck[:, 1] < np.quantile(neck[:, 1], 0.2), 2])])
    return [
        (foot + [0.0, -9.0, -0.5], np.array([20.0, 9.0, 9.0])),
        (foot + [0.0, -3.5, -0.5], np.array([11.0, 5.0, 7.0])),
    ]


def photograph(model: FaceModel, bust: KnownBust, yaw: float, size: int, rng: np.random.Generator) -> Photo:
    """A square photo of a bust that turns by ``yaw`` degrees, lit softly, with noise."""
    rotation = rotation_from_angles(yaw, float(rng.uniform(-5, 5)), float(rng.uniform(-3, 3)))
    ends, chin = bust.head[model.landmarks[[0, 16]]], bust.head[model.landmarks[8]]
    scale = _FACE * size / float(np.linalg.norm(np.diff(ends, axis=0)))
    camera = Camera(rotation, scale, np.zeros(2))
    camera = Camera(rotation, scale, np.array([0.5, _CHIN]) * size - camera.project(chin[None])[0, :2])
    triangle, _ = first_seen(bust.vertices, bust.triangles, camera, size)
    labels = np.where(triangle >= 0, bust.part[triangle], Part.BACKGROUND).astype(np.uint8)
    normals = triangle_normals(bust.vertices, bust.triangles) @ rotation.T
    normals *= np.sign(normals[:, 2:])
    light = np.where(triangle >= 0, 0.55 + 0.5 * np.clip(normals @ _LIGHT, 0, 1)[triangle], 1.0)
    palette = np.zeros((len(Part), 3))
    for kind, colour in _COLOURS.items():
        palette[kind] = colour
    image = palette[labels] * light[..., None] + rng.normal(0, 4, (size, size, 3))
    image = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return Photo(camera, image, labels, camera.project(bust.head[model.landmarks])[:, :2])


def first_seen(vertices: np.ndarray, triangles: np.ndarray, camera: Camera, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The triangle (size, size) under each pixel, -1 beside all, and the weights of its corners."""
    flat = (camera.project(vertices) - (size / 2, size / 2, 0)) * (1, -1, 1) / (size / 2)
    return embree_rasterise(flat, triangles, size)
