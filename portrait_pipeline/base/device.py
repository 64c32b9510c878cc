"""The hardware that a run computes on. It is no parameter: it must not make DVC run a stage again.

``PORTRAIT_DEVICE`` (auto, cpu, cuda) and ``PORTRAIT_RENDERER`` (auto, cpu, nvdiffrast) of the environment are read here
and nowhere else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike, DTypeLike

from .errors import MissingDependencyError, ParameterError

DEVICES = ("auto", "cpu", "cuda")
RENDERERS = ("auto", "cpu", "nvdiffrast")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Hardware:
    """Names of a device and of a renderer.

    Attributes:
        device: one of ``DEVICES``; auto is a GPU where PyTorch sees one. Only the CPU promises the same bits.
        renderer: one of ``RENDERERS``; auto is nvdiffrast on a GPU that has it.
    """

    device: str = "auto"
    renderer: str = "auto"

    @classmethod
    def wanted(cls, device: str | None = None, renderer: str | None = None) -> Hardware:
        """What is asked for by argument, else by the environment, else auto.

        Raises:
            ParameterError: a name that is not known.
        """
        return cls(
            _known("PORTRAIT_DEVICE", device, DEVICES),
            _known("PORTRAIT_RENDERER", renderer, RENDERERS),
        )


def _known(variable: str, name: str | None, known: tuple[str, ...]) -> str:
    where = variable if name is None else variable.removeprefix("PORTRAIT_").lower()
    name = (os.environ.get(variable) or "auto") if name is None else name
    if name not in known:
        raise ParameterError(f"{where} is {name!r}, which is not allowed: it is one of {', '.join(known)}")
    return name


def fast_type(device: torch.device) -> torch.dtype:
    """bfloat16 on GPUs and on CPUs that have instructions for it, where it is up to twice as fast; else float32.

    Other CPUs only imitate it, three (AVX-512) to ten times (AVX2) slower than float32.
    """
    native = device.type == "cuda" or getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    return torch.bfloat16 if native else torch.float32


def choose_device(name: str | None = None) -> torch.device:
    """The device called ``name``, one of ``DEVICES``; None asks the environment.

    Raises:
        ParameterError: a name that is not known. MissingDependencyError: ``cuda`` was asked for and is not there.
    """
    name = _known("PORTRAIT_DEVICE", name, DEVICES)
    if name == "cuda" and not torch.cuda.is_available():
        raise MissingDependencyError(
            "the device is cuda, but PyTorch sees no GPU; set PORTRAIT_DEVICE to auto or cpu, or install a CUDA build "
            "of PyTorch"
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


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch on one CPU thread in this block, for the calling thread.

    Small layers gain nothing from more, and the bits do not depend on the number of cores.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def side_by_side(tasks: Sequence[Callable[[], Result]]) -> list[Result]:
    """Results of independent tasks in their order, each computed on one CPU thread, as many at a time as PyTorch may
    use threads: the bits do not depend on that number, which matrix products would cut their sums by."""
    workers = min(torch.get_num_threads(), len(tasks))
    with one_thread():
        if workers <= 1:
            return [task() for task in tasks]
        # New threads every time (0.2 ms): threads kept in a pool would be lost, and waited for, in a forked process.
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return [future.result() for future in [pool.submit(task) for task in tasks]]
