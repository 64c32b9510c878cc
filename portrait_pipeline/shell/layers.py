"""The fitted head on the canvas: its first and its last surface under every pixel."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import Delaunay
from scipy.spatial.distance import cdist

from ..head.model import FaceModel
from ..mesh.geometry import triangle_normals
from ..mesh.rays import RayScene
from .canvas import Canvas
from .masks import polygon

_DEEP = 7.0  # cm behind the lips: the cavity of a large mouth, and room
_SLICES = 18
_WIDER = 1.25  # of the lips' width
_UP, _DOWN = 1.3, 3.2  # cm above and below the lips: the cavity, and the jaw's way
_LIPS = slice(48, 60)
_BEFORE_EAR = 0.4  # cm before the ear's outline from the side, within which the shell stays under the skin
_UNDER_EAR = 0.3  # cm below it
_HANGS = 0.8  # cm: what is farther out is hair over the ear
_SLOPE = 0.8  # at which the shell goes along beside it
_FAR_ASIDE = 50.0  # cm
FRONT = 60.0  # degrees from the photo's viewer within which nobody may see what hair covers
_OUTSIDE = 0.05  # cm
_RINGS = ((FRONT, 16), (0.6 * FRONT, 8))  # degrees from the viewer, and views at that angle


@dataclass(frozen=True)
class Layers:
    """What lies under each pixel (rows, columns) of the canvas.

    Attributes:
        covered: bool, where the head is.
        front, back: depth of the nearest and of the farthest surface, canvas px; 0 beside the head.
        front_region, back_region: int, index into ``FaceModel.REGIONS``, -1 beside the head.
        exposed: bool, the farthest surface is seen by somebody within ``FRONT`` degrees of the photo's viewer: the side
            of a turned head.
    """

    covered: np.ndarray
    front: np.ndarray
    back: np.ndarray
    front_region: np.ndarray
    back_region: np.ndarray
    exposed: np.ndarray

    def front_is(self, *names: str) -> np.ndarray:
        """Pixels whose nearest surface is of one of these regions."""
        return np.isin(self.front_region, [FaceModel.REGIONS.index(name) for name in names])

    def back_is(self, *names: str) -> np.ndarray:
        """Pixels whose farthest surface is of one of these regions."""
        return np.isin(self.back_region, [FaceModel.REGIONS.index(name) for name in names])


def head_layers(model: FaceModel, canvas: Canvas) -> Layers:
    """Cast one ray a pixel from either side."""
    front, first = _cast(canvas.vertices, model.triangles, canvas.shape, 1)
    back, last = _cast(canvas.vertices, model.triangles, canvas.shape, -1)
    covered = (first >= 0) & (last >= 0)
    regions = model.regions[model.triangles[:, 0]].astype(int)
    return Layers(
        covered,
        np.where(covered, front, 0.0),
        np.where(covered, back, 0.0),
        np.where(covered, regions[first], -1),
        np.where(covered, regions[last], -1),
        _exposed(canvas, model.triangles, covered, back),
    )


def _exposed(canvas: Canvas, triangles: np.ndarray, covered: np.ndarray, back: np.ndarray) -> np.ndarray:
    """(rows, columns) bool, see :class:`Layers`; ``back`` (rows, columns) are depths."""
    rows, columns = np.nonzero(covered)
    # From just outside the surface: a ray into it is stopped at once.
    start = np.stack([columns + 0.5, rows + 0.5, back[covered] - _OUTSIDE * canvas.cm], axis=1)
    scene, free = RayScene(canvas.vertices, triangles), np.zeros(len(start), bool)
    for angle, count in _RINGS:
        away = np.sin(np.radians(angle))
        for turn in 2 * np.pi * np.arange(count) / count:
            rest = np.flatnonzero(~free)
            direction = np.array([away * np.cos(turn), away * np.sin(turn), np.cos(np.radians(angle))])
            free[rest] = scene.first_hits(start[rest], direction) < 0
    result = np.zeros(covered.shape, bool)
    result[covered] = free
    return result


def _cast(
    vertices: np.ndarray, triangles: np.ndarray, shape: tuple[int, int], side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Depth and triangle (rows, columns) of the first surface seen from z = +inf (side 1) or -inf (side -1)."""
    y, x = np.mgrid[: shape[0], : shape[1]].reshape(2, -1) + 0.5
    start = np.full(len(x), side * (np.abs(vertices[:, 2]).max() + 50))
    hit = RayScene(vertices, triangles).first_hits(np.stack([x, y, start], axis=1), np.array([0, 0, -side]))
    depth = np.zeros(len(x))
    seen = np.flatnonzero(hit >= 0)
    met = triangles[hit[seen]]
    corners, normal = vertices[met], triangle_normals(vertices, met)
    steep = np.where(np.abs(normal[:, 2]) < 1e-9, 1e-9, normal[:, 2])
    offset = (x[seen] - corners[:, 0, 0]) * normal[:, 0] + (y[seen] - corners[:, 0, 1]) * normal[:, 1]
    low, high = corners[..., 2].min(axis=1), corners[..., 2].max(axis=1)
    depth[seen] = np.clip(corners[:, 0, 2] - offset / steep, low, high)
    return depth.reshape(shape), hit.reshape(shape)


