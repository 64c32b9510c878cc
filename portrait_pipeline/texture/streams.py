"""Independent small pieces of work at the same time on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import torch


def side_by_side(tasks: Sequence[Callable[[], torch.Tensor]], device: torch.device) -> list[torch.Tensor]:
    """Results of the tasks; on a GPU each but the first runs on a stream of its own, in a CUDA graph too.

    The losses are chains of small kernels that leave a GPU mostly idle one after the other. Autograd runs each
    operation's gradient on the stream of its forward pass, so the gradients run side by side as well.
    """
    if device.type != "cuda":
        return [task() for task in tasks]
    main, results = torch.cuda.current_stream(device), []
    streams = [_stream(number, device) for number in range(len(tasks) - 1)]
    for stream in streams:
        stream.wait_stream(main)
    for task, stream in zip(tasks[1:], streams, strict=True):
        with torch.cuda.stream(stream):
            results.append(task())
    results.insert(0, tasks[0]())
    for stream in streams:
        main.wait_stream(stream)
    return results


@lru_cache(maxsize=32)
def _stream(number: int, device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)
