"""Faces translated by every method side by side (the paper's Fig. 6), and one face between two styles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...shapes.plots import LOOK, PAGE, draw_face, frame_faces
from ...shapes.space import ShapeSpace
from .faces import Face, Translate, arriving, changed
from .plots import COLOURS, NAMES

if TYPE_CHECKING:
    from ...translation.translator import Translator

COLUMNS = ("munit", "drit", "cyclegan", "ours_without_class_loss", "ours")
"""Models in the order of the paper's Fig. 6."""
HAIR, SIDES, CHIN = 0.42, 0.1, 0.08
"""A face is shown with so much above its brows, beside its jaw and below its chin, as a share of its height."""
VARIANTS = {
    "larger eyes": {"eye_size": 0.3, "brow_raise": 0.06},
    "wider mouth": {"mouth_width": 0.3, "lip_full": 0.2},
}
"""Small changes of an exemplar: name to strengths of exaggerations."""
PICTURE, DRAWING = 1.08, 0.62
"""Height of a panel with a picture and of one with landmarks, in widths."""


def plot_comparison(contents: Sequence[Face], exemplars: Sequence[Face], methods: Mapping[str, Translate]) -> Figure:
    """The paper's Fig. 6: one row a content and exemplar; content, style, and the content bent by every method.

    Under each picture are its landmarks seen from the front, over those of the content in grey.

    Args:
        contents: photos. exemplars: artworks. methods: by the names in ``COLUMNS``; others are left out.
    """
    names = [name for name in COLUMNS if name in methods]
    with rc_context(dict(LOOK)):
        figure, grid = _sheet(len(contents) * len(exemplars), ["content", "style", *(NAMES[name] for name in names)])
        for c, content in enumerate(contents):
            rows = [_translations(content, exemplar, [methods[name] for name in names]) for exemplar in exemplars]
            block = grid[c * len(exemplars) : (c + 1) * len(exemplars)]
            _fill(block, content, exemplars, rows, names, [[content] * len(names)] * len(rows))
    return figure


def plot_small_differences(content: Face, exemplar: Face, methods: Mapping[str, Translate]) -> Figure:
    """The second example of the paper's Fig. 6: does a method see small differences between exemplars?

    One row an exemplar: the artwork as it is, and with the small changes of ``VARIANTS``. The drawings are over
    those of the first row in grey, with the share of the exemplar's change that arrives (:func:`arriving`).
    """
    names = [name for name in COLUMNS if name in methods]
    exemplars = [exemplar, *(exemplar.warped(changed(exemplar.frontal, effect)) for effect in VARIANTS.values())]
    with rc_context(dict(LOOK)):
        figure, grid = _sheet(
            len(exemplars), ["content", "style", *(NAMES[name] for name in names)], ["as it is", *VARIANTS]
        )
        rows = [_translations(content, face, [methods[name] for name in names]) for face in exemplars]
        _fill(grid, content, exemplars, rows, names, [rows[0]] * len(rows), together=True)
        for axes, face, row in zip(grid[1:, 2:, 1], exemplars[1:], rows[1:], strict=True):
            for panel, result, first in zip(axes, row, rows[0], strict=True):
                share = arriving(exemplar.frontal, face.frontal, first.frontal, result.frontal)
                words = f"{round(100 * share) + 0:d} % arrives"
                panel.text(0.5, 0.0, words, fontsize=6, ha="center", va="bottom", transform=panel.transAxes)
        for panel in grid[:, :, 1].flat:  # room for the words
            bottom, top = panel.get_ylim()
            panel.set_ylim(bottom + 0.16 * (bottom - top), top)
    return figure


def plot_interpolation(
    contents: Sequence[Face],
    exemplars: tuple[Face, Face],
    translator: Translator,
    space: ShapeSpace,
    steps: int,
    bound: float,
) -> Figure:
    """Each content on the way from the style of one exemplar to that of another, ``steps`` pictures a row.

    Args:
        bound: as of :func:`~portrait_pipeline.translation.styles.exemplar_style`.
    """
    from ...translation.delivery import translate
    from ...translation.styles import Style, between, exemplar_style

    ends = np.stack([space.encode(space.align(exemplar.frontal)[0]) for exemplar in exemplars])
    styles = between(exemplar_style(translator, space, ends, bound=bound), steps)
    shares = [f"{share:.0%}" for share in np.linspace(0, 1, steps)]
    with rc_context(dict(LOOK)):
        figure, grid = _sheet(len(contents), ["first style", *shares, "second style"])
        for row, content in zip(grid, contents, strict=True):
            faces = [
                content.warped(
                    translate(
                        translator, space, content.frontal, Style(styles.codes[[k]], styles.mirrored[[k]]), bound=bound
                    )
                )
                for k in range(steps)
            ]
            window = _window([face.points for face in faces])
            frame = np.array([face.frontal for face in faces])
            for axes, face in zip(row[1:-1], faces, strict=True):
                _show(axes[0], face, window)
                _draw(axes[1], face, face, COLOURS["ours"], frame)
            for axes, face in zip(row[[0, -1]], exemplars, strict=True):
                _show(axes[0], face, _window([face.points]))
                _draw(axes[1], face, face, "black", face.frontal)
    return figure


