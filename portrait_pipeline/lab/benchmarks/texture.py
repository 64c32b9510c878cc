"""How long texture stylisation takes and what it reaches, so that faster never means worse unseen.

Also runs by itself where only the numerical packages are installed:
``python -m portrait_pipeline.lab.benchmarks.texture texture --subject synthetic``.
"""

from __future__ import annotations

import csv
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import torch

from ...base.artifacts import atomic_path
from ...base.device import Hardware, choose_device
from ...base.errors import ParameterError, PortraitError
from ...mesh.render import View
from ...photo_texture.params import PhotoTextureParams
from ...pipeline.params import Params, with_overrides
from ...report.view_losses import ViewLosses
from ...texture.optimise import stylise_together
from ...texture.params import TextureParams
from ...texture.rendering.choice import choose_renderer
from ...texture.rendering.hardware import HardwareRenderer
from ...texture.result import Stylisation
from ...texture.subject import Subject
from ..texture_methods import METHODS
from . import options as benchmark_options
from .measure import PeakMemory, StepClock, machine, wait
from .subject import load_subject, read_arrays, sample_arrays, save_arrays, synthetic_arrays

VIEWS = (View(), View(-25.0, 8.0), View(25.0, -8.0), View(-12.0, -15.0), View(12.0, 15.0))
"""Where results are judged, whatever views their optimisation used."""
EVALUATION_POINTS, EVALUATION_SEED = 2048, 12345
_REPEAT = {"cpu": 1, "cuda": 3}


@dataclass(frozen=True)
class Row:
    """One line of the table; see :data:`.benchmark_options.TABLE`."""

    method: str
    renderer: str
    device: str
    heads: int
    texture: int
    scales: str
    iterations: str
    steps: int
    first: float
    seconds: float
    step_seconds: float
    ms_a_step: float
    memory_mib: float
    loss: float
    style: float
    content: float
    heads_a_minute: float
    times_single: float


@dataclass(frozen=True)
class Setting:
    """What a row measures: a method with its parameters on one or several subjects together."""

    method: str
    params: TextureParams
    subjects: Sequence[Subject]
    seed: int
    hardware: Hardware

    def run(self, progress: Callable) -> list[Stylisation]:
        """Stylise."""
        how = {"seed": self.seed, "hardware": self.hardware}
        if len(self.subjects) == 1:
            return [METHODS[self.method](self.subjects[0], self.params, progress, **how)]
        return [Stylisation(*result) for result in stylise_together(self.subjects, self.params, progress, **how)]


class Judge:
    """Style and content loss of results at fixed samples of fixed views."""

    def __init__(self, params: TextureParams, size: int, hardware: Hardware) -> None:
        self._params, self._size = params.model_copy(update={"points": EVALUATION_POINTS}), size
        self._hardware = hardware
        self._measures: dict[int, ViewLosses] = {}

    def __call__(self, subject: Subject, result: Stylisation) -> tuple[float, float]:
        if id(subject) not in self._measures:
            self._measures[id(subject)] = ViewLosses(
                subject, self._params, VIEWS, self._size, seed=EVALUATION_SEED, hardware=self._hardware
            )
        return self._measures[id(subject)].style_and_content(result.texture, result.vertices)


def measure(setting: Setting, judge: Judge, repeat: int, single: float | None = None) -> Row:
    """Run a setting ``repeat`` times.

    Args:
        single: heads a minute of one head, for the last column; None for the row that says so itself.
    """
    params, device = setting.params, choose_device(setting.hardware.device)
    peak, runs, steps = PeakMemory(device), [], []
    for _ in range(repeat):
        clock = StepClock(params.iterations)
        wait(device)
        start = time.perf_counter()
        results = setting.run(clock)
        wait(device)
        runs.append(time.perf_counter() - start)
        steps.append(clock.seconds)
    memory, heads = peak.read(), len(setting.subjects)
    judged = np.mean([judge(s, r) for s, r in zip(setting.subjects, results, strict=True)], axis=0)
    total, best, rate = sum(params.iterations), min(runs[1:] or runs), 60 * heads / min(runs[1:] or runs)
    step_seconds = min(steps[1:] or steps)
    losses = [_last_loss(result.history) for result in results]
    return Row(
        setting.method,
        renderer_name(setting.hardware.renderer, device),
        device.type,
        heads,
        setting.subjects[0].photo.shape[0],
        _joined(params.scales),
        _joined(params.iterations),
        total,
        runs[0],
        best,
        step_seconds,
        1000 * step_seconds / max(total, 1),
        memory,
        float(np.mean(losses)),
        *map(float, judged),
        rate,
        rate / single if single else 1.0,
    )


def renderer_name(name: str, device: torch.device) -> str:
    """``nvdiffrast`` or ``cpu``: what ``auto`` stands for on a device."""
    return "nvdiffrast" if isinstance(choose_renderer(name, device), HardwareRenderer) else "cpu"


