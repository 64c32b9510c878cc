"""Pictures of a moving textured surface, frame after frame: a depth buffer, filled row by row with numpy.

Embree builds its tree anew for every pose; here a frame of 640 px with 140 thousand triangles takes a seventh of that
time. The surface is unlit, closed and seen from outside: triangles that turn their backs are left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from .mesh import Mesh

_RIM = 4  # texels around each texture of the atlas: bilinear samples never see a neighbour
_LEAST = 8  # side of the smallest texture
_OVERLAP = 2e-3  # px: rounding leaves no gaps between neighbours
_FAR = 1e6  # px; limits places, so that they can be counted


class Surface:
    """Meshes with one topology and their textures, drawn for any positions of their vertices.

    Args:
        parts: meshes with UV and their textures, square uint8 RGB, row 0 on top.
        places: (V, 2 or 3) px of all their vertices in a frame in which the surface is large: the textures are reduced
            to about a texel a pixel there.
        shown: (V,) bool; triangles without such a vertex are left out. All if not given.

    Attributes:
        triangles: (F, 3) ids into all the vertices.
    """

    def __init__(
        self, parts: Sequence[tuple[Mesh, np.ndarray]], places: np.ndarray, shown: np.ndarray | None = None
    ) -> None:
        first = np.cumsum([0, *(len(mesh.vertices) for mesh, _ in parts)])
        self.triangles = np.concatenate(
            [mesh.triangles + start for (mesh, _), start in zip(parts, first, strict=False)]
        ).astype(np.int32)
        owner = np.repeat(np.arange(len(parts)), [len(mesh.triangles) for mesh, _ in parts])
        pixels = np.abs(_double_area(*(places[self.triangles.T, axis] for axis in (0, 1))))
        tiles, corners, left = [], [], 0
        for number, (mesh, texture) in enumerate(parts):
            u, v = np.moveaxis(np.asarray(mesh.uv, np.float32)[mesh.uv_triangles], -1, 0)
            texels = np.abs(_double_area(u.T, v.T)).sum() * len(texture) ** 2
            share = np.sqrt(pixels[owner == number].sum() / max(texels, 1e-9))
            side = int(np.clip(np.ceil(share * len(texture)), _LEAST, len(texture)))
            small = cv2.resize(texture, (side, side), interpolation=cv2.INTER_AREA)
            tile = cv2.copyMakeBorder(small, _RIM, _RIM, 0, 0, cv2.BORDER_REPLICATE)
            tiles.append(cv2.copyMakeBorder(tile, 0, 0, _RIM, _RIM, cv2.BORDER_WRAP))  # the layout wraps in u
            corners.append(np.stack([u * side + (left + _RIM - 0.5), (1 - v) * side + (_RIM - 0.5)]))
            left += tiles[-1].shape[1]
        height = max(map(len, tiles))
        self.atlas = np.concatenate([np.pad(tile, ((0, height - len(tile)), (0, 0), (0, 0))) for tile in tiles], axis=1)
        uv = np.concatenate(corners, axis=1).transpose(0, 2, 1)
        kept = slice(None) if shown is None else shown[self.triangles].any(axis=1)
        self.triangles, self.uv = self.triangles[kept], np.ascontiguousarray(uv[..., kept], np.float32)

    def picture(self, places: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """One frame.

        Args:
            places: (V, 3) px: x right, y down, and depth towards the viewer (any unit).
            shape: height and width of the frame.

        Returns:
            (H, W, 3) uint8 RGB, arbitrary where nothing is seen, and (H, W) int32 the triangle seen, -1 for none.
        """
        seen, spots, uv = visible(np.asarray(places, np.float32), self.triangles, self.uv, shape)
        maps, owner = np.zeros((2, shape[0] * shape[1]), np.float32), np.full(shape[0] * shape[1], -1, np.int32)
        maps[0, spots], maps[1, spots], owner[spots] = *uv, seen
        picture = cv2.remap(self.atlas, *(layer.reshape(shape) for layer in maps), cv2.INTER_LINEAR)
        return picture, owner.reshape(shape)


def visible(
    places: np.ndarray, triangles: np.ndarray, values: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the middles of the pixels see.

    Args:
        places: (V, 3) float32 px and depth, see :meth:`Surface.picture`. triangles: (F, 3).
        values: (C, 3, F) float32 at the triangles' corners, to be interpolated linearly in the image.
        shape: height and width.

    Returns:
        (N,) triangles, (N,) flat pixels, and (C, N) values.
    """
    height, width = shape
    corners = np.ascontiguousarray(triangles.T)
    x, y, z = (np.ascontiguousarray(places[:, axis])[corners] for axis in range(3))
    area = _double_area(x, y)
    low = np.maximum(_first(np.minimum(np.minimum(y[0], y[1]), y[2])), 0)
    high = np.minimum(_first(np.maximum(np.maximum(y[0], y[1]), y[2])), height)
    # Image y points down: counter-clockwise from outside is a negative area here.
    near = np.flatnonzero((area < -1e-6) & (high > low))
    x, y, low, inverse = x[:, near], y[:, near], low[near], 1 / area[near]
    # Weights of the second and third corner: slope * x + level in a row of pixels.
    slopes = np.stack([y[2] - y[0], y[0] - y[1]]) * inverse
    across = np.stack([x[0] - x[2], x[1] - x[0]]) * inverse
    levels = -slopes * x[0] - across * y[0]
    rows = high[near] - low
    owner = np.repeat(np.arange(len(near)), rows)
    row = _runs(low, rows, owner)
    middle = row.astype(np.float32) + np.float32(0.5)
    left, right = np.full(len(owner), -_FAR, np.float32), np.full(len(owner), _FAR, np.float32)
    level = [levels[k][owner] + across[k][owner] * middle for k in (0, 1)]
    slope = [slopes[k][owner] for k in (0, 1)]
    with np.errstate(divide="ignore", invalid="ignore"):
        for steep, start in (
            (slope[0], level[0]),
            (slope[1], level[1]),
            (-slope[0] - slope[1], 1 - level[0] - level[1]),
        ):
            border = -start / steep
            np.maximum(left, border, out=left, where=steep > 0)
            np.minimum(right, border, out=right, where=steep < 0)
    begin = np.clip(_first(left - _OVERLAP), 0, width)
    count = np.clip(_first(right + _OVERLAP), 0, width) - begin
    kept = np.flatnonzero(count > 0)
    begin, count, owner = begin[kept], count[kept], owner[kept]
    rises = np.concatenate([z[None], values])[:, :, near]  # (1 + C, 3, F): depth and values
    bend = [rises[:, k + 1] - rises[:, 0] for k in (0, 1)]
    slope, level = [part[kept] for part in slope], [part[kept] for part in level]
    steep = [bend[0][c][owner] * slope[0] + bend[1][c][owner] * slope[1] for c in range(len(rises))]
    start = [
        rises[c, 0][owner] + bend[0][c][owner] * level[0] + bend[1][c][owner] * level[1] for c in range(len(rises))
    ]
    span = np.repeat(np.arange(len(kept)), count)
    column = _runs(begin, count, span)
    spots = (row[kept] * width)[span] + column
    middles = column.astype(np.float32) + np.float32(0.5)
    depth = steep[0][span] * middles + start[0][span]
    nearest = np.full(height * width, -np.inf, np.float32)
    np.maximum.at(nearest, spots, depth)
    won = np.flatnonzero(depth == nearest[spots])
    span, middles = span[won], middles[won]
    seen = [steep[c][span] * middles + start[c][span] for c in range(1, len(rises))]
    return near[owner[span]], spots[won], np.stack(seen)


def _double_area(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Twice the signed area (F,) of triangles whose corners are at x, y (3, F)."""
    return (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])


def _first(place: np.ndarray) -> np.ndarray:
    """The first pixel whose middle is not before a place."""
    return np.ceil(np.clip(place, -_FAR, _FAR) - np.float32(0.5)).astype(np.int32)


def _runs(starts: np.ndarray, counts: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Each start and the ``counts - 1`` integers after it, one run after the other; ``owner`` names each one's run."""
    before = (starts - np.cumsum(counts) + counts).astype(np.int32)
    return np.arange(len(owner), dtype=np.int32) + before[owner]
