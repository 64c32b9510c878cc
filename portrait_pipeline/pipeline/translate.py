"""``portrait translate``: a face in one or several geometric styles, as points, as a bent photo and as a figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..base import images
from ..base.errors import ArtifactError, FitError, ParameterError
from ..base.params import validate
from ..deformation.params import DeformParams
from ..fit.fit import fit_landmarks, frontalise
from ..fit.settings import FitSettings
from ..head.model import FaceModel, head_model
from ..perception.files import SUFFIXES, read_points, write_points
from ..perception.locate import find_face
from ..samples.sources import resolve
from ..shapes.easing import keep_face
from .face import Face
from .networks import Networks, load_networks
from .params import Params, project_params

if TYPE_CHECKING:  # torch takes seconds to import: errors in the arguments are told before
    from ..translation.styles import Style

STEPS = 7


@dataclass(frozen=True)
class StyleChoice:
    """The styles that the user asks for, in this order: exemplars, one of a class, a random one.

    Attributes:
        exemplars: images, ``sample:<name>`` or landmark files.
        label: 1 to the number of classes, or None.
        seed: of a style drawn from N(0, I); with ``label``, of the member of the class. None for none.
        interpolate: go from the first style through the others to the last.
        steps: of the interpolation; None for the default.
    """

    exemplars: Sequence[str] = ()
    label: int | None = None
    seed: int | None = None
    interpolate: bool = False
    steps: int | None = None

    def check(self) -> None:
        """Raise a ParameterError if the choice makes no sense."""
        count = len(self.exemplars) + (self.label is not None or self.seed is not None)
        if count == 0:
            raise ParameterError("STYLE is missing; name an exemplar, or give --random SEED or --style-class N")
        if count > 1 and not self.interpolate:
            raise ParameterError(f"{count} styles given, expected 1; name one, or add --interpolate")
        if self.interpolate and count < 2:
            raise ParameterError("--interpolate needs at least 2 styles, got 1; name another exemplar")
        if self.steps is not None and not self.interpolate:
            raise ParameterError(f"--steps is {self.steps} but there is nothing to interpolate; add --interpolate")
        if self.steps is not None and not 2 <= self.steps <= 100:
            raise ParameterError(f"--steps is {self.steps}, must be 2 to 100")
        if self.steps is not None and self.steps < count:
            raise ParameterError(f"--steps is {self.steps} for {count} styles; at least {count}, one for each")
        if self.seed is not None and not 0 <= self.seed < 2**32:
            raise ParameterError(f"--random is {self.seed}, must be 0 to {2**32 - 1}")


@dataclass(frozen=True)
class Styles:
    """The chosen styles.

    Attributes:
        codes: of n styles.
        names: n captions.
        faces: n exemplars, or None where there is no exemplar but codes alone.
        shapes: n times (68, 2), the exemplar's frontal points, or the average person in the style (aligned canvas).
    """

    codes: Style
    names: list[str]
    faces: list[Face | None]
    shapes: list[np.ndarray]


@dataclass(frozen=True)
class Translation:
    """One result.

    Attributes:
        frontal: (68, 2) translated points, in the frame of the content's frontal points.
        points: (68, 2) the same with the content's pose put back, in the frame of its points.
    """

    frontal: np.ndarray
    points: np.ndarray


def translate_files(
    content: str,
    choice: StyleChoice,
    output: Path,
    project: Path,
    overrides: Sequence[str],
    scale: float | None,
    notify: Callable[[str], None],
) -> list[Path]:
    """Translate one face and write points and pictures.

    Args:
        content: image, ``sample:<name>`` or landmark file (``.pts``, ``.txt``).
        choice: styles.
        output: folder, made if needed; its files of the same names are replaced.
        project: folder with, optionally, ``params.yaml`` and ``data/artifacts`` (networks of its own).
        overrides: ``section.name=value``.
        scale: factor on the change; None takes ``deform.scale``.
        notify: receives one line a step.

    Returns:
        The files written, the figure first.

    Raises:
        PortraitError: any user error; nothing is written then.
    """
    from .translate_figure import draw_figure, warp_all

    choice.check()
    params = _params(project, overrides, scale)
    networks = load_networks(project)
    model = head_model(params.fit.model, project)
    person = load_face(model, content, params, False, notify)
    styles = choose_styles(networks, model, choice, params, notify)
    notify(f"translate: networks {networks.files.origin}")
    results = translate_face(networks, person, styles.codes, choice, params)
    warped = warp_all(person, results)
    note = "" if params.deform.scale == 1 else f", scale {params.deform.scale:g}"
    return _write(output, person, styles, results, warped, draw_figure(person, styles, results, warped, note))


def _params(project: Path, overrides: Sequence[str], scale: float | None) -> Params:
    params = project_params(project, overrides)
    if scale is None:
        return params
    deform = validate(DeformParams, params.deform.model_dump() | {"scale": scale}, "--scale")
    return params.model_copy(update={"deform": deform})


def load_face(model: FaceModel, source: str, params: Params, artistic: bool, notify: Callable[[str], None]) -> Face:
    """Read or find the 68 points of a face and take its pose out, as for a pair of the pipeline.

    Args:
        model: the face model, whose fit tells the pose.
        source: image, ``sample:<name>`` or landmark file.
        params: sections ``landmarks`` and ``fit``.
        artistic: fit it as an artwork.
        notify: receives a line if several faces are seen.

    Raises:
        InputFileError: no such file, no face, bad points; the message names the file.
        FitError: the points are no face.
    """
    path, name = resolve(source, Path("."))
    image, enlarge = None, 1.0
    if path.suffix.lower() in SUFFIXES:
        points = read_points(path)
    else:
        image = images.load_image(path, max_side=params.landmarks.max_side)
        detection = find_face(path, image)
        if detection.faces > 1:
            notify(f"{path}: {detection.faces} faces found, the largest is used")
        points, enlarge = detection.points, images.image_size(path)[1] / image.shape[1]
    try:
        size = None if image is None else (image.shape[1], image.shape[0])
        fit = fit_landmarks(model, points, FitSettings.for_art(params.fit) if artistic else params.fit, image_size=size)
    except FitError as error:
        raise FitError(f"{path}: {error}") from error
    landmarks = model.vertices(fit.identity, fit.expression)[model.landmarks]
    return Face(image, points, frontalise(model, fit, points), landmarks, fit.camera, name, enlarge)


def choose_styles(
    networks: Networks, model: FaceModel, choice: StyleChoice, params: Params, notify: Callable[[str], None]
) -> Styles:
    """The codes of the styles that the user asks for."""
    from ..shapes.space import ShapeSet
    from ..translation.styles import Style, class_style, exemplar_style, random_style, style_face

    space, translator = networks.space, networks.translator
    faces: list[Face | None] = [load_face(model, source, params, True, notify) for source in choice.exemplars]
    names, shapes, parts = [face.name for face in faces], [face.frontal for face in faces], []
    bound = params.translate.bound
    if faces:
        art = space.encode(space.align(np.stack(shapes))[0])
        parts.append(exemplar_style(translator, space, art, bound=bound))
    rng = None if choice.seed is None else np.random.default_rng(choice.seed)
    if choice.label is not None:
        if networks.files.training is None:
            raise ArtifactError(
                "--style-class needs the faces of a training, which the bundled networks come without; "
                "run `dvc repro translation` in a project, and name it by --project"
            )
        training = ShapeSet.load(networks.files.training)
        parts.append(class_style(translator, space, training, choice.label - 1, rng, bound=bound))
        names.append(f"class {choice.label}" + ("" if rng is None else f", member drawn with seed {choice.seed}"))
    elif rng is not None:
        parts.append(random_style(translator, space, rng))
        names.append(f"random style {choice.seed}")
    if len(names) > len(faces):
        faces.append(None)
        face = space.decode(style_face(translator, space, parts[-1].codes))[0]
        shapes.append(keep_face(space.decode(space.normal_mean), face))
    codes = Style(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("codes", "mirrored")))
    return Styles(codes, names, faces, shapes)


def translate_face(
    networks: Networks, person: Face, codes: Style, choice: StyleChoice, params: Params
) -> list[Translation]:
    """The person in the chosen style, or in each style on the way between several."""
    from ..translation.delivery import deliver
    from ..translation.styles import between

    if choice.interpolate:
        codes = between(codes, choice.steps or STEPS)
    aligned, to_canvas = networks.space.align(person.frontal)
    moved = deliver(
        networks.translator,
        networks.space,
        np.repeat(aligned[None], len(codes), axis=0),
        codes,
        strength=params.deform.scale,
        bound=params.translate.bound,
    )
    back = np.linalg.inv(to_canvas[:, :2]).T
    return [
        Translation(frontal, keep_face(person.points, person.moved(frontal)))
        for frontal in (person.frontal + (face - aligned) @ back for face in moved)
    ]


def _write(
    output: Path,
    person: Face,
    styles: Styles,
    results: list[Translation],
    warped: list[np.ndarray],
    figure: np.ndarray,
) -> list[Path]:
    """Write all files; those of several results are numbered from 0."""
    written = [output / "figure.png"]
    images.save_image(written[0], figure)

    def points(name: str, values: np.ndarray) -> None:
        written.append(output / f"{name}.pts")
        write_points(written[-1], values)

    points("content_frontal", person.frontal)
    for index, (face, shape) in enumerate(zip(styles.faces, styles.shapes, strict=True)):
        if face is not None:
            points("style_frontal" + _number(index, len(styles.faces)), shape)
    for index, result in enumerate(results):
        number = _number(index, len(results))
        points("translated" + number, result.points * person.enlarge)
        points("translated_frontal" + number, result.frontal)
        if warped:
            written.append(output / f"warped{number}.png")
            images.save_image(written[-1], warped[index])
    return written


def _number(index: int, count: int) -> str:
    return f"_{index:02d}" if count > 1 else ""
