"""The closed surface between the two sheets: an implicit volume, marching cubes, smoothing."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage, sparse
from scipy.sparse import csgraph
from skimage.measure import marching_cubes

from ..mesh.laplacian import adjacency
from .canvas import FACE_WIDTH as FW
from .canvas import Canvas
from .depth import Sheets

VOXEL = 1.7  # canvas px (.29 cm)
_BOW = 0.10  # the foot's curve: so many face widths one face width beside the middle
_ROUNDS = 8
_EDGE_ROUNDS, _AT_EDGE = 30, 2.5  # further rounds so many voxels about the foot, whose edge the grid cuts in steps
_PULL, _PUSH = 0.5, -0.52  # Taubin's two steps: staircases go, volume stays
_ROW = 4096  # positions in a row
_MOST = 60_000  # vertices; a bust of much hair gets a coarser grid
EDGE = 20.0  # f per px at the borders of what is cut or added: as steep as the sheets are at their outlines
STAIRS = 0.8  # px over which the outline's steps are evened
_ROUND = np.float32(200.0)  # difference of f within which two volumes run into each other
_SPARE = 0.30 * FW  # of the grid below the foot's middle: seen level from the head, the foot is not so in the photo
_STEEP = 0.6  # most that the foot rises per px of depth
_SCRAP = 0.08  # pieces of less than this share of the largest one's vertices are none of the portrait


@dataclass(frozen=True)
class Volume:
    """An implicit function on a regular grid, > 0 inside; rows follow the foot's curve.

    Attributes:
        value: (Y, X, Z) float32.
        x, z: (X,), (Z,) canvas px. row: (Y,) canvas y at the middle; bend: (X,) px to be taken from it.
        voxel: step of all three, px. foot: (Z,) row of the foot, canvas y at the middle.
    """

    value: np.ndarray
    x: np.ndarray
    row: np.ndarray
    z: np.ndarray
    bend: np.ndarray
    voxel: float
    foot: np.ndarray

    def heights(self) -> np.ndarray:
        """(Y, X) canvas y of the grid's columns."""
        return self.row[:, None] - self.bend[None, :]

    def sample(self, field: np.ndarray) -> np.ndarray:
        """(Y, X) of a field (rows, columns) on the canvas."""
        return sample(field, np.broadcast_to(self.x, self.heights().shape), self.heights())


