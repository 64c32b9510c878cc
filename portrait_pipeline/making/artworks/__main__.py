"""``python -m portrait_pipeline.making.artworks -o DIR [NAME ...]``: rebuild the bundled artworks."""

from __future__ import annotations

from pathlib import Path

import click

from ...head.model import load_bundled_model
from .cast import names as known
from .gallery import SIZE, draw, save


@click.command()
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder.")
@click.option("--size", default=SIZE, show_default=True, type=click.IntRange(128, 2048), help="Pixels of a side.")
@click.argument("names", nargs=-1, type=click.Choice(known()))
def main(output: Path, size: int, names: tuple[str, ...]) -> None:
    """Draw the bundled artworks (or only NAMES) and their landmark files."""
    model = load_bundled_model()
    for name in names or known():
        click.echo(save(output, name, *draw(name, model, size)))


if __name__ == "__main__":
    main()
