"""Making the rows of a batch: what one process, or one actor of Ray, holds and does."""

from __future__ import annotations

import shutil
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np

from ..animation.pose import Pose, posed_parts
from ..base.device import Hardware, choose_device
from ..base.errors import OutputError, PortraitError
from ..base.images import resize_to, save_image
from ..export.contact_sheet import tight_frame
from ..head.model import FaceModel, head_model
from ..mesh.pictures import Scene
from ..mesh.render import View
from ..pipeline.networks import Networks, find_networks, load_networks
from ..pipeline.portrait import Draft, Portrait, draft_portrait, finish_portrait, paint_drafts
from ..pipeline.stylize import calm_frame
from ..texture.record import StylisedTexture
from ..video.reader import is_video
from .folder import Output, fingerprint
from .table import Failure, Row

THUMB = "thumb.jpg"
_THUMB_SIDE = 200
_VIEWS = (View(), View(40.0))

T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """What all rows of a batch share.

    Attributes:
        output: folder. project: where networks and models of its own are looked for. formats: files to write.
        hardware: None asks the environment of each process.
    """

    output: Output
    project: Path
    formats: tuple[str, ...]
    hardware: Hardware | None = None


@dataclass(frozen=True)
class Sketch:
    """A draft on its way through the batch: what is known of it beside its arrays."""

    row: Row
    fingerprint: str
    seconds: float
    remarks: tuple[str, ...]
    clothed: bool

    @property
    def kind(self) -> str:
        """Drafts of one kind can be painted together."""
        params = self.row.params
        sizes = (params.photo_texture.size, params.shell.size if self.clothed else 0, params.seed)
        return f"{params.texture.model_dump_json()} {sizes} {params.fit.model}"


@dataclass(frozen=True)
class Made:
    """A row that was made, or found made: its record."""

    row: Row
    record: dict[str, Any]
    fresh: bool


@dataclass
class Maker:
    """Holds the networks and models, and turns rows into folders. A row's mistake comes back as a :class:`Failure`."""

    plan: Plan

    @cached_property
    def networks(self) -> Networks:
        return load_networks(self.plan.project)

    @cached_property
    def _models(self) -> dict[str, FaceModel]:
        return {}

    def model(self, row: Row) -> FaceModel:
        """The face model of a row."""
        name = row.params.fit.model
        if name not in self._models:
            self._models[name] = head_model(name, self.plan.project)
        return self._models[name]

    def uses_gpu(self) -> bool:
        """Whether textures are painted on a GPU, where several at once cost less."""
        return choose_device((self.plan.hardware or Hardware.wanted()).device).type == "cuda"

    def look(self, row: Row) -> str | Made | Failure:
        """The row's fingerprint; or what is there of it already; or what keeps it from being made."""

        def found() -> str | Made:
            wanted = fingerprint(row, find_networks(self.plan.project), self.plan.formats, self.plan.project)
            if self.plan.output.is_made(row.name, wanted):
                return Made(row, self.plan.output.record(row.name) or {}, False)
            return wanted

        return guarded(row, found)

    def make(self, row: Row) -> Made | Failure:
        """All of a row, one after the other: the same as `portrait stylize`."""
        sketch, draft = self.draft(row)
        if draft is None:
            return sketch
        ((stylised, seconds),) = self.paint([sketch], [draft])
        return self.finish(sketch, draft, stylised, seconds)

    def draft(self, row: Row) -> tuple[Sketch, Draft] | tuple[Made | Failure, None]:
        """The steps before the texture, unless the row is made."""
        wanted = self.look(row)
        if not isinstance(wanted, str):
            return wanted, None
        start, remarks = time.perf_counter(), []

        def drafted() -> Draft:
            model, photo = self.model(row), row.photo_path
            with TemporaryDirectory() as folder:
                if is_video(photo):
                    photo = calm_frame(photo, Path(folder), model, row.params.fit)

                def tell(line: str) -> None:
                    remarks.append(line.replace(str(photo), str(row.photo_path)))

                return draft_portrait(
                    photo, row.art_path, row.params, self.networks, model, tell, row.more_photos, row.shell
                )

        draft = guarded(row, drafted)
        if isinstance(draft, Failure):
            return draft, None
        pictures = [str(path) for path in (row.photo_path, row.art_path, *row.more_photos)]
        said = tuple(line for line in remarks if any(path in line for path in pictures))
        return Sketch(row, wanted, time.perf_counter() - start, said, draft.shell.exists), draft

    def paint(
        self, sketches: Sequence[Sketch], drafts: Sequence[Draft]
    ) -> list[tuple[StylisedTexture | Failure, float]]:
        """The textures of drafts of one kind, and the seconds that each took."""
        row, start = sketches[0].row, time.perf_counter()

        def painted() -> list[StylisedTexture]:
            return [
                stylised
                for stylised, _ in paint_drafts(drafts, row.params, self.model(row), hardware=self.plan.hardware)
            ]

        results = guarded(row, painted)
        if isinstance(results, Failure):
            if len(drafts) == 1:
                return [(results, 0.0)]
            return [self.paint([sketch], [draft])[0] for sketch, draft in zip(sketches, drafts, strict=True)]
        return [(stylised, (time.perf_counter() - start) / len(drafts)) for stylised in results]

    def finish(
        self, sketch: Sketch, draft: Draft, stylised: StylisedTexture | Failure, seconds: float
    ) -> Made | Failure:
        """The steps after the texture, and the row's folder."""
        if isinstance(stylised, Failure):
            return stylised
        row, output, start = sketch.row, self.plan.output, time.perf_counter()

        def finished() -> Made:
            work = output.work_folder(row.name)
            try:
                portrait = finish_portrait(draft, stylised, row.params, self.model(row))
                portrait.write(work, row.params.export, self.plan.formats)
                save_image(work / THUMB, thumbnail(portrait))
                record = {
                    "fingerprint": sketch.fingerprint,
                    "photo": row.photo,
                    "art": row.art,
                    "parameters": list(row.overrides),
                    "remarks": list(sketch.remarks),
                    "metrics": metrics(draft, stylised),
                    "seconds": {
                        "draft": sketch.seconds,
                        "texture": seconds,
                        "finish": time.perf_counter() - start,
                    },
                }
                return Made(row, output.place(work, row.name, record), True)
            finally:
                shutil.rmtree(work, ignore_errors=True)

        return guarded(row, finished)