def sample(field: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Bilinear values of a field (rows, columns) at canvas positions of any shape; the border's beyond it."""
    count = x.size
    width = min(count, _ROW)
    places = np.zeros((2, -(-count // width) * width), np.float32)  # OpenCV takes no side of 32 768 or more
    places[0, :count], places[1, :count] = np.ravel(x) - 0.5, np.ravel(y) - 0.5
    maps = places.reshape(2, -1, width)
    values = cv2.remap(field.astype(np.float32), maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return values.ravel()[:count].reshape(x.shape)


def volume_of(canvas: Canvas, sheets: Sheets, mask: np.ndarray, foot: float, middle: float, voxel: float) -> Volume:
    """f = u - (z - plane)^2 with the front's or the back's u by side; outside the mask, minus the distance.

    Below it ends in a foot that is level when the head is upright, however the photo's camera looked at it.

    Args:
        mask: (rows, columns) bool, the domain. foot: y of the bust's flat foot. middle: x of the body's axis.
    """
    half = canvas.shape[1] / 2
    steps = int((half - 0.5) / voxel)
    x = half + voxel * np.arange(-steps, steps + 1)
    spare = int(min(_SPARE, canvas.shape[0] - 0.5 - foot) / voxel)
    row = foot - voxel * np.arange(int((foot - 0.5) / voxel), -spare - 1, -1.0)
    z = np.arange(sheets.plane.min() - 1.3 * FW, sheets.plane.max() + 1.3 * FW, voxel)
    bend = _BOW * ((x - middle) / FW) ** 2 * FW
    depth = float(sample(sheets.plane, np.array([middle]), np.array([foot]))[0])
    level = foot + voxel / 2 + foot_slope(canvas, np.array([middle, foot, depth])) * (z - depth)
    grid = Volume(np.empty(0), x, row, z, bend, voxel, level)
    front, back = (grid.sample(field) for field in _signed(sheets, mask))
    distance = z.astype(np.float32) - grid.sample(sheets.plane)[..., None]
    value = np.where(distance > 0, front[..., None], back[..., None]) - distance**2
    value = -blended(-value, (EDGE * (row[:, None] - level)).astype(np.float32)[:, None, :])
    return dataclasses.replace(grid, value=value)


def blended(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The union of two implicit volumes, rounded where they meet: a crease or a sharp edge shows the grid's steps."""
    near = np.maximum(_ROUND - np.abs(one - other), 0)
    return np.maximum(one, other) + near * near / (4 * _ROUND)


def foot_slope(canvas: Canvas, point: np.ndarray) -> float:
    """Px down the canvas per px towards the viewer along which a point (3,) keeps its height in head space."""
    ahead, below = (canvas.to_head(point + step)[1] - canvas.to_head(point)[1] for step in np.eye(3)[[2, 1]])
    return float(np.clip(-ahead / below, -_STEEP, _STEEP))


def _signed(sheets: Sheets, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both u, falling through zero across the outline, which runs between pixels, as a straight ramp."""
    inner, outer = (cv2.distanceTransform(part.astype(np.uint8), cv2.DIST_L2, 5) for part in (mask, ~mask))
    ramp = cv2.GaussianBlur(inner - outer, (0, 0), STAIRS)
    rows, columns = ndimage.distance_transform_edt(~mask, return_distances=False, return_indices=True)
    return tuple(
        np.minimum(u[rows, columns], ramp * np.maximum(u[rows, columns], EDGE)) for u in (sheets.front, sheets.back)
    )


def surface_of(volume: Volume) -> tuple[np.ndarray, np.ndarray]:
    """The closed surface f = 0: vertices (V, 3) in canvas space, triangles (F, 3) int32.

    Counter-clockwise from outside in head space, where y points up.
    """
    padded = np.pad(volume.value, 1, constant_values=-5.0)
    padded[-1] = -1e7  # the foot is cut at the last row, not half a voxel below it
    places, triangles, _, _ = marching_cubes(padded.astype(np.float32), 0.0)
    places, triangles = without_scraps(places, triangles)
    neighbours = adjacency(triangles, len(places))
    places = taubin(places.astype(float), neighbours)
    step = volume.voxel
    above = (
        np.interp(places[:, 2] - 1, np.arange(len(volume.z)), (volume.foot - volume.row[0]) / step) - places[:, 0] + 1
    )
    places = taubin(places, neighbours, _EDGE_ROUNDS, np.abs(above) < _AT_EDGE)
    x = volume.x[0] + (places[:, 1] - 1) * step
    y = volume.row[0] + (places[:, 0] - 1) * step
    y = y - np.interp(x, volume.x, volume.bend)
    vertices = np.stack([x, y, volume.z[0] + (places[:, 2] - 1) * step], axis=1)
    corners = (vertices * [1, -1, 1])[triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    if (corners.mean(axis=1) * normal).sum() < 0:
        triangles = triangles[:, ::-1]
    return vertices, np.ascontiguousarray(triangles, np.int32)


def without_scraps(vertices: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) and triangles (F, 3) without pieces that are small beside the largest."""
    _, piece = csgraph.connected_components(adjacency(triangles, len(vertices)), directed=False)
    sizes = np.bincount(piece)
    keep = (sizes >= _SCRAP * sizes.max())[piece]
    number = np.cumsum(keep) - 1
    return vertices[keep], number[triangles[keep[triangles[:, 0]]]]


def count_allows(vertices: int, density: float) -> float:
    """Factor by which the voxels have to grow for the vertices to stay below the limit; 1 if they do."""
    return float(np.sqrt(max(1.0, vertices / (0.95 * _MOST * min(1.0, density)))))


def taubin(
    vertices: np.ndarray, neighbours: sparse.csr_matrix, rounds: int = _ROUNDS, where: np.ndarray | None = None
) -> np.ndarray:
    """Vertices (V, 3) without marching cubes' staircase and without shrinking; only ``where`` (V,) bool.

    Args:
        neighbours: (V, V) of :func:`portrait_pipeline.mesh.laplacian.adjacency`.
    """
    mean = sparse.diags(1 / np.maximum(np.asarray(neighbours.sum(axis=1)).ravel(), 1)) @ neighbours
    chosen = np.arange(len(vertices)) if where is None else np.flatnonzero(where)
    mean, vertices = mean.tocsr()[chosen], vertices.copy()
    for _ in range(rounds):
        for step in (_PULL, _PUSH):
            vertices[chosen] += step * (mean @ vertices - vertices[chosen])
    return vertices
