"""Pictures of the comparison of methods, as matplotlib figures: training curves, distances, measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, NullFormatter
from matplotlib.transforms import offset_copy

from ...shapes.plots import COLUMN, LOOK, PAGE

if TYPE_CHECKING:
    from pandas import DataFrame

NAMES = {
    "cyclegan": "CycleGAN",
    "munit": "MUNIT",
    "drit": "DRIT++",
    "ours_without_class_loss": "ours without\nclass loss",
    "ours": "ours",
}
"""Models in the order of Table 1, as figures call them."""
COLOURS = {
    "cyclegan": "#009E73",
    "munit": "#56B4E9",
    "drit": "#0072B2",
    "ours_without_class_loss": "#E69F00",
    "ours": "#D55E00",
}
"""One colour a model in all figures (Okabe and Ito's palette, which colour-blind readers tell apart)."""
TERM_COLOURS = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#CC79A7",
    "#0072B2",
    "#D55E00",
    "#999933",
    "#7F7F7F",
    "#882255",
    "#44AA99",
    "#332288",
)
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
COPIES = {"exemplar_itself": ("the exemplar itself", "--"), "content_itself": ("the photo itself", ":")}
"""Name and line of the two copies in the figure."""


def plot_training(curves: Mapping[str, DataFrame]) -> Figure:
    """Losses over the epochs: one panel a model, one line a term (mean over seeds) in a band from least to most.

    A last panel shows the first term that all models have, in the colours of the models.

    Args:
        curves: model name to a table with columns ``seed``, ``epoch`` and one a term.
    """
    names = _ordered(curves)
    terms = {name: _terms(curves[name]) for name in names}
    shared = [term for term in terms[names[0]] if all(term in others for others in terms.values())]
    styles = _line_styles(list(dict.fromkeys(term for name in reversed(names) for term in terms[name])))
    rows = -(-(len(names) + 1) // 3)
    with rc_context(dict(LOOK)):
        figure = Figure(figsize=(PAGE, 2.7 * rows), layout="constrained")
        grid = figure.subplots(rows, 3, squeeze=False).flat
        for name, axes in zip(names, grid, strict=False):
            _draw_curves(axes, [(curves[name], term, styles[term] | {"label": _words(term)}) for term in terms[name]])
            axes.set_title(_one_line(name), color=COLOURS[name], fontweight="bold")
        if len(names) > 1 and shared:
            lines = [(curves[n], shared[0], {"color": COLOURS[n], "label": _one_line(n)}) for n in names]
            _draw_curves(grid[len(names)], lines)
            grid[len(names)].set_title(f"all models: {_words(shared[0])}", fontweight="bold")
        for axes in grid:
            axes.set_visible(axes.has_data())
        for axes in grid[::3]:
            axes.set_ylabel("loss, unweighted")
    return figure


def _terms(table: DataFrame) -> list[str]:
    """Columns with a loss; a term that is switched off has no place on a logarithmic axis."""
    return [name for name in table.columns if name not in ("seed", "epoch") and (table[name] != 0).any()]


def _words(term: str) -> str:
    return term.replace("_", " ")


def _line_styles(terms: Sequence[str]) -> dict[str, dict[str, str]]:
    """The same colour and dashes for a term in every panel."""
    count = len(TERM_COLOURS)
    return {
        term: {"color": TERM_COLOURS[k % count], "linestyle": ("-", "--", ":")[k // count % 3]}
        for k, term in enumerate(terms)
    }


def _draw_curves(axes: Axes, lines: Sequence[tuple[DataFrame, str, dict[str, str]]]) -> None:
    """Each line: table, column, look."""
    for table, term, look in lines:
        curve = table.groupby("epoch")[term].agg(["mean", "min", "max"])
        axes.plot(curve.index, curve["mean"], linewidth=0.9, **look)
        axes.fill_between(curve.index, curve["min"], curve["max"], color=look["color"], alpha=0.2, linewidth=0)
    if all((table[term] > 0).all() for table, term, _ in lines):
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_xlabel("epoch")
    below = offset_copy(axes.transAxes, axes.figure, y=-26, units="points")
    axes.legend(
        fontsize=6,
        ncols=2,
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        bbox_transform=below,
        handlelength=1.4,
        columnspacing=0.8,
        labelspacing=0.25,
        borderaxespad=0,
    )


def plot_distances(table: Mapping[str, Any]) -> Figure:
    """Table 1 as bars: Frechet distance of every model, its spread over seeds, and real art as a line.

    Args:
        table: as :func:`.fid.table_of_distances` returns it.
    """
    names = _ordered(table)
    with rc_context(dict(LOOK)):
        figure = Figure(figsize=(COLUMN, 2.3), layout="constrained")
        axes = figure.add_subplot()
        _bars(axes, names, [table[name] for name in names], [table["spread"][name] for name in names])
        floor = table["real_floor"]
        axes.axhline(floor, color="black", linewidth=0.8, linestyle="--")
        axes.text(
            1.01, floor, f"real art\n{floor:.2f}", transform=axes.get_yaxis_transform(), va="center", fontsize=6.5
        )
        axes.set_ylabel("Fréchet distance to real art")
        count = table["seeds"]
        seeds = "one training" if count == 1 else f"mean and standard deviation of {count} trainings"
        axes.set_title(f"{table['samples']} held-out pairs, {seeds}", fontsize=7)
    return figure


def _bars(axes: Axes, names: Sequence[str], values: Sequence[float], spread: Sequence[float]) -> None:
    """One bar a model with its value above."""
    places = np.arange(len(names))
    axes.bar(
        places,
        values,
        0.72,
        color=[COLOURS[name] for name in names],
        yerr=spread if any(spread) else None,
        error_kw={"elinewidth": 0.8, "capsize": 2, "capthick": 0.8},
    )
    for place, value, error in zip(places, values, spread, strict=True):
        words = f"{value:.2f}" if value < 9.95 else f"{value:.1f}"
        axes.annotate(
            words,
            (place, max(value, 0) + error),
            (0, 1.5),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=6.5,
            zorder=4,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.3},
        )
    axes.margins(y=0.12)
    axes.set_xticks(places, [NAMES[name] for name in names], fontsize=6.5)
    axes.tick_params(axis="x", length=0)


def plot_measures(table: Mapping[str, Any]) -> Figure:
    """What translations keep and take: one panel a measure, one bar a model; lines for the two copies.

    Args:
        table: as :func:`.comparison.table_of_translations` returns it.
    """
    names = _ordered(table)
    shown = {measure: words for measure, words in MEASURES.items() if all(measure in table[name] for name in names)}
    columns = -(-len(shown) // 2)
    with rc_context(dict(LOOK)):
        figure = Figure(figsize=(PAGE, 3.6), layout="constrained")
        for index, (measure, (title, unit)) in enumerate(shown.items()):
            axes = figure.add_subplot(2, columns, index + 1)
            _bars(
                axes,
                names,
                [table[name][measure] for name in names],
                [table["spread"][name][measure] for name in names],
            )
            axes.set_xticks([])
            axes.set_title(title, fontsize=7.5, fontweight="bold")
            axes.set_ylabel(unit)
            for copy, (_, line) in COPIES.items():
                if measure != "reconstruction" and table[copy].get(measure, 0.0) > 0:
                    axes.axhline(table[copy][measure], color="black", linewidth=0.8, linestyle=line)
        bars = [Patch(color=COLOURS[name], label=_one_line(name)) for name in names]
        lines = [Line2D([], [], color="black", lw=0.8, linestyle=line, label=words) for words, line in COPIES.values()]
        figure.legend(
            handles=bars + lines,
            loc="outside lower center",
            ncols=len(bars + lines),
            columnspacing=1.2,
            handlelength=1.4,
        )
    return figure


def _ordered(mapping: Mapping[str, Any]) -> list[str]:
    """Models of a mapping in the order of Table 1."""
    return [name for name in NAMES if name in mapping]


def _one_line(name: str) -> str:
    return NAMES.get(name, name).replace("\n", " ")
