"""What the views of one scale show: the head, windows on the shell at the head's scale, and the whole bust."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ..mesh.geometry import vertex_normals
from ..mesh.mesh import Mesh
from ..mesh.render import Framing, View
from ..regions.labels import CLOTHES, EYES, HAIR, LIPS
from .params import TextureParams
from .rendering.base import Shot
from .sampling import HEAD_SHARES
from .schedule import Level
from .subject import Prepared
from .views import crop_framing, draw_views, surround_views

SHELL_VIEWS = 16
"""Windows on hair and clothes as close as the views of the head, half of them from behind."""
BUST_VIEWS = 6
"""Views of the whole bust, a third of them from behind."""
_HEAD_STEPS = 0.5  # share of the steps that look at the head, where there is a shell
_SHELL_CONTENT = 0.5  # content weight of views of the shell over that of the head
_BUST = 256  # px: largest picture of the whole bust that is not larger than the scale's windows
_FACING = 0.35  # cosine to the viewer of vertices that a window may be centred on
_SHOWN = 0.3  # and of those that it shows well
_REACH = 0.75  # of a window's half side within which it shows well
_TRIED = 400  # places among which the least covered one is chosen
_WINDOW_SEED = 1
_FOOT = 0.02  # share of the shell's vertices, the lowest, that no window is centred on


@dataclass(frozen=True)
class Directions:
    """From where scenes are looked at, the same for all scenes and scales.

    Attributes:
        front, surround: of the head. windows: of windows on further parts; busts, busts_behind: of the whole.
    """

    front: list[View]
    surround: list[View]
    windows: list[View] = field(default_factory=list)
    busts: list[View] = field(default_factory=list)
    busts_behind: list[View] = field(default_factory=list)

    @classmethod
    def drawn(cls, params: TextureParams, shell: bool, rng: np.random.Generator) -> Directions:
        """Directions as ``texture.views`` and the like ask for, those of a shell only where there is one."""
        front = draw_views(params.views, params.azimuth, params.elevation, rng)
        surround = surround_views(params.surround, params.azimuth, params.elevation, rng)
        if not shell:
            return cls(front, surround)
        wide = params.azimuth + 10.0
        ahead = draw_views(SHELL_VIEWS - SHELL_VIEWS // 2, wide, params.elevation, rng)
        behind = surround_views(SHELL_VIEWS // 2, wide, params.elevation, rng)
        busts = draw_views(BUST_VIEWS - BUST_VIEWS // 3, wide, params.elevation, rng)
        return cls(
            front,
            surround,
            [*ahead, *behind],
            busts,
            surround_views(BUST_VIEWS // 3, wide, params.elevation, rng),
        )


@dataclass(frozen=True)
class Shots:
    """Views of one kind.

    Attributes:
        shots: N of each of P scenes. facing: (N,) whether a view shows the face from the front.
        size: side of the pictures, px. density: (P,) px a centimetre.
        steps: share of the scale's steps. content_weight: over the scale's.
        shares: least shares of a view's samples by label, and art_shares: of the artwork's.
        features: whether mouth and eyes are sampled more finely.
    """

    shots: list[list[Shot]]
    facing: list[bool]
    size: int
    density: list[float]
    steps: float = 1.0
    content_weight: float = 1.0
    shares: Mapping[int, float] = field(default_factory=lambda: HEAD_SHARES)
    art_shares: Mapping[int, float] = field(default_factory=lambda: HEAD_SHARES)
    features: bool = False


def all_shots(level: Level, scenes: list[Prepared], directions: Directions, rng: np.random.Generator) -> list[Shots]:
    """The kinds of views of one scale, the head's first."""
    head = _head(level, scenes, directions, rng)
    if len(scenes[0].subject.parts) == 1:
        return [head]
    others = [_windows(level, scenes, directions)] if directions.windows else []
    others += [_busts(level, scenes, directions)] if directions.busts else []
    if not others:
        return [head]
    rest = (1 - _HEAD_STEPS) / len(others)
    worn = {**HEAD_SHARES, CLOTHES: 0.15}
    return [
        replace(head, steps=_HEAD_STEPS, art_shares=worn),
        *(replace(part, steps=rest, content_weight=_SHELL_CONTENT) for part in others),
    ]


