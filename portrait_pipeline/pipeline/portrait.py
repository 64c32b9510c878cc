"""One portrait made in memory: every step of the method from a photo and an artwork to a head that moves."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..animation.rig import Rig
from ..animation.step import animate_pair, animate_photo
from ..base.device import Hardware
from ..base.progress import Notify, Progress, silent
from ..deform.record import DeformedHead
from ..deform.step import deform_pair
from ..export.formats import FORMATS
from ..export.params import ExportParams
from ..export.results import write_results
from ..fit.record import FittedPair
from ..fit.step import fit_pair
from ..head.model import FaceModel
from ..landmarks.record import LocatedPair
from ..landmarks.step import locate_pair
from ..photo_texture.record import PhotoTexture
from ..photo_texture.step import project_pair
from ..shell.carry import carry_shell
from ..shell.record import Shell
from ..shell.step import shell_pair
from ..texture.optimise import History, TextureRun, stylise_together
from ..texture.record import StylisedTexture
from ..texture.step import clothed_subject, stylised_record
from ..translation.record import TranslatedPair
from ..translation.step import translate_pair
from .networks import Networks
from .params import Params


@dataclass(frozen=True)
class Draft:
    """A portrait before its textures are painted: records of the stages of these names.

    Attributes:
        title: heading of its pictures.
        head: of the stage deform. worn: (V, 3) the shell on it; None without a shell.
    """

    title: str
    located: LocatedPair
    fitted: FittedPair
    translated: TranslatedPair
    head: DeformedHead
    photo_texture: PhotoTexture
    shell: Shell
    worn: np.ndarray | None


@dataclass(frozen=True)
class Portrait:
    """What the steps leave of one portrait.

    Attributes:
        title: heading of its pictures.
        model: of the head.
        located, fitted, translated, photo_texture, shell, stylised: records of the stages of these names.
        rig: of the stylised head. photo_rig: of the fitted head with the photo's texture.
    """

    title: str
    model: FaceModel
    located: LocatedPair
    fitted: FittedPair
    translated: TranslatedPair
    photo_texture: PhotoTexture
    shell: Shell
    stylised: StylisedTexture
    rig: Rig
    photo_rig: Rig

    def write(self, folder: Path, params: ExportParams, formats: Collection[str] = FORMATS) -> None:
        """Write the files of :func:`portrait_pipeline.export.results.write_results`."""
        write_results(
            folder,
            self.title,
            self.model,
            self.located,
            self.fitted,
            self.translated,
            self.photo_texture,
            self.stylised,
            self.rig,
            self.photo_rig,
            params,
            formats=formats,
        )


class Clock:
    """Prefixes lines with the seconds since it was made."""

    def __init__(self, notify: Notify) -> None:
        self.notify, self.start = notify, time.perf_counter()

    def __call__(self, line: str) -> None:
        self.notify(f"[{time.perf_counter() - self.start:6.1f} s] {line}")


def make_portrait(
    photo: Path,
    art: Path,
    params: Params,
    networks: Networks,
    model: FaceModel,
    notify: Notify = lambda line: None,
    progress: Progress = silent,
    more_photos: Sequence[Path] = (),
    hardware: Hardware | None = None,
    with_shell: bool = True,
    work: Callable[..., TextureRun] | None = None,
) -> Portrait:
    """Run every step of the method on one photo and one artwork; writes nothing.

    Args:
        photo, art: pictures. more_photos: further photos of the same person.
        model: of ``params.fit.model``; like ``networks`` it can serve any number of portraits.
        notify: receives one line a step, once it is done.
        progress: receives the losses of every step of the texture.
        hardware: device and renderer; None asks the environment.
        with_shell: with hair, hat and shoulders, or the head alone.
        work: runs the texture; see :func:`portrait_pipeline.texture.optimise.stylise_together`.

    Raises:
        PortraitError: any user error.
    """
    draft = draft_portrait(photo, art, params, networks, model, notify, more_photos, with_shell)
    ((stylised, _),) = paint_drafts([draft], params, model, progress, hardware, work)
    notify("texture")
    portrait = finish_portrait(draft, stylised, params, model)
    notify("animation")
    return portrait


def draft_portrait(
    photo: Path,
    art: Path,
    params: Params,
    networks: Networks,
    model: FaceModel,
    notify: Notify = lambda line: None,
    more_photos: Sequence[Path] = (),
    with_shell: bool = True,
) -> Draft:
    """The steps before the texture; arguments and errors as :func:`make_portrait`."""
    located = locate_pair(photo, art, params.landmarks, notify, more_photos)
    notify(f"landmarks: photo by {located.photo_source}, art by {located.art_source}")
    fitted = fit_pair(model, located, params.fit, notify)
    notify(f"fit: off by {100 * fitted.inner_error:.1f} % of the eye distance, jaw {100 * fitted.jaw_error:.1f} %")
    translated = translate_pair(networks.translator, networks.space, fitted, params.translate)
    notify(f"translate: networks {networks.files.origin}")
    head = deform_pair(model, fitted, translated, params.deform)
    notify(f"deform: residual {100 * head.residual:.2f} % of the eye distance")
    texture = project_pair(model, located, fitted, params.photo_texture)
    notify("photo texture")
    shell = shell_pair(model, located, fitted, params.shell) if with_shell else Shell.none("left out")
    worn = carry_shell(model, shell, fitted.vertices, head.vertices) if shell.exists else None
    notify(f"shell: {shell.note}" if shell.note else "shell")
    return Draft(f"{photo.stem} as {art.stem}", located, fitted, translated, head, texture, shell, worn)


def paint_drafts(
    drafts: Sequence[Draft],
    params: Params,
    model: FaceModel,
    progress: Progress = silent,
    hardware: Hardware | None = None,
    work: Callable[..., TextureRun] | None = None,
) -> list[tuple[StylisedTexture, History]]:
    """Optimise the textures of drafts of the same parameters together, all with a shell or none.

    One alone gets what :func:`make_portrait` gives it; several share the random numbers, so that each differs a little
    from that.
    """
    subjects = [
        clothed_subject(
            model, draft.located, draft.head, draft.photo_texture, params.texture.regions, draft.shell, draft.worn
        )
        for draft in drafts
    ]
    painted = stylise_together(subjects, params.texture, progress, work, seed=params.seed, hardware=hardware)
    return [
        (stylised_record(draft.head, textures, history, draft.worn), history)
        for draft, (textures, history) in zip(drafts, painted, strict=True)
    ]


def finish_portrait(draft: Draft, stylised: StylisedTexture, params: Params, model: FaceModel) -> Portrait:
    """The steps after the texture."""
    return Portrait(
        draft.title,
        model,
        draft.located,
        draft.fitted,
        draft.translated,
        draft.photo_texture,
        draft.shell,
        stylised,
        animate_pair(model, draft.fitted, stylised, draft.shell, params.animation),
        animate_photo(model, draft.fitted, draft.photo_texture, draft.shell, params.animation),
    )
