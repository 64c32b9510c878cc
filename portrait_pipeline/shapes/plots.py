"""Pictures of the shape space, as matplotlib figures; and how every figure looks and is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..base.artifacts import atomic_path
from .points import STROKES
from .space import ShapeSet, ShapeSpace

COLUMN, PAGE = 3.45, 7.16
"""Width of a column and of a page in inches."""
DPI = 200

LOOK: Mapping[str, Any] = {
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.labelsize": 7.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "figure.dpi": DPI,
}
"""Matplotlib settings of all figures: they are read at the width of a column, where text has 7 to 8 points."""

SAMPLE_COLOUR, NORMAL_COLOUR, MEAN_COLOUR = "#56B4E9", "#D55E00", "#1a1a1a"


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG, atomically; equal figures give equal bytes.

    Raises:
        OutputError: the disk refuses.
    """
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=DPI, metadata={"Software": None})  # the version would change the hash


def draw_face(axes: Axes, points: np.ndarray, color: str = "black", width: float = 1.0, alpha: float = 1.0) -> None:
    """Draw one face (68, 2) or several (N, 68, 2), y down, as lines."""
    faces = np.asarray(points, float).reshape(-1, 68, 2)
    lines = [face[stroke] for face in faces for stroke in STROKES]
    axes.add_collection(
        LineCollection(lines, colors=color, linewidths=width, alpha=alpha, capstyle="round", joinstyle="round")
    )


def frame_faces(axes: Axes, faces: np.ndarray, margin: float = 0.05) -> None:
    """Show just the extent of ``faces`` (..., 68, 2), y down, without axes.

    Args:
        margin: white around them, as a share of their larger side.
    """
    points = np.asarray(faces, float).reshape(-1, 2)
    low, high = points.min(0), points.max(0)
    border = margin * (high - low).max()
    axes.set(xlim=(low[0] - border, high[0] + border), ylim=(high[1] + border, low[1] - border), aspect="equal")
    axes.axis("off")


def plot_modes(space: ShapeSpace, modes: int = 8, sigma: float = 2.5) -> Figure:
    """The first modes of the PCA, each at -sigma, 0 and +sigma standard deviations."""
    modes = min(modes, space.size)
    values = (-sigma, 0.0, sigma)
    faces = space.decode(np.array(values)[:, None, None] * np.eye(space.size)[:modes])
    with rc_context(dict(LOOK)):
        figure = Figure(figsize=(PAGE, PAGE * 2.9 / modes + 0.25), layout="constrained")
        grid = figure.subplots(3, modes, squeeze=False)
        for (row, k), axes in np.ndenumerate(grid):
            draw_face(axes, faces[1, k], color="0.8", width=0.6)
            draw_face(axes, faces[row, k], color=MEAN_COLOUR, width=0.8)
            frame_faces(axes, faces)
            if row == 0:
                axes.set_title(f"mode {k + 1}")
        for axes, value in zip(grid[:, 0], values, strict=True):
            words = f"{value:+g} σ".replace("-", "\N{MINUS SIGN}") if value else "mean"
            axes.text(-0.02, 0.5, words, rotation=90, va="center", ha="right", transform=axes.transAxes)
        figure.suptitle(f"{space.size} modes keep {space.variance_kept:.2%} of the variance", fontsize=8)
    return figure


def plot_classes(space: ShapeSpace, shapes: ShapeSet, samples: int = 12) -> Figure:
    """The class means of the art domain over samples of the class and the average normal face: the paper's Fig. 3."""
    columns = 5 if space.classes <= 25 else 10
    rows = -(-space.classes // columns)
    means = space.decode(space.centroids / space.scale)
    normal = space.decode(space.normal_mean)
    members = [np.flatnonzero(shapes.art_labels == label) for label in range(space.classes)]
    drawn = [space.decode(shapes.art[indices[:samples]]) for indices in members]
    # One frame for all, so that sizes compare: every class mean is inside, a few samples may stick out of it.
    sampled = np.quantile(np.concatenate(drawn).reshape(-1, 2), (0.001, 0.999), axis=0)
    limits = np.concatenate([sampled, means.reshape(-1, 2)])
    with rc_context(dict(LOOK)):
        figure = Figure(figsize=(PAGE, PAGE / columns * rows * 1.05 + 0.3), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.01, h_pad=0.03, wspace=0, hspace=0)
        for label in range(space.classes):
            axes = figure.add_subplot(rows, columns, label + 1)
            draw_face(axes, drawn[label], color=SAMPLE_COLOUR, width=0.4, alpha=0.5)
            draw_face(axes, normal, color=NORMAL_COLOUR, width=0.6)
            draw_face(axes, means[label], color=MEAN_COLOUR, width=0.9)
            frame_faces(axes, limits, margin=0.01)
            axes.set_title(f"class {label + 1} ({len(members[label])})", fontsize=7, pad=1)
        figure.legend(
            handles=[
                Line2D([], [], color=MEAN_COLOUR, lw=1.2, label="class mean"),
                Line2D([], [], color=SAMPLE_COLOUR, lw=0.8, label="samples"),
                Line2D([], [], color=NORMAL_COLOUR, lw=0.8, label="average normal face"),
            ],
            loc="outside lower center",
            ncols=3,
        )
    return figure
