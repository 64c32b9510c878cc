"""Faces translated by every method side by side (the paper's Fig. 6), and one face between two styles (Fig. 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...base import images
from ...base.stage import Layout
from ...fit.record import FittedPair
from ...head.model import FaceModel
from ...landmarks.record import LocatedPair
from ...perception.detector import locate
from ...pipeline.params import Params
from ...samples.sources import resolve
from ...shapes.plots import LOOK, PAGE, draw_face, frame_faces
from ...shapes.space import ShapeSpace
from ...translation.delivery import translate
from ...translation.styles import Style, between, exemplar_style
from ..params import FiguresParams
from .faces import Face, Translate, art_face, method_translate, photo_face
from .plots import COLOURS, NAMES

if TYPE_CHECKING:
    from ...translation.method import Method
    from ...translation.translator import Translator

COLUMNS = ("munit", "drit", "cyclegan", "ours_without_class_loss", "ours")
"""Models in the order of the paper's Fig. 6."""
HEIGHTS = (1.08, 0.62)
"""Of a panel with a picture and of one with landmarks, in widths."""
ABOVE, AROUND = 0.42, 0.1
"""A face is shown with so much above its brows and on the other sides, as a share of its height."""

Cell = tuple[Face, Face, str]
"""A face, the face over which its landmarks are drawn, and the colour of its own."""


def face_figures(
    layout: Layout,
    params: Params,
    settings: FiguresParams,
    model: FaceModel,
    space: ShapeSpace,
    translator: Translator,
    methods: Mapping[str, Method],
) -> dict[str, Figure]:
    """``comparison`` and ``interpolation`` by name; empty for a project without pairs.

    Args:
        layout: where the fitted pairs lie; artworks are found from its root. settings: what is drawn.
        methods: one trained method of each name.

    Raises:
        PortraitError: a pair's artifacts or an artwork cannot be read.
    """
    contents = [
        photo_face(
            model,
            LocatedPair.load(layout.pair_artifact("landmarks", name)),
            FittedPair.load(layout.pair_artifact("fit", name)),
        )
        for name in list(params.pairs)[: settings.contents]
    ]
    if not contents:
        return {}
    exemplars = [load_exemplar(resolve(spec, layout.root).path, model, params) for spec in settings.exemplars]
    bound = params.translate.bound
    translators = {name: method_translate(method, space, bound) for name, method in methods.items()}
    return {
        "comparison": plot_comparison(contents, exemplars, translators),
        "interpolation": plot_interpolation(contents, exemplars[:2], translator, space, settings.steps, bound),
    }


def load_exemplar(path: Path, model: FaceModel, params: Params) -> Face:
    """An artwork and its points, from the front.

    Raises:
        InputFileError: it cannot be read, or no face is found.
    """
    image = images.load_image(path, max_side=params.landmarks.max_side)
    return art_face(model, image, locate(path, image).points, params.fit)


def plot_comparison(contents: Sequence[Face], exemplars: Sequence[Face], methods: Mapping[str, Translate]) -> Figure:
    """One row a content and exemplar: content, style, and the content bent by every method.

    Under each picture are its landmarks seen from the front, over those of the content in grey.

    Args:
        contents: photos. exemplars: artworks. methods: by the names in ``COLUMNS``; others are left out.
    """
    names = [name for name in COLUMNS if name in methods]
    rows: list[list[Cell]] = []
    for content in contents:
        for exemplar in exemplars:
            bent = (content.warped(methods[name](content.frontal, exemplar.frontal)) for name in names)
            cells = [(face, content, COLOURS[name]) for face, name in zip(bent, names, strict=True)]
            rows.append([(content, content, "black"), (exemplar, exemplar, "black"), *cells])
    return _sheet(rows, ["content", "style", *(NAMES[name] for name in names)])


def plot_interpolation(
    contents: Sequence[Face],
    exemplars: Sequence[Face],
    translator: Translator,
    space: ShapeSpace,
    steps: int,
    bound: float,
) -> Figure:
    """Each content on the way from the style of one exemplar to that of another, ``steps`` pictures a row.

    Args:
        bound: as of :func:`~portrait_pipeline.translation.styles.exemplar_style`.
    """
    ends = np.stack([space.encode(space.align(exemplar.frontal)[0]) for exemplar in exemplars])
    styles = between(exemplar_style(translator, space, ends, bound=bound), steps)
    rows: list[list[Cell]] = []
    for content in contents:
        row = [(exemplars[0], exemplars[0], "black")]
        for k in range(steps):
            style = Style(styles.codes[[k]], styles.mirrored[[k]])
            face = content.warped(translate(translator, space, content.frontal, style, bound=bound))
            row.append((face, face, COLOURS["ours"]))
        rows.append([*row, (exemplars[1], exemplars[1], "black")])
    shares = [f"{share:.0%}" for share in np.linspace(0, 1, steps)]
    return _sheet(rows, ["first style", *shares, "second style"])


def _sheet(rows: Sequence[Sequence[Cell]], titles: Sequence[str]) -> Figure:
    """A page-wide grid: in each cell a picture and under it its landmarks."""
    with rc_context(dict(LOOK)):
        height = sum(HEIGHTS) * len(rows) * PAGE / len(titles) + 0.35
        figure = Figure(figsize=(PAGE, height), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
        grid = figure.subplots(2 * len(rows), len(titles), squeeze=False, height_ratios=HEIGHTS * len(rows))
        for row, (pictures, drawings) in zip(rows, zip(grid[::2], grid[1::2], strict=True), strict=True):
            for (face, before, colour), picture, drawing in zip(row, pictures, drawings, strict=True):
                _show(picture, face)
                if before is not face:
                    draw_face(drawing, before.frontal, color="0.65", width=0.5)
                draw_face(drawing, face.frontal, color=colour, width=0.8)
                frame_faces(drawing, np.stack([before.frontal, face.frontal]), margin=0.04)
        for axes in grid.flat:
            axes.axis("off")
        for axes, title in zip(grid[0], titles, strict=True):
            axes.set_title(title, pad=3)
    return figure


def _show(axes: Axes, face: Face) -> None:
    """The part of the picture about the face."""
    height, width = face.image.shape[:2]
    (left, top), (right, bottom) = face.points.min(0), face.points.max(0)
    length = bottom - top
    top, bottom = top - ABOVE * length, bottom + AROUND * length
    half = max((right - left) / 2 + AROUND * length, (bottom - top) / HEIGHTS[0] / 2)
    middle, rest = (left + right) / 2, 2 * half * HEIGHTS[0] - (bottom - top)
    axes.imshow(face.image, extent=(0, width, height, 0), interpolation="lanczos", aspect="auto")
    axes.set(xlim=(middle - half, middle + half), ylim=(bottom + rest / 2, top - rest / 2))
