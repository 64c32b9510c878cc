"""What a finished head is good for in one picture: the photo redrawn, a video that drives it, a character with it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from ...animation.build import build_rig
from ...animation.params import AnimationParams
from ...animation.rig import Rig
from ...animation.step import with_shell
from ...base.images import load_image, save_image
from ...character.body import read_character
from ...character.face import find_character_face, head_framing
from ...character.look import Look
from ...character.merge import merged
from ...export.pose import load_rig
from ...fit.params import FitParams
from ...fit.step import fit_pair
from ...head.model import FaceModel
from ...landmarks.params import LandmarksParams
from ...landmarks.step import locate_pair
from ...mesh.gltf_reading import read_glb
from ...mesh.render import Framing, View
from ...photo_texture.params import PhotoTextureParams
from ...photo_texture.step import project_pair
from ...shell.params import ShellParams
from ...shell.step import shell_pair
from ...video.reenact import reenact
from .acting import acted
from .moments import duration, moved
from .walker import walker

WIDTH, GAP, SIDE = 1120, 8, 320  # px
SHOWN = (10, 38)  # frames of the video: it talks; it smiles and looks aside
TIMES = (0.1, 0.35, 0.6, 0.85)  # of the clip
_ASIDE = View(12.0)  # where bodies are seen from
_BUST, _LOWER = 1.3, 0.2  # of the head's frame: half the picture of a body, how far below the head its middle lies
_LIGHT = 0.5


def write_strip(head: Path, photo: Path, actor: Path, model: FaceModel, output: Path) -> None:
    """Write two rows: photo, ``picture.png`` and two frames of a reenactment; a character, four moments with the head.

    Args:
        head: folder of results with ``rig.h5`` and ``picture.png``. photo: the one it was made of.
        actor: photo of the person whose own head, animated by code, is the video.

    Raises:
        PortraitError: a file that is missing or no such file.
    """
    rig = load_rig(head)
    with TemporaryDirectory() as folder:
        film, result, body = (Path(folder) / name for name in ("film", "result", "walker.glb"))
        film.mkdir()
        for index, frame in enumerate(acted(person(actor, model), model, SIDE)):
            save_image(film / f"{index:03d}.png", frame)
        reenact(rig, film, result, model, "beside")
        frames = [load_image(result / f"{index:05d}.png") for index in SHOWN]
        bodies = in_motion(rig, walker(body, model, separate=True), model)
    above = [squared(load_image(photo)), squared(load_image(head / "picture.png")), *frames]
    save_image(output, np.concatenate([row(above), np.full((GAP, WIDTH, 3), 255, np.uint8), row(bodies)]))


def person(photo: Path, model: FaceModel) -> Rig:
    """The rig of a photo's own head, not stylised, with all expressions."""
    pair = locate_pair(photo, photo, LandmarksParams())
    fitted = fit_pair(model, pair, FitParams())
    shell = shell_pair(model, pair, fitted, ShellParams())
    texture = project_pair(model, pair, fitted, PhotoTextureParams()).texture
    places, shown = fitted.vertices, fitted.expression
    rig = build_rig(model, places, places, shown, texture, AnimationParams(), fitted.identity)
    return with_shell(rig, shell, shell.vertices, shell.texture)


def in_motion(rig: Rig, body: Path, model: FaceModel) -> list[np.ndarray]:
    """Pictures (SIDE, SIDE, 3) of a character before, and with the head at four times of its clip."""
    before = read_character(read_glb(body))
    around = head_framing(before)
    reach = _BUST * around.half_extent
    framing = Framing(around.centre - (0.0, _LOWER * reach, 0.0), reach)

    def picture(character) -> np.ndarray:
        return Look(character).picture(_ASIDE, framing, SIDE, _LIGHT)[0]

    look = Look(before)
    body.write_bytes(merged(before, look, find_character_face(before, look), rig, model, keep_hair=False)[0])
    after = read_character(read_glb(body))
    last = duration(after.file, 0)
    return [picture(before), *(picture(moved(after, 0, share * last)) for share in TIMES)]


def squared(picture: np.ndarray) -> np.ndarray:
    """The upper middle square of a picture, (SIDE, SIDE, 3)."""
    height, width = picture.shape[:2]
    side = min(height, width)
    left = (width - side) // 2
    return cv2.resize(picture[:side, left : left + side], (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def row(pictures: list[np.ndarray]) -> np.ndarray:
    """Pictures of one height side by side, (H, WIDTH, 3)."""
    space = np.full((SIDE, GAP, 3), 255, np.uint8)
    line = np.concatenate([part for picture in pictures for part in (space, picture)][1:], axis=1)
    return cv2.resize(line, (WIDTH, round(SIDE * WIDTH / line.shape[1])), interpolation=cv2.INTER_AREA)
