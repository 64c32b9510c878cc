"""The trained networks of a project, or those bundled with the package where a project has trained none.

The bundled ones lie in this room and not in ``translation/``, whose files the stages that train them depend on: a
refreshed asset must not make its own training rerun. Made by :mod:`portrait_pipeline.making.networks`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import ArtifactError
from ..base.stage import Layout

if TYPE_CHECKING:  # torch takes seconds to import
    from ..shapes.space import ShapeSpace
    from ..translation.translator import Translator

SPACE, TRANSLATOR = "shape_space.h5", "translator.safetensors"


@dataclass(frozen=True)
class NetworkFiles:
    """Where a set of trained networks lies.

    Attributes:
        space: shape space. translator: weights of the translation network.
        training: shapes that both were trained on; None of the bundled ones, which come without.
    """

    space: Path
    translator: Path
    training: Path | None

    @property
    def origin(self) -> str:
        """Which networks these are, for messages."""
        return "bundled with the package" if self.training is None else str(self.translator)


@dataclass(frozen=True)
class Networks:
    """Loaded networks and where they come from."""

    space: ShapeSpace
    translator: Translator
    files: NetworkFiles


def bundled_networks() -> NetworkFiles:
    """The networks that come with the package."""
    folder = Path(str(files(__package__) / "assets"))
    return NetworkFiles(folder / SPACE, folder / TRANSLATOR, None)


def trained_networks(project: Path) -> NetworkFiles:
    """Where the networks of a project lie once it has trained them."""
    layout = Layout(project)
    space, training = (layout.artifact("shape_space", name) for name in (SPACE, "shapes.h5"))
    return NetworkFiles(space, layout.artifact("translation", TRANSLATOR), training)


def find_networks(project: Path) -> NetworkFiles:
    """The project's own networks if it has trained, else the bundled ones.

    Raises:
        ArtifactError: there is no such folder.
    """
    if not project.is_dir():
        raise ArtifactError(f"{project}: no such folder; name a project by --project, or leave it out")
    own = trained_networks(project)
    return own if own.space.is_file() and own.translator.is_file() else bundled_networks()


def load_networks(project: Path) -> Networks:
    """Load what :func:`find_networks` finds.

    Raises:
        ArtifactError: no such folder, or a damaged file.
    """
    from ..shapes.space import ShapeSpace
    from ..translation.translator import Translator

    found = find_networks(project)
    return Networks(ShapeSpace.load(found.space), Translator.load(found.translator), found)
