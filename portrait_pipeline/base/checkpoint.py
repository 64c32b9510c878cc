"""Training state on disk, so that an interrupted training continues bit for bit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from .artifacts import write_bytes
from .errors import ArtifactError
from .files import parse_json, refusal
from .tensors import read_tensors

MOST_BYTES = 2 * 10**9


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
    refuse = refusal(ArtifactError, path, "start over")
    try:
        tensors, metadata = read_tensors(path, refuse, MOST_BYTES)
        return (tensors, parse_json(metadata.get("history", ""), refuse)) if metadata.get("key") == key else None
    except ArtifactError:
        return None
