"""Options of the texture benchmarks; light, so that ``--help`` answers at once."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Callable
from pathlib import Path

TABLE = """\
Time texture stylisation: one row a method, renderer and schedule.

Columns: heads stylised together; steps of all scales; seconds of the first run (libraries set themselves up) and of the
best of the others; seconds of the steps alone and milliseconds a step; peak memory (allocated on a GPU, resident on
the CPU); the loss reached (mean of the last tenth of the steps); style and content loss of the result at fixed samples
of fixed views, which compare any two rows; heads a minute, and how many times that of one head."""
SWEEP = """\
Cost of one step for each doubling of view size, texture size, views, views a step and points, all else equal.

Columns: milliseconds of a step, seconds of a scale's preparation, memory needed at most, operations of the step
(convolutions and products of matrices) and the rate at which they were done. Below: exponents fitted to the larger half
of each row of doublings (1: twice the size costs twice as much)."""


def numbers(least: int) -> Callable[[str], list[int]]:
    """Parses whole numbers separated by commas."""

    def parse(text: str) -> list[int]:
        try:
            values = [int(word) for word in text.split(",")]
        except ValueError:
            raise ArgumentTypeError(f"{text!r} is not whole numbers separated by commas") from None
        if min(values) < least:
            raise ArgumentTypeError(f"{text!r}: each number must be at least {least}")
        return values

    return parse


def count(text: str) -> int:
    """A whole number above 0."""
    (value, *more) = numbers(1)(text)
    if more:
        raise ArgumentTypeError(f"{text!r} is not one whole number")
    return value


def words(text: str) -> list[str]:
    """Parses words separated by commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def parser(program: str) -> ArgumentParser:
    """``PROGRAM texture ...`` and ``PROGRAM sweep ...``."""
    result = ArgumentParser(prog=program)
    commands = result.add_subparsers(dest="command", required=True, metavar="texture|sweep")
    _table(_command(commands, "texture", TABLE))
    _sweep(_command(commands, "sweep", SWEEP))
    return result


def _command(commands, name: str, text: str) -> ArgumentParser:
    part = commands.add_parser(
        name, help=text.splitlines()[0], description=text, formatter_class=RawDescriptionHelpFormatter
    )
    part.add_argument(
        "--subject",
        action="append",
        metavar="sample|synthetic|FILE.npz",
        help="head and artwork: astronaut and ink caricature (default), made up, or a file of --save; "
        "may be repeated, then --together takes them in turn",
    )
    part.add_argument("--device", choices=["auto", "cpu", "cuda"], help="default: PORTRAIT_DEVICE, or auto")
    part.add_argument(
        "--set",
        "-S",
        dest="overrides",
        action="append",
        default=[],
        metavar="texture.NAME=VALUE",
        help="override a parameter; may be repeated",
    )
    part.add_argument("--output", "-o", type=Path, metavar="FILE.csv", help="write the table there too")
    return part


def _table(part: ArgumentParser) -> None:
    part.add_argument(
        "--methods",
        type=words,
        default=["multi_view"],
        metavar="A,B",
        help="methods of texture stylisation, or all (default: multi_view)",
    )
    part.add_argument(
        "--renderer",
        type=words,
        default=["auto"],
        metavar="A,B",
        help="auto, cpu, nvdiffrast, or all there are on the device (default: auto)",
    )
    part.add_argument("--scales", type=numbers(32), metavar="N,N", help="texture.scales")
    part.add_argument(
        "--iterations",
        type=numbers(0),
        action="append",
        metavar="N,N",
        help="texture.iterations; repeated, a row for each",
    )
    part.add_argument(
        "--texture-size", type=count, metavar="N", help="side of the texture (default: photo_texture.size)"
    )
    part.add_argument(
        "--together",
        type=numbers(1),
        default=[],
        metavar="N,N",
        help="further rows for so many heads as one batch (method multi_view)",
    )
    part.add_argument("--repeat", type=count, metavar="N", help="runs of each row (default: 3 on a GPU, 1 on the CPU)")
    part.add_argument("--evaluation-size", type=count, default=256, metavar="N", help="side of the fixed views")
    part.add_argument(
        "--save",
        type=Path,
        metavar="FILE.npz",
        help="write the first subject there, for a machine without face detector, and stop",
    )


def _sweep(part: ArgumentParser) -> None:
    part.add_argument("--axes", type=words, metavar="A,B", help="of size, texture, views, views_per_step, points")
    part.add_argument(
        "--base",
        type=numbers(1),
        metavar="SIZE,TEXTURE,VIEWS,VIEWS_PER_STEP,POINTS",
        help="the others' values (default: 256,512,16,1,1024 on a GPU, 128,256,8,1,512 on the CPU)",
    )
    part.add_argument(
        "--doublings", type=count, default=4, metavar="N", help="of each axis, about the base (default: 4)"
    )
    part.add_argument("--renderer", default="auto", help="auto, cpu or nvdiffrast")
    part.add_argument("--steps", type=count, default=10, metavar="N", help="timed steps of each row (default: 10)")
    part.add_argument("--peak", type=float, metavar="TFLOP/S", help="of the device; adds the share reached")
    part.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the table")
    part.add_argument("--read", type=Path, metavar="FILE.csv", help="an earlier table, to print and plot; nothing runs")
