"""A new triangulation of a disk-like surface with a given edge length everywhere.

Points are drawn by dart throwing on the surface, connected by a Delaunay triangulation in a harmonic map of
it, and relaxed in space: edges flip to the Delaunay criterion, points move to the weighted centre of their
triangles and back onto the surface. Feature lines (boundary, lids, lips) are resampled first and stay edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import trimesh
from scipy.spatial import Delaunay, cKDTree

from .disk import boundary_loops, face_normals, half_edges, mean_value_weights, signed_areas, solve_map

MARGIN = 0.78  # dart radius over edge length
MAX_CONFORMING = 40  # passes that clear the feature edges which the triangulation misses


@dataclass(frozen=True)
class Points:
    """Points on a triangulated surface: (n, 3) vertex ids and (n, 3) weights that sum to 1."""

    ids: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def of(self, values: np.ndarray) -> np.ndarray:
        """Interpolate (V, d) vertex values: (n, d)."""
        return np.einsum("nk,nkd->nd", self.weights, values[self.ids])

    def join(self, other: Points) -> Points:
        """Concatenation."""
        return Points(np.concatenate([self.ids, other.ids]), np.concatenate([self.weights, other.weights]))

    def take(self, index: np.ndarray) -> Points:
        """Selection by index or mask."""
        return Points(self.ids[index], self.weights[index])


@dataclass(frozen=True)
class Surface:
    """A disk to be remeshed: (V, 3) positions, (F, 3) triangles, (V,) wanted edge length in cm."""

    vertices: np.ndarray
    triangles: np.ndarray
    length: np.ndarray

    def normals(self) -> np.ndarray:
        """(V, 3) unit vertex normals, area weighted."""
        total = np.zeros_like(self.vertices)
        for k in range(3):
            np.add.at(total, self.triangles[:, k], face_normals(self.vertices, self.triangles))
        return unit(total)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def split_chain(chain: np.ndarray, stops: np.ndarray) -> list[np.ndarray]:
    """Cut a vertex chain at every vertex in ``stops``; the pieces share their ends."""
    cuts = np.unique(np.r_[0, np.flatnonzero(np.isin(chain, stops)), len(chain) - 1])
    return [chain[a : b + 1] for a, b in zip(cuts[:-1], cuts[1:], strict=True)]


def resample(surface: Surface, chain: np.ndarray, scale: float) -> Points:
    """Points on a vertex chain, spaced by the wanted length times ``scale``; both ends included."""
    steps = np.linalg.norm(np.diff(surface.vertices[chain], axis=0), axis=1)
    mean = (surface.length[chain[:-1]] + surface.length[chain[1:]]) / 2
    total = np.r_[0, np.cumsum(steps / (mean * scale))]
    parts = max(1, round(float(total[-1])))
    at = np.linspace(0, total[-1], parts + 1)
    k = np.clip(np.searchsorted(total, at, side="right") - 1, 0, len(chain) - 2)
    f = np.clip((at - total[k]) / (total[k + 1] - total[k]), 0, 1)
    return Points(np.stack([chain[k], chain[k + 1], chain[k + 1]], axis=1), np.stack([1 - f, f, 0 * f], axis=1))


@dataclass
class Features:
    """Resampled feature lines: distinct ``points`` and the segments ``edges`` (E, 2) between them."""

    points: Points
    edges: np.ndarray


def collect_features(surface: Surface, chains: Sequence[np.ndarray], fixed: np.ndarray, scale: float) -> Features:
    """Resample the chains between fixed vertices; a fixed vertex off all chains becomes a lone point."""
    ends = np.concatenate([chain[[0, -1]] for chain in chains])
    stops = np.unique(np.r_[fixed, ends])
    index = {int(v): k for k, v in enumerate(stops)}
    points = Points(np.repeat(stops[:, None], 3, axis=1), np.tile([1.0, 0.0, 0.0], (len(stops), 1)))
    edges = []
    for chain in chains:
        for piece in split_chain(chain, stops):
            new = resample(surface, piece, scale)
            first = len(points)
            path = [index[int(piece[0])], *range(first, first + len(new) - 2), index[int(piece[-1])]]
            points = points.join(new.take(slice(1, -1)))
            edges += list(zip(path[:-1], path[1:], strict=True))
    return Features(points, np.array(edges))


def throw_darts(
    surface: Surface, features: Points, scale: float, rng: np.random.Generator, per_point: int = 24
) -> Points:
    """Random surface points at least ``MARGIN`` wanted lengths from each other and from the features.

    Distances count only between points whose normals agree, so that the two sides of an ear do not repel.
    """
    area = np.linalg.norm(face_normals(surface.vertices, surface.triangles), axis=1) / 2
    length = surface.length[surface.triangles].mean(axis=1) * scale
    mass = area / length**2
    count = int(mass.sum() * 1.2 * per_point)
    chosen = rng.choice(len(mass), count, p=mass / mass.sum())
    root, second = np.sqrt(rng.random(count)), rng.random(count)
    darts = Points(surface.triangles[chosen], np.stack([1 - root, root * (1 - second), root * second], axis=1))
    position, normal = darts.of(surface.vertices), darts.of(surface.normals())
    radius = MARGIN * scale * darts.of(surface.length[:, None])[:, 0]
    tree = cKDTree(position)
    free = np.ones(count, bool)

    def claim(place: np.ndarray, direction: np.ndarray, distance: float) -> None:
        near = np.array(tree.query_ball_point(place, distance), int)
        free[near[normal[near] @ direction > 0]] = False

    own_normal = features.of(surface.normals())
    own_radius = MARGIN * scale * features.of(surface.length[:, None])[:, 0]
    for place, direction, distance in zip(features.of(surface.vertices), own_normal, own_radius, strict=True):
        claim(place, direction, distance)
    kept = []
    for k in range(count):  # candidates are in random order already
        if free[k]:
            claim(position[k], normal[k], radius[k])
            kept.append(k)
    return darts.take(np.array(kept, int))


def circle_map(surface: Surface) -> tuple[np.ndarray, np.ndarray]:
    """Harmonic map of the disk onto the unit circle: ``(points (V, 2), boundary loop)``."""
    loop = boundary_loops(surface.triangles)[0]
    step = np.linalg.norm(surface.vertices[np.roll(loop, -1)] - surface.vertices[loop], axis=1)
    angle = 2 * np.pi * np.r_[0, np.cumsum(step)[:-1]] / step.sum()
    targets = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return solve_map(mean_value_weights(surface.vertices, surface.triangles), loop, targets), loop


def triangulate(surface: Surface, features: Features, darts: Points) -> tuple[Points, np.ndarray]:
    """Delaunay triangulation in the circle map that contains every feature edge: points, features first, and (F, 3).

    A missing feature edge pushes away the free points in its diametral circle until it is there.
    """
    plane, loop = circle_map(surface)
    is_boundary = np.zeros(len(plane), bool)
    is_boundary[loop] = True
    points, edges = features.points, features.edges
    for _ in range(MAX_CONFORMING):
        everything = points.join(darts)
        flat = everything.of(plane)
        rim = np.where(everything.weights > 0, is_boundary[everything.ids], True).all(axis=1)
        rim[len(points) :] = False
        flat[rim] /= np.linalg.norm(flat[rim], axis=1, keepdims=True)
        triangles = Delaunay(flat).simplices
        size = len(flat)
        have = np.sort(half_edges(triangles), axis=1)
        missing = edges[~np.isin(np.sort(edges, axis=1) @ [size, 1], have @ [size, 1])]
        if not len(missing):
            turned = signed_areas(flat, triangles) < 0
            triangles[turned] = triangles[turned][:, ::-1]
            return everything, triangles
        radius = np.linalg.norm(flat[missing[:, 0]] - flat[missing[:, 1]], axis=1) / 2
        crowd = cKDTree(flat[len(points) :]).query_ball_point(flat[missing].mean(axis=1), radius)
        drop = np.zeros(len(darts), bool)
        drop[np.array(sorted({i for c in crowd for i in c}), int)] = True
        if not drop.any():
            break
        darts = darts.take(~drop)
    raise RuntimeError("the feature lines could not be made edges of the triangulation; sample them more densely")


class Projector:
    """Closest points on a surface, by exact distance to the triangles of the nearest dense samples."""

    def __init__(self, surface: Surface, rng: np.random.Generator, samples: int = 250_000, candidates: int = 6):
        self.surface, self.candidates = surface, candidates
        normal = face_normals(surface.vertices, surface.triangles)
        area, self.normal = np.linalg.norm(normal, axis=1), unit(normal)
        share = area / area.sum() + 2.0 / len(area)
        self.owner = rng.choice(len(area), samples, p=share / share.sum())
        root, second = np.sqrt(rng.random(samples)), rng.random(samples)
        weights = np.stack([1 - root, root * (1 - second), root * second], axis=1)
        self.tree = cKDTree(Points(surface.triangles[self.owner], weights).of(surface.vertices))

    def project(self, places: np.ndarray, normals: np.ndarray) -> Points:
        """Closest surface points to (n, 3) places among triangles that face like ``normals`` (n, 3)."""
        near = self.owner[self.tree.query(places, self.candidates)[1]]
        corners = self.surface.vertices[self.surface.triangles[near.ravel()]]
        closest = trimesh.triangles.closest_point(corners, np.repeat(places, self.candidates, axis=0))
        closest = closest.reshape(len(places), self.candidates, 3)
        distance = np.linalg.norm(closest - places[:, None], axis=2)
        distance += 10.0 * ((self.normal[near] * normals[:, None]).sum(axis=2) < 0)
        best = distance.argmin(axis=1)
        row = np.arange(len(places))
        triangle = near[row, best]
        weights = trimesh.triangles.points_to_barycentric(
            self.surface.vertices[self.surface.triangles[triangle]], closest[row, best]
        )
        weights = np.clip(weights, 0, None)
        return Points(self.surface.triangles[triangle], weights / weights.sum(axis=1, keepdims=True))


def edge_table(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inner edges (E, 2) and, for each, the two (triangle, opposite vertex) pairs as (E, 2, 2)."""
    count = len(triangles)
    edges = np.sort(half_edges(triangles), axis=1)
    opposite = np.concatenate([triangles[:, 2], triangles[:, 0], triangles[:, 1]])
    owner = np.tile(np.arange(count), 3)
    order = np.lexsort((edges[:, 1], edges[:, 0]))
    edges, opposite, owner = edges[order], opposite[order], owner[order]
    pair = np.flatnonzero((edges[:-1] == edges[1:]).all(axis=1))
    sides = np.stack([np.stack([owner[pair + k], opposite[pair + k]], axis=1) for k in (0, 1)], axis=1)
    return edges[pair], sides


