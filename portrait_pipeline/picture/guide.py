"""The stylised head as the photo's camera would see it: what guides the face of the picture."""

from __future__ import annotations

import numpy as np

from ..animation.pose import Pose, posed_parts
from ..animation.rig import SHELL, Rig
from ..head.camera import AnyCamera
from ..head.model import FaceModel
from ..mesh.mesh import join
from ..mesh.render import Framing, View, rasterise, render_parts
from .moves import in_photo

_SUPERSAMPLE = 2
_INSIDE = ("Mouth", "Teeth")


def stylised_view(
    model: FaceModel,
    rig: Rig,
    expression: np.ndarray,
    camera: AnyCamera,
    corner: np.ndarray,
    scale: float,
    side: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Render the posed portrait over a square of the photo.

    Args:
        expression: (E,) coefficients. camera: of the photo. corner: (2,) top left of the square, photo px.
        scale: pixels of the result per photo px. side: of the result, pixels.

    Returns:
        (S, S, 3) uint8 RGB; (S, S) bool, where it shows the face, its eyes or the inside of its mouth; and the last
        alone.
    """
    parts = posed_parts(rig, Pose(expression))
    meshes = [in_photo(part.mesh, camera) for part in parts]
    half = side / scale / 2
    framing = Framing(np.array([corner[0] + half, -(corner[1] + half), 0.0]), half)
    view = render_parts(
        [(mesh, part.texture) for mesh, part in zip(meshes, parts, strict=True)],
        View(),
        framing,
        side,
        supersample=_SUPERSAMPLE,
    )
    fragments = rasterise(join(meshes), View(), framing, side)
    seen, hit = fragments.mask, fragments.triangle
    face = np.concatenate([_is_face(model, part.name, part.mesh.triangles) for part in parts])
    mouth = np.concatenate([np.full(len(part.mesh.triangles), part.name in _INSIDE) for part in parts])
    return view, seen & face[hit], seen & mouth[hit]


def _is_face(model: FaceModel, name: str, triangles: np.ndarray) -> np.ndarray:
    """(F,) bool of a part's triangles."""
    if name != "Head":
        return np.full(len(triangles), name != SHELL)
    outer = np.isin(model.regions, [model.REGIONS.index(region) for region in ("ear", "scalp", "neck")])
    known = np.minimum(triangles, len(outer) - 1)
    return ~(outer[known] & (triangles < len(outer))).any(axis=1)
