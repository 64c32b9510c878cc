"""The ``portrait`` command. Heavy modules are imported inside the commands, so that ``--help`` answers at once."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..base.errors import PortraitError
from ..base.memory import is_about_memory, out_of_memory
from .batch import FORMAT, batch
from .character import character
from .model import model
from .picture import picture
from .pose import pose
from .print import print_
from .types import Existing, File, Folder, Number, Picture
from .video import reenact, track
from .weights import weights

_OVERRIDES = click.option(
    "-S",
    "--set",
    "overrides",
    multiple=True,
    metavar="SECTION.NAME=VALUE",
    help="Override a parameter, as in dvc exp run; may be repeated.",
)
_PROJECT = click.option(
    "--project",
    type=Existing(),
    default=Path("."),
    show_default=True,
    help="Project whose params.yaml and trained networks are used, if it has them.",
)
_MORE_PHOTOS = click.option(
    "--more-photo",
    "more_photos",
    multiple=True,
    type=Picture(),
    metavar="FILE",
    help="A further photo of the same person; may be repeated.",
)


_LOWER = {
    "stylize": "-S landmarks.max_side, photo_texture.size, shell.size or texture.scales",
    "effects": "-S texture.scales, or ask for fewer values",
    "pose": "--size",
    "track": "the number of frames by --every",
}
"""What saves most memory in a command."""


class PortraitGroup(click.Group):
    """Shows user errors as one line and exits with status 1."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except PortraitError as error:
            _fail(str(error))
        except OSError as error:
            if error.filename is None:
                raise
            _fail(f"{error.filename}: {error.strerror}; check the path, its permissions and the space on the disk")
        except Exception as error:
            if not is_about_memory(error):
                raise
            command = str(context.invoked_subcommand)
            _fail(str(out_of_memory(command, _LOWER.get(command, "the size of what it reads"))))


def _fail(line: str) -> None:
    click.echo(f"portrait: {line}", err=True)
    sys.exit(1)


@click.group(cls=PortraitGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="portrait-pipeline")
def main() -> None:
    """One portrait photo and one portrait artwork in, a textured, stylised 3D head out."""


@main.command()
@click.argument("photo", type=Picture())
@click.argument("art", type=Picture())
@click.option("-o", "--output", type=Folder(), required=True, help="Folder for the results.")
@_MORE_PHOTOS
@FORMAT
@_OVERRIDES
@_PROJECT
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    help="Where to compute.  [default: PORTRAIT_DEVICE of the environment, or auto]",
)
def stylize(
    photo: str,
    art: str,
    output: Path,
    more_photos: tuple[str, ...],
    formats: tuple[str, ...],
    overrides: tuple[str, ...],
    project: Path,
    device: str | None,
) -> None:
    """Make the head of PHOTO in the style of ART.

    Each is an image file or sample:NAME. Points in PHOTO.pts or ART.pts beside the image win over detection.
    """
    from ..pipeline.stylize import stylize_files

    stylize_files(
        photo,
        art,
        output,
        project,
        overrides,
        notify=lambda line: click.echo(line, err=True),
        more_photos=more_photos,
        device=device,
        formats=formats,
    )
    shown = {"sheet": "contact_sheet.png", "viewer": "viewer.html", "glb": "head.glb"}
    click.echo("\n".join(str(output / name) for key, name in shown.items() if key in formats or not formats) or output)


@main.command()
@click.argument("content", type=Picture())
@click.argument("styles", nargs=-1, type=Picture(), metavar="[STYLE]...")
@click.option("-o", "--output", type=Folder(), required=True, help="Folder for the results.")
@click.option("--scale", type=Number(0, 5), help="Factor on the change: 0 none, 2 twice.  [default: deform.scale]")
@click.option("--interpolate", is_flag=True, help="From the first style through the others to the last, in steps.")
@click.option("--steps", type=int, help="Steps of --interpolate, both ends included.  [default: 7]")
@click.option("--style-class", type=int, metavar="N", help="Style of class N: the mean of its training faces.")
@click.option(
    "--random",
    "seed",
    type=int,
    metavar="SEED",
    help="A style drawn from N(0, I); with --style-class, one member of the class.",
)
@_OVERRIDES
@_PROJECT
def translate(
    content: str,
    styles: tuple[str, ...],
    output: Path,
    scale: float | None,
    interpolate: bool,
    steps: int | None,
    style_class: int | None,
    seed: int | None,
    overrides: tuple[str, ...],
    project: Path,
) -> None:
    """Change the landmarks of CONTENT as the exemplar STYLE asks, and bend the photo with them.

    Each is an image file, sample:NAME or a landmark file (.pts, .txt). Writes figure.png, translated.pts (pixels of
    CONTENT), the points seen from the front, and warped.png.
    """
    from ..pipeline.translate import StyleChoice, translate_files

    choice = StyleChoice(styles, style_class, seed, interpolate, steps)
    written = translate_files(
        content, choice, output, project, overrides, scale, notify=lambda line: click.echo(line, err=True)
    )
    click.echo("\n".join(map(str, written)))


