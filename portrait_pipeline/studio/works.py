"""Works: what the studio keeps of each portrait, in a folder of the project that outlives the server.

    data/studio/<id>/work.json           record of :class:`Work`
    data/studio/<id>/photo/, art/        the picture as it came, its points, what the page shows of it
    data/studio/<id>/results/            the files of the finished portrait
    data/studio/<id>/preview.webp, log   of the last making

Folder and file names are the studio's own; names that came with an upload are only ever shown.
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from ..base.artifacts import read_json, write_json
from ..base.errors import ArtifactError, OutputError
from ..base.params import Section

ROLES = ("photo", "art")
RESULTS, PREVIEW, PICTURE, LOG = "results", "preview.webp", "portrait.png", "log.txt"
PAPER = (247, 244, 239)
"""Background of pictures of the portrait: the page's."""
STAGES = {
    "networks": 4,
    "landmarks": 2,
    "fit": 1,
    "translate": 1,
    "deform": 1,
    "photo texture": 3,
    "shell": 6,
    "texture": 70,
    "animation": 4,
    "export": 8,
}
"""What a making tells when it is done, in this order, and about how many per cent of the time it takes."""
State = Literal["draft", "queued", "running", "done", "failed", "cancelled", "interrupted"]
EDITABLE = ("draft", "failed", "cancelled", "interrupted")


class Settings(Section):
    """What the page lets a user choose of the parameters; their ranges are checked where they are used."""

    scale: float
    beta: float
    strength: float
    shell: bool = True

    def overrides(self) -> list[str]:
        """For :func:`portrait_pipeline.pipeline.params.project_params`."""
        return [f"deform.scale={self.scale}", f"texture.beta={self.beta}", f"texture.strength={self.strength}"]


@dataclass(frozen=True)
class Picture:
    """A photo or an artwork of a work.

    Attributes:
        file: in the work's folder. name: as the user knows it, any text. sample: the bundled sample's name, or "".
        size: width and height in pixels, upright. points: 68 (x, y) px, or empty where no face was found.
        doubt: 68 numbers from 0 (sure) to 1. placed: whether somebody placed the points here.
        remarks: lines for the user. version: grows with every change.
    """

    file: str
    name: str
    sample: str
    size: tuple[int, int]
    points: Sequence[Sequence[float]]
    doubt: Sequence[float]
    placed: bool
    remarks: Sequence[str]
    version: int


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 10**6


def title(photo: str, art: str) -> str:
    """Of the portrait of two pictures' names."""
    return f"{Path(photo).stem} as {Path(art).stem}"


@dataclass
class Work:
    """One portrait: being prepared, waiting, being made, or made.

    Attributes:
        id: name of its folder. created: milliseconds since 1970. asked: the same, when it was last put into the queue.
        message: a line for the user about the state. seconds: that the making took. results: files there.
        pair: name under which params.yaml has it.
        progress: of the making, while it runs. reading: roles whose picture is being read. Neither is kept.
    """

    id: str
    settings: Settings
    created: int
    photo: Picture | None = None
    art: Picture | None = None
    state: State = "draft"
    asked: int = 0
    message: str = ""
    seconds: float = 0.0
    results: list[str] = field(default_factory=list)
    pair: str = ""
    progress: dict[str, Any] = field(default_factory=dict)
    reading: set[str] = field(default_factory=set)

    @property
    def title(self) -> str:
        """Any text: escape it wherever it is shown."""
        return title(*(picture.name if picture else "…" for picture in (self.photo, self.art)))

    def shown(self) -> dict[str, Any]:
        """All of it as plain values, for the page."""
        return self.kept() | {
            "title": self.title,
            "editable": self.state in EDITABLE,
            "progress": self.progress,
            "reading": sorted(self.reading),
        }

    def kept(self) -> dict[str, Any]:
        """What is written to disk."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        pictures = {role: asdict(picture) for role in ROLES if (picture := values[role])}
        del values["progress"], values["reading"]
        return values | pictures | {"settings": self.settings.model_dump()}


class Shelf:
    """All works of a project, in memory and on disk.

    Args:
        root: folder of the works; made if needed.

    Raises:
        OutputError: it cannot be made.
    """

    def __init__(self, root: Path) -> None:
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{root}: cannot be made ({error.strerror}); choose another --project") from error
        self.root = root
        self.works: dict[str, Work] = {}
        for folder in sorted(path for path in root.iterdir() if (path / "work.json").is_file()):
            work = _read(folder)
            if work is not None:
                self.works[work.id] = work

    def folder(self, work: Work) -> Path:
        """Of a work."""
        return self.root / work.id

    def add(self, settings: Settings, like: Work | None = None) -> Work:
        """A new draft, empty or with the pictures of another work."""
        work = Work(f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}", settings, now())
        self.folder(work).mkdir()
        if like is not None:
            work.photo, work.art = like.photo, like.art
            for role in ROLES:
                if getattr(like, role):
                    shutil.copytree(self.folder(like) / role, self.folder(work) / role)
        self.works[work.id] = work
        self.save(work)
        return work

    def save(self, work: Work) -> None:
        """Write a work's record."""
        write_json(self.folder(work) / "work.json", work.kept())

    def remove(self, work: Work) -> None:
        """A work and its files."""
        del self.works[work.id]
        shutil.rmtree(self.folder(work), ignore_errors=True)

    def waiting(self) -> list[Work]:
        """Works in the queue, the next one first."""
        return sorted((work for work in self.works.values() if work.state == "queued"), key=lambda work: work.asked)


def _read(folder: Path) -> Work | None:
    """A work from disk; None where its record cannot be read: it is left alone then."""
    try:
        values = read_json(folder / "work.json")
        values["settings"] = Settings.model_validate(values["settings"])
        for role in ROLES:
            if values[role]:
                values[role] = Picture(**values[role])
        work = Work(**values | {"id": folder.name})
    except (ArtifactError, KeyError, TypeError, ValueError):
        return None
    if work.state == "running":
        work.state, work.message = "interrupted", "The studio was closed while this portrait was being made."
    return work
