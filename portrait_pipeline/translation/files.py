"""Weights on disk: safetensors with one JSON header, never pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

from ..base.artifacts import write_bytes
from ..base.errors import ArtifactError
from ..base.files import parse_json, refusal
from ..base.tensors import read_tensors

VERSION = 2
MOST_BYTES = 500 * 10**6
MOST_WIDTH = 4096


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
    refuse = refusal(ArtifactError, path, "delete it and run `dvc repro`")
    tensors, metadata = read_tensors(path, refuse, MOST_BYTES)
    header = parse_json(metadata.get("portrait", "{}"), refuse)
    if not isinstance(header, dict):
        raise refuse("its header is no JSON object")
    if header.get("kind") != kind or header.get("version") != VERSION:
        raise ArtifactError(
            f"{path}: holds '{header.get('kind')}' version {header.get('version')}, expected '{kind}' "
            f"version {VERSION}; delete it and run `dvc repro`"
        )
    return header, tensors


def width(header: dict[str, Any], name: str, path: Path) -> int:
    """A number of a header by which a network is built.

    Raises:
        ArtifactError: it is no whole number from 1 to :data:`MOST_WIDTH`.
    """
    value = header.get(name)
    if not isinstance(value, int) or not 1 <= value <= MOST_WIDTH:
        shown = repr(value)[:40]
        raise ArtifactError(f"{path}: '{name}' is {shown}, expected 1 to {MOST_WIDTH}; delete it and run `dvc repro`")
    return value


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