def _head(level: Level, scenes: list[Prepared], directions: Directions, rng: np.random.Generator) -> Shots:
    views = [*directions.front, *directions.surround]
    shots = [[Shot(view, _part_of_head(scene, view, level, rng)) for view in views] for scene in scenes]
    facing = [True] * len(directions.front) + [False] * len(directions.surround)
    density = [level.size / (2 * scene.framing.half_extent) for scene in scenes]
    return Shots(shots, facing, level.window, density, features=True)


def _part_of_head(scene: Prepared, view: View, level: Level, rng: np.random.Generator) -> Framing:
    zoom = level.size / level.window
    if zoom <= 1.0:
        return scene.framing
    reach = 1 - 1 / zoom
    place = np.clip(rng.normal(0.0, 0.45, size=2), -1, 1) * reach * np.array([0.8, 0.9])
    return crop_framing(scene.framing, view, float(place[0]), float(place[1]), zoom)


def _windows(level: Level, scenes: list[Prepared], directions: Directions) -> Shots:
    """Views as close as the head's; what they show of skin is no face that all of the artwork's must be found in."""
    steps = max(1, round((1 - _HEAD_STEPS) / 2 * level.iterations))
    views, zoom = directions.windows[:: -(-len(directions.windows) // steps)], level.size / level.window  # none unused
    rng = np.random.default_rng(_WINDOW_SEED)  # the same windows at every scale that shows them whole: rasterised once
    shots = [spread_windows(scene.meshes[1], views, scene.framing.half_extent / zoom, rng) for scene in scenes]
    shares, art = {HAIR: 0.2, CLOTHES: 0.2}, {HAIR: 0.35, CLOTHES: 0.35}
    density = [level.size / (2 * scene.framing.half_extent) for scene in scenes]
    return Shots(shots, [False] * len(views), level.window, density, shares=shares, art_shares=art)


def _busts(level: Level, scenes: list[Prepared], directions: Directions) -> Shots:
    views = [*directions.busts, *directions.busts_behind]
    facing = [True] * len(directions.busts) + [False] * len(directions.busts_behind)
    size = min(2 * level.size, max(level.window, _BUST))
    shots = [[Shot(view, scene.whole) for view in views] for scene in scenes]
    shares, art = {HAIR: 0.25, CLOTHES: 0.3}, {EYES: 0.07, LIPS: 0.05, HAIR: 0.25, CLOTHES: 0.3}
    density = [size / (2 * scene.whole.half_extent) for scene in scenes]
    return Shots(shots, facing, size, density, shares=shares, art_shares=art)


def spread_windows(mesh: Mesh, views: list[View], half_extent: float, rng: np.random.Generator) -> list[Shot]:
    """A window a view, each about the place that the windows before it have covered least.

    Random windows leave holes that stay blurred.

    Args:
        mesh: closed surface. half_extent: half a window's side, cm.
    """
    vertices = np.asarray(mesh.vertices, float)
    normals = vertex_normals(vertices, mesh.triangles)
    above = vertices[:, 1] >= np.quantile(vertices[:, 1], _FOOT)
    covered, shots = np.zeros(len(vertices)), []
    for view in views:
        turn = view.rotation()
        toward, places = normals @ turn[2], vertices @ turn[:2].T
        open_ = np.flatnonzero((toward > _FACING) & above)
        if not len(open_):
            open_ = np.flatnonzero(above)
        tried = rng.permutation(open_)[:_TRIED]
        middle = tried[covered[tried].argmin()]
        shots.append(Shot(view, Framing(vertices[middle], half_extent)))
        near = np.abs(places - places[middle]).max(axis=1) < _REACH * half_extent
        covered[near & (toward > _SHOWN)] += 1
    return shots
