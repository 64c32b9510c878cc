"""Distance between a fitted head and a scan of the same person, and pictures of the scan from known views.

Scans come in any unit: all distances are given for a head whose outer eye corners are 90 mm apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy.spatial import cKDTree
from trimesh.remesh import subdivide_to_size
from trimesh.triangles import closest_point

from ...head.camera import PerspectiveCamera
from ...head.pose import rotation_from_angles
from ...mesh.geometry import vertex_normals
from ...mesh.render import embree_rasterise
from ...mesh.similarity import Similarity, fit_similarity

EYE_CORNERS_CM = 9.0
"""Distance of the outer eye corners that fixes the unit."""
LONGEST_EDGE_CM = 0.4
"""Triangles of a scan are divided until no edge is longer, so that neighbours of a point are found among few."""
FIRST_TRIED = 6
"""Triangles tried first for each point."""
ICP_STEPS = 60
ICP_STOP_CM = 2e-5
ICP_POINTS = 1500
"""Points that are brought to the surface, evenly chosen among those of the face."""
FARTHEST_CM = 2.0
"""Parts of a scan further than this from the head (hair, collar) are no face, whatever they are close to."""
SEEN_GAP_CM = 0.2
"""A vertex is seen if the surface seen at its pixel is this near: a little more than a pixel on a slanted surface."""
LIGHT = np.array([-0.3, 0.4, 0.87])
BACKGROUND = (150, 155, 160)


@dataclass(frozen=True)
class Scan:
    """A triangle mesh of a real head, +y up, face towards +z.

    Attributes:
        vertices: (V, 3), any unit until :meth:`moved`.
        triangles: (F, 3) int.
        uv: (V, 2), origin bottom left, or None.
        texture: (H, W, 3) uint8 RGB, row 0 on top, or None: then ``colours``.
        colours: (V, 3) RGB of the vertices, or None: then grey.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray | None = None
    texture: np.ndarray | None = None
    colours: np.ndarray | None = None

    def moved(self, centre: np.ndarray, scale: float) -> Scan:
        """The scan with ``centre`` (3,) as the origin, ``scale`` times as large."""
        return replace(self, vertices=(self.vertices - centre) * scale)


@dataclass(frozen=True)
class Surface:
    """Triangles prepared for :func:`closest_points`.

    Attributes:
        corners: (F, 3, 3). source: (F,) the triangle each is a part of.
        tree: of the triangles' centres. reach: largest distance from a centre to its corners.
    """

    corners: np.ndarray
    source: np.ndarray
    tree: cKDTree
    reach: float

    @classmethod
    def of(cls, vertices: np.ndarray, triangles: np.ndarray) -> Surface:
        """From (V, 3) positions in cm and (F, 3) triangles; long triangles are divided."""
        # ceil(log2) of 1e6 cm against 0.4 cm: enough divisions for anything that is read from a file.
        vertices, triangles, source = subdivide_to_size(
            np.asarray(vertices, float), triangles, LONGEST_EDGE_CM, max_iter=24, return_index=True
        )
        corners = vertices[triangles]
        centres = corners.mean(axis=1)
        reach = float(np.linalg.norm(corners - centres[:, None], axis=2).max())
        return cls(corners, source, cKDTree(centres), reach)


