"""Figures of the proof of the fit: errors and their spread, identity coefficients, heads from best to worst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...fit.fit import Fit
from ...head.model import FaceModel
from ...head.points import POLYLINES
from ...mesh.mesh import Mesh
from ...mesh.render import Framing, View, frame_head, rasterise, render
from ...mesh.similarity import fit_similarity
from ...shapes.plots import LOOK, PAGE
from .fit_errors import MM_PER_CM, face_and_head
from .known_heads import KnownHead

NAMES = {
    "fit": "fit",
    "outliers": "wrong points",
    "missing": "far side missing",
    "weak_perspective": "weak perspective",
    "mean_head": "mean head",
}
"""Cases in the order of the figures."""
COLOURS = {
    "fit": "#D55E00",
    "outliers": "#E69F00",
    "missing": "#CC79A7",
    "weak_perspective": "#56B4E9",
    "mean_head": "#7F7F7F",
}
COEFFICIENTS = 8
LARGEST_MM = 5.0
"""Distance at the end of the colour scale of the heads."""


def plot_errors(rows: Mapping[str, pd.DataFrame], yaws: Mapping[str, np.ndarray]) -> Figure:
    """Shape error as a cumulative histogram of all cases, then shape, pose and identity of the fit against yaw.

    Args:
        rows: case to a table of :func:`~portrait_pipeline.lab.proofs.fit_errors.measure_head` rows.
        yaws: case to (H,) degrees of the same heads.
    """
    with rc_context(dict(LOOK)):
        figure = Figure(figsize=(PAGE, 3.9), layout="constrained")
        grid = figure.subplots(2, 2)
        _cumulative(grid[0, 0], rows, "face_mm", "face: median vertex error (mm)")
        _cumulative(grid[0, 1], rows, "turn", "pose: angle to the true rotation (degrees)")
        fit, yaw = rows["fit"], yaws["fit"]
        grid[1, 0].plot(yaw, fit["face_mm"], ".", ms=3, color=COLOURS["fit"], label="face")
        grid[1, 0].plot(yaw, fit["head_mm"], ".", ms=3, color="#0072B2", label="whole head")
        grid[1, 0].set(ylabel="vertex error (mm)", ylim=(0, None))
        for name, colour in (("yaw", COLOURS["fit"]), ("pitch", "#0072B2"), ("roll", "#009E73")):
            grid[1, 1].plot(yaw, fit[name], ".", ms=3, color=colour, label=name)
        grid[1, 1].axhline(0.0, color="0.6", lw=0.6, zorder=0)
        grid[1, 1].set(ylabel="error, fitted minus true (degrees)")
        for axes in grid[1]:
            axes.set_xlabel("true yaw (degrees)")
        for axes in (grid[0, 0], *grid[1]):
            axes.legend(frameon=False, handletextpad=0.4)
    return figure


def _cumulative(axes: Axes, rows: Mapping[str, pd.DataFrame], column: str, label: str) -> None:
    largest = 0.0
    for name, words in NAMES.items():
        if name in rows:
            values = np.sort(rows[name][column].to_numpy())
            axes.step(
                values,
                np.arange(1, len(values) + 1) / len(values),
                where="post",
                color=COLOURS[name],
                lw=1.5 if name == "fit" else 0.9,
                label=f"{words} ({np.median(values):.2f})",
            )
            largest = max(largest, float(np.quantile(values, 0.98)))
    axes.set(xlabel=label, ylabel="share of heads", ylim=(0, 1), xlim=(0, largest))
    axes.axhline(0.5, color="0.85", lw=0.6, zorder=0)


def plot_coefficients(found: np.ndarray, true: np.ndarray, correlations: np.ndarray) -> Figure:
    """Fitted against true identity coefficients of the first modes, and the correlation of each mode.

    Args:
        found, true: (H, K). correlations: (K,).
    """
    columns = min(COEFFICIENTS, true.shape[1])
    limit = float(np.abs(true[:, :columns]).max()) * 1.05
    with rc_context(dict(LOOK)):
        figure = Figure(figsize=(PAGE, 3.9), layout="constrained")
        spec = figure.add_gridspec(3, columns // 2)
        for k in range(columns):
            axes = figure.add_subplot(spec[k // (columns // 2), k % (columns // 2)])
            axes.plot([-limit, limit], [-limit, limit], color="0.8", lw=0.6, zorder=0)
            axes.plot(true[:, k], found[:, k], ".", ms=2, color=COLOURS["fit"])
            axes.set(xlim=(-limit, limit), ylim=(-limit, limit), xticks=(-2, 0, 2), yticks=(-2, 0, 2))
            axes.set_title(f"mode {k + 1}: {correlations[k]:.2f}", pad=2)
            if k % (columns // 2) == 0:
                axes.set_ylabel("fitted")
            if k >= columns // 2:
                axes.set_xlabel("true", labelpad=1)
        axes = figure.add_subplot(spec[2, :])
        axes.bar(np.arange(1, len(correlations) + 1), correlations, color=COLOURS["fit"], width=0.8)
        axes.axhline(0.0, color="0.6", lw=0.6)
        axes.set(
            xlabel="identity mode",
            ylabel="correlation",
            xlim=(0.3, len(correlations) + 0.7),
            ylim=(min(0.0, float(correlations.min())), 1),
        )
    return figure


def plot_heads(model: FaceModel, shown: Sequence[tuple[KnownHead, Fit]], size: int = 360) -> Figure:
    """Heads from the best to the worst fit: points, the true head, the fitted one, and their distance in colours."""
    with rc_context(dict(LOOK)):
        figure = Figure(figsize=(PAGE, 1.72 * len(shown) + 0.2), layout="constrained")
        grid = figure.subplots(len(shown), 4, squeeze=False)
        for row, (head, fitted) in zip(grid, shown, strict=True):
            found = model.vertices(fitted.identity, fitted.expression)
            face = face_and_head(model)["face"]
            moved = fit_similarity(found[face], head.vertices[face]).apply(found)
            distance = np.linalg.norm(moved - head.vertices, axis=1) * MM_PER_CM
            _draw_points(row[0], head, fitted, model)
            view = View(float(np.clip(head.angles[0], -35, 35)), 0.0)
            framing = frame_head(head.vertices)
            for axes, vertices in ((row[1], head.vertices), (row[2], moved)):
                axes.imshow(render(model.mesh(vertices), None, view, framing, size))
            axes = row[3]
            picture = coloured_view(model.mesh(moved), distance, view, framing, size)
            drawn = axes.imshow(picture, vmin=0, vmax=LARGEST_MM)
            axes.set_ylabel(f"face {np.median(distance[face]):.1f} mm")
            row[0].set_ylabel("yaw {:.0f}, pitch {:.0f}, roll {:.0f}".format(*head.angles))
        for axes, title in zip(grid[0], ("points: true, fitted", "true head", "fitted head", "distance"), strict=True):
            axes.set_title(title)
        for axes in grid.ravel():
            axes.set(xticks=(), yticks=())
            axes.spines[:].set_visible(False)
        figure.colorbar(drawn, ax=grid[:, 3], shrink=0.5, label="mm")
    return figure


def _draw_points(axes: Axes, head: KnownHead, fitted: Fit, model: FaceModel) -> None:
    found = model.vertices(fitted.identity, fitted.expression)
    image = fitted.camera.project(fitted.surface.of(found))[:, :2]
    edge = np.ptp(head.points, axis=0).max() * 0.75
    middle = head.points.mean(axis=0)
    for ids, closed in POLYLINES:
        order = [*ids, ids[0]] if closed else list(ids)
        axes.plot(*head.points[order].T, color="#0072B2", lw=0.9)
        axes.plot(*image[order].T, color=COLOURS["fit"], lw=0.9)
    axes.set(xlim=(middle[0] - edge, middle[0] + edge), ylim=(middle[1] + edge, middle[1] - edge), aspect="equal")


def coloured_view(mesh: Mesh, values: np.ndarray, view: View, framing: Framing, size: int) -> np.ndarray:
    """(size, size) picture of the values (V,) interpolated over the mesh as seen, NaN outside."""
    fragments = rasterise(mesh, view, framing, size)
    picture = np.full(fragments.mask.shape, np.nan)
    corners = values[mesh.triangles[fragments.triangle[fragments.mask]]]
    picture[fragments.mask] = (fragments.barycentric[fragments.mask] * corners).sum(axis=1)
    return picture
