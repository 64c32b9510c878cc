"""Mouth and Teeth parts of a rig, the tongue with the teeth: placed, sized and moved by the head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ..head.model import FaceModel
from ..mesh.geometry import sides, triangle_normals
from ..mesh.rays import RayScene
from ..mesh.render import bilinear_taps
from ..mesh.similarity import fit_similarity
from ..mesh.texels import vertex_uv
from .mouth import PAINTED_SEAL, ROWS, cavity, cavity_texture, lift_of
from .openings import Opening, along, arc_parameter, opening_height
from .rig import Part
from .teeth import Dentures, dentures, teeth_texture
from .tongue import OPENED, WayOut, tongue, tongue_out

TONGUE = "tongueOut"
JAW_SHAPES = ("jawOpen", "jawForward", "jawLeft", "jawRight")
CHIN = (6, 7, 8, 9, 10)  # landmarks of the skin that turns with the jaw bone
GUMS = (7, 8, 9, 56, 57, 58)  # landmarks about the lower teeth, whose mean motion they share
FACE = (*range(2, 15), *range(31, 36), *range(48, 60))  # landmarks that give the size of the lower face
INCISORS = (0.0, -0.22, -0.40)  # cm from the middle of the lips to the upper incisors' front edge, average face
BEHIND = 0.1  # cm, least depth of teeth behind skin
BEHIND_EDGE = 0.12  # cm, behind the edge of their lip
NEAR_SKIN = 8  # vertices of the skin that a vertex of the cavity's front rows follows


def mouth_parts(
    model: FaceModel,
    rest: np.ndarray,
    targets: np.ndarray,
    texture: np.ndarray,
    mouth: Opening,
    expression: np.ndarray,
) -> list[Part]:
    """The cavity and the teeth of a head at ``rest`` (V, 3) with its ``targets`` (E, V, 3).

    ``expression`` (E,) is the one in which its ``texture`` was painted.
    """
    picture = rest + np.tensordot(expression, targets, axes=1)
    scale = mouth_scale(model, rest, mouth)
    motions = _jaw_motions(model, rest, targets)
    uv = vertex_uv(model.mesh())
    lip_colours = sample(texture, uv[_lips_beside(model, mouth, rest)])
    painted = sample(texture, uv[mouth.inside])
    gum, tooth, inside = palette(lip_colours, painted, texture)
    gap, between = opening_height(mouth, picture[mouth.rim]), lip_colours
    if shows_teeth(lip_colours, painted) or gap.max() > PAINTED_SEAL:
        gap = np.zeros(len(mouth.rim))
    else:
        between = painted[cKDTree(picture[mouth.inside]).query(_middles(mouth, picture[mouth.rim]))[1]]
    zero, one = np.zeros(3), np.ones(3)
    bag = cavity(rest[mouth.rim], mouth, scale, gap)
    moves = _cavity_moves(model, mouth, bag.vertices, rest, targets, motions)
    cavity_part = Part("Mouth", bag, cavity_texture(lip_colours, between, inside), moves.astype(np.float32), zero, one)
    rows = dentures()
    middle = rest[mouth.rim[[mouth.upper[len(mouth.upper) // 2], mouth.lower[len(mouth.lower) // 2]]]].mean(axis=0)
    vertices = middle + (rows.mesh.vertices + np.array(INCISORS)) * scale
    moves = _jaw_displacement(vertices, motions, len(targets)) * rows.lower[None, :, None]
    seat = Seat.of(model, mouth, rows.lower, rest, vertices)
    vertices, moves = draw_back(seat, vertices, moves, rest, targets, expression)
    if TONGUE in model.expression_names:
        opened = list(model.expression_names).index("jawOpen") if "jawOpen" in model.expression_names else None
        moves[list(model.expression_names).index(TONGUE), rows.tongue] = _tongue_moves(
            mouth, rows, vertices, moves, rest, targets, opened, scale
        )
    mesh = rows.mesh.with_vertices(vertices)
    return [cavity_part, Part("Teeth", mesh, teeth_texture(tooth, gum), moves.astype(np.float32), zero, one)]


def _tongue_moves(
    mouth: Opening,
    rows: Dentures,
    vertices: np.ndarray,
    moves: np.ndarray,
    rest: np.ndarray,
    targets: np.ndarray,
    jaw: int | None,
    scale: np.ndarray,
) -> np.ndarray:
    """(M, 3) displacements of the tongue's vertices that put it out between the lips once the jaw is open.

    Args:
        vertices: (N, 3) of the teeth, moves: (E, N, 3). rest: (V, 3) of the head, targets: (E, V, 3).
        jaw: index of jawOpen; without it the way is laid through the mouth at rest.
    """
    share = 0.0 if jaw is None else OPENED
    teeth, head = vertices + share * moves[jaw or 0], rest + share * targets[jaw or 0]
    upper, lower = (head[mouth.rim[arc[len(arc) // 2]]] for arc in (mouth.upper, mouth.lower))
    incisors = teeth[rows.lower & ~rows.tongue & (np.abs(teeth[:, 0] - lower[0]) < 0.6 * scale[0])]
    near = head[(np.abs(head[:, 0] - lower[0]) < scale[0]) & (head[:, 1] < lower[1] + 0.1)]
    chin = near[near[:, 1] > lower[1] - 1.5 * scale[1]]
    way = WayOut(incisors[incisors[:, 1].argmax()], lower, upper, float(chin[:, 2].max()))
    lying = teeth[rows.tongue]
    return tongue_out(tongue().form, lying, way, scale) - lying


def mouth_scale(model: FaceModel, rest: np.ndarray, mouth: Opening) -> np.ndarray:
    """(3,) size of the inside of the mouth relative to the average head's: by the lower face, less by the lips."""
    mean, face = np.asarray(model.mean, float), model.landmarks[list(FACE)]
    size = np.ptp(rest[face], axis=0) / np.ptp(mean[face], axis=0)
    lips = np.ptp(rest[mouth.rim, 0]) / np.ptp(mean[mouth.rim, 0])
    return np.array([np.sqrt(size[0] * lips), size[1], np.sqrt(size[0] * size[1])])


