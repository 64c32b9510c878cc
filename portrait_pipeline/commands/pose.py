"""The command ``portrait pose``; heavy modules are imported inside, see :mod:`.cli`."""

from __future__ import annotations

from pathlib import Path

import click

from ..base.errors import ParameterError
from .types import Existing, File, Number


class Gaze(click.ParamType):
    """Two numbers separated by a comma."""

    name = "X,Y"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        try:
            x, y = (float(text) for text in str(value).split(","))
        except ValueError:
            self.fail(f"'{value}' is not two numbers such as 10,-5", param, ctx)
        return x, y


_ANGLE = Number(-180, 180)


@click.command()
@click.argument("head", type=Existing())
@click.option(
    "-o", "--output", type=File(".glb", ".usdz", ".obj", ".png"), help="File to write: .glb, .usdz, .obj or .png."
)
@click.option(
    "-e",
    "--expression",
    "expressions",
    multiple=True,
    metavar="NAME=VALUE,...",
    help="Coefficients from 0 to 1, such as jawOpen=0.6,smile=0.4; may be repeated.",
)
@click.option("--neutral", is_flag=True, help="Start from no expression, instead of the picture's.")
@click.option("--yaw", type=_ANGLE, default=0.0, show_default=True, help="Degrees that the nose turns to image right.")
@click.option("--pitch", type=_ANGLE, default=0.0, show_default=True, help="Degrees that the nose is lifted.")
@click.option(
    "--roll",
    type=_ANGLE,
    default=0.0,
    show_default=True,
    help="Degrees that the head tilts anticlockwise in the image.",
)
@click.option("--gaze", type=Gaze(), metavar="X,Y", help="Degrees that the eyes look to image right and up.")
@click.option(
    "--frames",
    type=Existing(),
    metavar="CSV",
    help="Animate the .glb: columns time (s), names of expressions, yaw, pitch, roll.",
)
@click.option("--size", type=click.IntRange(16, 8192), default=640, show_default=True, help="Side of a .png in pixels.")
@click.option("--list", "listed", is_flag=True, help="List the expressions of HEAD, and write nothing.")
def pose(
    head: Path,
    output: Path | None,
    expressions: tuple[str, ...],
    neutral: bool,
    yaw: float,
    pitch: float,
    roll: float,
    gaze: tuple[float, float] | None,
    frames: Path | None,
    size: int,
    listed: bool,
) -> None:
    """Give a finished head another expression and turn, in a moment.

    HEAD is a folder of results or the head.glb in it. Expressions go by ARKit's names; a name without Left or Right
    means both sides, and there are words such as smile, frown, blink, browUp and pucker. The .glb keeps all its
    expressions, to be animated in other programs; .usdz, .obj and .png show the pose as it is.
    """
    from ..export.pose import list_expressions, pose_file

    if listed:
        click.echo("\n".join(list_expressions(head)))
        return
    if output is None:
        raise ParameterError("portrait pose needs -o FILE.glb, .usdz, .obj or .png (or --list)")
    pose_file(head, output, expressions, (yaw, pitch, roll), gaze, neutral, size, frames)
    click.echo(output)
