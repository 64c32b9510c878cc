"""Figures of the proof of the fit: errors and their spread, identity coefficients, heads from best to worst."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...fit.fit import Fit
from ...head.model import FaceModel
from ...head.points import POLYLINES
from ...mesh.render import View, frame_head, rasterise, render
from ...mesh.similarity import fit_similarity
from ...shapes.plots import LOOK, PAGE
from .fit_errors import MM_PER_CM, face_vertices
from .known_heads import KnownHead

OWN, OTHER, THIRD = "#D55E00", "#0072B2", "#009E73"
COLOURS = {"fit": OWN, "outliers": "#E69F00", "missing": "#CC79A7", "weak_perspective": "#56B4E9", "mean_head": "0.5"}
"""Cases in the order of the figures."""
LARGEST_MM = 5.0
"""Distance at the end of the colour scale of the heads."""


def plot_errors(rows: pd.DataFrame) -> Figure:
    """Errors of shape and pose of all cases as cumulative histograms; below, those of the fit against yaw.

    Args:
        rows: of :class:`.fit_report.Proof`.
    """
    with rc_context(dict(LOOK)):
        figure = Figure(figsize=(PAGE, 3.9), layout="constrained")
        grid = figure.subplots(2, 2)
        for axes, column, label in zip(grid[0], ("face_mm", "turn_deg"), ("face (mm)", "pose (degrees)"), strict=True):
            for name, part in rows.groupby("case", sort=False):
                words = f"{name.replace('_', ' ')} ({part[column].median():.2f})"
                axes.ecdf(part[column], color=COLOURS[name], lw=1.5 if name == "fit" else 0.9, label=words)
            axes.set(xlabel=f"error of the {label}", ylabel="share of heads", xlim=(0, rows[column].quantile(0.98)))
        fit = rows[rows["case"] == "fit"].rename(columns=lambda name: name.removesuffix("_mm").removesuffix("_deg"))
        for axes, names, unit in ((grid[1, 0], ("face", "head"), "mm"), (grid[1, 1], ("yaw", "pitch", "roll"), "deg")):
            for name, colour in zip(names, (OWN, OTHER, THIRD), strict=False):
                axes.plot(fit["true_yaw"], fit[name], ".", ms=3, color=colour, label=name)
            axes.set(xlabel="true yaw (degrees)", ylabel=f"error ({unit})")
        for axes in grid.flat:
            axes.legend(handletextpad=0.4)
    return figure


def plot_coefficients(found: np.ndarray, true: np.ndarray, correlations: np.ndarray) -> Figure:
    """Fitted against true identity coefficients (H, K) of the first modes, and the correlation (K,) of each mode."""
    with rc_context(dict(LOOK)):
        figure = Figure(figsize=(PAGE, 2.6), layout="constrained")
        panels = figure.subplot_mosaic([[*"0123"], ["all"] * 4])
        for k in range(min(4, len(correlations))):
            axes = panels[str(k)]
            axes.axline((0, 0), slope=1, color="0.8", lw=0.6)
            axes.plot(true[:, k], found[:, k], ".", ms=2, color=OWN)
            axes.set(xlim=(-3, 3), ylim=(-3, 3), title=f"mode {k + 1}: {correlations[k]:.2f}")
        panels["0"].set(xlabel="true", ylabel="fitted")
        panels["all"].bar(np.arange(1, len(correlations) + 1), correlations, color=OWN)
        panels["all"].set(xlabel="identity mode", ylabel="correlation", xlim=(0.3, len(correlations) + 0.7))
    return figure


def plot_heads(model: FaceModel, shown: Sequence[tuple[KnownHead, Fit]], size: int = 360) -> Figure:
    """Heads from the best to the worst fit: points, the true head, the fitted one, and their distance in colours."""
    face = face_vertices(model)
    with rc_context(dict(LOOK)):
        figure = Figure(figsize=(PAGE, 1.72 * len(shown) + 0.2), layout="constrained")
        grid = figure.subplots(len(shown), 4, squeeze=False)
        for row, (head, fitted) in zip(grid, shown, strict=True):
            found = model.vertices(fitted.identity, fitted.expression)
            moved = fit_similarity(found[face], head.vertices[face]).apply(found)
            distance = np.linalg.norm(moved - head.vertices, axis=1) * MM_PER_CM
            _draw_points(row[0], head.points, fitted.camera.project(fitted.surface.of(found))[:, :2])
            view, framing = View(float(np.clip(head.angles[0], -35, 35)), 0.0), frame_head(head.vertices)
            for axes, vertices in ((row[1], head.vertices), (row[2], moved)):
                axes.imshow(render(model.mesh(vertices), None, view, framing, size))
            seen = rasterise(model.mesh(moved), view, framing, size)
            picture = np.full(seen.mask.shape, np.nan)
            corners = distance[model.triangles[seen.triangle[seen.mask]]]
            picture[seen.mask] = (seen.barycentric[seen.mask] * corners).sum(axis=1)
            drawn = row[3].imshow(picture, vmin=0, vmax=LARGEST_MM)
            row[3].set_ylabel(f"face {np.median(distance[face]):.1f} mm")
            row[0].set_ylabel("yaw {:.0f}, pitch {:.0f}, roll {:.0f}".format(*head.angles))
        for axes, title in zip(grid[0], ("points: true, fitted", "true head", "fitted head", "distance"), strict=True):
            axes.set_title(title)
        for axes in grid.flat:
            axes.set(xticks=(), yticks=())
            axes.spines[:].set_visible(False)
        figure.colorbar(drawn, ax=grid[:, 3], shrink=0.5, label="mm")
    return figure


def _draw_points(axes: Axes, true: np.ndarray, found: np.ndarray) -> None:
    for ids, closed in POLYLINES:
        order = [*ids, ids[0]] if closed else list(ids)
        axes.plot(*true[order].T, color=OTHER, lw=0.9)
        axes.plot(*found[order].T, color=OWN, lw=0.9)
    axes.invert_yaxis()
    axes.set_aspect("equal")