def _jaw_motions(model: FaceModel, rest: np.ndarray, targets: np.ndarray) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Index of an expression -> rigid motion (rotation (3, 3), shift (3,)) of the lower jaw at coefficient 1."""
    names = list(model.expression_names)
    chin, gums = rest[model.landmarks[list(CHIN)]], model.landmarks[list(GUMS)]
    distance = np.linalg.norm(rest[:, None] - chin[None], axis=2).min(axis=1)
    size = np.linalg.norm(np.ptp(chin, axis=0))
    weight = np.exp(-((distance / (0.35 * size)) ** 2)) * (model.regions == 0)
    here = weight > 1e-3
    share = weight[here] / weight[here].sum()
    motions = {}
    for name in JAW_SHAPES:
        if name in names:
            index = names.index(name)
            rotation = fit_similarity(rest[here], rest[here] + targets[index, here], share, scale=False).rotation
            before = rest[gums].mean(axis=0)
            motions[index] = rotation, before + targets[index, gums].mean(axis=0) - rotation @ before
    return motions


def _jaw_displacement(
    points: np.ndarray, motions: dict[int, tuple[np.ndarray, np.ndarray]], expressions: int
) -> np.ndarray:
    """(E, N, 3) displacements of points (N, 3) fixed to the lower jaw."""
    result = np.zeros((expressions, len(points), 3))
    for index, (rotation, shift) in motions.items():
        result[index] = points @ rotation.T + shift - points
    return result


def _cavity_moves(
    model: FaceModel,
    mouth: Opening,
    vertices: np.ndarray,
    rest: np.ndarray,
    targets: np.ndarray,
    motions: dict[int, tuple[np.ndarray, np.ndarray]],
) -> np.ndarray:
    """(E, N, 3) displacements of the cavity: its front follows the skin before it, its back the skull or the jaw."""
    count = len(mouth.rim)
    skin = np.setdiff1d(np.flatnonzero(np.isin(model.regions, (0, model.REGIONS.index("neck")))), mouth.inside)
    distance, nearest = cKDTree(rest[skin]).query(vertices, k=NEAR_SKIN)
    weight = 1.0 / (distance + 0.05) ** 2
    weight /= weight.sum(axis=1, keepdims=True)
    used = np.flatnonzero(np.abs(targets[:, mouth.rim]).max(axis=(1, 2)) > 1e-4)
    below = np.r_[np.tile(np.clip(0.5 - lift_of(mouth, rest[mouth.rim]), 0, 1), len(ROWS)), 0.5]
    jaw = _jaw_displacement(vertices, motions, len(targets)) * below[None, :, None]
    result = np.zeros((len(targets), len(vertices), 3))
    for index in used:
        own = targets[index]
        follow = np.einsum("nk,nkc->nc", weight, own[skin][nearest])
        lips = own[mouth.rim]
        for row, (*_, share) in enumerate(ROWS):
            part = slice(row * count, (row + 1) * count)
            skin_share = np.clip(2.0 * share, 0.0, 1.0)
            rest_of = skin_share * follow[part] + (1 - skin_share) * jaw[index, part]
            result[index, part] = share**2 * lips + (1 - share**2) * rest_of
        result[index, -1] = jaw[index, -1]
    return result


@dataclass(frozen=True)
class Seat:
    """What the teeth must stay behind.

    Attributes:
        skin: (F, 3) triangles near the mouth. lips: the middles of the upper and of the lower lip's edge, as vertices.
        jaws: upper and lower teeth, (N,) bool each.
    """

    skin: np.ndarray
    lips: tuple[np.ndarray, np.ndarray]
    jaws: tuple[np.ndarray, np.ndarray]

    @classmethod
    def of(cls, model: FaceModel, mouth: Opening, lower: np.ndarray, rest: np.ndarray, teeth: np.ndarray) -> Seat:
        """For teeth (N, 3), ``lower`` (N,) those of the lower jaw, in a head at ``rest`` (V, 3)."""
        low, high = teeth.min(axis=0) - 1.0, teeth.max(axis=0) + 1.0
        close = ((rest[:, :2] > low[:2]) & (rest[:, :2] < high[:2])).all(axis=1) & (rest[:, 2] > low[2])
        skin = np.delete(model.triangles, mouth.triangles, axis=0)
        lips = tuple(mouth.rim[arc[len(arc) // 5 : -(len(arc) // 5)]] for arc in (mouth.upper, mouth.lower))
        return cls(skin[close[skin].all(axis=1)].astype(np.int32), lips, (~lower, lower))

    def lack(self, teeth: np.ndarray, head: np.ndarray) -> list[float]:
        """Cm by which upper and lower teeth (N, 3) stand too far out of a ``head`` (V, 3), at least 0."""
        depth = skin_depth_lack(teeth, head, self.skin)
        return [
            max(0.0, float(depth[jaw].max()), _edge_lack(teeth[jaw], head[lip]))
            for jaw, lip in zip(self.jaws, self.lips, strict=True)
        ]


def _edge_lack(teeth: np.ndarray, lip: np.ndarray) -> float:
    """Cm by which teeth (N, 3) stand too far out behind the edge (L, 3) of their lip."""
    beside = np.abs(teeth[None, :, 0] - lip[:, None, 0]) < 0.2
    front = np.where(beside, teeth[None, :, 2], -np.inf).max(axis=1)
    return float((front + BEHIND_EDGE - lip[:, 2]).max())


def draw_back(
    seat: Seat, vertices: np.ndarray, moves: np.ndarray, rest: np.ndarray, targets: np.ndarray, expression: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Teeth (N, 3) and their displacements (E, N, 3), drawn back wherever they would stand before skin or lips.

    Either jaw is moved as a whole along z: at rest, in an expression that presses the lips on it, and in the picture's.
    """
    vertices, moves = vertices.copy(), moves.copy()
    vertices[:, 2] -= max(seat.lack(vertices, rest))
    here = np.unique(seat.skin)
    for index in np.flatnonzero(np.abs(targets[:, here]).max(axis=(1, 2)) > 1e-2):
        lacks = seat.lack(vertices + moves[index], rest + targets[index])
        for jaw, lack in zip(seat.jaws, lacks, strict=True):
            moves[index, jaw, 2] -= lack
    picture = [np.tensordot(expression, shapes, axes=1) for shapes in (moves, targets)]
    vertices[:, 2] -= max(seat.lack(vertices + picture[0], rest + picture[1]))
    return vertices, moves