def angles(vertices: np.ndarray, apex: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angles at ``apex`` between the directions to a and b (vertex ids)."""
    one, two = vertices[a] - vertices[apex], vertices[b] - vertices[apex]
    return np.arctan2(np.linalg.norm(np.cross(one, two), axis=1), (one * two).sum(axis=1))


def flip_to_delaunay(
    vertices: np.ndarray, triangles: np.ndarray, normals: np.ndarray, locked: np.ndarray, rounds: int = 30
) -> np.ndarray:
    """Flip unlocked inner edges whose opposite angles exceed pi in sum, while triangles keep facing outwards.

    Args:
        vertices, normals: (V, 3) positions and unit surface normals there.
        triangles: (F, 3). locked: (E, 2) edges that must stay.
    """
    triangles = triangles.copy()
    size = len(vertices)
    keep = np.sort(locked, axis=1) @ [size, 1]
    for _ in range(rounds):
        edges, sides = edge_table(triangles)
        codes = edges @ [size, 1]
        c, d = sides[:, 0, 1], sides[:, 1, 1]
        total = angles(vertices, c, edges[:, 0], edges[:, 1]) + angles(vertices, d, edges[:, 0], edges[:, 1])
        new = np.sort(np.stack([c, d], axis=1), axis=1) @ [size, 1]
        existing = np.unique(np.sort(half_edges(triangles), axis=1) @ [size, 1])
        wanted = (total > np.pi + 1e-3) & ~np.isin(codes, keep) & ~np.isin(new, existing) & (c != d)
        chosen = independent(np.flatnonzero(wanted), total, sides, new)
        flipped = 0
        for k in chosen:
            flipped += try_flip(vertices, triangles, normals, edges[k], sides[k])
        if not flipped:
            break
    return triangles


def independent(candidates: np.ndarray, badness: np.ndarray, sides: np.ndarray, new: np.ndarray) -> list[int]:
    """Worst edges first, no two of which share a triangle or make the same new edge."""
    used: set[int] = set()
    made: set[int] = set()
    result = []
    for k in candidates[np.argsort(-badness[candidates], kind="stable")]:
        one, two, code = int(sides[k, 0, 0]), int(sides[k, 1, 0]), int(new[k])
        if one not in used and two not in used and code not in made:
            used |= {one, two}
            made.add(code)
            result.append(int(k))
    return result


def try_flip(
    vertices: np.ndarray, triangles: np.ndarray, normals: np.ndarray, edge: np.ndarray, sides: np.ndarray
) -> bool:
    """Flip one edge in place unless a new triangle would turn away from the surface."""
    (one, c), (two, d) = sides
    a, b = edge
    position = list(triangles[one]).index(a)
    if triangles[one][(position + 1) % 3] != b:
        a, b = b, a
    fresh = np.array([[a, d, c], [d, b, c]])
    direction = face_normals(vertices, fresh)
    outward = normals[fresh].sum(axis=1)
    old = face_normals(vertices, triangles[[one, two]])

    def facing(n: np.ndarray, reference: np.ndarray) -> float:
        norm = np.linalg.norm(n, axis=1) * np.linalg.norm(reference, axis=1)
        return float(((n * reference).sum(axis=1) / np.maximum(norm, 1e-12)).min())

    if facing(direction, outward) < min(0.5, facing(old, normals[triangles[[one, two]]].sum(axis=1)) + 1e-9):
        return False
    triangles[one], triangles[two] = fresh
    return True


def relax(
    surface: Surface, projector: Projector, points: Points, triangles: np.ndarray, free: np.ndarray, step: float = 0.7
) -> Points:
    """Move the ``free`` points to the density-weighted centre of their triangles, along the surface."""
    vertices = points.of(surface.vertices)
    normals = unit(points.of(surface.normals()))
    length = points.of(surface.length[:, None])[:, 0]
    mass = np.linalg.norm(face_normals(vertices, triangles), axis=1) / length[triangles].mean(axis=1) ** 4
    centre = vertices[triangles].mean(axis=1)
    total, weight = np.zeros_like(vertices), np.zeros(len(vertices))
    for k in range(3):
        np.add.at(total, triangles[:, k], mass[:, None] * centre)
        np.add.at(weight, triangles[:, k], mass)
    move = total / weight[:, None] - vertices
    move -= (move * normals).sum(axis=1, keepdims=True) * normals
    limit = 0.3 * length / np.maximum(np.linalg.norm(move, axis=1), 1e-12)
    target = vertices + step * move * np.minimum(limit, 1)[:, None]
    new = projector.project(target[free], normals[free])
    ids, weights = points.ids.copy(), points.weights.copy()
    ids[free], weights[free] = new.ids, new.weights
    return Points(ids, weights)


def remesh(
    surface: Surface,
    chains: Sequence[np.ndarray],
    fixed: np.ndarray,
    scale: float,
    rng: np.random.Generator,
    passes: int = 25,
) -> tuple[Points, np.ndarray, np.ndarray]:
    """New triangulation of ``surface`` with edges of about ``surface.length * scale``.

    Args:
        chains: vertex chains that must be edge paths of the result; those of the boundary cover it.
        fixed: base vertices that must be vertices of the result.

    Returns:
        points, triangles (F, 3), feature edges (E, 2).
    """
    features = collect_features(surface, chains, fixed, scale)
    darts = throw_darts(surface, features.points, scale, rng)
    (points, triangles), edges = triangulate(surface, features, darts), features.edges
    free = np.ones(len(points), bool)
    free[np.unique(edges)] = False
    free[np.isin(points.ids[:, 0], fixed) & (points.weights[:, 0] == 1)] = False
    projector = Projector(surface, rng)
    normals = surface.normals()
    for _ in range(passes):
        triangles = flip_to_delaunay(points.of(surface.vertices), triangles, unit(points.of(normals)), edges)
        points = relax(surface, projector, points, triangles, free)
    triangles = flip_to_delaunay(points.of(surface.vertices), triangles, unit(points.of(normals)), edges)
    return points, triangles, edges
