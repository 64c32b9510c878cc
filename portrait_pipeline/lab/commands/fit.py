"""The commands ``portrait fit ...``; heavy modules are imported inside, see :mod:`.cli`."""

from __future__ import annotations

from pathlib import Path

import click

_OVERRIDES = click.option(
    "-S",
    "--set",
    "overrides",
    multiple=True,
    metavar="SECTION.NAME=VALUE",
    help="Override a parameter of section fit; may be repeated.",
)


@click.group()
def fit() -> None:
    """How well the face model fits: on a photo, by eye; on a scan, in millimetres."""


@fit.command()
@click.argument("photo")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The picture, PNG or JPEG.")
@_OVERRIDES
def check(photo: str, output: Path, overrides: tuple[str, ...]) -> None:
    """Fit the face model to PHOTO, say how far its points are off, and draw the head over the photo.

    PHOTO is an image file or sample:NAME; points in PHOTO.pts beside it win over detection.
    """
    from ...pipeline.params import Params, with_overrides
    from ..proofs.fit_scan_report import check_photo

    params = with_overrides(Params(pairs={}), overrides)
    lines = check_photo(photo, output, params.fit, params.landmarks)
    click.echo("\n".join([*lines, str(output)]))


@fit.command()
@click.argument("mesh", type=click.Path(path_type=Path))
@click.option(
    "--texture",
    type=click.Path(path_type=Path),
    help="Picture for the mesh's UV coordinates.  [default: the one inside a GLB, or its vertex colours]",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for the results.")
@_OVERRIDES
def scan(mesh: Path, texture: Path | None, output: Path, overrides: tuple[str, ...]) -> None:
    """Hold the fit against MESH, a scan of a head: GLB, OBJ, PLY or STL, +y up, the face towards +z.

    The scan is rendered from nine known views, the points are detected on the pictures and fitted, each view alone and
    all together. Distances are in mm for outer eye corners 90 mm apart. Writes scan.json, views.csv, views.png
    (detected points blue, fitted head orange) and distance.png.
    """
    from ...pipeline.params import Params, with_overrides
    from ..proofs.fit_scan_report import scan_file

    params = with_overrides(Params(pairs={}), overrides).fit
    lines = scan_file(mesh, texture, output, params, lambda line: click.echo(line, err=True))
    click.echo("\n".join([*lines, str(output / "scan.json")]))
