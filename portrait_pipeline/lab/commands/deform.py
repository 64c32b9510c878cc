"""The commands ``portrait deform ...``; heavy modules are imported inside, see :mod:`.cli`."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def deform() -> None:
    """The deformation of the head by its landmarks."""


@deform.command()
@click.argument("landmarks", type=click.Path(path_type=Path))
@click.option(
    "--laplacian",
    "laplacians",
    multiple=True,
    type=click.Choice(["uniform", "cotangent", "similarity"]),
    help="Detail that is kept; may be repeated.  [default: similarity]",
)
@click.option(
    "--follow",
    "follows",
    multiple=True,
    type=click.Choice(["axes", "similarity", "none"]),
    help="How the head follows the face; may be repeated.  [default: similarity]",
)
@click.option("--scale", "scales", multiple=True, type=float, help="Of deform.scale; may be repeated.")
@click.option("--limit", type=click.IntRange(min=1), help="Take this many faces, evenly spread.  [default: all]")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("metrics/deformation.json"), show_default=True
)
@click.option(
    "-S",
    "--set",
    "overrides",
    multiple=True,
    metavar="SECTION.NAME=VALUE",
    help="Override a parameter, as in dvc exp run; may be repeated.",
)
@click.option(
    "--project",
    type=click.Path(path_type=Path),
    default=Path("."),
    show_default=True,
    help="Project whose params.yaml is used.",
)
def measure(
    landmarks: Path,
    laplacians: tuple[str, ...],
    follows: tuple[str, ...],
    scales: tuple[float, ...],
    limit: int | None,
    output: Path,
    overrides: tuple[str, ...],
    project: Path,
) -> None:
    """Deform the mean head towards the faces of LANDMARKS and say what it costs.

    LANDMARKS is an NPZ file with an array 'landmarks' (N, 68, 2) or a folder of .pts or .txt files. Columns: residual
    of the landmarks, triangles turned over, pairs of triangles that cross, faces with crossings at lips and at lids,
    change of edge lengths, of detail and of angles between triangles, distortion of ears and back of the head.
    """
    from ..proofs.deform_measure import measure_deformations

    lines = measure_deformations(
        landmarks,
        output,
        project,
        overrides,
        laplacians,
        follows,
        scales,
        limit,
        notify=lambda line: click.echo(line, err=True),
    )
    click.echo("\n".join([*lines, str(output)]))
