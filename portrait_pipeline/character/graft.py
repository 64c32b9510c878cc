"""The person's head made part of the character: its rim laid on the character's, skin bound, colours blended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, dijkstra

from ..animation.pose import EYES
from ..animation.rig import SHELL, Part, Rig
from ..mesh.closest import TriangleSearch
from ..mesh.geometry import edges, unit
from ..mesh.laplacian import cotangent_laplacian, factorise
from ..mesh.mesh import Mesh
from ..mesh.similarity import Similarity
from ..mesh.split import smooth_normals
from ..mesh.texels import corner_of_vertex, texel_map
from .body import Character
from .cut import Clipped, Cut, bridge, clip, loops, open_sides, rising
from .look import Look
from .place import Opening

_LOOSE = 1.6  # of the blend's width: so far from the rim the shape may bend
_NORMALS = 0.35  # of the blend's width: there the normals turn from the character's to the head's


@dataclass(frozen=True)
class Limb:
    """A part of the head on the character.

    Attributes:
        name: of the part. mesh: vertices in rest space. texture: (S, S, 3) uint8.
        normals: (V, 3) rest space. targets: (E, V, 3) rest space displacements, or (0, V, 3).
        weights: (V, J) of the joints of the skin.
    """

    name: str
    mesh: Mesh
    texture: np.ndarray
    normals: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Graft:
    """All that is written: parts bound to a skin, eyeballs that hang on the head, and what is left of the character.

    Attributes:
        skin: of the character, to which the limbs are bound. limbs: the first is the head.
        eyes: eyeballs as in the rig. lift: from head space (cm) to rest space.
        opening: the cut. stitched: whether head and character share a rim.
        names, expression: of the rig.
    """

    skin: int
    limbs: tuple[Limb, ...]
    eyes: tuple[Part, ...]
    lift: Similarity
    opening: Opening
    stitched: bool
    names: tuple[str, ...]
    expression: np.ndarray


def graft(
    character: Character, look: Look, rig: Rig, lift: Similarity, opening: Opening, band: float, keep: np.ndarray
) -> Graft:
    """Join the head of a rig to a character.

    Args:
        lift: where the head lies. opening: what is cut.
        band: width over which shape, colour and weights change over, rest space.
        keep: (V,) bool, vertices of the head that the change of shape leaves where they are.
    """
    skin = _skin_of(character, opening)
    joints = np.asarray(character.file.entry("skins", skin)["joints"])
    head_column = int(np.flatnonzero(joints == character.head)[0])
    search = TriangleSearch(character.places, character.triangles[opening.skin])
    head = _head(character, look, rig.parts[0], lift, opening, band, keep, joints, head_column, search)
    limbs = [head]
    for part in rig.parts[1:]:
        if part.name in EYES:
            continue
        mesh, targets = part.mesh, part.targets
        if part.name == SHELL:
            mesh = _above(mesh, lift, opening.cut, band)
            if mesh is None:
                continue
            targets = np.zeros((0, len(mesh.vertices), 3), np.float32)
        placed = mesh.with_vertices(lift.apply(mesh.vertices))
        weights = np.zeros((len(placed.vertices), len(joints)))
        weights[:, head_column] = 1.0
        limbs.append(Limb(part.name, placed, part.texture, smooth_normals(placed), _turned(targets, lift), weights))
    eyes = tuple(part for part in rig.parts if part.name in EYES)
    return Graft(skin, tuple(limbs), eyes, lift, opening, len(opening.rim) > 0, rig.names, rig.expression)


def _head(
    character: Character, look: Look, part: Part, lift: Similarity, opening: Opening, band: float, keep: np.ndarray,
    joints: np.ndarray, head_column: int, search: TriangleSearch,
) -> Limb:  # fmt: skip
    """The head clipped, its rim laid on the character's and sewn to it."""
    places = lift.apply(part.mesh.vertices)
    mesh, clipped, rim = _clipped(part.mesh.with_vertices(places), opening.cut)
    targets = np.stack([clipped.extended(target) for target in _turned(part.targets, lift)]).astype(np.float32)
    keep = np.r_[keep, np.zeros(len(mesh.vertices) - len(keep), bool)]
    theirs = opening.clipped.rows(character.places)
    their_weights = dense_weights(character, joints)
    away = _distance(mesh, rim)
    seam = np.zeros((0, 3))
    if len(opening.rim) and len(rim):
        ring = opening.rim - opening.clipped.count
        order, ours_at = rising(opening.cut.angle(mesh.vertices[rim]))
        rim = rim[order]
        order, theirs_at = rising(opening.cut.angle(theirs[ring]))
        ring = ring[order]
        goal = _along(theirs[ring], theirs_at, ours_at)
        mesh = mesh.with_vertices(_relaxed(mesh, rim, goal, keep | (away > _LOOSE * band)))
        triangles = bridge(ours_at, theirs_at)
        mesh, source = _sewn(mesh, rim, ring, theirs, triangles, ours_at, theirs_at)
        targets = targets[:, source] * (np.arange(len(source)) < len(keep))[:, None]
        away = np.r_[away, np.zeros(len(ring))]
        seam = theirs[ring]
    used = np.unique(mesh.triangles)
    near, _, _ = search.nearest(mesh.vertices)
    fade = _smooth(away / band)[:, None]
    weights = np.zeros((len(away), len(joints)))
    blend = used[away[used] < band]
    weights[blend] = (near.weights[blend][:, :, None] * their_weights[near.ids[blend]]).sum(axis=1)
    weights *= 1 - fade
    weights[:, head_column] += fade[:, 0]
    weights[weights.sum(axis=1) <= 0, head_column] = 1.0
    weights = four_largest(weights)
    if len(seam):
        weights[-len(seam) :] = four_largest(opening.clipped.rows(their_weights)[ring])
    share = _smooth(away / (_NORMALS * band))[:, None]
    normals = unit(smooth_normals(mesh) * share + near.of(character.normals) * (1 - share))
    texture = _blended(part.texture, mesh, away, band, look, character, opening.skin, search)
    return Limb(part.name, mesh, texture, normals, targets, weights)


