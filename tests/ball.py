"""A small ball with the UV layout of the head: one seam at the back, face in the middle, v up."""

import numpy as np

from portrait_pipeline.mesh.mesh import Mesh


def ball(columns: int = 24, rows: int = 12, radius: float = 10.0, reach: float = 80.0) -> Mesh:
    """Latitudes within +-reach degrees; u = 0.5 looks along +z, u grows to +x."""
    turn = np.linspace(-np.pi, np.pi, columns + 1)
    tilt = np.deg2rad(np.linspace(-reach, reach, rows + 1))
    t, p = np.meshgrid(turn, tilt)
    position = radius * np.stack([np.sin(t) * np.cos(p), np.sin(p), np.cos(t) * np.cos(p)], axis=-1)
    uv = np.stack([(t + np.pi) / (2 * np.pi), (p - tilt[0]) / (tilt[-1] - tilt[0])], axis=-1)
    corner = np.arange((columns + 1) * (rows + 1)).reshape(rows + 1, columns + 1)
    vertex = (np.arange(rows + 1) * columns)[:, None] + np.arange(columns + 1) % columns
    faces = [
        np.stack([g[:-1, :-1], g[:-1, 1:], g[1:, 1:], g[:-1, :-1], g[1:, 1:], g[1:, :-1]], -1).reshape(-1, 3)
        for g in (vertex, corner)
    ]
    vertices = position[:, :-1].reshape(-1, 3)
    return Mesh(vertices, faces[0].astype(np.int32), uv.reshape(-1, 2), faces[1].astype(np.int32))


def smooth_texture(size: int, seed: int = 0) -> np.ndarray:
    """(size, size, 3) uint8 of a few periodic waves, so that it has no seam."""
    rng = np.random.default_rng(seed)
    u, v = np.meshgrid((np.arange(size) + 0.5) / size, 1 - (np.arange(size) + 0.5) / size)
    picture = np.full((size, size, 3), 128.0)
    for _ in range(4):
        wave = np.cos(2 * np.pi * (rng.integers(1, 4) * u + rng.integers(0, 3) * v) + rng.uniform(0, 6))
        picture += wave[..., None] * rng.uniform(-25, 25, size=3)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