def _translations(content: Face, exemplar: Face, methods: Sequence[Translate]) -> list[Face]:
    return [content.warped(method(content.frontal, exemplar.frontal)) for method in methods]


def _fill(
    grid: np.ndarray,
    content: Face,
    exemplars: Sequence[Face],
    results: Sequence[Sequence[Face]],
    names: Sequence[str],
    before: Sequence[Sequence[Face]],
    together: bool = False,
) -> None:
    """One block of rows with one content.

    Args:
        grid: (rows, columns, 2) axes. results: a row's faces, one for each of ``names``.
        before: the faces over which the results are drawn.
        together: the exemplars are variants of the first: one frame for all, and drawn over the first.
    """
    window = _window([content.points, *(face.points for row in results for face in row)])
    frame = np.array([content.frontal, *(face.frontal for row in results for face in row)])
    for axes, exemplar, row, earlier in zip(grid, exemplars, results, before, strict=True):
        group = exemplars if together else [exemplar]
        _show(axes[0, 0], content, window)
        _draw(axes[0, 1], content, content, "black", frame)
        _show(axes[1, 0], exemplar, _window([face.points for face in group]))
        _draw(axes[1, 1], exemplar, group[0], "black", np.array([face.frontal for face in group]))
        for (picture, drawing), face, old, name in zip(axes[2:], row, earlier, names, strict=True):
            _show(picture, face, window)
            _draw(drawing, face, old, COLOURS[name], frame)


def _sheet(rows: int, titles: Sequence[str], labels: Sequence[str] = ()) -> tuple[Figure, np.ndarray]:
    """A page-wide grid of axes (rows, columns, 2): in each cell a picture and under it a drawing."""
    lines = 1 + max(title.count("\n") for title in titles)
    gap, top, left = 0.04, 0.06 + 0.13 * lines, 0.16 if labels else 0.0  # inches
    heights = (PICTURE, DRAWING)
    width = (PAGE - left - gap * (len(titles) - 1)) / len(titles)
    cell = sum(heights) * width + gap
    size = np.array([PAGE, top + rows * cell])
    figure = Figure(figsize=tuple(size))
    grid = np.empty((rows, len(titles), len(heights)), object)
    for (row, column, panel), _ in np.ndenumerate(grid):
        bottom = size[1] - top - row * cell - sum(heights[: panel + 1]) * width
        corner = np.array([left + column * (width + gap), bottom]) / size
        axes = figure.add_axes((*corner, *(np.array([width, heights[panel] * width]) / size)))
        axes.axis("off")
        grid[row, column, panel] = axes
    for axes, title in zip(grid[0, :, 0], titles, strict=True):
        axes.set_title(title, pad=3)
    for axes, label in zip(grid[:, 0, 0], labels, strict=False):
        axes.text(-0.03, 0.5, label, rotation=90, ha="right", va="center", transform=axes.transAxes)
    return figure, grid


def _window(faces: Sequence[np.ndarray]) -> tuple[float, float, float, float]:
    """Left, right, top and bottom (px) of a panel that shows all ``faces`` (68, 2) with some hair."""
    points = np.concatenate(faces)
    (left, top), (right, bottom) = points.min(0), points.max(0)
    length = bottom - top
    top, bottom = top - HAIR * length, bottom + CHIN * length
    half = max((right - left) / 2 + SIDES * length, (bottom - top) / PICTURE / 2)
    middle, missing = (left + right) / 2, 2 * half * PICTURE - (bottom - top)
    return middle - half, middle + half, top - missing / 2, bottom + missing / 2


def _show(axes: Axes, face: Face, window: tuple[float, float, float, float]) -> None:
    """The part of the picture in the window."""
    height, width = face.image.shape[:2]
    axes.imshow(face.image, extent=(0, width, height, 0), interpolation="lanczos", aspect="auto")
    axes.set(xlim=window[:2], ylim=window[:1:-1])


def _draw(axes: Axes, face: Face, before: Face, colour: str, frame: np.ndarray) -> None:
    """The frontal landmarks in the middle of the extent of ``frame`` (..., 68, 2), over those of ``before``."""
    if before is not face:
        draw_face(axes, before.frontal, color="0.65", width=0.5)
    draw_face(axes, face.frontal, color=colour, width=0.8)
    frame_faces(axes, frame, margin=0.04)