def _clipped(mesh: Mesh, cut: Cut) -> tuple[Mesh, Clipped, np.ndarray]:
    """The part of a mesh that a cut takes, and its largest rim in order (with the neck's foot where that is higher)."""
    field = -cut.field(mesh.vertices)
    vertex = np.zeros(len(mesh.uv), np.int64)
    vertex[mesh.uv_triangles.ravel()] = mesh.triangles.ravel()
    clipped, flat = clip(mesh.triangles, field), clip(mesh.uv_triangles, field[vertex])
    whole = Mesh(
        clipped.extended(np.asarray(mesh.vertices, float)),
        clipped.triangles.astype(np.int32),
        flat.extended(np.asarray(mesh.uv, float)),
        flat.triangles.astype(np.int32),
    )
    found = loops(open_sides(whole.triangles), np.arange(len(whole.vertices)))
    length = [np.linalg.norm(np.diff(whole.vertices[rim], axis=0), axis=1).sum() for rim in found]
    return whole, clipped, found[int(np.argmax(length))] if found else np.zeros(0, np.int64)


def _distance(mesh: Mesh, rim: np.ndarray) -> np.ndarray:
    """(V,) way along the edges from a rim; infinite for unused vertices and if there is no rim."""
    (first, second), vertices = edges(mesh.triangles)[0].T, np.asarray(mesh.vertices)
    if not len(rim):
        return np.full(len(vertices), np.inf)
    length = np.linalg.norm(vertices[first] - vertices[second], axis=1) + 1e-12
    graph = coo_matrix((length, (first, second)), (len(vertices), len(vertices))).tocsr()
    return dijkstra(graph, directed=False, indices=rim, min_only=True)


