"""The ``portrait model`` commands. Nothing heavy is imported before a command runs."""

from __future__ import annotations

from pathlib import Path

import click

from .types import Existing, File, Number, Picture


@click.group()
def model() -> None:
    """Face models: bring the one you hold a licence for (ICT-FaceKit, FaceWarehouse, BFM, FLAME, your own)."""


@model.command()
@click.argument("source", type=Existing())
@click.option("-o", "--output", type=File(".h5"), required=True, help="The .h5 file.")
@click.option(
    "--topology",
    type=click.Choice(["head", "native"]),
    default="head",
    show_default=True,
    help="The bundled head's, for the whole pipeline, or the model's own, for fitting only.",
)
@click.option(
    "--landmarks",
    type=Existing(),
    help="Text file with the 68 vertex ids (iBUG order, from 0, -1: unknown), if you know them.",
)
@click.option("--template", type=Existing(), help="OBJ with the triangles of FaceWarehouse's vertices.")
@click.option("--unit", type=Number(0, min_open=True), help="Centimetres a unit of SOURCE.  [default: the format's]")
def convert(
    source: Path, output: Path, topology: str, landmarks: Path | None, template: Path | None, unit: float | None
) -> None:
    """Convert SOURCE to a model file, and draw beside it (.png) how the landmarks were found.

    SOURCE is the folder FaceXModel of ICT-FaceKit, FaceWarehouse's folder, a BFM 2017 or 2019 .h5, FLAME's .pkl or
    .npz (read without running code), an .h5 of our own layout, or a mesh .obj in cm.
    """
    from ..convert.convert_file import convert_file

    convert_file(source, output, topology, landmarks, template, unit, notify=lambda line: click.echo(line, err=True))
    click.echo(f"{output}\n{output.with_suffix('.png')}")


@model.command()
@click.argument("file", type=Picture(), default="bundled")
def info(file: str) -> None:
    """Say what is in the model FILE (or bundled), and what it can be used for."""
    from ..convert.convert_file import model_report

    click.echo("\n".join(model_report(file)))


@model.command()
@click.argument("file", type=Picture(), default="bundled")
@click.option("-o", "--output", type=File(".png", ".jpg", ".jpeg"), required=True, help="The picture, PNG or JPEG.")
def preview(file: str, output: Path) -> None:
    """Draw the model FILE (or bundled): landmarks, jaw contours, first components, some expressions."""
    from ..convert.convert_file import preview_file

    preview_file(file, output)
    click.echo(output)
