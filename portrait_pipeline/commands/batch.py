"""The command ``portrait batch``; heavy modules are imported inside, see :mod:`.portrait`."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path

import click

from ..export.formats import FORMATS
from .types import Existing, Folder

FORMAT = click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(FORMATS),
    help="Write only this; may be repeated.  [default: everything]",
)


@click.command()
@click.argument("table", type=Existing())
@click.option("-o", "--output", type=Folder(), required=True, help="Folder for the results.")
@FORMAT
@click.option(
    "-S",
    "--set",
    "overrides",
    multiple=True,
    metavar="SECTION.NAME=VALUE",
    help="Override a parameter of all rows; may be repeated.",
)
@click.option(
    "--project",
    type=Existing(),
    default=Path("."),
    show_default=True,
    help="Project whose params.yaml and trained networks are used, if it has them.",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    help="Where to compute.  [default: PORTRAIT_DEVICE of the environment, or auto]",
)
@click.option(
    "--together",
    type=click.IntRange(1, 64),
    default=8,
    show_default=True,
    help="Heads that a GPU paints at once; a CPU paints one.",
)
@click.option(
    "--ray",
    is_flag=False,
    flag_value="local",
    metavar="[ADDRESS]",
    help="Spread the rows over Ray: a cluster on this machine, or the one at ADDRESS (auto, ray://HOST:10001).",
)
@click.option(
    "--retries", type=click.IntRange(0, 10), default=2, show_default=True, help="Of a row whose process dies, on Ray."
)
def batch(
    table: Path,
    output: Path,
    formats: tuple[str, ...],
    overrides: tuple[str, ...],
    project: Path,
    device: str | None,
    together: int,
    ray: str | None,
    retries: int,
) -> None:
    """Make a portrait of every row of TABLE, a CSV with the columns photo and art.

    Further columns: name, shell (auto or none), and parameters such as texture.beta. A folder a row, index.html,
    batch.csv and failures.csv. The same command again makes only what is missing or changed.
    """
    from ..batch.run import run_batch

    with redirect_stdout(sys.stderr):  # Ray prints what it has to say, of a dead process a kilobyte
        made, failed = run_batch(
            table,
            output,
            project,
            overrides,
            formats or FORMATS,
            device,
            together,
            ray,
            retries,
            notify=lambda line: click.echo(line, err=True),
        )
    click.echo(f"{output / 'index.html'}\n{made} made, {failed} failed")
    if failed:
        rows = "1 row" if failed == 1 else f"{failed} rows"
        click.echo(f"portrait: {rows} failed, see {output / 'failures.csv'}", err=True)
        sys.exit(1)
