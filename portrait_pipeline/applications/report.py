"""Metrics of all pairs, collected from the stages' artifacts and run time records."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..stage import Layout
from .pair import DeformedHead, FittedPair, LocatedPair, StylisedTexture, TranslatedPair

SHARED_STAGES = ("landmark_sets", "shape_space", "autoencoder", "translation", "fid")
PAIR_STAGES = ("landmarks", "fit", "translate", "deform", "photo_texture", "texture", "export")


def pair_metrics(layout: Layout, name: str) -> dict[str, Any]:
    """Quality of one pair; lengths are shares of the outer-eye distance.

    Raises:
        ArtifactError: a stage of this pair has not run.
    """
    located = LocatedPair.load(layout.pair_artifact("landmarks", name))
    fitted = FittedPair.load(layout.pair_artifact("fit", name))
    translated = TranslatedPair.load(layout.pair_artifact("translate", name))
    head = DeformedHead.load(layout.pair_artifact("deform", name))
    texture = StylisedTexture.load(layout.pair_artifact("texture", name))
    return {
        "fit": {"inner_error": fitted.inner_error, "jaw_error": fitted.jaw_error},
        "deform": {
            "landmark_shift": _landmark_shift(translated),
            "residual": head.residual,
            "eased_landmarks": head.eased_landmarks,
            "flipped_triangles": head.flipped_triangles,
        },
        "identity": identity_metrics(located, fitted, head, texture),
        "texture": {"style_loss": texture.style_loss, "content_loss": texture.content_loss, "steps": texture.steps},
        "seconds": {
            stage: runtime["seconds"] for stage in PAIR_STAGES if (runtime := layout.read_runtime(stage, name))
        },
    }


def _landmark_shift(translated: TranslatedPair) -> float:
    """Mean distance between l_x and l_z."""
    shift = np.linalg.norm(translated.translated - translated.content, axis=1)
    return float(shift.mean() / np.linalg.norm(translated.content[45] - translated.content[36]))


def runtime_metrics(layout: Layout, names: list[str]) -> dict[str, Any]:
    """Seconds and peak memory of the last run of every stage; stages whose outputs came from a cache are left out."""
    runs = {stage: layout.read_runtime(stage, None) for stage in SHARED_STAGES}
    runs |= {f"{stage}@{name}": layout.read_runtime(stage, name) for name in names for stage in PAIR_STAGES}
    runs = {stage: run for stage, run in runs.items() if run}
    return {
        "seconds": {stage: run["seconds"] for stage, run in runs.items()},
        "total_seconds": sum(run["seconds"] for run in runs.values()),
        "peak_memory_mb": max((run["peak_memory_mb"] for run in runs.values()), default=0.0),
    }
