"""How the stylised head moves the photo: where its visible places lie in the photo, and where they go."""

from __future__ import annotations

import numpy as np

from ..animation.pose import Pose, posed_parts
from ..animation.rig import SHELL, Rig
from ..fit.record import FittedPair
from ..head.camera import AnyCamera
from ..head.model import FaceModel
from ..mesh.geometry import vertex_normals
from ..mesh.mesh import Mesh, join
from ..mesh.render import Framing, View, rasterise
from ..shell.carry import farthest
from ..shell.record import HAIR, SKIN, Shell

_PLACES = (160, 120)  # control points at most: of the head, of hair and hat
_FACING = 0.25  # cosine to the viewer below which a place is too near the outline to be sure of
_SIDE = 512  # px of the picture in which it is found out what hides what
_HIDDEN = 0.5  # cm behind what is seen there


def picture_moves(
    model: FaceModel, fitted: FittedPair, shell: Shell, rig: Rig, expression: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where landmarks, face, skull, hair and hat of the photo go when the person becomes the stylised head.

    Neck and body get no points of their own: between the head and the fixed border of the picture they give way.

    Args:
        fitted: head and camera of the photo. shell: as found on that head.
        rig: of the stylised head, made from the same photo. expression: (E,) coefficients that it shows.

    Returns:
        (N, 2) places and (N, 2) where they go, photo px, the 68 landmarks first.
    """
    posed = {part.name: np.asarray(part.mesh.vertices, float) for part in posed_parts(rig, Pose(expression))}
    before, after = np.asarray(fitted.vertices, float), posed["Head"][: len(fitted.vertices)]
    region = np.array(model.REGIONS)[model.regions]
    heads = [model.mesh(before), model.mesh(after)]
    groups = [np.isin(region, ("face", "ear", "scalp"))]
    if shell.exists and SHELL in posed:
        heads = [join([head, shell.mesh(part)]) for head, part in zip(heads, (None, posed[SHELL]), strict=True)]
        chin = before[model.landmarks[8], 1]
        worn = (shell.labels == HAIR) | ((shell.labels != SKIN) & (shell.vertices[:, 1] > chin))
        groups = [np.concatenate([groups[0], np.zeros_like(worn)]), np.concatenate([np.zeros_like(groups[0]), worn])]
    camera = fitted.camera
    seen = visible(heads[0], camera) & visible(heads[1], camera)
    source, target = (camera.project(np.asarray(head.vertices, float))[:, :2] for head in heads)
    chosen = [
        farthest(source, np.flatnonzero(group & seen), most) for group, most in zip(groups, _PLACES, strict=False)
    ]
    index = np.concatenate([model.landmarks, *chosen])
    return source[index], target[index]


def in_photo(mesh: Mesh, camera: AnyCamera) -> Mesh:
    """The mesh as the photo's camera sees it: x and depth in photo px, y up from the picture's top edge."""
    return mesh.with_vertices(camera.project(np.asarray(mesh.vertices, float)) * [1.0, -1.0, 1.0])


def visible(mesh: Mesh, camera: AnyCamera) -> np.ndarray:
    """(V,) bool: vertices that face the photo's camera and that nothing hides from it."""
    flat = in_photo(mesh, camera)
    places = flat.vertices
    low, high = places.min(axis=0), places.max(axis=0)
    framing = Framing((low + high) / 2, float((high - low)[:2].max()) / 2 * 1.01)
    fragments = rasterise(flat, View(), framing, _SIDE)
    depth = np.full(fragments.mask.shape, -np.inf)
    corners = places[flat.triangles[fragments.triangle[fragments.mask]], 2]
    depth[fragments.mask] = (corners * fragments.barycentric[fragments.mask]).sum(axis=1)
    cell = (places[:, :2] - framing.centre[:2]) / framing.half_extent * [1, -1] * (_SIDE / 2) + _SIDE / 2
    column, row = np.clip(cell.astype(int), 0, _SIDE - 1).T
    facing = vertex_normals(places, flat.triangles)[:, 2] > _FACING
    return facing & (places[:, 2] > depth[row, column] - _HIDDEN * camera.scale)
