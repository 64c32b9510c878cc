"""Training of the perceptual weights, from an image folder to a balanced safetensors file."""

from __future__ import annotations

import dataclasses
import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...base.artifacts import write_json
from ...base.checkpoint import fingerprint, load_state, save_state
from ...base.errors import TrainingError
from ...base.images import LUMINANCE
from ...base.progress import Progress, silent
from ...perceptual.balance import balance, calibration_images
from ...perceptual.layers import CONVOLUTIONS, DEVIATION, MEAN, WIDTHS, run, shapes
from ...perceptual.weights import save_weights
from .images import ImageFolder, LabelledImages

WARM_UP, START_DIVISOR, FINAL_DIVISOR, MOMENTUM, WEIGHT_DECAY = 0.3, 25.0, 1e4, 0.9, 5e-4
LABEL_SMOOTHING, DROPOUT = 0.1, 0.2
SMALLEST_CROP, ASPECT, JITTER = 0.35, 4 / 3, 0.3
"""Least share of an image's area in a crop, largest ratio of its sides, largest relative change of colours."""
STATISTICS = 100
"""Steps over which batch norm's means and variances are measured at the end."""


@dataclass(frozen=True)
class Recipe:
    """Epochs, px of a step's images (one drawn a step), images a step, peak learning rate of SGD, seed.

    These, the one-cycle schedule and label smoothing are those of the bundled weights; the module's other constants
    were not recorded with them and are usual for Tiny ImageNet.
    """

    epochs: int = 76
    sizes: tuple[int, ...] = (64, 96, 128)
    batch: int = 256
    learning_rate: float = 0.25
    seed: int = 0


class ClassifierVGG(nn.Module):
    """VGG-16's convolutions, each followed by batch norm and ReLU; global mean; one linear layer.

    The large fully connected layers of the original are left out: they are no part of the features, and without them
    any image size fits. ``generator`` draws the first weights.
    """

    def __init__(self, classes: int, generator: torch.Generator) -> None:
        super().__init__()
        self.convolutions, self.norms = nn.ModuleDict(), nn.ModuleDict()
        for index, (after, before) in shapes().items():
            convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)  # the bias is the batch norm's
            nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu", generator=generator)
            self.convolutions[str(index)], self.norms[str(index)] = convolution, nn.BatchNorm2d(after)
        self.classifier = nn.Linear(WIDTHS[-1], classes)
        nn.init.normal_(self.classifier.weight, std=0.01, generator=generator)
        nn.init.zeros_(self.classifier.bias)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(1, 3, 1, 1), persistent=False)

    def maps(self, images: Tensor) -> list[Tensor]:
        """The nine taps, each (B, C, h, w), of images (B, 3, H, W) in [0, 1]."""
        x = ((images - self.mean) / self.deviation).contiguous(memory_format=torch.channels_last)
        return run(x, lambda index, x: self.norms[str(index)](self.convolutions[str(index)](x)))

    def forward(self, images: Tensor, kept: Tensor | float = 1.0) -> Tensor:
        """Class scores (B, classes); ``kept`` (B, 512) are the dropout's factors, drawn outside from a seed."""
        return self.classifier(self.maps(images)[-1].float().mean(dim=(2, 3)) * kept)


@torch.no_grad()
def fold(network: ClassifierVGG) -> dict[str, Tensor]:
    """Weights of a VGG-16 without batch norm whose features are those of ``network`` in evaluation mode.

    A batch norm multiplies by g = gamma / sqrt(variance + eps) and adds beta - g mean: a convolution can do both.
    Names are torchvision's, ``features.N.weight`` and ``features.N.bias``; float32 on the CPU.
    """
    tensors = {}
    for index in CONVOLUTIONS:
        norm, weight = network.norms[str(index)], network.convolutions[str(index)].weight.double()
        gain = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
        tensors[f"features.{index}.weight"] = (weight * gain[:, None, None, None]).float().cpu().contiguous()
        tensors[f"features.{index}.bias"] = (norm.bias.double() - gain * norm.running_mean.double()).float().cpu()
    return tensors


