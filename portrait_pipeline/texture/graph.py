"""Replaying the steps of an optimisation on a GPU without the host."""

from __future__ import annotations

import torch

from .optimisation_step import Optimisation


def capture(optimisation: Optimisation) -> torch.cuda.CUDAGraph:
    """Record one step as a CUDA graph; the optimisation's state is as before."""
    state = [optimisation.step_number, optimisation.history, *optimisation.pyramid, *optimisation.optimiser.squares]
    before = [part.detach().clone() for part in state]

    def restore() -> None:
        with torch.no_grad():
            for part, value in zip(state, before, strict=True):
                part.copy_(value)

    stream = torch.cuda.Stream()  # its own: cuBLAS keeps scratch memory a stream, which running graphs must not share
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        optimisation.step()  # what libraries set up at first use must not be recorded
        optimisation.step_number.zero_()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        optimisation.step()
    restore()
    return graph