def skin_depth_lack(points: np.ndarray, skin: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(N,) cm that points (N, 3) lack to be ``BEHIND`` the skin before them; -inf where they look out of the mouth."""
    origins = np.array(points, np.float32)
    origins[:, 2] = skin[:, 2].max() + 1.0
    hit = RayScene(skin, triangles).first_hits(origins, np.array([0, 0, -1]))
    met = triangles[np.maximum(hit, 0)]
    corner, normal = skin[met[:, 0]], triangle_normals(skin, met)
    facing = (hit >= 0) & (normal[:, 2] > 1e-9)
    offset = ((points - corner)[:, :2] * normal[:, :2]).sum(axis=1) / np.where(facing, normal[:, 2], 1.0)
    return np.where(facing, points[:, 2] + BEHIND - (corner[:, 2] - offset), -np.inf)


def _middles(mouth: Opening, rim: np.ndarray) -> np.ndarray:
    """(R, 3) for each vertex of the rim the point half way to the other lip."""
    middle = rim.copy()
    for arc, other in ((mouth.upper, mouth.lower), (mouth.lower, mouth.upper)):
        middle[arc] = (rim[arc] + along(rim[other], arc_parameter(rim[arc]))) / 2
    return middle


def shows_teeth(lips: np.ndarray, patch: np.ndarray) -> bool:
    """Whether the painted mouth (N, 3) has a good part that is much brighter than the lips (R, 3)."""
    bright = np.quantile(patch.mean(axis=1), 0.75)
    return bool(bright > max(np.median(lips.mean(axis=1)) + 35.0, 110.0))


def palette(lips: np.ndarray, patch: np.ndarray, texture: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colours (3,) of gum, teeth and cavity from those of the lips' edge (R, 3) and of the painted mouth (N, 3).

    Where the painted mouth shows teeth (an eighth of it is bright), their colour is taken; other teeth are ivory, no
    lighter than the lightest of the ``texture`` (S, S, 3) and half way to its colour.
    """
    lip = np.median(lips, axis=0)
    bright = lightest(patch, len(patch) // 8).mean(axis=0)
    texels = texture[::8, ::8].reshape(-1, 3).astype(float)
    light = lightest(texels, len(texels) // 50).mean(axis=0)
    ivory = np.array([236.0, 226.0, 205.0])
    ivory = 0.5 * ivory * min(1.0, light.mean() / ivory.mean()) + 0.5 * np.minimum(light, ivory)
    share = np.clip((bright.mean() - 150) / 60, 0, 1)
    tooth = share * bright + (1 - share) * ivory
    gum = 0.6 * lip + 0.4 * np.array([190.0, 95.0, 95.0])
    inside = 0.35 * lip + 0.65 * np.array([80.0, 18.0, 20.0])
    return gum, tooth, inside


def lightest(colours: np.ndarray, count: int) -> np.ndarray:
    """The ``count`` lightest of colours (N, 3), at least one; of equally light ones the last, on every machine."""
    return colours[np.argsort(colours.sum(axis=1), kind="stable")[-max(count, 1) :]]


def _lips_beside(model: FaceModel, mouth: Opening, rest: np.ndarray) -> np.ndarray:
    """(R,) for each vertex of the mouth's rim the vertex of the lips two rings outside of it."""
    edges = sides(model.triangles)
    edges = np.concatenate([edges, edges[:, ::-1]])
    inner = np.union1d(mouth.inside, mouth.rim)
    ring = mouth.rim
    for _ in range(2):
        ring = np.setdiff1d(edges[np.isin(edges[:, 0], ring), 1], inner)
        inner = np.union1d(inner, ring)
    return ring[cKDTree(rest[ring]).query(rest[mouth.rim])[1]]


def sample(texture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """(N, 3) colours of ``texture`` at UV (N, 2)."""
    index, weight = bilinear_taps(uv, texture.shape[0])
    return (texture.reshape(-1, 3)[index] * weight[..., None]).sum(axis=1)
