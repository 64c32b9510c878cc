"""Which of the texture's parameters to lower when memory runs out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from ..base.errors import OutOfMemory
from ..base.memory import computer_memory, is_about_memory
from .params import TextureParams

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
        if not is_about_memory(error):
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


def _place(device: torch.device) -> str:
    """Whose memory, and how large it is."""
    if device.type == "cuda":
        return f"GPU, {torch.cuda.get_device_properties(device).total_memory / 2**30:.0f} GiB"
    return computer_memory()
