"""The cost of a step over its sizes, as a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter, NullLocator, StrMethodFormatter

from ...shapes.plots import LOOK, PAGE
from .sweep import AXES, exponent

if TYPE_CHECKING:
    from .sweep import Cost

_STEP, _PREPARATION = "#0072B2", "#D55E00"


def plot_costs(rows: Mapping[str, Sequence[Cost]]) -> Figure:
    """One panel an axis: milliseconds of a step and of a scale's preparation, with their fitted exponents."""
    with rc_context(dict(LOOK)):
        figure = Figure(figsize=(PAGE, 2.1), layout="constrained")
        panels = figure.subplots(1, len(rows), sharey=True, squeeze=False)[0]
        for axes, (name, part) in zip(panels, rows.items(), strict=True):
            _draw(axes, name, part)
        panels[0].set_ylabel("time (ms)")
        handles = [
            Line2D([], [], color=_STEP, marker="o", markersize=3.5, lw=0, label="one step"),
            Line2D([], [], color=_PREPARATION, marker="s", markersize=3.5, lw=0, label="preparation of a scale"),
            Line2D([], [], color="0.4", lw=0.9, label="fitted to the larger half, with its exponent"),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def _draw(axes: Axes, name: str, part: Sequence[Cost]) -> None:
    values = np.array([row.value for row in part], float)
    series = (
        ([row.ms_a_step for row in part], _STEP, "o"),
        ([1000 * row.preparation for row in part], _PREPARATION, "s"),
    )
    for costs, colour, marker in series:
        power = exponent(values, costs)
        axes.plot(values, costs, marker, color=colour, markersize=3.5)
        start = min(len(values) // 2, max(len(values) - 2, 0))
        fitted = np.exp2(np.mean(np.log2(costs[start:])) + power * (np.log2(values) - np.mean(np.log2(values[start:]))))
        axes.plot(values[start:], fitted[start:], color=colour, linewidth=0.9)
        axes.annotate(
            f"{power:.2f}".replace("-", "\N{MINUS SIGN}"),
            (values[-1], costs[-1]),
            xytext=(3, 0),
            textcoords="offset points",
            color=colour,
            fontsize=7,
            va="center",
        )
    axes.set(xscale="log", yscale="log", xlabel=AXES[name])
    axes.xaxis.set_major_locator(FixedLocator(values[:: 2 if len(values) > 3 else 1]))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_locator(LogLocator(10))
    axes.margins(x=0.18)
    axes.grid(axis="y", linewidth=0.3, color="0.85")