def augment(images: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Random crops, half of them mirrored, with changed brightness, saturation and contrast.

    Args:
        images: (N, S, S, 3) uint8 on any device. generator: on the CPU, so that draws are the same on every device.

    Returns:
        (N, 3, size, size) float32 in [0, 1] on the device of ``images``.
    """
    area, ratio, x, y, mirror = torch.rand(5, len(images), generator=generator)
    area, ratio = SMALLEST_CROP + (1 - SMALLEST_CROP) * area, ((2 * ratio - 1) * math.log(ASPECT)).exp()
    width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    zero, sign = torch.zeros(len(images)), torch.where(mirror < 0.5, -1.0, 1.0)
    across = torch.stack([width * sign, zero, (2 * x - 1) * (1 - width)], dim=1)
    down = torch.stack([zero, height, (2 * y - 1) * (1 - height)], dim=1)
    maps = torch.stack([across, down], dim=1).to(images.device)
    grid = functional.affine_grid(maps, [len(images), 3, size, size], align_corners=False)
    pictures = functional.grid_sample(_float(images), grid, padding_mode="border", align_corners=False)
    factors = 1 + JITTER * (2 * torch.rand(3, len(images), 1, 1, 1, generator=generator) - 1)
    brightness, contrast, saturation = factors.to(images.device)
    pictures = pictures * brightness
    grey = (pictures * torch.tensor(LUMINANCE, device=images.device).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    pictures, mean = grey + (pictures - grey) * saturation, grey.mean(dim=(2, 3), keepdim=True)
    return (mean + (pictures - mean) * contrast).clamp(0, 1)


def _float(images: Tensor) -> Tensor:
    return images.permute(0, 3, 1, 2).float() / 255


def train_weights(
    folder: ImageFolder, output: Path, recipe: Recipe, device: torch.device, progress: Progress = silent
) -> dict[str, float]:
    """Train, fold, balance and write perceptual weights.

    The state after each epoch is kept in ``<output>.state.safetensors`` (120 MB) and removed at the end; a second call
    with the same images and recipe continues from there, to the same bits on the CPU.

    Returns:
        validation top-1 in per cent by image size, ``{"64": ...}``, for the smallest and the largest size; it stands in
        ``<output>.json`` too, with the history and the recipe.

    Raises:
        TrainingError: the loss is not finite, or the trained network cannot be balanced.
        OutputError: a file cannot be written.
    """
    training, state = Training(folder, recipe, device), output.with_name(output.name + ".state.safetensors")
    history = training.resume(state)
    for epoch in range(len(history), recipe.epochs):
        loss = training.epoch(epoch, progress)
        history.append({"loss": loss, "top1_percent": training.accuracy(folder.validation, min(recipe.sizes))})
        save_state(state, training.state(), history, training.key)
    training.settle()
    sizes = sorted({min(recipe.sizes), max(recipe.sizes)})
    top1 = {str(size): training.accuracy(folder.validation, size) for size in sizes}
    try:
        tensors = balance(fold(training.network), calibration_images())
    except ValueError as error:
        raise TrainingError(f"{output}: the network cannot be balanced ({error}); train for more epochs") from error
    origin = {
        "training": f"{len(folder.classes)} classes, {len(folder.training.labels)} images, {recipe}",
        "accuracy": ", ".join(f"{value:.1f} % top-1 at {size} px" for size, value in top1.items()),
    }
    save_weights(output, tensors, origin)
    record = {"top1_percent": top1, "recipe": dataclasses.asdict(recipe), "history": history}
    write_json(output.with_suffix(".json"), record)
    state.unlink(missing_ok=True)
    return top1


class Training:
    """Network, optimiser and random draws of one training; on a GPU convolutions run in bfloat16, channels last."""

    def __init__(self, folder: ImageFolder, recipe: Recipe, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.network = ClassifierVGG(len(folder.classes), self.generator).to(device, memory_format=torch.channels_last)
        self.images, self.labels = (torch.from_numpy(part).to(device) for part in folder.training)
        settings = {"recipe": dataclasses.asdict(recipe), "classes": folder.classes}
        self.key = fingerprint(settings, {"images": self.images, "labels": self.labels})
        self.batch = min(recipe.batch, len(self.labels))
        self.steps = len(self.labels) // self.batch
        matrices = {"params": [p for p in self.network.parameters() if p.ndim > 1], "weight_decay": WEIGHT_DECAY}
        vectors = {"params": [p for p in self.network.parameters() if p.ndim == 1], "weight_decay": 0.0}
        self.optimiser = torch.optim.SGD([matrices, vectors], recipe.learning_rate, MOMENTUM, nesterov=True)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser,
            recipe.learning_rate,
            max(2, recipe.epochs * self.steps),
            pct_start=WARM_UP,
            cycle_momentum=False,
            div_factor=START_DIVISOR,
            final_div_factor=FINAL_DIVISOR / START_DIVISOR,
        )

    def epoch(self, epoch: int, progress: Progress = silent) -> float:
        """One pass over the images in a new order (a rest smaller than a batch is left out); the mean loss."""
        self.network.train()
        order = torch.randperm(len(self.labels), generator=self.generator)
        total = torch.zeros((), device=self.device)
        for step, rows in enumerate(order[: self.steps * self.batch].split(self.batch), start=1):
            total += self._step(rows.to(self.device))
            if step % 20 == 0 or step == self.steps:
                if not math.isfinite(float(total)):
                    raise TrainingError(f"perceptual training: the loss is not finite in epoch {epoch + 1}")
                progress(epoch * self.steps + step, self.recipe.epochs * self.steps, {"loss": float(total) / step})
        return float(total) / self.steps

    def _step(self, rows: Tensor) -> Tensor:
        size = self.recipe.sizes[int(torch.randint(len(self.recipe.sizes), (), generator=self.generator))]
        pictures = augment(self.images[rows], size, self.generator)
        kept = torch.rand(len(rows), WIDTHS[-1], generator=self.generator) >= DROPOUT
        with self._precision():
            scores = self.network(pictures, kept.to(self.device) / (1 - DROPOUT))
        loss = functional.cross_entropy(scores.float(), self.labels[rows], label_smoothing=LABEL_SMOOTHING)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.schedule.step()
        return loss.detach()

    @torch.no_grad()
    def settle(self) -> None:
        """Measure batch norm's means and variances anew with the final weights, over some steps of all sizes.

        Those kept while training are of the last ten steps or so, of a few sizes by chance and of older weights.
        """
        self.network.train()
        for norm in self.network.norms.values():
            norm.reset_running_stats()
            norm.momentum = None  # the plain mean of all batches
        for step in range(STATISTICS):
            rows = torch.randint(len(self.labels), (self.batch,), generator=self.generator).to(self.device)
            with self._precision():
                self.network(
                    augment(self.images[rows], self.recipe.sizes[step % len(self.recipe.sizes)], self.generator)
                )

    @torch.no_grad()
    def accuracy(self, data: LabelledImages, size: int) -> float:
        """Per cent of images whose class has the highest score, shown whole at ``size`` px."""
        self.network.eval()
        right, labels = 0, torch.from_numpy(data.labels)
        for images, wanted in zip(
            torch.from_numpy(data.images).split(self.batch), labels.split(self.batch), strict=True
        ):
            shown = functional.interpolate(
                _float(images.to(self.device)), (size, size), mode="bilinear", antialias=True
            )
            with self._precision():
                right += int((self.network(shown).argmax(dim=1).cpu() == wanted).sum())
        return 100 * right / len(labels)

    def state(self) -> dict[str, Tensor]:
        """Everything that decides how the training goes on."""
        tensors = {f"network.{name}": value.contiguous() for name, value in self.network.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            tensors[f"momentum.{name}"] = self.optimiser.state[parameter]["momentum_buffer"].contiguous()
        rate = torch.tensor(self.optimiser.param_groups[0]["lr"], dtype=torch.float64)
        return {**tensors, "generator": self.generator.get_state(), "rate": rate}

    def resume(self, path: Path) -> list[dict[str, float]]:
        """Continue from a state of the same training, if there is one; the history so far."""
        state, history = load_state(path, self.key) or ({}, [])
        if history:
            own = self.network.state_dict()
            self.network.load_state_dict({name: state[f"network.{name}"] for name in own})
            for name, parameter in self.network.named_parameters():
                buffer = torch.empty_like(parameter).copy_(state[f"momentum.{name}"])
                self.optimiser.state[parameter]["momentum_buffer"] = buffer
            self.generator.set_state(state["generator"])
            self.schedule.last_epoch = len(history) * self.steps
            for group in self.optimiser.param_groups:
                group["lr"] = float(state["rate"])
        return history

    def _precision(self) -> AbstractContextManager:
        return torch.autocast("cuda", torch.bfloat16) if self.device.type == "cuda" else nullcontext()
