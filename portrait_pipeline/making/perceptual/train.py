"""The training loop, from an image folder to a balanced safetensors file."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from ...base.artifacts import write_json
from ...base.checkpoint import fingerprint, load_state, save_state
from ...base.errors import ParameterError, TrainingError
from ...base.progress import Progress, silent
from ...perceptual.balance import balance, calibration_images
from ...perceptual.weights import save_weights
from .augmentation import augment, to_float
from .images import ImageFolder, LabelledImages
from .network import ClassifierVGG, fold
from .recipe import Recipe

_REPORT = 20


def train_weights(
    folder: ImageFolder,
    output: Path,
    recipe: Recipe | None = None,
    device: str | torch.device = "cpu",
    progress: Progress = silent,
) -> dict[str, float]:
    """Train, fold, balance and write perceptual weights.

    The state after each epoch is kept in ``<output>.state.safetensors`` (120 MB) and removed at the end; a second call
    with the same images and recipe continues from there, to the same bits on the CPU.

    Args:
        folder: from :func:`~.images.read_folder`; its arrays are copied to the device once.
        output: safetensors file to be written; ``<output>.json`` beside it holds accuracy, history and recipe.
        progress: called every 20 steps and at the end of an epoch.

    Returns:
        validation top-1 in percent by image size, ``{"64": ...}``, for the smallest and the largest size.

    Raises:
        ParameterError: the output's suffix is another.
        TrainingError: the loss is not finite.
        OutputError: a file cannot be written.
    """
    if output.suffix != ".safetensors":
        raise ParameterError(f"output {output}: the suffix is {output.suffix!r}; give a name that ends in .safetensors")
    recipe, started = recipe or Recipe(), time.monotonic()
    training = Training(folder, recipe, torch.device(device))
    state = output.with_name(output.name + ".state.safetensors")
    history = training.resume(state)
    for epoch in range(len(history), recipe.epochs):
        loss = training.epoch(epoch, progress)
        history.append({"loss": loss, "top1_percent": training.accuracy(folder.validation, min(recipe.sizes))})
        training.save(state, history)
    training.settle()
    sizes = sorted({min(recipe.sizes), max(recipe.sizes)})
    top1 = {str(size): training.accuracy(folder.validation, size) for size in sizes}
    origin = {
        "training": f"{len(folder.classes)} classes, {len(folder.training.labels)} images, {recipe}",
        "accuracy": ", ".join(f"{value:.1f} % top-1 at {size} px" for size, value in top1.items()),
    }
    try:
        tensors = balance(fold(training.network), calibration_images())
    except ValueError as error:
        raise TrainingError(
            f"{output}: the trained network cannot be balanced ({error}); train for more epochs or "
            "with a lower learning rate"
        ) from error
    save_weights(output, tensors, origin)
    write_json(
        output.with_suffix(".json"),
        {
            "top1_percent": top1,
            "classes": len(folder.classes),
            "training_images": len(folder.training.labels),
            "validation_images": len(folder.validation.labels),
            "seconds": time.monotonic() - started,
            "recipe": dataclasses.asdict(recipe),
            "history": history,
        },
    )
    state.unlink(missing_ok=True)
    return top1


class Training:
    """Network, optimiser and random draws of one training.

    Args:
        folder: images; the training ones are kept on the device as uint8.
        recipe: schedule and augmentation.
        device: on a GPU convolutions run in bfloat16, channels last.
    """

    def __init__(self, folder: ImageFolder, recipe: Recipe, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.network = ClassifierVGG(len(folder.classes), recipe.dropout, self.generator).to(
            device, memory_format=torch.channels_last
        )
        self.images = torch.from_numpy(folder.training.images)
        self.labels = torch.from_numpy(folder.training.labels)
        self.key = fingerprint(
            {"recipe": dataclasses.asdict(recipe), "classes": folder.classes},
            {"images": self.images, "labels": self.labels},
        )
        self.images, self.labels = self.images.to(device), self.labels.to(device)
        self.batch = min(recipe.batch, len(self.labels))
        self.steps = len(self.labels) // self.batch
        matrices = [p for p in self.network.parameters() if p.ndim > 1]
        vectors = [p for p in self.network.parameters() if p.ndim == 1]
        self.optimiser = torch.optim.SGD(
            [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            nesterov=recipe.momentum > 0,
        )

    def epoch(self, epoch: int, progress: Progress = silent) -> float:
        """One pass over the images in a new order (a rest smaller than a batch is left out); the mean loss."""
        self.network.train()
        order = torch.randperm(len(self.labels), generator=self.generator)
        total, all_steps = torch.zeros((), device=self.device), self.recipe.epochs * self.steps
        with self._fast_convolutions():
            for step in range(self.steps):
                done = epoch * self.steps + step
                for group in self.optimiser.param_groups:
                    group["lr"] = self.recipe.rate(done, all_steps)
                total += self._step(order[step * self.batch : (step + 1) * self.batch])
                if (step + 1) % _REPORT == 0 or step + 1 == self.steps:
                    mean = float(total) / (step + 1)
                    if not math.isfinite(mean):
                        raise TrainingError(
                            f"perceptual training: the loss is {mean} at step {done + 1}; lower the learning rate"
                        )
                    progress(done + 1, all_steps, {"epoch": epoch + 1, "loss": mean})
        return float(total) / self.steps

    def _step(self, rows: Tensor) -> Tensor:
        recipe, rows = self.recipe, rows.to(self.device, non_blocking=True)
        size = recipe.sizes[int(torch.randint(len(recipe.sizes), (), generator=self.generator))]
        pictures = augment(self.images[rows], size, recipe, self.generator)
        kept = torch.rand(len(rows), self.network.classifier.in_features, generator=self.generator) >= recipe.dropout
        kept = kept.to(self.device, non_blocking=True)
        with self._precision():
            scores = self.network(pictures, kept)
        loss = functional.cross_entropy(scores.float(), self.labels[rows], label_smoothing=recipe.label_smoothing)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return loss.detach()

    @torch.no_grad()
    def settle(self) -> None:
        """Measure batch norm's means and variances anew with the final weights, over ``statistics`` steps of all sizes.

        Those kept while training are of the last ten steps or so, of a few sizes by chance and of older weights.
        """
        self.network.train()
        for norm in self.network.norms.values():
            norm.reset_running_stats()
            norm.momentum = None  # the plain mean of all batches
        for step in range(self.recipe.statistics):
            rows = torch.randint(len(self.labels), (self.batch,), generator=self.generator).to(self.device)
            size = self.recipe.sizes[step % len(self.recipe.sizes)]
            with self._precision():
                self.network(augment(self.images[rows], size, self.recipe, self.generator))

    @torch.no_grad()
    def accuracy(self, data: LabelledImages, size: int) -> float:
        """Percent of images whose class has the highest score, shown whole at ``size`` pixels."""
        self.network.eval()
        right = 0
        for start in range(0, len(data.labels), self.batch):
            images = torch.from_numpy(data.images[start : start + self.batch]).to(self.device)
            pictures = functional.interpolate(to_float(images), (size, size), mode="bilinear", antialias=True)
            with self._precision():
                best = self.network(pictures).argmax(dim=1).cpu()
            right += int((best == torch.from_numpy(data.labels[start : start + self.batch])).sum())
        return 100 * right / len(data.labels)

    def save(self, path: Path, history: list[dict[str, float]]) -> None:
        """Keep everything that decides how the training goes on.

        Raises:
            OutputError: the file cannot be written.
        """
        save_state(path, self._state(), history, self.key)

    def resume(self, path: Path) -> list[dict[str, float]]:
        """Continue from a state of the same training, if there is one; the history so far."""
        found = load_state(path, self.key)
        if found is None:
            return []
        state, history = found
        own = self.network.state_dict()
        self.network.load_state_dict({name: state[f"network.{name}"] for name in own})
        for name, parameter in self.network.named_parameters():
            if f"momentum.{name}" in state:
                buffer = state[f"momentum.{name}"].to(self.device)
                self.optimiser.state[parameter]["momentum_buffer"] = torch.empty_like(parameter).copy_(buffer)
        self.generator.set_state(state["generator"])
        return history

    def _state(self) -> Mapping[str, Tensor]:
        tensors = {f"network.{name}": value.contiguous() for name, value in self.network.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            buffer = self.optimiser.state.get(parameter, {}).get("momentum_buffer")
            if buffer is not None:
                tensors[f"momentum.{name}"] = buffer.contiguous()
        return {**tensors, "generator": self.generator.get_state()}

    def _precision(self) -> AbstractContextManager:
        return torch.autocast("cuda", torch.bfloat16) if self.device.type == "cuda" else nullcontext()

    def _fast_convolutions(self) -> AbstractContextManager:
        """Let cuDNN try its algorithms once for each of the few sizes."""
        return torch.backends.cudnn.flags(enabled=True, benchmark=True) if self.device.type == "cuda" else nullcontext()
