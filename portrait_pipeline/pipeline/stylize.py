"""One pair outside the pipeline, with the networks that the pipeline trained."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..animation.step import animate_pair, animate_photo
from ..base.errors import ArtifactError
from ..base.progress import progress_bar
from ..base.stage import Layout
from ..deform.step import deform_pair
from ..export.results import write_results
from ..fit.step import fit_pair
from ..head.choice import head_model
from ..landmarks.step import locate_pair
from ..photo_texture.step import project_pair
from ..samples.sources import resolve
from ..texture.step import stylise_pair
from ..translation.step import translate_pair
from .params import Params, load_params, with_overrides


def stylize_files(
    photo: str,
    art: str,
    output: Path,
    project: Path,
    overrides: Sequence[str],
    notify: Callable[[str], None],
    more_photos: Sequence[str] = (),
) -> None:
    """Run every step of the method on one photo and one artwork and write the result files.

    Args:
        photo, art: image paths or ``sample:<name>``.
        output: folder, made if needed; its files of the same names are replaced.
        project: folder with ``data/artifacts`` (trained networks) and, optionally, ``params.yaml``.
        overrides: ``section.name=value``.
        notify: receives one line a step.
        more_photos: further photos of the same person, as ``photo``.

    Raises:
        PortraitError: any user error; nothing is written unless every step succeeded.
    """
    layout = Layout(project)
    file = project / "params.yaml"
    params = with_overrides(load_params(file) if file.is_file() else Params(pairs={}), overrides)
    photo_path, art_path, *more_paths = (resolve(source, Path(".")).path for source in (photo, art, *more_photos))
    space_path = layout.artifact("shape_space", "shape_space.h5")
    translator_path = layout.artifact("translation", "translator.safetensors")
    for path in (space_path, translator_path):
        if not path.is_file():
            raise ArtifactError(f"{path}: missing; run `dvc repro translation` in the project, or name it by --project")

    start = time.perf_counter()

    def tell(step: str) -> None:
        notify(f"[{time.perf_counter() - start:6.1f} s] {step}")

    model = head_model(params.fit.model, project)
    located = locate_pair(photo_path, art_path, params.landmarks, notify, more_paths)
    tell(f"landmarks: photo by {located.photo_source}, art by {located.art_source}")
    fitted = fit_pair(model, located, params.fit, notify)
    tell(f"fit: off by {100 * fitted.inner_error:.1f} % of the eye distance, jaw {100 * fitted.jaw_error:.1f} %")

    from ..shapes.space import ShapeSpace
    from ..translation.translator import Translator

    translated = translate_pair(Translator.load(translator_path), ShapeSpace.load(space_path), fitted, params.translate)
    head = deform_pair(model, fitted, translated, params.deform)
    tell(f"deform: residual {100 * head.residual:.2f} % of the eye distance")
    texture = project_pair(model, located, fitted, params.photo_texture)
    tell("photo texture")
    with progress_bar("texture") as progress:
        stylised, _ = stylise_pair(model, located, head, texture, params.texture, progress)
    tell("texture")
    rig = animate_pair(model, fitted, stylised, params.animation)
    photo_rig = animate_photo(model, fitted, texture, params.animation)
    tell("animation")
    name = f"{photo_path.stem} as {art_path.stem}"
    write_results(output, name, model, located, fitted, translated, texture, stylised, rig, photo_rig, params.export)
    tell("export")
