"""Training state on disk, so that an interrupted training continues bit for bit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ..artifacts import atomic_path


def fingerprint(config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """Hash of everything that decides a training: a state of another training is never continued."""
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def save_state(
    path: Path,
    modules: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
    generator: torch.Generator,
    epoch: int,
    history: list[dict[str, float]],
    key: str,
) -> None:
    """Write weights, optimiser moments, generator state, epoch and history to one safetensors file,
    atomically.

    Raises:
        OutputError: the file cannot be written.
    """
    tensors = {"generator": generator.get_state()}
    for name, module in modules.items():
        tensors |= {f"module/{name}/{k}": v.detach().clone() for k, v in module.state_dict().items()}
    for name, optimizer in optimizers.items():
        for index, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{name}/{index}/{k}": torch.as_tensor(v).clone() for k, v in state.items()}
    metadata = {"key": key, "epoch": str(epoch), "history": json.dumps(history)}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata=metadata)


def load_state(
    path: Path,
    modules: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
    generator: torch.Generator,
    key: str,
) -> tuple[int, list[dict[str, float]]]:
    """Restore what :func:`save_state` wrote; ``(epochs done, history)``, or ``(0, [])`` where there is no
    state.

    A missing or damaged file, or the state of a training with other data or parameters, leaves everything as
    it is.
    """
    if not path.is_file():
        return 0, []
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("key") != key:
                return 0, []
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError):
        return 0, []
    for name, module in modules.items():
        prefix = f"module/{name}/"
        module.load_state_dict(
            {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        )
    for name, optimizer in optimizers.items():
        optimizer.load_state_dict(optimizer.state_dict() | {"state": _moments(tensors, f"optimizer/{name}/")})
    generator.set_state(tensors["generator"])
    return int(metadata["epoch"]), json.loads(metadata["history"])


def _moments(tensors: Mapping[str, Tensor], prefix: str) -> dict[int, dict[str, Tensor]]:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith(prefix):
            index, field = name.removeprefix(prefix).split("/")
            state.setdefault(int(index), {})[field] = value
    return state
