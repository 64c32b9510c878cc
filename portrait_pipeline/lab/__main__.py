"""``python -m portrait_pipeline.lab``: benchmarks, study, errors of points, sheets; imports heavy modules inside."""

from __future__ import annotations

from pathlib import Path

import click

from ..commands.portrait import PortraitGroup

_FOLDER = click.Path(path_type=Path)
_SET = click.option(
    "-S", "--set", "overrides", multiple=True, metavar="SECTION.NAME=VALUE", help="Override a parameter; repeatable."
)


@click.group(cls=PortraitGroup, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Experiments and measurements; the product's commands are those of ``portrait``."""


@main.group()
def benchmark() -> None:
    """Time and memory of the slow parts; other programs should rest."""


@benchmark.command()
@_SET
@click.option("--steps", type=click.IntRange(min=1), default=30, show_default=True, help="Timed steps a row.")
def networks(overrides: tuple[str, ...], steps: int) -> None:
    """Time a training step of every landmark network, and one translation.

    From the step follow the seconds of the project's own schedule and of the paper's (800 epochs of 17 684 faces,
    batch 68).
    """
    from ..base.device import choose_device
    from ..pipeline.params import Params, with_overrides
    from .benchmarks.training import measure

    params = with_overrides(Params(pairs={}), overrides)
    click.echo(measure(params, choose_device(), steps).to_string(index=False, na_rep=""))


@benchmark.command()
@_SET
@click.option("--synthetic", is_flag=True, help="A made-up head instead of the sample pair; needs no face detector.")
@click.option("--method", "methods", multiple=True, default=("multi_view",), show_default=True, help="Repeatable.")
@click.option("--together", type=int, multiple=True, default=(1,), show_default=True, help="Heads a batch; repeatable.")
@click.option("--repeat", type=click.IntRange(min=1), default=2, show_default=True, help="Runs a row; the best counts.")
@click.option("-o", "--output", type=_FOLDER, help="Write the table as CSV too.")
def texture(
    overrides: tuple[str, ...],
    synthetic: bool,
    methods: tuple[str, ...],
    together: tuple[int, ...],
    repeat: int,
    output: Path | None,
) -> None:
    """Time texture stylisation, one row a method and batch, with the losses that are reached.

    Columns: seconds of the first run (libraries set themselves up) and of the best, milliseconds a step, peak memory
    (allocated on a GPU, resident on the CPU), style and content loss at fixed samples of fixed views, heads a minute.
    """
    from ..pipeline.params import Params, with_overrides
    from .benchmarks.texture import measure

    table = measure(with_overrides(Params(pairs={}), overrides), synthetic, methods, together, repeat)
    click.echo(table.to_string(index=False, float_format="%.4g"))
    if output:
        table.to_csv(output, index=False, float_format="%.6g")


@main.group()
def study() -> None:
    """Perceptual study: are photo and artwork recognised in the finished heads?"""


@study.command("measure")
@click.argument("heads", type=_FOLDER)
@click.option("--photos", multiple=True, type=_FOLDER, help="Folder of further photos for wrong answers; repeatable.")
@click.option("--art", multiple=True, type=_FOLDER, help="Folder of further artworks for wrong answers; repeatable.")
@click.option("--choices", type=click.IntRange(2, 9), default=5, show_default=True, help="Pictures to choose from.")
@click.option("-o", "--output", type=_FOLDER, default=Path("metrics/study.json"), show_default=True)
def measure_study(heads: Path, photos: tuple[Path, ...], art: tuple[Path, ...], choices: int, output: Path) -> None:
    """Ask the machine: face embedding for the photo, colours and features for the artwork, three views a head.

    HEADS is a project folder (params.yaml and data/results) or a CSV table with the columns result,photo,art: a result
    folder and its two pictures, from the table's folder or sample:NAME. Points in .pts files beside pictures are used.
    """
    from .study.study import measure_files, table

    result = measure_files(heads, photos, art, output, lambda line: click.echo(line, err=True), choices)
    click.echo(f"{table(result)}\n{output}")


@main.command()
@click.argument("points", type=_FOLDER)
@click.argument("folder", type=_FOLDER)
@click.option("--every", type=click.IntRange(min=1), default=1, help="Take every Nth picture.")
@click.option("--detector", type=click.Choice(["ours", "dlib", "both"]), default="both", show_default=True)
@click.option("--worst", type=click.IntRange(min=0), default=10, show_default=True, help="Name so many of the worst.")
@click.option("--warning", is_flag=True, help="Choose the warning's threshold on half the groups, try it on the rest.")
def landmarks(points: Path, folder: Path, every: int, detector: str, worst: int, warning: bool) -> None:
    """Mean error of the points over the outer eye distance, and how many faces are found.

    POINTS is an NPZ file with `landmarks` (N, 68, 2) in pixels and `image` (N,), names of pictures in FOLDER. Pictures
    whose names are the same up to the last _ are a group.
    """
    from ..base.progress import progress_bar
    from .proofs.landmark_errors import METHODS, held_out, load_truth, measure_files

    names, truth = load_truth(points)
    for name in METHODS if detector == "both" else (detector,):
        with progress_bar(name) as progress:
            result = measure_files(METHODS[name], names[::every], folder, truth[::every], progress)
        groups = [picture.rpartition("_")[0] for picture in result.names]
        for line in result.lines(worst) + (held_out(result, groups) if warning and name == "ours" else []):
            click.echo(f"{name}: {line}")


@main.command()
@click.option("--heads", type=click.IntRange(min=1), default=8, show_default=True, help="Painted heads an angle.")
@click.option("--detector", type=click.Choice(["ours", "dlib"]), default="ours", show_default=True)
@click.option("--yaw", "yaws", type=click.FloatRange(-90, 90), multiple=True, default=(0, 15, 30, 45, 60, 75))
def turned(heads: int, detector: str, yaws: tuple[float, ...]) -> None:
    """Mean error of the points on painted heads that turn, by angle, over the eye distance seen from the front."""
    from ..head.model import load_bundled_model
    from .proofs.landmark_errors import METHODS
    from .proofs.turned_faces import measure_turned

    for yaw in yaws:
        result = measure_turned(METHODS[detector], load_bundled_model(), heads, yaw)
        for line in result.lines():
            click.echo(f"{yaw:g} degrees: {line}")


@main.command()
@click.argument("table", type=_FOLDER)
@click.argument("results", type=_FOLDER)
@click.option("--data", type=_FOLDER, default=Path("."), show_default=True, help="Where the table's pictures lie.")
@click.option("-o", "--output", type=_FOLDER, default=Path("data/figures"), show_default=True)
def sheets(table: Path, results: Path, data: Path, output: Path) -> None:
    """Draw finished heads of many pairs side by side, to be judged.

    TABLE is a CSV with the columns name, photo, art (stages/lab/development_pairs.csv); RESULTS holds a folder of
    results for each name.
    """
    from .development_sheet import write_sheets

    for path in write_sheets(table, results, data, output):
        click.echo(path)


@main.command()
@click.argument("head", type=_FOLDER)
@click.argument("photo")
@click.argument("actor")
@click.option("-o", "--output", type=_FOLDER, default=Path("data/applications.jpg"), show_default=True)
def applications(head: Path, photo: str, actor: str, output: Path) -> None:
    """Draw what a finished head is good for: the photo redrawn, a video that drives it, a character that gets it.

    HEAD is a folder of results with picture.png, PHOTO what it was made of, ACTOR the photo of who is filmed: a path or
    sample:NAME. Video and character are made by code.
    """
    from ..head.model import load_bundled_model
    from ..samples.sources import resolve
    from .applications.strip import write_strip

    photo_path, actor_path = (resolve(source, Path(".")).path for source in (photo, actor))
    write_strip(head, photo_path, actor_path, load_bundled_model(), output)
    click.echo(output)


if __name__ == "__main__":
    main(prog_name="python -m portrait_pipeline.lab")
