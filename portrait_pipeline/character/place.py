"""Where the person's head comes to lie on the character, and where both are cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ..head.model import FaceModel
from ..head.points import JAW, NOSE, face_size
from ..mesh.geometry import rim_vertices, unit
from ..mesh.mesh import Mesh
from ..mesh.similarity import Similarity, fit_similarity
from .body import Character
from .cut import Clipped, Cut, FaceCut, PlaneCut, clip, loops
from .face import CharacterFace

_HEIGHTS = 24
_JAW_SHARE = 0.4  # weight of the jaw's points in the registration: outlines slide
_CENTRE = np.array([0.0, 0.0, -4.0])  # cm, head space: inside the head, between the ears
_SHRINK = 0.93  # of the model's face region: its border runs along hairline and jaw


@dataclass(frozen=True)
class Opening:
    """A cut through the character.

    Attributes:
        cut: of both meshes. clipped: the joined character without what the cut takes away, and without whole pieces
            that go with it. rim: vertices of ``clipped`` in order about the opening; empty if there is no closed one.
        skin: (F,) bool, triangles of the joined character that are the surface the head is stitched to.
    """

    cut: Cut
    clipped: Clipped
    rim: np.ndarray
    skin: np.ndarray


def register(landmarks: np.ndarray, face: CharacterFace) -> Similarity:
    """The map from head space (cm) to rest space that takes the head's 68 points (68, 3) to the character's."""
    known = np.isfinite(face.places[:, 0])
    weights = np.ones(len(landmarks))
    weights[JAW] = _JAW_SHARE
    return fit_similarity(landmarks[known], face.places[known], weights[known])


def cut_neck(character: Character, face: CharacterFace, model: FaceModel, head: Mesh, lift: Similarity) -> Opening:
    """Cut across the neck where it is thinnest, below both chins and not far below the foot of the person's neck.

    Args:
        head: of the person, in rest space. lift: of :func:`register`.
    """
    ends = character.world(character.neck)[:3, 3], character.world(character.head)[:3, 3]
    face_up = lift.rotation[:, 1]
    along = unit(ends[1] - ends[0]) if character.neck != character.head else face_up
    up = unit(along + face_up) if along @ face_up > 0.3 else face_up
    forward = unit(lift.rotation[:, 2] - (lift.rotation[:, 2] @ up) * up)
    frame = np.array([np.cross(up, forward), forward, up])
    neck = model.regions == FaceModel.REGIONS.index("neck")
    mine = np.asarray(head.vertices)[: len(neck)]
    size = face_size(mine[model.landmarks])
    chins = [mine[model.landmarks[8]], *([face.places[8]] if np.isfinite(face.places[8, 0]) else [])]
    top = min(chin @ up for chin in chins) - 0.03 * size
    foot = float((mine[neck & rim_vertices(head.triangles, len(head.vertices))[: len(neck)]] @ up).min())
    low = min(foot, top) - 0.03 * size
    piece = _face_piece(character, face)
    best = None
    for skin, longest in (
        (character.pieces == piece, True),
        (_alike(character, piece), True),
        (np.ones(len(character.pieces), bool), False),
    ):
        for height in np.linspace(top, low, _HEIGHTS):
            cut = PlaneCut(up * height, frame)
            rim = _neck_rim(character, cut, skin, ends[0] + up * (height - ends[0] @ up), longest)
            if rim is not None and (best is None or rim[0] < best[0]):
                best = *rim, cut
        if best is not None:
            break
    if best is None:
        cut, skin = PlaneCut(up * low, frame), character.pieces == piece
        seeds = face.triangles[face.triangles >= 0]
    else:
        _, seeds, cut = best
        skin = character.pieces == character.pieces[seeds[0]]
    field = cut.field(character.places)
    region = _reached(character, skin & (field[character.triangles] > 0).any(axis=1), seeds)
    goes = _whole_pieces(character, (character.head_share >= 0.5) & (field > 0), 0.5)
    return _opening(character, cut, field, region, goes, skin)


def cut_face(character: Character, face: CharacterFace, model: FaceModel, head: Mesh, lift: Similarity) -> Opening:
    """Cut about the face, along hairline and jaw; hair, ears and neck stay the character's.

    Args: as :func:`cut_neck`.
    """
    frame = np.array([lift.rotation[:, 0], lift.rotation[:, 1], lift.rotation[:, 2]])
    centre = lift.apply(_CENTRE)
    region = np.isin(model.regions, [FaceModel.REGIONS.index(name) for name in ("face",)])
    right, up, forward = frame @ (np.asarray(head.vertices)[: len(region)][region] - centre).T
    away, angle = np.arctan2(np.hypot(right, up), forward), np.arctan2(up, right)
    bins = np.linspace(-np.pi, np.pi, 73)
    number = np.clip(np.digitize(angle, bins) - 1, 0, 71)
    reach = np.array([away[number == k].max(initial=0.0) for k in range(72)])
    reach = gaussian_filter1d(reach, 2.0, mode="wrap") * _SHRINK
    scale = float(np.linalg.norm(head.vertices[model.landmarks[30]] - centre))
    cut = FaceCut(centre, frame, (bins[:-1] + bins[1:]) / 2, reach, scale)
    field = cut.field(character.places)
    hits = face.triangles[face.triangles >= 0]
    skin = character.pieces == _face_piece(character, face)
    inner = _reached(character, skin & (field[character.triangles] > 0).any(axis=1), hits)
    hair = np.array(["hair" in f"{character.name(k)} {s.material.get('name', '')}".lower()
                     for k, s in enumerate(character.surfaces)])  # fmt: skip
    goes = _whole_pieces(character, (character.head_share >= 0.5) & (field > 0), 0.85)
    return _opening(character, cut, field, inner, goes & ~hair[character.owner], skin)


def _face_piece(character: Character, face: CharacterFace) -> int:
    """The piece that jaw and nose lie on; eyes, brows and lips may be pieces of their own."""
    hits = np.concatenate([face.triangles[JAW], face.triangles[NOSE]])
    return int(np.bincount(character.pieces[hits[hits >= 0]]).argmax())


def _alike(character: Character, piece: int) -> np.ndarray:
    """(F,) bool: triangles with the material of a piece."""
    owner = character.owner[np.flatnonzero(character.pieces == piece)[0]]
    names = [id(surface.material) for surface in character.surfaces]
    return np.array([name == names[owner] for name in names])[character.owner]


def _neck_rim(
    character: Character, cut: PlaneCut, skin: np.ndarray, axis: np.ndarray, longest: bool
) -> tuple[float, np.ndarray] | None:
    """Length of the outermost (else the innermost) closed rim about the axis, and the triangles it runs through."""
    field = cut.field(character.places)
    chosen = np.flatnonzero(skin & _crosses(field, character.triangles))
    clipped = clip(character.triangles[chosen], field)
    places = clipped.rows(character.places)
    best = None
    for rim in loops(clipped.segments - clipped.count, _placed(places)):
        flat = (places[rim] - axis) @ cut.frame[:2].T
        angle = np.arctan2(flat[:, 1], flat[:, 0])
        turn = np.angle(np.exp(1j * np.diff(angle, append=angle[:1])))
        length = float(np.linalg.norm(np.diff(flat, axis=0, append=flat[:1]), axis=1).sum())
        if abs(turn.sum()) > 6 and (best is None or (length > best[0]) == longest):
            through = np.isin(clipped.triangles, rim + clipped.count).any(axis=1)
            best = length, chosen[clipped.source[through]]
    return best


def _crosses(field: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    side = field[triangles] > 0
    return side.any(axis=1) & ~side.all(axis=1)


def _placed(places: np.ndarray) -> np.ndarray:
    """(N,) number of each place; those within a millionth of the whole are one."""
    size = float(np.ptp(places, axis=0).max()) if len(places) else 1.0
    grid = np.round(places / (1e-6 * max(size, 1e-12))).astype(np.int64)
    return np.unique(grid, axis=0, return_inverse=True)[1].ravel()


def _reached(character: Character, region: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """(F,) bool: triangles of a region that hang together with one of the triangles ``hits``."""
    ids = np.flatnonzero(region)
    corners = character.welded[character.triangles[ids]]
    count = int(character.welded.max()) + 1
    rows, columns = corners[:, [0, 1]].ravel(), corners[:, [1, 2]].ravel()
    label = connected_components(coo_matrix((np.ones(len(rows)), (rows, columns)), (count, count)), directed=False)[1]
    mine = np.intersect1d(hits, ids)
    wanted = np.unique(label[character.welded[character.triangles[mine, 0]]])
    result = np.zeros(len(region), bool)
    result[ids] = np.isin(label[corners[:, 0]], wanted)
    return result


def _whole_pieces(character: Character, inside: np.ndarray, share: float) -> np.ndarray:
    """(F,) bool: triangles of pieces of which more than a share of the corners is ``inside`` (V,)."""
    part = np.bincount(character.pieces, inside[character.triangles].mean(axis=1))
    return (part / np.maximum(np.bincount(character.pieces), 1) > share)[character.pieces]


def _opening(
    character: Character, cut: Cut, field: np.ndarray, region: np.ndarray, goes: np.ndarray, skin: np.ndarray
) -> Opening:
    """Clip the region, drop what goes, and find the largest closed rim."""
    local = np.flatnonzero(region)
    inner = clip(character.triangles[local], field)
    goes = goes & ~np.isin(character.pieces, character.pieces[region])
    rest = np.flatnonzero(~region & ~goes)
    clipped = Clipped(
        np.concatenate([character.triangles[rest], inner.triangles]),
        np.concatenate([rest, local[inner.source]]),
        inner.ends,
        inner.share,
        inner.segments,
        inner.count,
    )
    places = clipped.rows(character.places)
    found = loops(clipped.segments - clipped.count, _placed(places)) if len(places) else []
    length = [np.linalg.norm(np.diff(places[rim], axis=0, append=places[rim[:1]]), axis=1).sum() for rim in found]
    rim = found[int(np.argmax(length))] + clipped.count if found else np.zeros(0, np.int64)
    return Opening(cut, clipped, rim, skin)