def _along(rim: np.ndarray, at: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """(N, 3) places on a closed rim (M, 3) with rising angles ``at`` (M,), at ``angles`` (N,)."""
    long = np.concatenate([at - 2 * np.pi, at, at + 2 * np.pi])
    thrice = np.tile(rim, (3, 1))
    return np.stack([np.interp(angles, long, thrice[:, axis]) for axis in range(3)], axis=1)


def _relaxed(mesh: Mesh, rim: np.ndarray, goal: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """(V, 3) vertices with the rim at its goal (N, 3), the kept ones still, and the least bending between."""
    vertices = np.asarray(mesh.vertices, float)
    laplacian = cotangent_laplacian(vertices, mesh.triangles)
    bending = (laplacian.T @ laplacian).tocsr()
    moves = np.zeros(vertices.shape)
    moves[rim] = goal - vertices[rim]
    known = keep.copy()
    known[rim] = True
    free = np.zeros(len(vertices), bool)
    free[mesh.triangles.ravel()] = True
    free &= ~known
    inner, outer = np.flatnonzero(free), np.flatnonzero(known)
    if len(inner):
        right = -bending[inner][:, outer] @ moves[outer]
        moves[inner] = factorise(bending[inner][:, inner]).solve(right)
    return vertices + moves


def _sewn(
    mesh: Mesh, rim: np.ndarray, ring: np.ndarray, theirs: np.ndarray, triangles: np.ndarray, ours_at: np.ndarray,
    theirs_at: np.ndarray,
) -> tuple[Mesh, np.ndarray]:  # fmt: skip
    """The mesh with the character's rim and a closed strip between, and the (V,) old vertex each one is made of."""
    count, texels = len(mesh.vertices), len(mesh.uv)
    corner = corner_of_vertex(mesh)
    beside = rim[np.abs(np.angle(np.exp(1j * (theirs_at[:, None] - ours_at)))).argmin(axis=1)]
    ids = np.r_[rim, count + np.arange(len(ring))]
    uv_ids = np.r_[corner[rim], texels + np.arange(len(ring))]
    whole = Mesh(
        np.concatenate([mesh.vertices, theirs[ring]]),
        np.concatenate([mesh.triangles, ids[triangles]]).astype(np.int32),
        np.concatenate([mesh.uv, mesh.uv[corner[beside]]]),
        np.concatenate([mesh.uv_triangles, uv_ids[triangles]]).astype(np.int32),
    )
    return whole, np.r_[np.arange(count), beside]


def _above(mesh: Mesh, lift: Similarity, cut: Cut, band: float) -> Mesh | None:
    """Hair and hat alone: what lies well above the cut, in pieces that reach the head's top half; None if nothing."""
    places = lift.apply(mesh.vertices)
    field = band - cut.field(places)
    vertex = np.zeros(len(mesh.uv), np.int64)
    vertex[mesh.uv_triangles.ravel()] = mesh.triangles.ravel()
    clipped, flat = clip(mesh.triangles, field), clip(mesh.uv_triangles, field[vertex])
    if not len(clipped.triangles):
        return None
    vertices = clipped.extended(np.asarray(mesh.vertices, float))
    rows, columns = clipped.triangles[:, [0, 1]].ravel(), clipped.triangles[:, [1, 2]].ravel()
    graph = coo_matrix((np.ones(len(rows)), (rows, columns)), (len(vertices), len(vertices)))
    label = connected_components(graph, directed=False)[1]
    top = np.full(label.max() + 1, -np.inf)
    np.maximum.at(top, label, vertices[:, 1])
    keep = top[label[clipped.triangles[:, 0]]] > 5.0
    if not keep.any():
        return None
    return Mesh(
        vertices, clipped.triangles[keep].astype(np.int32), flat.extended(np.asarray(mesh.uv, float)),
        flat.triangles[keep].astype(np.int32),
    )  # fmt: skip


def _turned(targets: np.ndarray, lift: Similarity) -> np.ndarray:
    return (lift.scale * targets.astype(float) @ lift.rotation.T).astype(np.float32)


def _skin_of(character: Character, opening: Opening) -> int:
    """The skin that moves most of the surface that is stitched to and has the head among its joints."""
    owners = character.owner[opening.skin]
    with_head = [
        index
        for index in range(character.file.count("skins"))
        if character.head in character.file.entry("skins", index)["joints"]
    ]
    count = np.zeros(character.file.count("skins"))
    for owner, times in zip(*np.unique(owners, return_counts=True), strict=True):
        if character.surfaces[owner].skin in with_head:
            count[character.surfaces[owner].skin] += times
    return int(np.argmax(count)) if count.any() else with_head[0]


def dense_weights(character: Character, joints: np.ndarray) -> np.ndarray:
    """(V, J) float32 weights of the joined character by the joints of one skin; other joints are left out."""
    column = np.full(character.file.count("nodes"), -1)
    column[joints] = np.arange(len(joints))
    result = np.zeros((len(character.places), len(joints)), np.float32)
    for surface, first in zip(character.surfaces, character.first, strict=False):
        for k in range(surface.weights.shape[1]):
            where = column[surface.moved_by[:, k]]
            known = where >= 0
            np.add.at(result, (first + np.flatnonzero(known), where[known]), surface.weights[known, k])
    return result


def four_largest(weights: np.ndarray) -> np.ndarray:
    """(V, J) with at most the four largest of each row, adding up to 1."""
    least = np.partition(weights, -4, axis=1)[:, -4:-3] if weights.shape[1] > 4 else 0.0
    kept = np.where(weights >= np.maximum(least, 1e-4), weights, 0.0)
    return kept / np.maximum(kept.sum(axis=1, keepdims=True), 1e-12)


def _blended(
    texture: np.ndarray, mesh: Mesh, away: np.ndarray, band: float, look: Look, character: Character, skin: np.ndarray,
    search: TriangleSearch,
) -> np.ndarray:  # fmt: skip
    """The texture with the character's own colours towards the cut."""
    texels = texel_map(mesh, len(texture))
    values = texels.interpolate(mesh.triangles, np.c_[mesh.vertices, np.minimum(away, 2 * band)])
    flat = values.reshape(-1, 4)
    near = np.flatnonzero(flat[:, 3] < band)
    if not len(near):
        return texture
    points, _, chosen = search.nearest(flat[near, :3])
    triangles = np.flatnonzero(skin)[chosen]
    colours = look.colours(triangles, points.weights)[:, :3]
    share = _smooth(flat[near, 3] / band)[:, None]
    result = texture.reshape(-1, 3).astype(float)
    result[near] = result[near] * share + colours * (1 - share)
    return np.clip(np.rint(result), 0, 255).astype(np.uint8).reshape(texture.shape)


def _smooth(value: np.ndarray) -> np.ndarray:
    value = np.clip(value, 0, 1)
    return value * value * (3 - 2 * value)
