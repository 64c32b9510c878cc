"""What can be told of a shell by numbers: is it closed, does the skull show, do shell and face cross."""

from __future__ import annotations

import numpy as np

from ..head.model import FaceModel
from ..mesh.geometry import sides, triangle_areas, triangle_normals, vertex_normals
from ..mesh.rays import RayScene, sphere_points
from .layers import FRONT, within_ears
from .record import Shell

_DIRECTIONS = 200
_SIZE = 160  # px of each view
_MARGIN = 0.35  # cm from the border of bare skin: skull further from it may not be seen
_BORDER = 0.5  # cm of bare skin next to its border, where the shell dives
_FACING = 0.2  # cosine to the viewer from which the photo shows a vertex
_STRETCHED = 0.3  # |n_z| below which the photo smears


def measure_shell(
    model: FaceModel, shell: Shell, fitted: np.ndarray, head: np.ndarray, vertices: np.ndarray, front: np.ndarray
) -> dict[str, float]:
    """All numbers of one shell on one head.

    Args:
        fitted: (H, 3) the head that the shell was found on. head: (H, 3) the same or deformed. vertices: (V, 3) the
            shell on ``head``.
        front: (3,) unit vector in head space to the photo's viewer: "from the front".
    """
    return {
        "watertight": float(is_watertight(shell.triangles)),
        "gap_rays": gap_share(model, shell, head, vertices, front),
        "crossing": crossing_depth(model, shell, fitted, head, vertices, front),
        "stretched": stretched_share(shell),
        "edge_ratio": edge_ratio(vertices, shell.triangles),
    }


def is_watertight(triangles: np.ndarray) -> bool:
    """Every edge belongs to two triangles, which run along it in opposite directions."""
    edges = sides(triangles).astype(np.int64)
    count = int(triangles.max()) + 1
    forth, back = edges[:, 0] * count + edges[:, 1], edges[:, 1] * count + edges[:, 0]
    forth.sort()
    back.sort()
    return bool((np.diff(forth) > 0).all() and np.array_equal(forth, back))


def edge_ratio(vertices: np.ndarray, triangles: np.ndarray) -> float:
    """Longest edge over the median."""
    corners = np.asarray(vertices, float)[triangles]
    length = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=-1)
    return float(length.max() / np.median(length))


def gap_share(model: FaceModel, shell: Shell, head: np.ndarray, vertices: np.ndarray, front: np.ndarray) -> float:
    """Largest share of a view's pixels, over the views within 60 degrees of the front, that show covered skull.

    Covered skull is scalp that the shell covers in the photo. Of 200 directions about 50 are within 60 degrees.
    """
    scalp = (model.regions == model.REGIONS.index("scalp")) & (shell.bare < -_MARGIN)
    skull = scalp[model.triangles].all(axis=1)
    skull &= ~within_ears(model, head, head)[model.triangles].any(axis=1)
    triangles = np.concatenate([model.triangles, shell.triangles + len(head)])
    both = np.concatenate([head, vertices]).astype(float)
    middle, half = (both.min(axis=0) + both.max(axis=0)) / 2, float(np.ptp(both, axis=0).max()) / 2 * 1.2
    scene = RayScene(both, triangles)
    steps = (2 * (np.arange(_SIZE) + 0.5) / _SIZE - 1) * half
    grid = np.stack([*(axis.ravel() for axis in np.meshgrid(steps, steps)), np.full(_SIZE**2, 2 * half)], axis=1)
    worst = 0.0
    for direction in sphere_points(_DIRECTIONS):
        if direction @ front < np.cos(np.radians(FRONT)):
            continue
        first = scene.first_hits(grid @ _looking(direction) + middle, -direction)
        first = first[first >= 0]
        worst = max(worst, float(skull[first[first < len(skull)]].sum() / max(len(first), 1)))
    return worst


def _looking(direction: np.ndarray) -> np.ndarray:
    """(3, 3) rotation to a camera that the direction points to."""
    right = np.cross([0.0, 1.0, 0.0], direction)
    right /= max(np.linalg.norm(right), 1e-9)
    return np.stack([right, np.cross(direction, right), direction])


def crossing_depth(
    model: FaceModel, shell: Shell, fitted: np.ndarray, head: np.ndarray, vertices: np.ndarray, front: np.ndarray
) -> float:
    """How far bare face lies under the shell, cm: the largest depth more than half a centimetre from the border.

    Asked are the face's vertices that the photo shows, on the ``fitted`` head; hair may well lie on an ear, or on the
    far cheek of a turned head, however a deformation turns that cheek. Other arguments as in :func:`measure_shell`.

    A ray leaves every such vertex along its normal; where it comes out of the shell, the vertex was inside.
    """
    normals = vertex_normals(head, model.triangles)
    shown = (shell.bare > _BORDER) & (vertex_normals(fitted, model.triangles) @ front > _FACING)
    asked = np.flatnonzero((model.regions == model.REGIONS.index("face")) & shown)
    hit, far = RayScene(vertices, shell.triangles).distances(head[asked], normals[asked])
    found = np.flatnonzero(hit >= 0)
    leaving = (triangle_normals(vertices, shell.triangles[hit[found]]) * normals[asked[found]]).sum(axis=1) > 0
    # A neighbour across a hollow (a lock beside the cheek) is left far away: only what is near counts.
    depth = far[found][leaving]
    depth = depth[depth < 1.5]
    return float(depth.max()) if len(depth) else 0.0


def stretched_share(shell: Shell) -> float:
    """Share of the shell's front area that shows the photo at a glance (|n_z| < .3): smeared pixels."""
    area = triangle_areas(shell.vertices, shell.triangles)
    coordinates = shell.uv[shell.uv_triangles].mean(axis=1)
    size = len(shell.seen)
    column = np.clip((coordinates[:, 0] * size).astype(int), 0, size - 1)
    row = np.clip(((1 - coordinates[:, 1]) * size).astype(int), 0, size - 1)
    photo = shell.seen[row, column] > 127
    facing = shell.facing[shell.triangles].mean(axis=1)
    smeared = photo & (np.abs(facing) < _STRETCHED)
    return float(area[smeared].sum() / max(area[photo].sum(), 1e-9))
