"""Time and memory of a piece of work."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch


class PeakMemory:
    """MiB at most since its making: allocated on a GPU, or resident in this process (with what it held before)."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        else:
            _forget_peak()
        self._start = self.read()

    def read(self) -> float:
        """The peak so far."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) / 2**20
        return _resident_peak()

    def growth(self) -> float:
        """The peak over what was held at the start."""
        return self.read() - self._start


def _forget_peak() -> None:
    """Let the kernel count the process's peak anew, where it can; else the peak is that of the whole process."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _resident_peak() -> float:
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def wait(device: torch.device) -> None:
    """Until a GPU has done its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class StepClock:
    """Seconds spent in steps, seen from outside: a ``Progress`` that notes when each report came.

    A scale's first report starts its clock, so that its preparation does not count; a scale with one report only is
    timed from the report before and its preparation counts.

    Args:
        iterations: steps of each scale.
    """

    def __init__(self, iterations: Sequence[int]) -> None:
        self._ends = [sum(iterations[: index + 1]) for index in range(len(iterations))]
        self._reports: list[tuple[int, float]] = [(0, time.perf_counter())]

    def __call__(self, step: int, total: int, losses: Mapping[str, float]) -> None:
        self._reports.append((step, time.perf_counter()))

    @property
    def seconds(self) -> float:
        """Of all steps."""
        result, start = 0.0, 0
        for end in self._ends:
            inside = [report for report in self._reports[1:] if start < report[0] <= end]
            if len(inside) == 1:
                inside.insert(0, max(report for report in self._reports if report[0] <= start))
            if len(inside) > 1:
                (first, before), (last, after) = inside[0], inside[-1]
                result += (after - before) / (last - first) * (end - start)
            start = end
        return result


def machine(device: torch.device) -> str:
    """Name of the device, for a table's heading."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} of {os.cpu_count()} cores"
