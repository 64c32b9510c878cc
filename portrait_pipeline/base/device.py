"""Which device a stage computes on, and how arrays get there."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, DTypeLike

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


def on_device(values: ArrayLike, device: torch.device | str, dtype: DTypeLike = np.float32) -> torch.Tensor:
    """A copy of ``values`` as a contiguous tensor on ``device``: the one way for arrays to a GPU library.

    ``torch.tensor`` keeps the layout of an array: transposed and strided ones stay so, and CUDA kernels that read plain
    memory (nvdiffrast's) refuse them. What a solver returns is often stored by columns.

    Args:
        dtype: float32 for numbers, int32 for vertex ids that a GPU library reads, int64 for PyTorch's own indices.
    """
    return torch.from_numpy(np.array(values, dtype, order="C")).to(device)
