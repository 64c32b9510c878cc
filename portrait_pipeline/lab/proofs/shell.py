"""How well the shell of a known bust comes back from one photo: silhouettes, and the depth of hair from the side.

Busts (:mod:`.known_busts`) are photographed; head, camera and the parts of the picture are given, the matte and all
the shell's shape are found. Rebuilt and known bust are compared in the photo's own view and in views from the left
and right of the head's front.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...head.camera import Camera
from ...head.model import FaceModel
from ...head.pose import rotation_from_angles
from ...perception.parts import Part
from ...shell.build import build_shell
from ...shell.measures import edge_ratio, is_watertight
from ...shell.params import ShellParams
from ...shell.parts import from_labels
from ...shell.record import Shell
from ..params import ShellProofParams
from .known_busts import KnownBust, first_seen, make_bust, photograph

_BELOW = 8.0  # cm under the chin to which busts are compared: none ends before
_SIDE = 45.0  # degrees from the head's front
_UPWARDS = 0.68  # of a side view above the chin, as in the photos

Row = dict[str, float]


def prove(model: FaceModel, params: ShellProofParams, tell: Callable[[str], None] = lambda line: None) -> dict:
    """All measures of ``metrics/shell_proof.json``.

    Returns:
        ``busts``: by ``<style>_<yaw>`` the numbers of :func:`compare`; ``worst_front_iou``, ``mean_side_iou``,
        ``mean_hair_depth_cm`` and ``mean_hair_bias_cm`` over them.
    """
    busts: dict[str, Row] = {}
    for number, style in enumerate(params.styles):
        for yaw in params.yaws:
            rng = np.random.default_rng([params.seed, number, round(10 * yaw + 3600)])
            bust = make_bust(model, style, rng)
            photo = photograph(model, bust, yaw, params.photo_size, rng)
            shell = build_shell(
                model, photo.image, photo.points, from_labels(photo.labels), bust.head, photo.camera,
                ShellParams(density=params.density, size=128),
            )  # fmt: skip
            name = f"{style}_{yaw:g}"
            busts[name] = compare(model, bust, shell, photo.camera, params.photo_size)
            tell(f"{name}: {', '.join(f'{key} {value:.3f}' for key, value in busts[name].items())}")

    def over_all(key: str, how: Callable[[list[float]], float]) -> float:
        return round(float(how([row[key] for row in busts.values()])), 4)

    return {
        "busts": busts,
        "worst_front_iou": over_all("front_iou", min),
        "mean_side_iou": over_all("side_iou", np.mean),
        "mean_hair_depth_cm": over_all("hair_depth_cm", np.mean),
        "mean_hair_bias_cm": over_all("hair_bias_cm", np.mean),
    }


def compare(model: FaceModel, bust: KnownBust, shell: Shell, camera: Camera, size: int) -> Row:
    """Known bust and rebuilt one: ``front_iou`` of the silhouettes in the photo's view; ``side_iou`` at 45 degrees
    left and right of the head's front; there, of the hair, ``hair_depth_cm`` (median distance along the view),
    ``hair_depth_90_cm`` (9 of 10 are nearer) and ``hair_bias_cm`` (median, > 0 where the rebuilt hair stands out);
    ``watertight`` and ``edge_ratio`` of the shell."""
    vertices = np.concatenate([bust.head, shell.vertices])
    triangles = np.concatenate([model.triangles, shell.triangles + len(bust.head)])
    chin = bust.head[model.landmarks[8]]
    front, sides, errors = 0.0, [], []
    for view in (camera, *(_beside(camera, chin, turn, size) for turn in (-_SIDE, _SIDE))):
        floor = view.project(chin - [0, _BELOW, 0])[1]
        rows = slice(0, int(floor))
        known, found = (
            depth_seen(*mesh, view, size) for mesh in ((bust.vertices, bust.triangles), (vertices, triangles))
        )
        (true, depth), (rebuilt, other) = ((part[0][rows] >= 0, part[1][rows]) for part in (known, found))
        overlap = float((true & rebuilt).sum() / (true | rebuilt).sum())
        if view is camera:
            front = overlap
            continue
        sides.append(overlap)
        hair = (bust.part[known[0][rows]] == Part.HAIR) & true & rebuilt
        errors.append((other - depth)[hair] / view.scale)
    error = np.concatenate(errors)
    numbers = {
        "front_iou": front,
        "side_iou": float(np.mean(sides)),
        "hair_depth_cm": float(np.median(np.abs(error))),
        "hair_depth_90_cm": float(np.quantile(np.abs(error), 0.9)),
        "hair_bias_cm": float(np.median(error)),
        "watertight": float(is_watertight(shell.triangles)),
        "edge_ratio": edge_ratio(shell.vertices, shell.triangles),
    }
    return {key: round(value, 4) for key, value in numbers.items()}


def _beside(camera: Camera, chin: np.ndarray, turn: float, size: int) -> Camera:
    """The camera as far away that sees the head turned by ``turn`` degrees, its chin at the same place."""
    rotation = rotation_from_angles(turn, 0, 0)
    centred = Camera(rotation, camera.scale, np.zeros(2))
    return Camera(rotation, camera.scale, np.array([0.5, _UPWARDS]) * size - centred.project(chin)[:2])


def depth_seen(vertices: np.ndarray, triangles: np.ndarray, camera: Camera, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Triangle (size, size) under each pixel, -1 beside all, and its depth there, px towards the viewer."""
    triangle, weights = first_seen(vertices, triangles, camera, size)
    depth = camera.project(vertices)[:, 2]
    return triangle, (depth[triangles[triangle]] * weights).sum(axis=-1)
