"""``portrait picture``: the photo itself redrawn, from two pictures and, if there is one, the head made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..animation.rig import SHELL, Rig
from ..base.device import Hardware
from ..base.errors import InputFileError, ParameterError
from ..base.images import check_suffix, image_size, save_image
from ..samples.sources import resolve
from .params import project_params

_APART = 0.05
"""Difference of a coefficient from the photo's by which a finished head was not made of it; machines differ by less."""


def picture_files(
    photo: str,
    art: str,
    output: Path,
    project: Path,
    overrides: Sequence[str],
    notify: Callable[[str], None],
    head: Path | None = None,
    size: int | None = None,
    scale: float | None = None,
    expressions: Sequence[str] = (),
    device: str | None = None,
) -> None:
    """Redraw a photo as an artwork (section 7.4).

    Args:
        photo, art: image paths or ``sample:<name>``. output: PNG or JPEG, replaced.
        project: folder with, optionally, ``params.yaml`` and networks of its own. overrides: ``section.name=value``.
        notify: receives one line a step.
        head: folder of results made of the same two pictures; None makes the head first.
        size: longer side, px; None is ``picture.size``. scale: None is ``deform.scale``.
        expressions: ``name=value,...`` that the picture shows instead of the photo's.
        device: auto, cpu or cuda; None asks the environment.

    Raises:
        PortraitError: any user error; nothing is written unless every step succeeded.
    """
    check_suffix(output)
    if head is not None and scale is not None:
        raise ParameterError(f"--scale {scale:g} needs another head than the finished one of --head {head}; give one")
    hardware = Hardware.wanted(device)
    extra = [f"picture.size={size}"] * (size is not None) + [f"deform.scale={scale}"] * (scale is not None)
    params = project_params(project, [*overrides, *extra])
    photo_path, art_path = (resolve(source, Path(".")).path for source in (photo, art))

    # imported here: torch takes seconds, and mistakes in the arguments are told before
    from ..animation.aliases import as_vector, parse_expressions
    from ..base.progress import progress_bar
    from ..export.pose import load_rig
    from ..fit.step import fit_pair
    from ..head.model import head_model
    from ..landmarks.step import locate_pair
    from ..picture.step import picture_pair
    from ..shell.step import shell_pair
    from ..texture.optimise import check_ready
    from .networks import load_networks
    from .portrait import Clock, make_portrait

    for path in (photo_path, art_path):
        image_size(path)
    check_ready(params.texture, hardware)
    tell, model = Clock(notify), head_model(params.fit.model, project)
    if head is None:
        networks = load_networks(project)
        with progress_bar("texture") as progress:
            made = make_portrait(photo_path, art_path, params, networks, model, tell, progress, hardware=hardware)
        located, fitted, shell, rig = made.located, made.fitted, made.shell, made.rig
    else:
        rig = load_rig(head)
        located = locate_pair(photo_path, art_path, params.landmarks, tell)
        fitted = fit_pair(model, located, params.fit, tell)
        foreign = InputFileError(f"{head}: this head was not made of {photo} with these parameters; leave --head out")
        if not shows(rig, model.expression_names, fitted.expression):
            raise foreign
        shell = shell_pair(model, located, fitted, params.shell)
        if not wears(rig, len(shell.vertices)):
            raise foreign
        tell("the finished head")
    values = as_vector(parse_expressions(expressions, rig.names), rig.names, rig.expression)
    with progress_bar("picture") as progress:
        picture = picture_pair(
            model,
            located,
            fitted,
            shell,
            rig,
            params.picture,
            params.texture,
            values,
            progress,
            seed=params.seed,
            hardware=hardware,
        )
    save_image(output, picture)
    tell("picture")


def shows(rig: Rig, names: Sequence[str], expression: np.ndarray) -> bool:
    """Whether a finished head has the photo's expression: coefficients (E,) of the face model, by their names."""
    shown = dict(zip(names, expression, strict=True))
    apart = [abs(value - shown.get(name, value)) for name, value in zip(rig.names, rig.expression, strict=True)]
    return max(apart, default=0.0) <= _APART


def wears(rig: Rig, vertices: int) -> bool:
    """Whether a finished head has no shell, or one of so many vertices."""
    return all(len(part.mesh.vertices) == vertices for part in rig.parts if part.name == SHELL)