def closest_points(points: np.ndarray, surface: Surface, quick: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The nearest point of a surface for each point, exact unless ``quick``.

    Triangles are tried in the order of their centres' distances, more of them until the next centre is too far for
    its triangle to be nearer.

    Args:
        points: (N, 3).
        surface: triangles.
        quick: stop after the first few triangles, which nearly always hold the nearest point.

    Returns:
        (N, 3) points of the surface and (N,) ids of the undivided triangles they lie on.
    """
    total = len(surface.corners)
    nearest, owner = np.zeros((len(points), 3)), np.zeros(len(points), int)
    pending, count = np.arange(len(points)), min(FIRST_TRIED, total)
    while len(pending):
        far, ids = surface.tree.query(points[pending], count)
        far, ids = far.reshape(len(pending), -1), ids.reshape(len(pending), -1)
        repeated = np.repeat(points[pending], count, axis=0)
        found = closest_point(surface.corners[ids.ravel()], repeated).reshape(len(pending), count, 3)
        distance = np.linalg.norm(found - points[pending][:, None], axis=2)
        best, row = distance.argmin(axis=1), np.arange(len(pending))
        nearest[pending], owner[pending] = found[row, best], surface.source[ids[row, best]]
        open_ = (far[:, -1] - surface.reach < distance[row, best]) & (count < total)
        pending, count = pending[open_], min(4 * count, total)
        if quick:
            break
    return nearest, owner


def align_to_surface(moving: np.ndarray, start: Similarity, surface: Surface) -> Similarity:
    """Iterated closest points: the similarity that brings points (N, 3) nearest to a surface, from a first guess."""
    moving = moving[:: max(1, len(moving) // ICP_POINTS)]
    current, last = start, np.inf
    for _ in range(ICP_STEPS):
        moved = current.apply(moving)
        nearest, _ = closest_points(moved, surface, quick=True)
        error = float(np.sqrt(((nearest - moved) ** 2).sum(axis=1).mean()))
        if last - error < ICP_STOP_CM:
            break
        current, last = fit_similarity(moving, nearest), error
    return current


@dataclass(frozen=True)
class SurfaceDistance:
    """A head laid on a scan.

    Attributes:
        to_scan_mm: area-weighted mean distance from the head's face region to the scan.
        to_head_mm: from the scan to the head, over the scan's part that lies on the face region.
        placement: head space to the scan.
        distances: (R,) mm from each vertex of the region to the scan.
    """

    to_scan_mm: float
    to_head_mm: float
    placement: Similarity
    distances: np.ndarray

    @property
    def mean_mm(self) -> float:
        """Mean of both directions."""
        return 0.5 * (self.to_scan_mm + self.to_head_mm)


def surface_distance(
    vertices: np.ndarray,
    triangles: np.ndarray,
    region: np.ndarray,
    landmarks: np.ndarray,
    scan: Scan,
    skin: np.ndarray,
    surface: Surface,
    scan_landmarks: np.ndarray,
) -> SurfaceDistance:
    """How far a head's face is from a scan after the best similarity.

    The similarity starts from corresponding landmarks and then brings the region's vertices nearest to the scan.

    Args:
        vertices, triangles: of the head, (V, 3) and (F, 3).
        region: (V,) bool, the face.
        landmarks: (L, 3) of the head; scan_landmarks: (L, 3) the same ones on the scan.
        scan: outer eye corners 9 cm apart. skin: (V,) bool, its vertices that count. surface: triangles of the skin.

    Returns:
        Distances in mm.
    """
    chosen = np.flatnonzero(region)
    start = fit_similarity(landmarks, scan_landmarks)
    placement = align_to_surface(vertices[chosen], start, surface)
    head = placement.apply(vertices)
    to_scan = np.linalg.norm(closest_points(head[chosen], surface)[0] - head[chosen], axis=1)
    weights = vertex_areas(head, triangles)[chosen]
    near = skin & (cKDTree(head[chosen]).query(scan.vertices)[0] < 2 * FARTHEST_CM)
    points, shares = scan.vertices[near], vertex_areas(scan.vertices, scan.triangles)[near]
    nearest, owner = closest_points(points, Surface.of(head, triangles))
    to_head = np.linalg.norm(nearest - points, axis=1)
    shares = shares * (region[triangles].all(axis=1)[owner] & (to_head < FARTHEST_CM))
    return SurfaceDistance(
        10.0 * float(weights @ to_scan / weights.sum()),
        10.0 * float(shares @ to_head / max(shares.sum(), 1e-12)),
        placement,
        10.0 * to_scan,
    )


def vertex_areas(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(V,) a third of the area of the triangles about each vertex."""
    corners = np.asarray(vertices, float)[triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 6.0
    return np.bincount(triangles.ravel(), np.repeat(area, 3), len(vertices))


def view_camera(yaw: float, pitch: float, distance: float, scale: float, size: int) -> PerspectiveCamera:
    """A camera that looks at the origin.

    Args:
        yaw, pitch: of the head, degrees, as :func:`~portrait_pipeline.head.pose.rotation_from_angles`.
        distance: of the viewer, cm. scale: px per cm at the origin. size: side of the image, px.
    """
    rotation = rotation_from_angles(yaw, pitch, 0.0)
    return PerspectiveCamera(rotation, np.array([0.0, 0.0, -distance]), scale * distance, np.full(2, size / 2))


@dataclass(frozen=True)
class Hits:
    """What each pixel of a picture sees: (S, S) triangle ids (-1: nothing) and (S, S, 3) weights of their corners."""

    triangle: np.ndarray
    weights: np.ndarray

    def at(self, points: np.ndarray, scan: Scan) -> np.ndarray:
        """Positions (N, 3) on the scan that are seen at (N, 2) px; NaN where nothing is."""
        column, row = np.clip(np.floor(points).astype(int), 0, len(self.triangle) - 1).T
        ids = self.triangle[row, column]
        found = np.einsum("nk,nkc->nc", self.weights[row, column], scan.vertices[scan.triangles[ids]])
        return np.where(ids[:, None] >= 0, found, np.nan)


def look(scan: Scan, camera: PerspectiveCamera, size: int) -> Hits:
    """What a ``size`` x ``size`` px perspective picture of the scan sees.

    The scan is drawn with the orthographic rasteriser after the perspective division; straight lines stay straight
    when the depth is the inverse of the distance, and weights become those of space when divided by it.
    """
    inverse = 1.0 / np.maximum(-(scan.vertices @ camera.rotation.T + camera.translation)[:, 2], 1e-6)
    image = camera.project(scan.vertices)[:, :2] * (2.0 / size)
    depth = inverse / inverse.max()
    flat = np.stack([image[:, 0] - 1.0, 1.0 - image[:, 1], depth], axis=1)
    triangle, weights = embree_rasterise(flat, scan.triangles, size)
    weights = weights * inverse[scan.triangles[triangle]] * (triangle >= 0)[..., None]
    return Hits(triangle, weights / np.maximum(weights.sum(axis=2, keepdims=True), 1e-12))


def seen_from(scan: Scan, cameras: Sequence[PerspectiveCamera], size: int) -> np.ndarray:
    """(V,) bool: vertices that some camera sees, so that sockets and the inside of the mouth are left out."""
    seen = np.zeros(len(scan.vertices), bool)
    for camera in cameras:
        hits = look(scan, camera, size)
        gap = np.linalg.norm(hits.at(camera.project(scan.vertices)[:, :2], scan) - scan.vertices, axis=1)
        seen |= gap < SEEN_GAP_CM  # NaN, where the picture is empty, compares as False
    return seen


def picture_of(scan: Scan, camera: PerspectiveCamera, size: int, supersample: int = 2) -> np.ndarray:
    """A photo-like picture (size, size, 3) uint8 of the scan: its colours in a soft light."""
    large = size * supersample
    wide = replace(camera, focal=camera.focal * supersample, principal=camera.principal * supersample)
    hits = look(scan, wide, large)
    seen = hits.triangle >= 0
    corners, weights = scan.triangles[hits.triangle[seen]], hits.weights[seen]
    colour = _colours(scan, corners, weights)
    normals = vertex_normals(scan.vertices, scan.triangles)[corners]
    normal = np.einsum("nk,nkc->nc", weights, normals) @ camera.rotation.T
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    light = 0.45 + 0.6 * np.clip(normal @ (LIGHT / np.linalg.norm(LIGHT)), 0.0, 1.0)
    picture = np.empty((large, large, 3), np.float32)
    picture[:] = BACKGROUND
    picture[seen] = colour * light[:, None]
    picture = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def _colours(scan: Scan, corners: np.ndarray, weights: np.ndarray) -> np.ndarray:
    if scan.texture is not None and scan.uv is not None:
        uv = np.einsum("nk,nkc->nc", weights, scan.uv[corners])
        height, width = scan.texture.shape[:2]
        x = (uv[:, 0] % 1.0) * width - 0.5
        y = (1.0 - uv[:, 1] % 1.0) * height - 0.5
        count = len(uv)
        # remap takes pictures of at most 32767 px on a side: fold the list into rows.
        side = 1 << 14
        fold = [np.resize(a, (-(-count // side), side)).astype(np.float32) for a in (x, y)]
        sampled = cv2.remap(scan.texture, *fold, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        return sampled.reshape(-1, 3)[:count].astype(np.float32)
    if scan.colours is not None:
        return np.einsum("nk,nkc->nc", weights, scan.colours[corners]).astype(np.float32)
    return np.full((len(corners), 3), 190.0, np.float32)
