"""``portrait character``: a person's stylised head on the body of a rigged character (section 7.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ..base.artifacts import atomic_path
from ..base.device import Hardware
from ..base.images import save_image
from ..mesh.gltf_reading import read_glb
from ..mesh.render import View
from ..perception.files import read_points, write_points
from ..samples.sources import resolve
from .params import Params, project_params


@dataclass(frozen=True)
class CharacterChoice:
    """What of the character is exchanged, and how it is found.

    Attributes:
        keep_hair: exchange the face alone. points: file of the 68 points in the picture that ``render`` writes.
        render: write the picture of the character's head there, and nothing else. head_joint: its name.
    """

    keep_hair: bool = False
    points: Path | None = None
    render: Path | None = None
    head_joint: str | None = None


def character_file(
    head: str,
    source: Path,
    output: Path | None,
    choice: CharacterChoice,
    project: Path,
    overrides: Sequence[str],
    notify: Callable[[str], None],
    device: str | None = None,
) -> None:
    """Write a character with another head.

    Args:
        head: a folder of results or the ``head.glb`` in it; or a photo or ``sample:<name>``, whose person then takes
            the style of the character's own face.
        source: the character, ``.glb`` (or ``.vrm``, which is one). output: ``.glb``.
        project, overrides, notify, device: as :func:`.stylize.stylize_files`.

    Raises:
        PortraitError: any user error; nothing is written then.
    """
    hardware, params = Hardware.wanted(device), project_params(project, overrides)
    file = read_glb(source)

    from ..character.body import read_character
    from ..character.face import SIDE, find_character_face, head_framing
    from ..character.look import Look

    character = read_character(file, choice.head_joint)
    look = Look(character)
    if choice.render is not None:
        save_image(choice.render, look.picture(View(), head_framing(character), SIDE)[0])
        return
    given = None if choice.points is None else read_points(choice.points, (SIDE, SIDE))
    from ..export.pose import HEADS, load_rig
    from ..head.model import head_model

    model = head_model(params.fit.model, project)
    finished = Path(head).is_dir() or Path(head).name in HEADS
    rig = load_rig(Path(head)) if finished else None
    photo = None if finished else resolve(head, Path(".")).path
    face = find_character_face(character, look, given, notify)
    notify("the character's face")
    if rig is None:
        art = np.concatenate([face.picture, face.opacity[..., None]], axis=2)
        rig = _stylised(photo, art, face.points, params, project, not choice.keep_hair, notify, hardware)

    from ..character.merge import merged

    content, lines = merged(character, look, face, rig, model, choice.keep_hair)
    for line in lines:
        notify(line)
    with atomic_path(output) as temporary:
        temporary.write_bytes(content)


def _stylised(
    photo: Path, art: np.ndarray, points: np.ndarray, params: Params, project: Path, with_shell: bool,
    notify: Callable[[str], None], hardware: Hardware,
):  # fmt: skip
    """The rig of the person of a photo in the style of a picture (S, S, 4) RGBA with its 68 points."""
    from ..base.progress import progress_bar
    from ..head.model import head_model
    from .networks import load_networks
    from .portrait import Clock, make_portrait

    with TemporaryDirectory() as folder, progress_bar("texture") as progress:
        file = Path(folder) / "character.png"
        save_image(file, art)
        write_points(file.with_name("character.pts"), points)
        networks, model = load_networks(project), head_model(params.fit.model, project)
        return make_portrait(
            photo, file, params, networks, model, Clock(notify), progress, hardware=hardware, with_shell=with_shell
        ).rig
