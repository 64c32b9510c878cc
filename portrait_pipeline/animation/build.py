"""From a stylised head to a rig: expressions, eyeballs, lids, teeth and mouth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..head.model import FaceModel
from ..mesh.mesh import Mesh
from .expressions import carry_expressions
from .eye_texture import eye_texture
from .eyeball import Eyeball, fit_eyeball, sphere_mesh
from .falloff import Falloff
from .interior import mouth_parts
from .lid_paint import painted_lids
from .lid_strip import Strip, lid_strip
from .lids import Lids, close_lids, keep_off, strip
from .lips import meet_lips, round_lips
from .openings import Opening, find_opening
from .params import AnimationParams
from .rig import Part, Rig

PASSES = 5  # of rest shape and targets, which depend on each other
SIDES = {"eye_left": ("EyeLeft", "eyeBlinkLeft"), "eye_right": ("EyeRight", "eyeBlinkRight")}
LID_REACH = 0.9  # cm about the lids that follow when they are closed exactly, for an average eye
EYE_REGION = 1.2  # radii of the eyeball about its centre within which skin is kept off it


def build_rig(
    model: FaceModel,
    fitted_vertices: np.ndarray,
    deformed_vertices: np.ndarray,
    expression: np.ndarray,
    texture: np.ndarray,
    params: AnimationParams,
    identity: np.ndarray | None = None,
) -> Rig:
    """A rig of a stylised head.

    Args:
        model: with named expressions; eyes and mouth get parts of their own where the model closes them by patches.
        fitted_vertices: (V, 3) the head fitted to the photo, in the photo's expression, cm.
        deformed_vertices: (V, 3) the stylised head, in the same expression.
        expression: (E,) the photo's coefficients.
        texture: (S, S, 3) uint8 RGB of the stylised head.
        params: which parts to add.
        identity: (<=K,) the photo's coefficients; only a bilinear model's expressions depend on them.

    Returns:
        The rig; its ``Head`` starts with the model's vertices, and at rest plus the targets weighted by
        ``Rig.expression`` these are ``deformed_vertices``.
    """
    deformed, expression = np.asarray(deformed_vertices, float), np.asarray(expression, float)
    eyes = _eyes(model) if params.eyes else {}
    mouth = find_opening(model, "mouth")
    trust = np.ones(len(model.triangles), bool)
    if mouth is not None:
        trust[mouth.triangles] = False  # closed lips squeeze it to nothing
    basis = model.expression_basis
    if model.cross_basis is not None and identity is not None:
        basis = basis + np.tensordot(identity, model.cross_basis[: len(identity)], axes=1)
    if np.array_equal(fitted_vertices, deformed):  # nothing to carry them through
        targets = np.array(basis, float)
    else:
        targets = carry_expressions(basis, fitted_vertices, deformed, model.triangles, trust)
    rest, targets, lids = _in_contact(model, deformed, expression, targets, eyes, mouth)
    strips = [lid_strip(model, lid, rest, targets, deformed) for lid in lids.values()]
    names = list(model.expression_names)
    blinks = [
        (lid, rest + targets[names.index(SIDES[name][1])]) for name, lid in lids.items() if SIDES[name][1] in names
    ]
    painted = painted_lids(model, texture, blinks, deformed) if blinks else texture
    head = _head(model, rest, targets, painted, [*eyes.values(), *([mouth] if params.mouth and mouth else [])], strips)
    parts = [_eye_part(model, SIDES[name][0], texture, lid, deformed) for name, lid in lids.items()]
    if params.mouth and mouth is not None:
        parts += mouth_parts(model, rest, targets, texture, mouth, expression)
    return Rig((head, *parts), tuple(model.expression_names), expression, _neck(model, rest))


def _eyes(model: FaceModel) -> dict[str, Opening]:
    found = {name: find_opening(model, name) for name in SIDES}
    return {name: opening for name, opening in found.items() if opening is not None}


def _in_contact(
    model: FaceModel,
    deformed: np.ndarray,
    expression: np.ndarray,
    targets: np.ndarray,
    eyes: dict[str, Opening],
    mouth: Opening | None,
) -> tuple[np.ndarray, np.ndarray, dict[str, Lids]]:
    """Neutral head, targets whose lids and lips meet, and the lids.

    The neutral head is what the picture's head is without its expression, so that it changes with the targets.
    """
    carried = targets if mouth is None else round_lips(model, mouth, deformed, targets)
    rest = deformed - np.tensordot(expression, carried, axes=1)
    lids = {name: _lids(model, rest, opening) for name, opening in eyes.items()}
    for _ in range(PASSES):
        targets = carried.copy()
        for name, lid in lids.items():
            targets = _lid_targets(model, SIDES[name][1], lid, rest, targets)
        rest = deformed - np.tensordot(expression, targets, axes=1)
        lids = {name: replace(lid, ball=_ball(model, rest, lid.opening)) for name, lid in lids.items()}
    if mouth is not None:
        rest, targets = meet_lips(model, mouth, rest, targets, expression)
    return rest, targets, lids


def _lids(model: FaceModel, rest: np.ndarray, opening: Opening) -> Lids:
    ball = _ball(model, rest, opening)
    skin = np.delete(model.triangles, opening.triangles, axis=0)
    return Lids(opening, ball, Falloff(rest, skin, opening.rim, LID_REACH * ball.radius / 1.5))


def _ball(model: FaceModel, rest: np.ndarray, opening: Opening) -> Eyeball:
    return fit_eyeball(rest[opening.rim], np.asarray(model.mean, float)[opening.rim])


def _lid_targets(model: FaceModel, blink: str, lids: Lids, rest: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """``targets`` (E, V, 3) with the blink closed and the lids off the eyeball."""
    if blink in model.expression_names:
        index = model.expression_names.index(blink)
        targets[index] = close_lids(lids, rest, targets[index])
    ball = lids.ball
    local = np.linalg.norm((rest - ball.centre) / ball.stretch, axis=1) < EYE_REGION * ball.radius
    used = np.zeros(len(rest), bool)
    used[np.delete(model.triangles, lids.opening.triangles, axis=0)] = True
    near = np.flatnonzero(local & used & (rest[:, 2] > ball.centre[2]))
    return keep_off(ball, rest, targets, near)


def _head(
    model: FaceModel,
    rest: np.ndarray,
    targets: np.ndarray,
    texture: np.ndarray,
    removed: list[Opening],
    strips: list[Strip],
) -> Part:
    """The skin, without the patches that parts replace, with strips behind the lids."""
    keep = np.ones(len(model.triangles), bool)
    for opening in removed:
        keep[opening.triangles] = False
    vertices, uv = [rest], [np.asarray(model.uv, float)]
    triangles, uv_triangles = [model.triangles[keep]], [model.uv_triangles[keep]]
    first, first_uv = len(rest), len(model.uv)
    for piece in strips:
        triangles.append(np.where(piece.triangles < 0, -1 - piece.triangles, piece.triangles + first))
        uv_triangles.append(piece.uv_triangles + first_uv)
        vertices.append(piece.vertices)
        uv.append(piece.uv)
        first, first_uv = first + len(piece.vertices), first_uv + len(piece.uv)
    faces = [np.concatenate(list_).astype(np.int32) for list_ in (triangles, uv_triangles)]
    mesh = Mesh(np.concatenate(vertices), faces[0], np.concatenate(uv), faces[1])
    moves = np.concatenate([targets, *(piece.targets for piece in strips)], axis=1)
    return Part("Head", mesh, texture, moves.astype(np.float32), np.zeros(3), np.ones(3))


def _eye_part(model: FaceModel, name: str, texture: np.ndarray, lids: Lids, picture: np.ndarray) -> Part:
    """The eyeball, painted with what the head (V, 3) in the picture's expression shows between its lids."""
    chosen, ball = lids.opening.triangles, lids.ball
    patch = Mesh(picture, model.triangles[chosen], np.asarray(model.uv, float), model.uv_triangles[chosen])
    band = strip(ball, picture[lids.opening.rim], lids.opening)[0]
    mesh = sphere_mesh(ball.radius)
    none = np.zeros((0, len(mesh.vertices), 3), np.float32)
    return Part(name, mesh, eye_texture(patch, band, texture, ball), none, ball.centre, ball.stretch)


def _neck(model: FaceModel, rest: np.ndarray) -> np.ndarray:
    """The point about which the head turns: in the neck below the ears, at the height of the mouth."""
    jaw = rest[model.landmarks[[0, 16]]].mean(axis=0)
    lips = rest[model.landmarks[[48, 54]]].mean(axis=0)
    return np.array([jaw[0], lips[1], jaw[2] - 0.2 * abs(lips[2] - jaw[2])])
