"""Which renderer serves a run."""

from __future__ import annotations

from importlib.util import find_spec

import torch

from ...base.errors import MissingDependencyError
from .base import Renderer
from .hardware import HardwareRenderer, load_nvdiffrast
from .sparse import SparseRenderer


def choose_renderer(name: str, device: torch.device) -> Renderer:
    """The renderer called ``auto``, ``nvdiffrast`` or ``cpu``, for textures on ``device``.

    ``auto`` is nvdiffrast on a GPU that has it, and the CPU renderer otherwise (which then shows textures on the GPU
    all the same).

    Raises:
        MissingDependencyError: nvdiffrast was asked for without a GPU, or is not installed.
    """
    if name == "nvdiffrast":
        if device.type != "cuda":
            raise MissingDependencyError(
                "the renderer is nvdiffrast, which needs a GPU; set PORTRAIT_RENDERER to cpu or auto on this machine"
            )
        load_nvdiffrast()
        return HardwareRenderer(device)
    if name == "auto" and device.type == "cuda" and find_spec("nvdiffrast") is not None:
        return HardwareRenderer(device)
    return SparseRenderer(device)
