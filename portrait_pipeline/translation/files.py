"""Weights on disk: safetensors with one JSON header, never pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from ..base.artifacts import write_bytes
from ..base.errors import ArtifactError

VERSION = 2


def write_weights(path: Path, kind: str, modules: dict[str, nn.Module], header: dict[str, Any]) -> None:
    """Write the weights of named modules and a JSON header; equal weights give equal bytes.

    Raises:
        OutputError: the file cannot be written.
    """
    tensors = {
        f"{part}.{name}": value.contiguous()
        for part, module in modules.items()
        for name, value in module.state_dict().items()
    }
    # One metadata entry: safetensors writes several in random order.
    metadata = {"portrait": json.dumps({"kind": kind, "version": VERSION} | header)}
    write_bytes(path, save(tensors, metadata))


def read_weights(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Header and tensors of a file written by :func:`write_weights`.

    Raises:
        ArtifactError: missing or damaged file, or of another kind or version.
    """
    if not path.is_file():
        raise ArtifactError(f"{path}: missing; run `dvc repro` to make it")
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("portrait", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise ArtifactError(f"{path}: damaged ({error}); delete it and run `dvc repro`") from error
    if header.get("kind") != kind or header.get("version") != VERSION:
        raise ArtifactError(
            f"{path}: holds '{header.get('kind')}' version {header.get('version')}, expected '{kind}' "
            f"version {VERSION}; delete it and run `dvc repro`"
        )
    return header, tensors


def fill(module: nn.Module, part: str, tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Put the tensors of ``part`` into a module and freeze it.

    Raises:
        ArtifactError: names or shapes differ.
    """
    prefix = f"{part}."
    try:
        module.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
    except RuntimeError as error:
        first = " ".join(str(error).split())[:200]
        raise ArtifactError(f"{path}: does not fit the networks ({first}); delete it and run `dvc repro`") from error
    module.eval().requires_grad_(False)
