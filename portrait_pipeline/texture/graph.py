"""Replaying the steps of an optimisation on a GPU without the host."""

from __future__ import annotations

import torch

from .optimisation_step import Optimisation


def capture(optimisation: Optimisation) -> list[torch.cuda.CUDAGraph]:
    """Record one step of each kind of views as a CUDA graph; the optimisation's state is as before.

    A kind that no step looks at has an empty graph.
    """
    before = [part.detach().clone() for part in optimisation.state]

    def restore() -> None:
        with torch.no_grad():
            for part, value in zip(optimisation.state, before, strict=True):
                part.copy_(value)

    stream = torch.cuda.Stream()  # its own: cuBLAS keeps scratch memory a stream, which running graphs must not share
    graphs = []
    for kind in range(len(optimisation.scale.sets)):
        graph = torch.cuda.CUDAGraph()
        graphs.append(graph)
        if kind not in optimisation.scale.order:
            continue
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            optimisation.step(kind)  # what libraries set up at first use must not be recorded
            restore()
        torch.cuda.current_stream().wait_stream(stream)
        with torch.cuda.graph(graph, stream=stream):
            optimisation.step(kind)
        restore()
    return graphs
