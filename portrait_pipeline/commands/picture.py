"""The command ``portrait picture``; heavy modules are imported inside."""

from __future__ import annotations

from pathlib import Path

import click

from .types import Existing, File, Number, Picture


@click.command()
@click.argument("photo", type=Picture())
@click.argument("art", type=Picture())
@click.option("-o", "--output", type=File(".png", ".jpg", ".jpeg"), required=True, help="The picture, .png or .jpg.")
@click.option("--head", type=Existing(), help="Folder of results made of the same two pictures: saves making the head.")
@click.option("--size", type=click.IntRange(64, 2048), help="Longer side in pixels.  [default: picture.size]")
@click.option("--scale", type=Number(0, 5), help="Geometric exaggeration, 0 none.  [default: deform.scale]")
@click.option(
    "-e",
    "--expression",
    "expressions",
    multiple=True,
    metavar="NAME=VALUE,...",
    help="Expression in place of the photo's, such as smile=0.5; as for portrait pose.",
)
@click.option("-S", "--set", "overrides", multiple=True, metavar="SECTION.NAME=VALUE", help="Override a parameter.")
@click.option("--project", type=Existing(), default=Path("."), help="Project whose params.yaml and networks are used.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), help="Where to compute.  [default: auto]")
def picture(
    photo: str,
    art: str,
    output: Path,
    head: Path | None,
    size: int | None,
    scale: float | None,
    expressions: tuple[str, ...],
    overrides: tuple[str, ...],
    project: Path,
    device: str | None,
) -> None:
    """Redraw PHOTO itself in the shapes and the hand of ART, background and all.

    Each is an image file or sample:NAME.
    """
    from ..pipeline.picture import picture_files

    picture_files(
        photo,
        art,
        output,
        project,
        overrides,
        lambda line: click.echo(line, err=True),
        head,
        size,
        scale,
        expressions,
        device,
    )
    click.echo(output)
