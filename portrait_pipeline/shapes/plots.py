"""Pictures of the shape space, as matplotlib figures."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .points import STROKES
from .space import ShapeSet, ShapeSpace


def draw_face(
    axes: Axes, points: np.ndarray, color: str = "black", width: float = 1.0, alpha: float = 1.0
) -> None:
    """Draw one face (68, 2), y down, as lines."""
    for stroke in STROKES:
        axes.plot(points[stroke, 0], points[stroke, 1], color=color, linewidth=width, alpha=alpha)


def _frame(axes: Axes, title: str = "") -> None:
    axes.set(xlim=(-0.85, 0.85), ylim=(1.15, -0.6), aspect="equal")
    axes.axis("off")
    axes.set_title(title, fontsize=8)


def plot_modes(space: ShapeSpace, modes: int = 8, sigma: float = 2.5) -> Figure:
    """The first modes of the PCA, each at -sigma, 0 and +sigma standard deviations."""
    modes = min(modes, space.size)
    figure = Figure(figsize=(1.4 * modes, 5.0))
    for k in range(modes):
        for row, value in enumerate((-sigma, 0.0, sigma)):
            axes = figure.add_subplot(3, modes, row * modes + k + 1)
            draw_face(axes, space.decode(np.eye(space.size)[k] * value))
            _frame(axes, f"mode {k + 1}" if row == 0 else "")
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=0.88, wspace=0.02, hspace=0.02)
    figure.suptitle(
        f"first modes at {-sigma:g}, 0, {sigma:g} standard deviations; "
        f"{space.size} keep {space.variance_kept:.2%}",
        fontsize=9,
    )
    return figure


def plot_classes(space: ShapeSpace, shapes: ShapeSet, samples: int = 12) -> Figure:
    """The class means of the art domain (black) over samples of the class (grey), as the paper's Fig. 3."""
    columns = 5 if space.classes <= 25 else 10
    rows = -(-space.classes // columns)
    figure = Figure(figsize=(2.0 * columns, 2.1 * rows))
    for label in range(space.classes):
        axes = figure.add_subplot(rows, columns, label + 1)
        members = np.flatnonzero(shapes.art_labels == label)
        for index in members[:samples]:
            draw_face(axes, space.decode(shapes.art[index]), color="tab:blue", width=0.5, alpha=0.35)
        draw_face(axes, space.decode(space.centroids[label] / space.scale), width=1.2)
        _frame(axes, f"class {label + 1}: {len(members)}")
    figure.tight_layout(pad=0.3)
    return figure