def mouth_room(canvas: Canvas) -> np.ndarray:
    """(rows, columns) depth, canvas px, of the far side of the mouth behind each pixel; infinite beside it.

    The lips' outline, grown by the cavity's height and the jaw's way, is swept along the head's own axis.
    """
    lips = canvas.to_head(canvas.landmarks[_LIPS])
    middle = lips.mean(axis=0)
    wide = middle + (lips - middle) * [_WIDER, 1.0, 1.0]
    outline = np.concatenate([wide + [0.0, _UP, 0.0], wide - [0.0, _DOWN, 0.0]])
    result = np.full(canvas.shape, np.inf)
    for back in np.linspace(0.3, _DEEP, _SLICES):
        places = canvas.to_canvas(
            np.concatenate([outline[:, :2], np.full((len(outline), 1), middle[2] - back)], axis=1)
        )
        inside = polygon(places[:, :2], canvas.shape)
        result[inside] = np.minimum(result[inside], places[:, 2].min())
    return cv2.erode(result, np.ones((3, 3), np.uint8))


def within_ears(model: FaceModel, head: np.ndarray, points: np.ndarray, before: float = 0.0) -> np.ndarray:
    """(N,) bool of points (N, 3): seen from the side they lie in an ear's outline, and not farther out than its rim.

    The hollow of an ear belongs to no region of its own.

    Args:
        head: (V, 3) vertices of the head. before: cm by which the outlines reach forwards. All in head space, cm.
    """
    ears = model.regions == model.REGIONS.index("ear")
    result = np.zeros(len(points), bool)
    for side in (-1.0, 1.0):
        ear = head[ears & (side * head[:, 0] > 0)]
        outline = Delaunay(np.concatenate([ear[:, 1:], ear[:, 1:] + [0.0, before]]))
        out = side * points[:, 0]
        result |= (outline.find_simplex(points[:, 1:]) >= 0) & (out > 0) & (out < (side * ear[:, 0]).max())
    return result


def beneath_ears(model: FaceModel, head: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The shell's vertices (N, 3) with none seen in the hollow of an ear: it is deeper than the scalp about it.

    Those at its walls, within the ear, go along: no edge becomes long.

    Args:
        head: (V, 3) vertices of the head. All in head space, cm.
    """
    places = places.copy()
    ids = np.flatnonzero(within_ears(model, head, places, _BEFORE_EAR))
    side = np.sign(places[ids, :1])
    start = places[ids] * [0.0, 1.0, 1.0] + side * [_FAR_ASIDE, 0.0, 0.0]
    met, way = RayScene(head, model.triangles).distances(start, side * [-1.0, 0.0, 0.0])
    scalp = (model.regions == model.REGIONS.index("scalp")) & ~within_ears(model, head, head)
    free = ~scalp[model.triangles].any(axis=1)[met]
    down = side[:, 0] * places[ids, 0] - (_FAR_ASIDE - way - _UNDER_EAR)
    down[(down < 0) | (down > _HANGS) | ~free] = 0
    down = np.maximum((down[None] - _SLOPE * cdist(places[ids], places[ids])).max(axis=1, initial=0), 0)
    places[ids, 0] -= side[:, 0] * np.where(free, down, 0)
    return places
