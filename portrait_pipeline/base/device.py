"""Which device a stage computes on."""

from __future__ import annotations

import torch

from .errors import MissingDependencyError


def choose_device(name: str) -> torch.device:
    """The device for ``translation.device``, ``texture.device`` and the like: ``auto`` is a GPU where there is one.

    Raises:
        MissingDependencyError: ``cuda`` was asked for and is not there.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise MissingDependencyError(
            "the parameter device is cuda, but PyTorch sees no GPU; use auto or cpu, or install a CUDA build of PyTorch"
        )
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
