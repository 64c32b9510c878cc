"""``python -m portrait_pipeline.making.perceptual FOLDER -o FILE``: train perceptual weights."""

from __future__ import annotations

from pathlib import Path

import click

from ...base.device import choose_device
from ...base.errors import PortraitError
from ...base.progress import progress_bar
from .images import read_folder
from .train import Recipe, train_weights


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The .safetensors file.")
@click.option("--epochs", type=click.IntRange(min=1), default=76, show_default=True, help="Passes over the images.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of all random draws.")
def main(folder: Path, output: Path, epochs: int, seed: int) -> None:
    """Train perceptual weights on FOLDER (tiny-imagenet-200 as unpacked), as the bundled ones were.

    VGG-16 with batch norm learns the classes; then batch norm is folded into the convolutions and the layers are
    balanced. Validation accuracy is printed and written to a .json beside the output. After Ctrl-C the same command
    continues behind the last whole epoch. Meant for a GPU, where it computes in bfloat16: a CPU would take weeks.
    """
    try:
        with progress_bar("decode images") as progress:
            images = read_folder(folder, progress=progress)
        with progress_bar("train") as progress:
            top1 = train_weights(images, output, Recipe(epochs=epochs, seed=seed), choose_device("auto"), progress)
    except PortraitError as error:
        raise click.ClickException(str(error)) from error
    click.echo("\n".join(f"validation top-1 at {size} px: {value:.1f} %" for size, value in top1.items()))


if __name__ == "__main__":
    main(prog_name="python -m portrait_pipeline.making.perceptual")
