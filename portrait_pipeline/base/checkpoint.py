"""Training state on disk, so that an interrupted training continues bit for bit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from .artifacts import write_bytes


def fingerprint(config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """Hash of everything that decides a training: a state of another training is never continued."""
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def save_state(path: Path, state: Mapping[str, Tensor], history: list[dict[str, float]], key: str) -> None:
    """Write a training's tensors and its history (one dict an epoch) to one safetensors file, atomically.

    Raises:
        OutputError: the file cannot be written.
    """
    tensors = {name: value.detach().cpu().clone() for name, value in state.items()}
    write_bytes(path, save(tensors, {"key": key, "history": json.dumps(history)}))


def load_state(path: Path, key: str) -> tuple[dict[str, Tensor], list[dict[str, float]]] | None:
    """What :func:`save_state` wrote, or None for a missing or damaged file or the state of another training."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("key") != key:
                return None
            return {name: file.get_tensor(name) for name in file.keys()}, json.loads(metadata["history"])  # noqa: SIM118
    except (SafetensorError, OSError):
        return None
