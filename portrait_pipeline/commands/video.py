"""The commands ``portrait track`` and ``portrait reenact``; heavy modules are imported inside, see :mod:`.cli`."""

from __future__ import annotations

from pathlib import Path

import click
from PIL import ImageColor

from ..base.errors import ParameterError
from .types import Existing, File, Number

_SMOOTH = click.option(
    "--smooth",
    type=Number(0, 10),
    default=0.05,
    show_default=True,
    help="Seconds over which the motion is smoothed; 0 is none.",
)


@click.command()
@click.argument("source", type=Existing())
@click.option("-o", "--output", type=File(".csv"), required=True, help="The table, CSV.")
@click.option("--every", type=click.IntRange(min=1), default=1, show_default=True, help="Take every n-th frame.")
@_SMOOTH
def track(source: Path, output: Path, every: int, smooth: float) -> None:
    """Read expressions, gaze and head turns from SOURCE, a video of one person or a folder of pictures.

    The table animates any finished head: portrait pose HEAD --frames TABLE -o animated.glb
    """
    from ..base.progress import progress_bar
    from ..fit.params import FitParams
    from ..head.model import load_bundled_model
    from ..video.reader import look_at
    from ..video.reenact import remarks
    from ..video.track import track as run
    from ..video.track import write_track

    clip, model = look_at(source), load_bundled_model()
    with progress_bar("track") as progress:
        moves = run(clip, model, FitParams(), every, smooth, progress)
    for line in remarks(moves):
        click.echo(f"{source}: {line}", err=True)
    write_track(output, moves, model.expression_names)
    click.echo(output)


@click.command()
@click.argument("head", type=Existing())
@click.argument("video", type=Existing())
@click.option(
    "-o",
    "--output",
    type=Existing(),
    required=True,
    help="The film: .mp4 (H.264), .webm, or a folder for numbered .png files.",
)
@click.option(
    "--composition",
    type=click.Choice(["over", "beside", "head"]),
    default="over",
    show_default=True,
    help="The head over the frames in place of the face, beside them, or alone.",
)
@click.option(
    "--background",
    metavar="COLOUR",
    default="#f5f3ef",
    show_default=True,
    help="Behind the head where it is beside or alone: a name, #rrggbb, or transparent (.webm and folders).",
)
@click.option("--bare", is_flag=True, help="The head without hair and shoulders.")
@click.option(
    "--size",
    type=click.IntRange(64, 4096),
    default=1280,
    show_default=True,
    help="Longer side of the frames at most, in pixels.",
)
@_SMOOTH
def reenact(
    head: Path, video: Path, output: Path, composition: str, background: str, bare: bool, size: int, smooth: float
) -> None:
    """Let the person in VIDEO move the stylised HEAD, and write the film.

    HEAD is a folder of results or the head.glb in it. VIDEO is a video of one person, or a folder of pictures. The film
    keeps the video's times and its sound.
    """
    from ..base.progress import progress_bar
    from ..export.pose import load_rig
    from ..head.model import load_bundled_model
    from ..video.reenact import reenact as run

    try:
        ground = None if background == "transparent" else ImageColor.getrgb(background)[:3]
    except ValueError:
        raise ParameterError(
            f"--background {background}: is no colour; use a name such as white, #rrggbb, or transparent"
        ) from None
    rig = load_rig(head)
    run(
        rig.bare if bare else rig,
        video,
        output,
        load_bundled_model(),
        composition,
        ground,
        size,
        smooth,
        lambda line: click.echo(line, err=True),
        progress_bar,
    )
    click.echo(output)
