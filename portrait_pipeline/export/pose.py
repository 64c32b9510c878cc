"""A finished head in another pose: its rig in, a posed file out, no optimisation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..animation.aliases import as_vector, known_names, parse_expressions
from ..animation.frames import read_frames
from ..animation.pose import Pose, look_coefficients, posed_parts
from ..animation.rig import Rig
from ..base.artifacts import write_bytes
from ..base.errors import InputFileError, OutputError, ParameterError
from ..mesh.obj import TexturedObject, write_surfaces
from ..mesh.usdz import usdz_bytes
from .glb import rig_glb

SUFFIXES = (".glb", ".usdz", ".obj", ".png")
PICTURE_SIDE = 640
RIG_NAME = "rig.h5"
"""In a folder of results; what :func:`load_rig` reads."""
HEADS = ("head.glb", RIG_NAME)


def pose_file(
    head: Path,
    output: Path,
    expressions: Sequence[str] = (),
    turn: tuple[float, float, float] = (0.0, 0.0, 0.0),
    gaze: tuple[float, float] | None = None,
    neutral: bool = False,
    size: int = PICTURE_SIDE,
    frames: Path | None = None,
) -> None:
    """Write a head in another pose.

    Args:
        head: folder of results, or the ``head.glb`` in it; the rig is read from beside it.
        output: ``.glb`` (still with all expressions, showing these), ``.usdz`` or ``.obj`` (with its textures, as it is
            now) or ``.png`` (seen from the front).
        expressions: ``name=value`` items, see :func:`portrait_pipeline.animation.aliases.parse_expressions`.
        turn: yaw, pitch and roll in degrees, see :class:`Pose`.
        gaze: degrees to image right and up, or None to leave the eyes as they are.
        neutral: start from no expression, instead of the picture's.
        size: side of a picture in pixels.
        frames: table of coefficients over time for an animation in a ``.glb``, see
            :func:`portrait_pipeline.animation.frames.read_frames`; what it has no columns for is as given otherwise.

    Raises:
        InputFileError: no rig is there. ArtifactError: it is damaged.
        ParameterError: an unknown expression or a value out of range.
        OutputError: another suffix, or the file cannot be written.
    """
    suffix = output.suffix.lower()
    if suffix not in SUFFIXES:
        raise OutputError(f"{output}: '{suffix}' is not a known suffix; use {', '.join(SUFFIXES)}")
    if frames is not None and (suffix != ".glb" or any(turn)):
        raise ParameterError(f"--frames {frames}: needs an output .glb, and takes yaw, pitch and roll from its columns")
    rig = load_rig(head)
    start = np.zeros(len(rig.names)) if neutral else rig.expression
    values = ({} if gaze is None else look_coefficients(*gaze)) | parse_expressions(expressions, rig.names)
    pose = Pose(as_vector(values, rig.names, start), *turn)
    if frames is not None:
        write_bytes(output, rig_glb(rig, frames=read_frames(frames, rig.names, pose.expression)))
    elif suffix == ".glb":
        write_bytes(output, rig_glb(rig, pose))
    elif suffix == ".obj":
        _write_obj(output, rig, pose)
    elif suffix == ".usdz":
        write_bytes(output, usdz_bytes(_surfaces(output.stem, rig, pose)))
    else:
        _write_picture(output, rig, pose, size)


def load_rig(head: Path) -> Rig:
    """The rig of a folder of results, named by itself or by a file of :data:`HEADS` in it.

    Raises:
        InputFileError: there is none. ArtifactError: it is damaged.
    """
    path = head / RIG_NAME if head.is_dir() else head.with_name(RIG_NAME)
    if not (head.is_dir() or head.name in HEADS) or not path.is_file():
        raise InputFileError(f"{head}: has no rig ({path} is read); give a folder of results or the head.glb in it")
    return Rig.load(path)


def list_expressions(head: Path) -> list[str]:
    """Lines that name the expressions of a head with the coefficients it shows, and the words for several at once.

    Raises:
        InputFileError, ArtifactError: as :func:`load_rig`.
    """
    rig = load_rig(head)
    lines = [f"{name} = {value:.2f}" for name, value in zip(rig.names, rig.expression.tolist(), strict=True)]
    several = {word: parts for word, parts in known_names(rig.names).items() if parts != (word,)}
    return lines + [f"{word}: {', '.join(parts)}" for word, parts in several.items()]


def _write_obj(output: Path, rig: Rig, pose: Pose) -> None:
    if any(letter.isspace() for letter in output.name):
        raise OutputError(f"{output}: many programs cannot read an OBJ file with a blank in its name; name it without")
    write_surfaces(output, _surfaces(output.stem, rig, pose))


def _surfaces(stem: str, rig: Rig, pose: Pose) -> list[TexturedObject]:
    return [
        TexturedObject(part.name, part.mesh, part.texture, f"{stem}_{part.name}.png") for part in posed_parts(rig, pose)
    ]


def _write_picture(output: Path, rig: Rig, pose: Pose, size: int) -> None:
    from ..base.images import save_image
    from .posed_views import picture

    save_image(output, picture(rig, pose, size))
