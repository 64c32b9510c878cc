"""The ``portrait benchmark`` commands. Nothing heavy is imported before a command runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click


def _network_options(command: Callable) -> Callable:
    for option in (
        click.option(
            "--project",
            type=click.Path(path_type=Path),
            default=Path("."),
            show_default=True,
            help="Project whose params.yaml gives the schedules.",
        ),
        click.option("--steps", type=click.IntRange(min=1), default=30, show_default=True, help="Timed steps a row."),
        click.option(
            "-S",
            "--set",
            "overrides",
            multiple=True,
            metavar="SECTION.NAME=VALUE",
            help="Override a parameter, as in dvc exp run; may be repeated.",
        ),
    ):
        command = option(command)
    return command


@click.group(invoke_without_command=True)
@_network_options
@click.pass_context
def benchmark(context: click.Context, overrides: tuple[str, ...], steps: int, project: Path) -> None:
    """Time and memory of the slow parts; other programs should rest. Without a command: networks."""
    if context.invoked_subcommand is None:
        context.invoke(networks, overrides=overrides, steps=steps, project=project)


@benchmark.command()
@_network_options
def networks(overrides: tuple[str, ...], steps: int, project: Path) -> None:
    """Time the training of the landmark networks and one translation.

    Columns: milliseconds of one training step (median), and from it the seconds of the project's own schedule and of
    the paper's (800 epochs of 17 684 faces, batch 68).
    """
    from ...base.device import choose_device
    from ...pipeline.params import load_params, with_overrides
    from ..benchmarks.training import benchmark as run
    from ..benchmarks.training import table

    params = with_overrides(load_params(project / "params.yaml"), overrides)
    click.echo(table(list(run(params, choose_device(), steps))))


def _pass_on(name: str, text: str) -> click.Command:
    """A command whose options are those of ``applications.benchmark_options``, ``--help`` included."""

    def run(arguments: tuple[str, ...]) -> None:
        from ..benchmarks import options as benchmark_options

        program = "portrait benchmark"
        benchmark_options.parser(program).parse_args([name, *arguments])  # help and usage errors before heavy imports
        from ..benchmarks.texture import run as measure

        measure([name, *arguments], click.echo, program)

    return click.Command(
        name,
        callback=run,
        help=text,
        params=[click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
        add_help_option=False,
        context_settings={"ignore_unknown_options": True},
    )


for _name, _text in (
    ("texture", "Time texture stylisation, with the loss reached: methods, renderers, batches."),
    ("sweep", "Cost of one step of the texture optimisation for each doubling of its sizes."),
):
    benchmark.add_command(_pass_on(_name, _text))
