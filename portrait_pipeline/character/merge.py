"""From a character, its face and a rig to the content of the new file."""

from __future__ import annotations

import numpy as np

from ..animation.rig import Rig
from ..base.errors import InputFileError
from ..head.model import FaceModel
from ..head.points import face_size
from .body import Character
from .face import CharacterFace
from .graft import graft
from .look import Look
from .place import cut_face, cut_neck, register
from .write import character_glb

_NECK_BAND, _FACE_BAND = 0.3, 0.22
"""Width of the change from the character to the head, of the face's size."""
_STILL = ("face", "eye_left", "eye_right", "mouth", "ear")
"""Regions of the head that a neck of another width leaves alone."""


def merged(
    character: Character, look: Look, face: CharacterFace, rig: Rig, model: FaceModel, keep_hair: bool
) -> tuple[bytes, list[str]]:
    """The file of the character with the head of a rig, and lines on what was done.

    Args:
        keep_hair: exchange the face alone; hair, ears and neck stay the character's.

    Raises:
        InputFileError: the rig is of another topology than the model.
    """
    rig = rig.bare if keep_hair else rig
    head = np.asarray(rig.parts[0].mesh.vertices, float)
    if len(head) < len(model.mean):
        raise InputFileError(f"the head has {len(head)} vertices, the face model {len(model.mean)}; make it again")
    lift = register(head[model.landmarks], face)
    placed = lift.apply(head)
    size = face_size(placed[model.landmarks])
    mesh = rig.parts[0].mesh.with_vertices(placed)
    opening = (cut_face if keep_hair else cut_neck)(character, face, model, mesh, lift)
    still = np.isin(model.regions, [FaceModel.REGIONS.index(name) for name in _STILL])
    keep = still & (not keep_hair)
    joined = graft(character, look, rig, lift, opening, (_FACE_BAND if keep_hair else _NECK_BAND) * size, keep)
    lines = [f"cut: {_names(character, opening.clipped.source)}"]
    if not joined.stitched:
        lines.append(
            f"{character.file.path}: no closed rim was found where it was cut, so the head is set in without being "
            "sewn; look at the neck"
        )
    return character_glb(character, joined), lines


def _names(character: Character, kept: np.ndarray) -> str:
    """Meshes that lost triangles, and how many."""
    before = np.bincount(character.owner, minlength=len(character.surfaces))
    after = np.bincount(character.owner[np.unique(kept)], minlength=len(character.surfaces))
    lost = [(character.name(k), a, b) for k, (b, a) in enumerate(zip(before, after, strict=True)) if a < b]
    return ", ".join(name if not a else f"{name} ({b - a} of {b} triangles)" for name, a, b in lost) or "nothing"
