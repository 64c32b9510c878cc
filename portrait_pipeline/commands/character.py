"""The command ``portrait character``; heavy modules are imported inside, see :mod:`.portrait`."""

from __future__ import annotations

from pathlib import Path

import click

from ..base.errors import ParameterError
from .types import Existing, File, Picture


@click.command()
@click.argument("head", type=Picture())
@click.argument("character", type=Existing())
@click.option("-o", "--output", type=File(".glb", ".vrm"), help="The character with its new head, .glb.")
@click.option("--keep-hair", is_flag=True, help="Exchange the face alone: hair, ears and neck stay the character's.")
@click.option("--points", type=Existing(), help="The face's 68 points in the picture of --render, where none is found.")
@click.option(
    "--render", type=File(".png"), help="Write the picture of the character's head for --points, and nothing else."
)
@click.option("--head-joint", metavar="NAME", help="The joint that is the head, where its name does not tell.")
@click.option("-S", "--set", "overrides", multiple=True, metavar="SECTION.NAME=VALUE", help="Override a parameter.")
@click.option("--project", type=Existing(), default=Path("."), help="Project whose params.yaml and networks are used.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), help="Where to compute.  [default: auto]")
def character(
    head: str,
    character: Path,
    output: Path | None,
    keep_hair: bool,
    points: Path | None,
    render: Path | None,
    head_joint: str | None,
    overrides: tuple[str, ...],
    project: Path,
    device: str | None,
) -> None:
    """Give a rigged CHARACTER (.glb or .vrm with a skin) the stylised head of a person.

    HEAD is a photo or sample:NAME, whose person takes the style of the character's own face; or a finished folder of
    results or the head.glb in it, taken as it is. All animations, materials and skins of the character stay, and the
    52 ARKit blend shapes come on top. Draco, meshopt and KTX2 are to be unpacked first.
    """
    from ..pipeline.character import CharacterChoice, character_file

    if (output is None) == (render is None):
        raise ParameterError("portrait character needs either -o FILE.glb or --render FACE.png")
    choice = CharacterChoice(keep_hair, points, render, head_joint)
    character_file(head, character, output, choice, project, overrides, lambda line: click.echo(line, err=True), device)
    click.echo(output or render)
