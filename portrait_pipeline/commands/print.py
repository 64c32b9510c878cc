"""The command ``portrait print``; heavy modules are imported inside, see :mod:`.portrait`."""

from __future__ import annotations

from pathlib import Path

import click

from .types import Existing, File, Number


@click.command("print")
@click.argument("results", type=Existing())
@click.option("-o", "--output", type=File(".3mf", ".stl"), required=True, help="File to write: .3mf or .stl.")
@click.option("--height", type=Number(5, 2000), default=120.0, show_default=True, help="Of the bust in millimetres.")
def print_(results: Path, output: Path, height: float) -> None:
    """Make the portrait in the folder RESULTS one closed solid for 3D printing.

    Head, hair and shoulders are united and stand on a flat foot. Colours are left out.
    """
    from ..export.solid import print_file

    solid = print_file(results, output, height)
    width, depth, tall = (solid.vertices.max(axis=0) - solid.vertices.min(axis=0)).tolist()
    click.echo(f"{output}\n{width:.0f} x {depth:.0f} x {tall:.0f} mm, {solid.volume / 1000:.0f} cm3, watertight")
    if solid.left_out > 0:
        click.echo(f"left out: pieces that hang in the air, {100 * solid.left_out:.2f} % of the volume", err=True)
