"""``python -m portrait_pipeline.lab landmarks``: errors of the points on pictures with known points."""

from __future__ import annotations

from pathlib import Path

import click

from ...base.progress import progress_bar


@click.command()
@click.argument("points", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--every", type=click.IntRange(min=1), default=1, help="Take every Nth picture.")
@click.option("--detector", type=click.Choice(["ours", "dlib", "both"]), default="both", show_default=True)
@click.option("--worst", type=click.IntRange(min=0), default=10, show_default=True, help="Name so many of the worst.")
def landmarks(points: Path, folder: Path, every: int, detector: str, worst: int) -> None:
    """Mean error of the points over the outer eye distance, and how many faces are found.

    POINTS is an NPZ file with `landmarks` (N, 68, 2) in pixels and `image` (N,), names of pictures in FOLDER.
    """
    from ..proofs.landmark_errors import METHODS, load_truth, measure_files

    names, truth = load_truth(points)
    for name in METHODS if detector == "both" else (detector,):
        with progress_bar(name) as progress:
            result = measure_files(METHODS[name], names[::every], folder, truth[::every], progress)
        for line in result.lines(worst):
            click.echo(f"{name}: {line}")
