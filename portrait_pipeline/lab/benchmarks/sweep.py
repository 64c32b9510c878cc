"""What one step of the texture optimisation costs for each doubling of its sizes, and how near the device's peak."""

from __future__ import annotations

import csv
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch

from ...base.device import Hardware, choose_device
from ...base.errors import InputFileError, ParameterError
from ...perceptual.operations import step_operations
from ...perceptual.perceptual import PerceptualNetwork
from ...texture.graph import capture
from ...texture.memory import memory_advice
from ...texture.optimisation_step import Optimisation
from ...texture.params import TextureParams
from ...texture.pyramid import resize
from ...texture.rendering.base import Renderer
from ...texture.rendering.choice import choose_renderer
from ...texture.scale import build_scale
from ...texture.schedule import LEARNING_RATE, STYLE_POINTS, Stage
from ...texture.subject import Prepared, Subject, prepare
from ...texture.views import draw_views
from .measure import PeakMemory, machine, wait
from .subject import load_subject

AXES = {
    "size": "view size (px)",
    "texture": "texture size (texels)",
    "views": "views",
    "views_per_step": "views a step",
    "points": "points",
}
_BASE = {"cuda": (256, 512, 16, 1, 1024), "cpu": (128, 256, 8, 1, 512)}
_LEAST = {"size": 32, "texture": 32, "views": 1, "views_per_step": 1, "points": 16}
_WARM_UP = 2


@dataclass(frozen=True)
class Sizes:
    """What a step's cost depends on."""

    size: int
    texture: int
    views: int
    views_per_step: int
    points: int


@dataclass(frozen=True)
class Cost:
    """One row.

    Attributes:
        axis, value: what was doubled, and its value. ms_a_step: of one step. preparation: seconds of the scale.
        memory_mib: needed for it at most. gflop: of one step. tflops: rate. share: of the stated peak, 0 without one.
    """

    axis: str
    value: int
    ms_a_step: float
    preparation: float
    memory_mib: float
    gflop: float
    tflops: float
    share: float


class Bench:
    """Times steps of one subject.

    Args:
        params: section ``texture``. hardware: device and renderer. steps: timed a row.
        peak: TFLOP/s of the device, if known.
    """

    def __init__(
        self, subject: Subject, params: TextureParams, hardware: Hardware, steps: int, peak: float | None
    ) -> None:
        self._params, self._steps, self._peak = params, steps, peak
        self._device = choose_device(hardware.device)
        self._renderer: Renderer = choose_renderer(hardware.renderer, self._device)
        self._network = PerceptualNetwork(params.weights, self._device, torch.bfloat16)
        self._head: Prepared = prepare(subject, params.elevation, self._device)

    def cost(self, axis: str, sizes: Sizes) -> Cost:
        """Of a step of these sizes."""
        with memory_advice(self._params, 1, sizes.texture, self._device):
            peak = PeakMemory(self._device)
            optimisation, preparation = self._prepare(sizes)
            seconds = self._time(optimisation)
            memory = peak.growth()
        operations = step_operations(sizes.size, sizes.points, STYLE_POINTS).total * sizes.views_per_step
        rate = operations / seconds / 1e12
        share = rate / self._peak if self._peak else 0.0
        value = getattr(sizes, axis)
        return Cost(axis, value, 1000 * seconds, preparation, memory, operations / 1e9, rate, share)

    def _prepare(self, sizes: Sizes) -> tuple[Optimisation, float]:
        params = self._params
        rng, generator = np.random.default_rng(0), torch.Generator(self._device).manual_seed(0)
        stage = Stage(
            size=sizes.size,
            window=sizes.size,
            iterations=self._steps + _WARM_UP,
            learning_rate=LEARNING_RATE,
            content_weight=1.0,
            texture_size=sizes.texture,
            points=sizes.points,
            views_per_step=sizes.views_per_step,
        )
        views = draw_views(sizes.views, params.azimuth, params.elevation, rng)
        wait(self._device)
        start = time.perf_counter()
        scale = build_scale(stage, [self._head], views, [], self._network, self._renderer, generator, rng)
        wait(self._device)
        seconds = time.perf_counter() - start
        texture = resize(self._head.photo, (sizes.texture, sizes.texture))
        return Optimisation(scale, texture, self._network), seconds

    def _time(self, optimisation: Optimisation) -> float:
        """Seconds of a step: the median on the CPU, the mean of an uninterrupted row of steps on a GPU."""
        graphed = self._device.type == "cuda" and optimisation.scale.views.capturable
        step = capture(optimisation).replay if graphed else optimisation.step
        for _ in range(_WARM_UP):
            step()
        if self._device.type == "cuda":
            wait(self._device)
            start = time.perf_counter()
            for _ in range(self._steps):
                step()
            wait(self._device)
            return (time.perf_counter() - start) / self._steps
        times = []
        for _ in range(self._steps):
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
        return float(np.median(times))


def doublings(base: Sizes, axes: Sequence[str], count: int) -> Iterator[tuple[str, Sizes]]:
    """For each axis ``count`` + 1 values, the base in the middle (or at the start, where it is the least)."""
    for axis in axes:
        value = getattr(base, axis)
        below = 0
        while below < count // 2 and value // 2 >= _LEAST[axis] and value % 2 == 0:
            value, below = value // 2, below + 1
        for power in range(count + 1):
            yield axis, replace(base, **{axis: value * 2**power})


