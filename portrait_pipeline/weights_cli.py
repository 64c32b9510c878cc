"""The ``portrait weights`` commands. Nothing heavy is imported before a command runs."""

from __future__ import annotations

from pathlib import Path

import click

SHARE_NAMES = ("image", *(f"tap {n}" for n in range(1, 10)))


class Numbers(click.ParamType):
    """Numbers separated by commas."""

    def __init__(self, kind: type, least: float, name: str) -> None:
        self.kind, self.least, self.name = kind, least, name

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple:
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(self.kind(word) for word in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not {self.name}", param, ctx)
        if not all(self.least <= number < float("inf") for number in numbers):
            self.fail(f"{value!r}: each number must be at least {self.least:g}", param, ctx)
        return numbers


@click.group()
def weights() -> None:
    """Weights of the perceptual network (texture.weights): fetch, measure, balance, train."""


@weights.command()
@click.argument("name", type=click.Choice(["imagenet"]))
@click.option("--file", type=click.Path(path_type=Path),
              help="A copy of torchvision's vgg16-397923af.pth, for machines without the network.")
def download(name: str, file: Path | None) -> None:
    """Fetch torchvision's VGG-16 (528 MB), verify and convert it; 29 MB stay in the user's cache folder."""
    from .progress import progress_bar
    from .texture.perceptual_download import install_imagenet

    with progress_bar(f"download {name} (MB)") as progress:
        path = install_imagenet(file, progress)
    click.echo(f"{path}\nnow set texture.weights: {name}")


@weights.command()
@click.argument("source", default="bundled")
def show(source: str) -> None:
    """Print how much each layer of SOURCE (bundled, imagenet or a file) counts in a hypercolumn.

    Columns: percent of the squared norm on the sample pictures, and the percent aimed at there.
    """
    from .texture.perceptual_balance import CALIBRATION_SHARES, calibration_images, layer_shares
    from .texture.perceptual_weights import load_weights

    found = layer_shares(load_weights(source), calibration_images())
    for name, value, aim in zip(SHARE_NAMES, found, CALIBRATION_SHARES, strict=True):
        click.echo(f"{name:<6} {value:6.2f} {aim:6.2f}")


@weights.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--shares", type=Numbers(float, 0.001, "ten numbers separated by commas"),
              help="Other percentages for the image and the nine taps, on the sample pictures (see show).")
def balance(source: Path, output: Path, shares: tuple[float, ...] | None) -> None:
    """Write SOURCE, a safetensors file with torchvision's VGG-16 names, with balanced layers to OUTPUT.

    texture.weights takes any such file and balances it each time; this does it once, or to other shares.
    """
    from .texture.perceptual_weights import balance_file, read_weights, save_weights

    if shares is not None and len(shares) != len(SHARE_NAMES):
        raise click.BadParameter(f"{len(SHARE_NAMES)} numbers are needed, got {len(shares)}", param_hint="--shares")
    tensors, _ = read_weights(source)
    save_weights(output, balance_file(source, tensors, shares), {"source": source.name})
    click.echo(output)


@weights.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The .safetensors file.")
@click.option("--device", type=click.Choice(["auto", "cuda", "cpu"]), default="auto", show_default=True)
@click.option("--side", type=click.IntRange(16, 512), default=64, show_default=True,
              help="Pixels of the images in memory; others are cut square and resized.")
@click.option("--epochs", type=click.IntRange(min=1), default=76, show_default=True, help="Passes over the images.")
@click.option("--sizes", type=Numbers(int, 16, "sizes separated by commas"), default="64,96,128", show_default=True,
              help="Pixels of a step's images; one is drawn for each step.")
@click.option("--batch", type=click.IntRange(min=2), default=256, show_default=True, help="Images a step.")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), default=0.25, show_default=True,
              help="Of SGD with Nesterov momentum, at the top of the one-cycle schedule.")
@click.option("--warmup", type=click.FloatRange(0, 1), default=0.3, show_default=True,
              help="Part of the steps in which the learning rate rises.")
@click.option("--start-divisor", type=click.FloatRange(1), default=25.0, show_default=True,
              help="The learning rate starts at its top divided by this.")
@click.option("--final-divisor", type=click.FloatRange(1), default=1e4, show_default=True,
              help="The learning rate ends at its top divided by this.")
@click.option("--momentum", type=click.FloatRange(0, 1, max_open=True), default=0.9, show_default=True, help="Of SGD.")
@click.option("--weight-decay", type=click.FloatRange(0), default=5e-4, show_default=True,
              help="Of convolutions and classifier; biases and batch norm have none.")
@click.option("--label-smoothing", type=click.FloatRange(0, 1, max_open=True), default=0.1, show_default=True,
              help="Part of the target spread over all classes.")
@click.option("--dropout", type=click.FloatRange(0, 1, max_open=True), default=0.2, show_default=True,
              help="Part of the classifier's inputs that is dropped.")
@click.option("--smallest-crop", type=click.FloatRange(0.01, 1), default=0.35, show_default=True,
              help="Least part of an image's area in a crop.")
@click.option("--aspect", type=click.FloatRange(1, 4), default=4 / 3, show_default="4/3",
              help="Largest ratio of a crop's sides.")
@click.option("--jitter", type=click.FloatRange(0, 1), default=0.3, show_default=True,
              help="Largest relative change of brightness, contrast and saturation.")
@click.option("--statistics", type=click.IntRange(min=1), default=100, show_default=True,
              help="Steps over which batch norm's means and variances are measured at the end.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Of all random draws.")
@click.pass_context
def train(context: click.Context, folder: Path, output: Path, device: str, side: int, **recipe: object) -> None:
    """Train perceptual weights on FOLDER (Tiny ImageNet as unpacked), as the bundled ones were.

    VGG-16 with batch norm learns the classes; then batch norm is folded into the convolutions and the layers are
    balanced. Validation accuracy is printed and written to a .json beside the output. Ctrl-C stops; the same command
    continues after the last whole epoch. Meant for a GPU, where it computes in bfloat16: a CPU would take weeks.
    """
    from .device import choose_device
    from .progress import progress_bar
    from .texture.perceptual_training import Recipe, read_folder, train_weights

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
