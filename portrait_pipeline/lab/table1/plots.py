"""Pictures of the comparison of methods, as matplotlib figures: distances and measures.

Training curves are drawn by ``dvc plots`` from the CSV files beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...shapes.plots import COLUMN, LOOK, PAGE

NAMES = {
    "cyclegan": "CycleGAN",
    "munit": "MUNIT",
    "drit": "DRIT++",
    "ours_without_class_loss": "ours without\nclass loss",
    "ours": "ours",
}
"""Models in the order of Table 1, as figures call them."""
COLOURS = dict(zip(NAMES, ("#009E73", "#56B4E9", "#0072B2", "#E69F00", "#D55E00"), strict=True))
"""One colour a model in all figures (Okabe and Ito's palette, which colour-blind readers tell apart)."""
MEASURES = {
    "class_agreement": ("Class of the exemplar", "share of translations"),
    "class_distance": ("Distance within the class", "Fréchet distance"),
    "diversity": ("Diversity over exemplars", "1 = that of the exemplars"),
    "sensitivity": ("Small style differences", "response, 1 = as large"),
    "held_out_distance": ("Distance to held-out art", "Fréchet distance"),
    "content_distance": ("Content lost", "0 = kept, 1 = a stranger's"),
    "person_direction": ("Person kept", "cosine of differences"),
    "reconstruction": ("Reconstruction of art", "mean absolute error"),
}
"""Measures of a translation in the figure, with title and unit."""
COPIES = {"exemplar_itself": "--", "content_itself": ":"}


def plot_distances(table: Mapping[str, Any]) -> Figure:
    """Table 1 as bars: Frechet distance of every model, its spread over seeds, and real art as a line.

    Args:
        table: as :func:`.distances.table_of_distances` returns it.
    """
    names = [name for name in NAMES if name in table]
    with rc_context(dict(LOOK)):
        figure = Figure(figsize=(COLUMN, 2.3), layout="constrained")
        axes = figure.add_subplot()
        _bars(axes, names, [table[name] for name in names], [table["spread"][name] for name in names])
        axes.axhline(table["real_floor"], color="black", linewidth=0.8, linestyle="--")
        axes.set_xticks(range(len(names)), [NAMES[name] for name in names], fontsize=6.5)
        axes.set_ylabel("Fréchet distance to real art (line: itself)")
        axes.set_title(f"{table['samples']} held-out pairs, {table['seeds']} training(s)", fontsize=7)
    return figure


def plot_measures(table: Mapping[str, Any]) -> Figure:
    """What translations keep and take: one panel a measure, one bar a model.

    Dashed: the exemplar itself as the answer; dotted: the photo itself.

    Args:
        table: as :func:`.comparison.table_of_translations` returns it.
    """
    names = [name for name in NAMES if name in table]
    shown = [measure for measure in MEASURES if all(measure in table[name] for name in names)]
    with rc_context(dict(LOOK)):
        figure = Figure(figsize=(PAGE, 3.6), layout="constrained")
        for index, measure in enumerate(shown):
            axes = figure.add_subplot(2, -(-len(shown) // 2), index + 1)
            spread = [table["spread"][name][measure] for name in names]
            bars = _bars(axes, names, [table[name][measure] for name in names], spread)
            axes.set_xticks([])
            axes.set_title(MEASURES[measure][0], fontsize=7.5, fontweight="bold")
            axes.set_ylabel(MEASURES[measure][1])
            for copy, line in COPIES.items():
                if measure != "reconstruction" and table[copy].get(measure, 0.0) > 0:
                    axes.axhline(table[copy][measure], color="black", linewidth=0.8, linestyle=line)
        labels = [NAMES[name].replace("\n", " ") for name in names]
        figure.legend(bars, labels, loc="outside lower center", ncols=len(names))
    return figure


def _bars(axes: Axes, names: Sequence[str], values: Sequence[float], spread: Sequence[float]) -> Any:
    """One bar a model with its value above."""
    error = {"yerr": spread, "error_kw": {"elinewidth": 0.8, "capsize": 2}} if any(spread) else {}
    bars = axes.bar(range(len(names)), values, 0.72, color=[COLOURS[name] for name in names], **error)
    axes.bar_label(bars, fmt="%.2f", fontsize=6.5, padding=1.5)
    axes.margins(y=0.12)
    axes.tick_params(axis="x", length=0)
    return bars
