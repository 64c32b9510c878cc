"""The training loop: AdamW with a cosine, an averaged copy of the weights, and a state to go on from."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from
from safetensors.torch import save_file

from ...base.artifacts import atomic_path
from ...base.errors import InputFileError, TrainingError
from ...head.points import COUNT
from ...perception.network import BLOCKS, WIDTHS, Network
from .augment import Crop, augmented
from .data import Sample
from .losses import Target, losses, point_error

CLIP = 2.0
WARM_UP = 0.05
"""Share of the steps in which the learning rate rises."""
SAVE_EVERY = 500
"""Steps between two saved states."""


@dataclass(frozen=True)
class Options:
    """What a training run depends on besides its samples."""

    steps: int = 12000
    batch: int = 96
    rate: float = 2e-3
    decay: float = 0.02
    average: float = 0.999
    seed: int = 0
    strength: float = 1.0
    """Of the augmentation, 0 to 1."""
    widths: tuple[int, ...] = WIDTHS
    blocks: tuple[int, ...] = BLOCKS


Progress = Callable[[int, dict[str, float]], None]


def train(
    samples: Sequence[Sample],
    options: Options,
    device: str = "cpu",
    state_path: Path | None = None,
    progress: Progress = lambda step, terms: None,
) -> Network:
    """Train a network; the result is the average of its weights over the last steps.

    Args:
        samples: faces.
        options: see there.
        device: where PyTorch works.
        state_path: where the state is kept; a run that was broken off goes on from it with the same options.
        progress: called after each step with the step and the loss terms.

    Raises:
        TrainingError: the loss left the finite numbers.
        InputFileError: the state is damaged or of another network.
    """
    torch.manual_seed(options.seed)
    network = Network(options.widths, options.blocks, _mean_shape(samples, options)).to(device)
    averaged = copy.deepcopy(network).eval()
    optimiser = torch.optim.AdamW(network.parameters(), lr=options.rate, weight_decay=options.decay)
    first = 0
    if state_path is not None and state_path.exists():
        first = _restore(state_path, network, averaged, optimiser)
    network.train()
    for step in range(first, options.steps):
        for group in optimiser.param_groups:
            group["lr"] = options.rate * _rate(step / options.steps)
        view, target = batch_of(_crops(samples, options, step), device)
        with torch.autocast("cuda", torch.bfloat16, enabled=device.startswith("cuda")):
            answer = network(view)
        terms = losses(answer, target)
        loss = sum(terms.values())
        if not torch.isfinite(loss):
            raise TrainingError(f"the loss became {float(loss)} at step {step}; lower the rate ({options.rate:g})")
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimiser.step()
        _average(averaged, network, min(options.average, (step + 1) / (step + 10)))
        progress(step, {name: float(value.detach()) for name, value in terms.items()})
        if state_path is not None and ((step + 1) % SAVE_EVERY == 0 or step + 1 == options.steps):
            _keep(state_path, step + 1, network, averaged, optimiser)
    return averaged


@torch.inference_mode()
def plain_error(network: Network, samples: Sequence[Sample], device: str = "cpu") -> float:
    """Mean distance of the points over the face's half size, on crops without variation."""
    random = np.random.default_rng(0)
    errors = []
    for sample in samples:
        view, target = batch_of([augmented(sample, random, strength=0.0)], device)
        errors.append(point_error(network(view, parts=False), target))
    return float(np.mean(errors))


def batch_of(crops: Sequence[Crop], device: str) -> tuple[torch.Tensor, Target]:
    """(B, 3, 192, 192) input in [0, 1] and what it should give, on a device."""
    pixels = torch.from_numpy(np.stack([crop.pixels for crop in crops])).to(device)
    target = Target(
        torch.from_numpy(np.stack([crop.points for crop in crops])).to(device),
        torch.from_numpy(np.stack([crop.labels for crop in crops])).to(device).long(),
        torch.tensor([float(crop.face) for crop in crops], device=device),
    )
    return pixels.permute(0, 3, 1, 2).float() / 255, target


def _crops(samples: Sequence[Sample], options: Options, step: int) -> list[Crop]:
    # A source of chance of its own for every step: a run that goes on sees what it would have seen.
    random = np.random.default_rng((options.seed, step))
    chosen = random.integers(len(samples), size=options.batch)
    return [augmented(samples[int(index)], random, options.strength) for index in chosen]


def _mean_shape(samples: Sequence[Sample], options: Options) -> torch.Tensor:
    """Mean of the points in plain crops, where the coarse head starts."""
    random = np.random.default_rng(options.seed)
    shapes = [augmented(sample, random, strength=0.0).points for sample in samples[:500]]
    known = np.isfinite(shapes).all(axis=2)
    total = np.nansum(shapes, axis=0) / np.maximum(known.sum(axis=0), 1)[:, None]
    return torch.from_numpy(total.astype(np.float32)).reshape(COUNT, 2)


def _rate(progress: float) -> float:
    """Share of the learning rate: up in a straight line, down along a cosine to a hundredth."""
    if progress < WARM_UP:
        return 0.05 + 0.95 * progress / WARM_UP
    return 0.01 + 0.99 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))) / 2


@torch.no_grad()
def _average(averaged: Network, network: Network, keep: float) -> None:
    for kept, new in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, 1 - keep)
        else:
            kept.copy_(new)


def _keep(path: Path, step: int, network: Network, averaged: Network, optimiser: torch.optim.Optimizer) -> None:
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"averaged.{name}": value for name, value in averaged.state_dict().items()}
    for index, entry in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": value for name, value in entry.items()}
    tensors["step"] = torch.tensor(step)
    with atomic_path(path) as temporary:
        save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, temporary)


def _restore(path: Path, network: Network, averaged: Network, optimiser: torch.optim.Optimizer) -> int:
    """Put a kept state back; returns the step to go on with."""
    try:
        tensors = tensors_from(path.read_bytes())
        network.load_state_dict(_under(tensors, "network."))
        averaged.load_state_dict(_under(tensors, "averaged."))
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in _under(tensors, "optimiser.").items():
            index, entry = name.split(".")
            state.setdefault(int(index), {})[entry] = value
        groups = optimiser.state_dict()["param_groups"]
        optimiser.load_state_dict({"state": state, "param_groups": groups})
        return int(tensors["step"])
    except (SafetensorError, OSError, KeyError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputFileError(f"{path}: is no state of this training ({reason}); delete it to begin anew") from error


def _under(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