def guarded(row: Row, step: Callable[[], T]) -> T | Failure:
    """The result of a step, or the row's failure. What is no mistake of the row alone, a full disk, is raised.

    An unforeseen exception must not stop the other rows either; its end stands in the message.
    """
    try:
        return step()
    except OutputError:
        raise
    except PortraitError as error:
        return Failure(row.number, row.name, row.photo, row.art, str(error))
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(frame.filename).name}:{frame.lineno}"
        text = " ".join(str(error).split())
        message = f"unforeseen {type(error).__name__} at {where}: {text}; please report it with its pictures"
        return Failure(row.number, row.name, row.photo, row.art, message)


def metrics(draft: Draft, stylised: StylisedTexture) -> dict[str, float | int | str]:
    """What is known of a portrait's quality without computing more."""
    return {
        "photo_doubt": draft.located.photo_doubt,
        "art_doubt": draft.located.art_doubt,
        "fit_inner_error": draft.fitted.inner_error,
        "fit_jaw_error": draft.fitted.jaw_error,
        "deform_residual": draft.head.residual,
        "flipped_triangles": draft.head.flipped_triangles,
        "style_loss": stylised.style_loss,
        "content_loss": stylised.content_loss,
        "shell": draft.shell.note or ("yes" if draft.shell.exists else "no"),
    }


def thumbnail(portrait: Portrait) -> np.ndarray:
    """(200, 800, 3) uint8: photo, artwork, and the portrait from two sides."""
    rig = portrait.rig
    parts = posed_parts(rig, Pose(rig.expression))
    framing = tight_frame(np.concatenate([part.mesh.vertices for part in parts]), _VIEWS)
    scene = Scene([(part.mesh, part.texture) for part in parts])
    views = [scene.picture(view, framing, _THUMB_SIDE, supersample=2) for view in _VIEWS]
    return np.hstack([*(_square(image) for image in (portrait.located.photo, portrait.located.art)), *views])


def _square(image: np.ndarray) -> np.ndarray:
    small = resize_to(image, _THUMB_SIDE)
    height, width = small.shape[:2]
    square = np.full((_THUMB_SIDE, _THUMB_SIDE, 3), 255, np.uint8)
    top, left = (_THUMB_SIDE - height) // 2, (_THUMB_SIDE - width) // 2
    square[top : top + height, left : left + width] = small
    return square
