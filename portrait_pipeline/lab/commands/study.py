"""The commands ``portrait study ...``; heavy modules are imported inside, see :mod:`.cli`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

_FOLDERS = click.Path(path_type=Path)


def _pools(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of the commands that ask questions."""
    for option in (
        click.option(
            "--azimuth",
            type=click.FloatRange(0, 60),
            default=25.0,
            show_default=True,
            help="Degrees that the side views are turned.",
        ),
        click.option(
            "--choices",
            type=click.IntRange(2, 9),
            default=5,
            show_default=True,
            help="Pictures to choose from: the right one and the most similar others.",
        ),
        click.option(
            "--art",
            "artworks",
            multiple=True,
            type=_FOLDERS,
            metavar="FOLDER",
            help="Further artworks for wrong answers; may be repeated.",
        ),
        click.option(
            "--photos",
            multiple=True,
            type=_FOLDERS,
            metavar="FOLDER",
            help="Further photos for wrong answers; may be repeated.",
        ),
    ):
        command = option(command)
    return command


@click.group()
def study() -> None:
    """Perceptual study: are photo and artwork recognised in the finished heads?

    HEADS is a project folder (params.yaml and data/results) or a CSV table with the columns result,photo,art: a result
    folder and its two pictures, from the table's folder or sample:NAME. Points in .pts files beside pictures are used.
    """


@study.command()
@click.argument("heads", type=click.Path(path_type=Path))
@_pools
@click.option("--weights", default="bundled", show_default=True, help="Perceptual weights, as texture.weights.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("metrics/study.json"), show_default=True)
def measure(
    heads: Path,
    photos: tuple[Path, ...],
    artworks: tuple[Path, ...],
    choices: int,
    azimuth: float,
    weights: str,
    output: Path,
) -> None:
    """Ask the machine: face embedding for the photo, colours and features for the artwork, three views a head."""
    from ..study.study import measure_files, measure_lines

    result = measure_files(
        heads, photos, artworks, output, lambda line: click.echo(line, err=True), choices, azimuth, weights
    )
    click.echo("\n".join([*measure_lines(result), str(output)]))


@study.command()
@click.argument("heads", type=click.Path(path_type=Path))
@_pools
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The page, an HTML file.")
@click.option("--key", type=click.Path(path_type=Path), help="The right answers.  [default: OUTPUT with .key.json]")
@click.option("--title", default="Portrait study", show_default=True, help="Heading of the page.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the order.")
def write(
    heads: Path,
    photos: tuple[Path, ...],
    artworks: tuple[Path, ...],
    choices: int,
    azimuth: float,
    output: Path,
    key: Path | None,
    title: str,
    seed: int,
) -> None:
    """Ask people: write one HTML page to send around, and its key, which stays with you."""
    from ...base.errors import ParameterError
    from ..study.study import write_files

    if output.suffix.lower() not in (".html", ".htm"):
        raise ParameterError(f"--output is {output}: it must name an HTML file, such as study.html")
    key = output.with_suffix(".key.json") if key is None else key
    write_files(
        heads, photos, artworks, output, key, title, seed, lambda line: click.echo(line, err=True), choices, azimuth
    )
    click.echo(f"{output}\n{key}")


@study.command()
@click.argument("key", type=click.Path(path_type=Path))
@click.argument("answers", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("metrics/study_people.json"), show_default=True
)
def score(key: Path, answers: tuple[Path, ...], output: Path) -> None:
    """Score people's ANSWERS, the files that the page saved, by the KEY of the study."""
    from ..study.score import score_files, score_lines

    click.echo("\n".join([*score_lines(score_files(key, answers, output)), str(output)]))
