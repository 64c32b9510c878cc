"""Progress bars that show the quantities that matter, and nothing when nobody is watching.

The numerical code takes a ``Progress`` (a callable) and calls it once a step with the losses; it never prints.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

Notify = Callable[[str], None]
"""Receives one line for a person."""


class Progress(Protocol):
    """Called once a step: ``progress(step, total, losses)``; ``step`` counts from 1."""

    def __call__(self, step: int, total: int, losses: Mapping[str, float]) -> None: ...


def silent(step: int, total: int, losses: Mapping[str, float]) -> None:
    """Ignore the report (the default of every library function)."""


@contextmanager
def progress_bar(title: str) -> Iterator[Progress]:
    """Show a bar with the losses on a terminal, or a line every few seconds in a log file."""
    if sys.stderr.isatty():
        yield from _terminal_bar(title)
    else:
        yield _log_lines(title)


def _terminal_bar(title: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[losses]}"),
    )
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=None, losses="")

        def report(step: int, total: int, losses: Mapping[str, float]) -> None:
            bar.update(task, completed=step, total=total, losses=_format(losses))

        yield report


def _log_lines(title: str, seconds: float = 10.0) -> Progress:
    last = time.monotonic()

    def report(step: int, total: int, losses: Mapping[str, float]) -> None:
        nonlocal last
        if step == total or time.monotonic() - last >= seconds:
            last = time.monotonic()
            print(f"{title}: {step}/{total} {_format(losses)}", file=sys.stderr, flush=True)

    return report


def _format(losses: Mapping[str, float]) -> str:
    return " ".join(f"{name}={value:.4g}" for name, value in losses.items())
