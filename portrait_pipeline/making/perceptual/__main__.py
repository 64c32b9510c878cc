"""``python -m portrait_pipeline.making.perceptual FOLDER -o FILE``: train perceptual weights."""

from __future__ import annotations

from pathlib import Path

import click

from ...commands.weights import Numbers


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The .safetensors file.")
@click.option("--device", type=click.Choice(["auto", "cuda", "cpu"]), default="auto", show_default=True)
@click.option(
    "--side",
    type=click.IntRange(16, 512),
    default=64,
    show_default=True,
    help="Pixels of the images in memory; others are cut square and resized.",
)
@click.option("--epochs", type=click.IntRange(min=1), default=76, show_default=True, help="Passes over the images.")
@click.option(
    "--sizes",
    type=Numbers(int, 16, "sizes separated by commas"),
    default="64,96,128",
    show_default=True,
    help="Pixels of a step's images; one is drawn for each step.",
)
@click.option("--batch", type=click.IntRange(min=2), default=256, show_default=True, help="Images a step.")
@click.option(
    "--learning-rate",
    type=click.FloatRange(0, min_open=True),
    default=0.25,
    show_default=True,
    help="Of SGD with Nesterov momentum, at the top of the one-cycle schedule.",
)
@click.option(
    "--warmup",
    type=click.FloatRange(0, 1),
    default=0.3,
    show_default=True,
    help="Part of the steps in which the learning rate rises.",
)
@click.option(
    "--start-divisor",
    type=click.FloatRange(1),
    default=25.0,
    show_default=True,
    help="The learning rate starts at its top divided by this.",
)
@click.option(
    "--final-divisor",
    type=click.FloatRange(1),
    default=1e4,
    show_default=True,
    help="The learning rate ends at its top divided by this.",
)
@click.option("--momentum", type=click.FloatRange(0, 1, max_open=True), default=0.9, show_default=True, help="Of SGD.")
@click.option(
    "--weight-decay",
    type=click.FloatRange(0),
    default=5e-4,
    show_default=True,
    help="Of convolutions and classifier; biases and batch norm have none.",
)
@click.option(
    "--label-smoothing",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.1,
    show_default=True,
    help="Part of the target spread over all classes.",
)
@click.option(
    "--dropout",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.2,
    show_default=True,
    help="Part of the classifier's inputs that is dropped.",
)
@click.option(
    "--smallest-crop",
    type=click.FloatRange(0.01, 1),
    default=0.35,
    show_default=True,
    help="Least part of an image's area in a crop.",
)
@click.option(
    "--aspect", type=click.FloatRange(1, 4), default=4 / 3, show_default="4/3", help="Largest ratio of a crop's sides."
)
@click.option(
    "--jitter",
    type=click.FloatRange(0, 1),
    default=0.3,
    show_default=True,
    help="Largest relative change of brightness, contrast and saturation.",
)
@click.option(
    "--statistics",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Steps over which batch norm's means and variances are measured at the end.",
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Of all random draws.")
@click.pass_context
def main(context: click.Context, folder: Path, output: Path, device: str, side: int, **recipe: object) -> None:
    """Train perceptual weights on FOLDER (Tiny ImageNet as unpacked), as the bundled ones were.

    VGG-16 with batch norm learns the classes; then batch norm is folded into the convolutions and the layers are
    balanced. Validation accuracy is printed and written to a .json beside the output. Ctrl-C stops; the same command
    continues after the last whole epoch. Meant for a GPU, where it computes in bfloat16: a CPU would take weeks.
    """
    from ...base.device import choose_device
    from ...base.progress import progress_bar
    from .images import read_folder
    from .recipe import Recipe
    from .train import train_weights

    place = choose_device(device)
    with progress_bar("decode images") as progress:
        images = read_folder(folder, side, progress)
    try:
        with progress_bar("train") as progress:
            top1 = train_weights(images, output, Recipe(**recipe), place, progress)
    except KeyboardInterrupt:
        click.echo("interrupted; run the same command to continue after the last whole epoch", err=True)
        context.exit(130)
    click.echo("\n".join(f"validation top-1 at {size} px: {value:.1f} %" for size, value in top1.items()))
    click.echo(output)


if __name__ == "__main__":
    main(prog_name="python -m portrait_pipeline.making.perceptual")
