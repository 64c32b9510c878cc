"""The ``portrait weights`` commands. Nothing heavy is imported before a command runs."""

from __future__ import annotations

from pathlib import Path

import click

from .types import Existing, File, Picture

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
@click.option(
    "--file",
    type=Existing(),
    help="A copy of torchvision's vgg16-397923af.pth, for machines without the network.",
)
def download(name: str, file: Path | None) -> None:
    """Fetch torchvision's VGG-16 (528 MB), verify and convert it; 29 MB stay in the user's cache folder."""
    from ..base.progress import progress_bar
    from ..perceptual.download import install_imagenet

    with progress_bar(f"download {name} (MB)") as progress:
        path = install_imagenet(file, progress)
    click.echo(f"{path}\nnow set texture.weights: {name}")


@weights.command()
@click.argument("source", type=Picture(), default="bundled")
def show(source: str) -> None:
    """Print how much each layer of SOURCE (bundled, imagenet or a file) counts in a hypercolumn.

    Columns: percent of the squared norm on the sample pictures, and the percent aimed at there.
    """
    from ..perceptual.balance import CALIBRATION_SHARES, calibration_images, layer_shares
    from ..perceptual.weights import load_weights

    found = layer_shares(load_weights(source), calibration_images())
    for name, value, aim in zip(SHARE_NAMES, found, CALIBRATION_SHARES, strict=True):
        click.echo(f"{name:<6} {value:6.2f} {aim:6.2f}")


@weights.command()
@click.argument("source", type=Existing())
@click.argument("output", type=File(".safetensors"))
@click.option(
    "--shares",
    type=Numbers(float, 0.001, "ten numbers separated by commas"),
    help="Other percentages for the image and the nine taps, on the sample pictures (see show).",
)
def balance(source: Path, output: Path, shares: tuple[float, ...] | None) -> None:
    """Write SOURCE, a safetensors file with torchvision's VGG-16 names, with balanced layers to OUTPUT.

    texture.weights takes any such file and balances it each time; this does it once, or to other shares.
    """
    from ..perceptual.weights import balance_file, read_weights, save_weights

    if shares is not None and len(shares) != len(SHARE_NAMES):
        raise click.BadParameter(f"{len(SHARE_NAMES)} numbers are needed, got {len(shares)}", param_hint="--shares")
    tensors, _ = read_weights(source)
    save_weights(output, balance_file(source, tensors, shares), {"source": source.name})
    click.echo(output)
