"""``portrait stylize``: one pair outside the pipeline, with networks that are trained already."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from pathlib import Path

from ..base.device import Hardware
from ..base.images import image_size, save_image
from ..base.progress import Notify, Progress, silent
from ..fit.params import FitParams
from ..head.model import FaceModel
from ..samples.sources import resolve
from .params import project_params


def stylize_files(
    photo: str,
    art: str,
    output: Path,
    project: Path,
    overrides: Sequence[str],
    notify: Callable[[str], None],
    more_photos: Sequence[str] = (),
    device: str | None = None,
    formats: Collection[str] = (),
) -> None:
    """Run every step of the method on one photo and one artwork and write the result files.

    Args:
        photo, art: image paths or ``sample:<name>``; the photo may be a video, whose calmest frame is used.
        output: folder, made if needed; its files of the same names are replaced.
        project: folder with, optionally, ``params.yaml`` and ``data/artifacts`` (networks of its own).
        overrides: ``section.name=value``.
        notify: receives one line a step.
        more_photos: further photos of the same person, as ``photo``.
        device: auto, cpu or cuda; None asks the environment.
        formats: of :data:`..export.formats.FORMATS`; none is all.

    Raises:
        PortraitError: any user error; nothing is written unless every step succeeded.
    """
    hardware = Hardware.wanted(device)
    params = project_params(project, overrides)
    photo_path, art_path, *more_paths = (resolve(source, Path(".")).path for source in (photo, art, *more_photos))

    # imported here: torch takes seconds, and mistakes in the arguments are told before
    from ..base.progress import progress_bar
    from ..export.formats import FORMATS
    from ..head.model import head_model
    from ..texture.optimise import check_ready
    from ..video.reader import is_video
    from .networks import load_networks
    from .portrait import Clock, make_portrait

    from_video = is_video(photo_path)
    for path in (art_path, *more_paths) if from_video else (photo_path, art_path, *more_paths):
        image_size(path)
    check_ready(params.texture, hardware)
    tell = Clock(notify)
    networks, model = load_networks(project), head_model(params.fit.model, project)
    with ExitStack() as kept:
        if from_video:
            folder = Path(kept.enter_context(tempfile.TemporaryDirectory()))
            with progress_bar("frames") as progress:
                photo_path = calm_frame(photo_path, folder, model, params.fit, tell, progress)
        with progress_bar("texture") as progress:
            portrait = make_portrait(
                photo_path, art_path, params, networks, model, tell, progress, more_paths, hardware
            )
    portrait.write(output, params.export, formats or FORMATS)
    tell("export")


def calm_frame(
    video: Path,
    folder: Path,
    model: FaceModel,
    params: FitParams,
    notify: Notify = lambda line: None,
    progress: Progress = silent,
) -> Path:
    """The frame of a video that a head is best made from, as a picture in a folder.

    Raises:
        PortraitError: as :func:`portrait_pipeline.video.neutral.neutral_frame`.
    """
    from ..video.neutral import neutral_frame
    from ..video.reader import look_at

    time, pixels = neutral_frame(look_at(video), model, params, progress)
    notify(f"{video}: the frame at {time:.2f} s is used")
    path = folder / f"{video.stem}.png"
    save_image(path, pixels)
    return path