def exponent(values: Sequence[float], costs: Sequence[float]) -> float:
    """Slope of log cost over log value, fitted to the larger half of the values (at least two)."""
    start = min(len(values) // 2, len(values) - 2)
    if start < 0:
        return 0.0
    x, y = (np.log2(np.asarray(part, float)[start:]) for part in (values, costs))
    return float(np.polyfit(x, y, 1)[0])


def sweep(options: Namespace) -> Iterator[Cost]:
    """The rows that the options ask for.

    Raises:
        ParameterError: unknown axes, or a base of other than five numbers.
    """
    from .texture import texture_params

    params, _ = texture_params(options)
    hardware = Hardware.wanted(options.device, options.renderer)
    device = choose_device(hardware.device)
    axes = options.axes or list(AXES)
    for axis in axes:
        if axis not in AXES:
            raise ParameterError(f"--axes {axis}: no such axis; known: {', '.join(AXES)}")
    base = options.base or _BASE[device.type]
    if len(base) != len(AXES):
        raise ParameterError(f"--base has {len(base)} numbers; it needs {len(AXES)}: {', '.join(AXES)}")
    for axis, value in zip(AXES, base, strict=True):
        if value < _LEAST[axis]:
            raise ParameterError(f"--base: {axis} is {value}; it must be at least {_LEAST[axis]}")
    sizes = Sizes(*base)
    subject = load_subject((options.subject or ["sample"])[0], max(sizes.texture, 512), params.regions)
    bench = Bench(subject, params, hardware, options.steps, options.peak)
    bench.cost("size", sizes)  # what libraries set up at first use must not count
    for axis, changed in doublings(sizes, axes, options.doublings):
        yield bench.cost(axis, changed)


def heading(share: bool) -> str:
    """Names of the columns."""
    titles = f"{'axis':16s}{'value':>7s}{'ms/step':>10s}{'prepare s':>11s}{'MiB':>8s}{'GFLOP':>10s}{'TFLOP/s':>9s}"
    return titles + (f"{'of peak':>9s}" if share else "")


def line(row: Cost, share: bool) -> str:
    """A row under the heading."""
    text = (
        f"{row.axis:16s}{row.value:7d}{row.ms_a_step:10.2f}{row.preparation:11.2f}{row.memory_mib:8.0f}"
        f"{row.gflop:10.1f}{row.tflops:9.3f}"
    )
    return text + (f"{100 * row.share:8.1f}%" if share else "")


def by_axis(rows: Sequence[Cost]) -> dict[str, list[Cost]]:
    """Rows of each axis, by value."""
    axes = dict.fromkeys(row.axis for row in rows)
    return {axis: sorted((r for r in rows if r.axis == axis), key=lambda r: r.value) for axis in axes}


def exponents(rows: Sequence[Cost]) -> list[str]:
    """A line for each axis."""
    lines = []
    for axis, part in by_axis(rows).items():
        values = [row.value for row in part]
        quantities = {
            name: [getattr(row, field) for row in part]
            for name, field in (("step", "ms_a_step"), ("preparation", "preparation"), ("memory", "memory_mib"))
        }
        if min(quantities["memory"][len(part) // 2 :]) < 1:  # the CPU's allocator had room left from before
            del quantities["memory"]
        fitted = (f"{name} ~ value^{exponent(values, costs):.2f}" for name, costs in quantities.items())
        lines.append(f"{axis:16s} {', '.join(fitted)}")
    return lines


def read_csv(path: Path) -> list[Cost]:
    """Rows of an earlier sweep.

    Raises:
        InputFileError: not such a file.
    """
    kinds = {field.name: {"str": str, "int": int, "float": float}[field.type] for field in fields(Cost)}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [Cost(**{name: kind(row[name]) for name, kind in kinds.items()}) for row in csv.DictReader(file)]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputFileError(f"{path}: no table of `benchmark sweep --output` ({error})") from error
    if not rows or any(row.axis not in AXES or row.value < 1 or row.ms_a_step <= 0 for row in rows):
        raise InputFileError(f"{path}: no table of `benchmark sweep --output` (no rows, or unknown ones)")
    return rows


def run_sweep(options: Namespace, show: Callable[[str], None]) -> None:
    """Print the table, write and plot it."""
    from .texture import write_csv

    if options.read:
        rows = read_csv(options.read)
        share = any(row.share for row in rows)
        for text in (heading(share), *(line(row, share) for row in rows)):
            show(text)
    else:
        share, rows = options.peak is not None, []
        show(machine(choose_device(Hardware.wanted(options.device).device)))
        show(heading(share))
        for row in sweep(options):
            show(line(row, share))
            rows.append(row)
            if options.output:
                write_csv(options.output, rows)
    for text in exponents(rows):
        show(text)
    if options.plot:
        from ...shapes.plots import save_figure
        from .plot import plot_costs

        save_figure(plot_costs(by_axis(rows)), options.plot)
        show(str(options.plot))
