"""Small rigs for the tests of files and poses: quick to make, with everything that a real one has."""

from __future__ import annotations

import numpy as np

from portrait_pipeline.animation.rig import Part, Rig
from portrait_pipeline.mesh.mesh import Mesh

NAMES = (
    "jawOpen",
    "mouthSmileLeft",
    "mouthSmileRight",
    "eyeBlinkLeft",
    "eyeBlinkRight",
    "mouthClose",
    *(f"eyeLook{way}{side}" for side in ("Left", "Right") for way in ("In", "Out", "Up", "Down")),
)


def globe(rows: int = 12, columns: int = 16, radius: float = 9.0) -> Mesh:
    """A closed sphere in head space (cm) with one UV seam at the back (-z) and one UV per pole triangle."""
    v, u = np.meshgrid(np.linspace(0, 1, rows + 1), np.linspace(0, 1, columns + 1), indexing="ij")
    uv = np.stack([u, v], axis=-1).reshape(-1, 2)
    angle, height = 2 * np.pi * (uv[:, 0] - 0.5), np.pi * (uv[:, 1] - 0.5)
    places = radius * np.stack([np.sin(angle) * np.cos(height), np.sin(height), np.cos(angle) * np.cos(height)], axis=1)
    quads = [(r * (columns + 1) + c, columns + 1) for r in range(rows) for c in range(columns)]
    uv_triangles = np.array(
        [t for a, s in quads for t in ((a, a + 1, a + s + 1), (a, a + s + 1, a + s))], dtype=np.int32
    )
    _, first, inverse = np.unique(np.round(places, 6) + 0.0, axis=0, return_index=True, return_inverse=True)
    triangles = inverse.ravel()[uv_triangles].astype(np.int32)
    solid = (triangles != np.roll(triangles, 1, axis=1)).all(axis=1)
    return Mesh(places[first], triangles[solid], uv, uv_triangles[solid])


def quadrants(size: int = 32) -> np.ndarray:
    """Red top left, green top right, blue bottom left, yellow bottom right."""
    texture = np.zeros((size, size, 3), np.uint8)
    half = size // 2
    texture[:half, :half] = (230, 20, 20)
    texture[:half, half:] = (20, 200, 20)
    texture[half:, :half] = (20, 20, 230)
    texture[half:, half:] = (240, 220, 20)
    return texture


def plain(colour: tuple[int, int, int], size: int = 16) -> np.ndarray:
    return np.broadcast_to(np.uint8(colour), (size, size, 3)).copy()


def small_rig(texture: np.ndarray | None = None, scale: float = 1.0) -> Rig:
    """A globe whose lower half is the jaw, a block of teeth that follows it, and two eyeballs in front.

    Expressions: ``jawOpen`` lowers the half by 3 cm, smiles move one side outwards, blinks move the front of one side,
    ``mouthClose`` moves nothing.
    """
    head = globe(radius=9.0 * scale)
    teeth = globe(6, 8, 1.5 * scale)
    eye = globe(8, 12, 1.2 * scale)
    teeth = teeth.with_vertices(teeth.vertices + [0.0, -4.0 * scale, 6.0 * scale])
    still = np.zeros(3), np.ones(3)
    parts = [
        Part("Head", head, quadrants() if texture is None else texture, _targets(head.vertices, scale), *still),
        Part("Teeth", teeth, plain((240, 240, 235)), _targets(teeth.vertices, scale), *still),
    ]
    for name, side in (("EyeLeft", 1), ("EyeRight", -1)):
        place = np.array([3.0 * side, 2.0, 8.5]) * scale
        parts.append(
            Part(
                name,
                eye,
                quadrants(16),
                np.zeros((0, len(eye.vertices), 3), np.float32),
                place,
                np.array([1.0, 1.5, 1.0]),
            )
        )
    picture = np.zeros(len(NAMES))
    picture[:3] = 0.25, 0.5, 0.125
    return Rig(tuple(parts), NAMES, picture, np.array([0.0, -7.0, -2.0]) * scale)


def _targets(vertices: np.ndarray, scale: float) -> np.ndarray:
    x, y, z = vertices.T / scale
    targets = np.zeros((len(NAMES), *vertices.shape), np.float32)
    targets[0, y < -0.1, 1] = -3.0 * scale
    for index, side in ((1, 1), (2, -1)):
        targets[index, (x * side > 0.5) & (z > 0), 0] = 1.0 * side * scale
        targets[index + 2, (x * side > 0.5) & (y > 1) & (z > 0), 1] = -0.5 * scale
    return targets
