"""The one door for safetensors files to be read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from .files import Refuse, check_file, one_line

_DAMAGE = (SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError, OverflowError, AttributeError)


def read_tensors(
    path: Path, refuse: Refuse, most: int, names: Iterable[str] | None = None
) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Tensors of a file of at most ``most`` bytes (of these names, absent ones left out; None for all), and its header.

    Raises:
        What ``refuse`` makes: no file, damaged, too large, or a number that is not finite.
    """
    check_file(path, most, refuse)
    try:
        with safe_open(path, framework="pt") as file:
            held = file.keys()
            wanted = [name for name in (held if names is None else names) if name in held]
            tensors = {name: file.get_tensor(name) for name in wanted}
            header = dict(file.metadata() or {})
    except _DAMAGE as error:
        raise refuse(f"damaged, or no safetensors file ({one_line(error)})") from error
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor.float()).all():
            raise refuse(f"{name} has a number that is not finite")
    return tensors, header