def _last_loss(history: list[dict[str, float]]) -> float:
    tail = history[-max(1, len(history) // 10) :]
    return float(np.mean([record["loss"] for record in tail])) if tail else 0.0


def _joined(values: Sequence[int]) -> str:
    return "/".join(map(str, values))


def benchmark(options: Namespace) -> Iterator[Row]:
    """The rows that the options of :func:`.benchmark_options.parser` ask for.

    Raises:
        ParameterError: an unknown method, or parameters out of range.
    """
    base, seed = texture_params(options)
    size = options.texture_size or PhotoTextureParams().size
    subjects = [load_subject(source, size, base.regions) for source in options.subject or ["sample"]]
    device = choose_device(Hardware.wanted(options.device).device)
    repeat = options.repeat or _REPEAT[device.type]
    for renderer in _renderers(options.renderer, device):
        hardware = Hardware.wanted(options.device, renderer)
        for iterations in options.iterations or [base.iterations]:
            params = updated(base, {"iterations": iterations})
            judge, single = Judge(params, options.evaluation_size, hardware), None
            for method in _methods(options.methods):
                row = measure(Setting(method, params, subjects[:1], seed, hardware), judge, repeat)
                single = row.heads_a_minute if method == "multi_view" else single
                yield row
            for count in options.together:
                several = [subjects[number % len(subjects)] for number in range(count)]
                if single is None:
                    alone = Setting("multi_view", params, subjects[:1], seed, hardware)
                    single = measure(alone, judge, repeat).heads_a_minute
                yield measure(Setting("multi_view", params, several, seed, hardware), judge, repeat, single)


def texture_params(options: Namespace) -> tuple[TextureParams, int]:
    """Section ``texture`` and the seed under the options.

    Raises:
        ParameterError: unknown or out of range.
    """
    everything = with_overrides(Params(pairs={}), options.overrides)
    params, changes = everything.texture, {}
    if getattr(options, "scales", None):
        changes["scales"] = options.scales
        if len(options.scales) != len(params.iterations) and not options.iterations:
            raise ParameterError(
                f"--scales has {len(options.scales)} entries and texture.iterations {len(params.iterations)}: "
                "give --iterations with one number for each scale"
            )
    return updated(params, changes), everything.seed


def updated(params: TextureParams, changes: dict) -> TextureParams:
    from ...base.params import validate

    return validate(TextureParams, params.model_dump() | changes, "texture")


def _methods(names: Sequence[str]) -> list[str]:
    if list(names) == ["all"]:
        return list(METHODS)
    for name in names:
        if name not in METHODS:
            raise ParameterError(f"--methods {name}: no such method; known: all, {', '.join(METHODS)}")
    return list(names)


def _renderers(names: Sequence[str], device: torch.device) -> list[str]:
    if list(names) != ["all"]:
        return list(names)
    return list(dict.fromkeys(renderer_name(name, device) for name in ("auto", "cpu")))


_COLUMNS = {
    "method": ("method", 12, "s"),
    "renderer": ("renderer", 11, "s"),
    "heads": ("heads", 6, "d"),
    "texture": ("texture", 8, "d"),
    "scales": ("scales", 16, "s"),
    "iterations": ("iterations", 16, "s"),
    "first": ("first s", 9, ".2f"),
    "seconds": ("seconds", 9, ".2f"),
    "step_seconds": ("steps s", 9, ".2f"),
    "ms_a_step": ("ms/step", 9, ".2f"),
    "memory_mib": ("MiB", 8, ".0f"),
    "loss": ("loss", 8, ".4f"),
    "style": ("style", 8, ".4f"),
    "content": ("content", 9, ".4f"),
    "heads_a_minute": ("heads/min", 11, ".2f"),
    "times_single": ("x single", 10, ".2f"),
}


def heading() -> str:
    """Names of the columns."""
    return "".join(f"{title:>{width}s}" for title, width, _ in _COLUMNS.values())


def line(row: Row) -> str:
    """A row under the heading."""
    return "".join(
        format(format(getattr(row, name), kind), f">{width}s") for name, (_, width, kind) in _COLUMNS.items()
    )


def write_csv(path: Path, rows: Sequence[object]) -> None:
    """Rows (equal dataclasses) as CSV, numbers with 6 significant digits."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in fields(rows[0]))
        for row in rows:
            values = asdict(row).values()
            writer.writerow(f"{value:.6g}" if isinstance(value, float) else value for value in values)


def run(arguments: Sequence[str], show: Callable[[str], None], program: str) -> None:
    """``texture ...`` or ``sweep ...``.

    Args:
        show: called with each line of the result.

    Raises:
        PortraitError: whatever the user can mend.
    """
    options = benchmark_options.parser(program).parse_args(arguments)
    if options.command == "sweep":
        from .sweep import run_sweep

        run_sweep(options, show)
        return
    if options.save:
        size = options.texture_size or PhotoTextureParams().size
        source = (options.subject or ["sample"])[0]
        known = {"synthetic": synthetic_arrays, "sample": sample_arrays}
        made = known[source](size) if source in known else read_arrays(Path(source))
        save_arrays(options.save, made)
        show(str(options.save))
        return
    show(machine(choose_device(Hardware.wanted(options.device).device)))
    show(heading())
    rows = []
    for row in benchmark(options):
        show(line(row))
        rows.append(row)
        if options.output:
            write_csv(options.output, rows)


if __name__ == "__main__":
    try:
        run(sys.argv[1:], lambda text: print(text, flush=True), "benchmark_texture")
    except PortraitError as error:
        sys.exit(f"benchmark_texture: {error}")