@main.command()
@click.argument("pair")
@click.option("-o", "--output", type=File(".png", ".jpg", ".jpeg"), required=True, help="The picture, PNG or JPEG.")
@click.option("--beta", "betas", type=Number(0), multiple=True, help="Of texture.beta, a column each; may be repeated.")
@click.option(
    "--scale", "scales", type=Number(0, 5), multiple=True, help="Of deform.scale, a row each; may be repeated."
)
@click.option(
    "--strength",
    "strengths",
    type=Number(0, 1),
    multiple=True,
    help="Of texture.strength, in the last row; may be repeated.",
)
@_OVERRIDES
@click.option(
    "--project",
    type=Existing(),
    default=Path("."),
    show_default=True,
    help="Project that holds the pair, run at least to the stage photo_texture.",
)
def effects(
    pair: str,
    output: Path,
    betas: tuple[float, ...],
    scales: tuple[float, ...],
    strengths: tuple[float, ...],
    overrides: tuple[str, ...],
    project: Path,
) -> None:
    """Show what beta, deform.scale and strength do to PAIR, as one picture (Fig. 9).

    Every beta takes one optimisation of the texture; scale and strength take none.
    """
    from ..pipeline.effects import BETAS, SCALES, STRENGTHS, write_effects

    write_effects(
        pair,
        output,
        project,
        overrides,
        betas or BETAS,
        scales or SCALES,
        strengths or STRENGTHS,
        notify=lambda line: click.echo(line, err=True),
    )
    click.echo(output)


@main.command("add-pair")
@click.argument("name")
@click.argument("photo", type=Picture())
@click.argument("art", type=Picture())
@_MORE_PHOTOS
@click.option("--params", type=Existing(), default=Path("params.yaml"), show_default=True)
def add_pair(name: str, photo: str, art: str, more_photos: tuple[str, ...], params: Path) -> None:
    """Write the pair NAME of PHOTO and ART into params.yaml.

    Image files from outside the project, and the points and masks beside them, are copied into data/photos and
    data/art.
    """
    from ..pipeline.pairs_file import add_pair as add

    click.echo(f"added; now run: dvc repro\n{add(params, name, photo, art, more_photos)}")


@main.command()
@_PROJECT
@click.option("--port", type=click.IntRange(0, 65535), default=8423, show_default=True, help="0 takes any free one.")
@click.option("--browser/--no-browser", "browse", default=True, help="Open the page at once.  [default: browser]")
def studio(project: Path, port: int, browse: bool) -> None:
    """Open a local web page for everything: pictures, points, making, the gallery.

    Needs the extra `studio`. What is made lies in data/studio of the project.
    """
    from ..studio.server import open_studio

    open_studio(project, port, browse, click.echo)


@main.command()
def params() -> None:
    """List every parameter with its default, range and meaning."""
    from ..pipeline.params import describe

    click.echo(describe())


@main.command()
@click.option("--project", type=Existing(), default=Path("."), show_default=True)
def doctor(project: Path) -> None:
    """Say which parts are there, and what to install for those that are not."""
    from ..pipeline.doctor import diagnose

    checks = diagnose(project)
    for check in checks:
        mark = "ok     " if check.present else ("MISSING" if check.required else "absent ")
        click.echo(f"{mark} {check.name}: {check.detail}")
        if not check.present:
            click.echo(f"        -> {check.remedy}")
    if any(check.required and not check.present for check in checks):
        sys.exit(1)


main.add_command(batch)
main.add_command(character)
main.add_command(model)
main.add_command(weights)
main.add_command(picture)
main.add_command(pose)
main.add_command(track)
main.add_command(print_)
main.add_command(reenact)


if __name__ == "__main__":
    main()
