"""Advice instead of a trace when memory runs out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from ..base.errors import OutOfMemory
from .params import TextureParams

# What allocators say that raise a plain RuntimeError: PyTorch's on the CPU, nvdiffrast, cuBLAS and cuDNN.
_MESSAGES = ("out of memory", "not enough memory", "can't allocate memory", "cuda error: 2[", "alloc_failed")

_SIZES = (("photo_texture", 64), ("shell", 128))  # whose parameter the side of each part's texture is, and its least


@contextmanager
def memory_advice(params: TextureParams, subjects: int, sizes: Sequence[int], device: torch.device) -> Iterator[None]:
    """Turn failed allocations into one line that names the parameters to lower.

    Args:
        params: section ``texture``. subjects: optimised together. sizes: sides of one's textures, head first.

    Raises:
        OutOfMemory: memory ran out inside.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError is a RuntimeError
        if not _is_about_memory(error):
            raise
        raise OutOfMemory(advice(params, subjects, sizes, device)) from error


def advice(params: TextureParams, subjects: int, sizes: Sequence[int], device: torch.device) -> str:
    """The line: what did not fit where, and which numbers to lower, those first that cost the picture least."""
    what = "1 head" if subjects == 1 else f"{subjects} heads"
    lower = [
        ("the number of subjects together", subjects, 1),
        ("texture.surround", params.surround, 0),
        ("texture.views", params.views, 1),
        *((f"{room}.size", size, least) for (room, least), size in zip(_SIZES, sizes, strict=False)),
        ("texture.points", params.points, 16),
    ]
    names = [f"{name} (now {value})" for name, value, least in lower if value > least]
    names.insert(-1, f"texture.scales (now up to {max(params.scales)})")
    return (
        f"texture: the memory ran out ({_place(device)}) while {what} were optimised; lower one of: {', '.join(names)}"
    ).replace("1 head were", "1 head was")


def _is_about_memory(error: BaseException) -> bool:
    """Whether the error, or one that it hides (a failed recording of a graph does), tells of memory."""
    seen: BaseException | None = error
    while seen is not None:
        text = str(seen).lower()
        if isinstance(seen, MemoryError | torch.OutOfMemoryError) or any(message in text for message in _MESSAGES):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _place(device: torch.device) -> str:
    """Whose memory, and how large it is."""
    if device.type == "cuda":
        return f"GPU, {torch.cuda.get_device_properties(device).total_memory / 2**30:.0f} GiB"
    if not hasattr(os, "sysconf"):
        return "of the computer"
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB of the computer"
