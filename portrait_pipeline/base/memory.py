"""Advice instead of a trace when memory runs out."""

from __future__ import annotations

import os

from .errors import OutOfMemory

# What allocators say that raise other exceptions than MemoryError: PyTorch's on the CPU, OpenCV, nvdiffrast, cuBLAS,
# cuDNN, HDF5.
_MESSAGES = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cuda error: 2[",
    "alloc_failed",
    "insufficient memory",
    "bad_alloc",
    "unable to allocate",
)


def is_about_memory(error: BaseException) -> bool:
    """Whether the error, or one that it hides (a failed recording of a graph does), tells of memory."""
    seen: BaseException | None = error
    while seen is not None:
        text = f"{type(seen).__name__} {seen}".lower()
        if isinstance(seen, MemoryError) or any(message in text for message in (*_MESSAGES, "outofmemoryerror")):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def out_of_memory(where: str, lower: str) -> OutOfMemory:
    """One line: where the memory ran out, how much there is, and what to lower.

    Args:
        where: stage, command or file. lower: parameters, in words.
    """
    return OutOfMemory(f"{where}: the memory ran out ({computer_memory()}); close other programs, or lower {lower}")


def computer_memory() -> str:
    """How large the computer's memory is, in words."""
    if not hasattr(os, "sysconf"):
        return "of the computer"
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB of the computer"
