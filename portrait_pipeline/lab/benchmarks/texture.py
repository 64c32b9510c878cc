"""How long texture stylisation takes and what it reaches, so that faster never means worse unseen."""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch

from ...base.device import choose_device
from ...base.errors import ParameterError
from ...head.model import load_bundled_model
from ...mesh.render import View
from ...pipeline.params import Params
from ...report.view_losses import ViewLosses
from ...texture.optimise import stylise_together
from ...texture.result import Stylisation
from ...texture.subject import Subject
from ..texture_methods import METHODS
from .subject import sample_subject, synthetic_subject

VIEWS = (View(), View(-25.0, 8.0), View(25.0, -8.0), View(-12.0, -15.0), View(12.0, 15.0))
"""Where results are judged, whatever views their optimisation used."""
JUDGED, JUDGE_SEED = {"points": 2048}, 12345


def measure(
    params: Params, synthetic: bool, methods: Sequence[str], together: Sequence[int], repeat: int, size: int = 256
) -> pd.DataFrame:
    """One row a method and number of heads together (more than one: ``multi_view`` only).

    Args:
        params: ``texture``, and the side of the texture from ``photo_texture``. repeat: runs a row.
        size: side of the views in which results are judged, px.

    Raises:
        ParameterError: an unknown method, or a batch of another method than ``multi_view``.
    """
    texture, device = params.texture, choose_device()
    unknown = [name for name in methods if name not in METHODS]
    if unknown:
        raise ParameterError(f"--method {unknown[0]}: no such method; known: {', '.join(METHODS)}")
    model = load_bundled_model()
    make = synthetic_subject if synthetic else sample_subject
    subject = make(model, params.photo_texture.size, texture.regions)
    judge = ViewLosses(subject, texture.model_copy(update=JUDGED), VIEWS, size, seed=JUDGE_SEED)
    steps, rows = sum(texture.iterations), []
    for method in methods:
        for count in together if method == "multi_view" else [1]:
            _forget_peak(device)
            seconds = []
            for _ in range(repeat):
                start = time.perf_counter()
                result = _run(method, [subject] * count, params)
                if device.type == "cuda":
                    torch.cuda.synchronize(device)
                seconds.append(time.perf_counter() - start)
            best = min(seconds[1:] or seconds)
            row = {"method": method, "heads": count, "device": device.type, "texture": params.photo_texture.size}
            row |= {"steps": steps, "first_s": seconds[0], "best_s": best, "ms_a_step": 1000 * best / max(steps, 1)}
            row["peak_mib"] = peak_memory(device)
            row["style"], row["content"] = judge.style_and_content(result.texture, result.vertices)
            rows.append(row | {"heads_a_minute": 60 * count / best})
    return pd.DataFrame(rows)


def _run(method: str, subjects: Sequence[Subject], params: Params) -> Stylisation:
    """The first head's result."""
    if len(subjects) == 1:
        return METHODS[method](subjects[0], params.texture, seed=params.seed)
    return Stylisation(*stylise_together(subjects, params.texture, seed=params.seed)[0])


def _forget_peak(device: torch.device) -> None:
    """Let peaks be counted anew where that can be; else the process's peak counts from its start."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory(device: torch.device) -> float:
    """MiB at most: allocated on a GPU, or resident in this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes on macOS
