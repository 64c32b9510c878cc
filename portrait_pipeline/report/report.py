"""Metrics of all pairs, collected from the stages' artifacts and run time records."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.numerics import one_blas_thread
from ..base.stage import Layout
from ..deform.record import DeformedHead
from ..fit.record import FittedPair
from ..head.model import FaceModel, load_bundled_model
from ..landmarks.record import LocatedPair
from ..mesh.render import View, render_head
from ..photo_texture.record import PhotoTexture
from ..shell.measures import measure_shell
from ..shell.record import Shell
from ..texture.params import TextureParams
from ..texture.part import Part
from ..texture.record import StylisedTexture
from ..texture.shell_part import shell_part
from ..texture.step import subject_of
from ..translation.record import TranslatedPair
from .border import border_ratio
from .identity import distance
from .texture_quality import TextureQuality

SHARED_STAGES = ("landmark_sets", "shape_space", "autoencoder", "translation", "fid")
PAIR_STAGES = (
    "landmarks",
    "fit",
    "translate",
    "deform",
    "photo_texture",
    "shell",
    "texture",
    "animation",
    "picture",
    "export",
)


@one_blas_thread
def pair_metrics(layout: Layout, name: str, params: TextureParams, seed: int = 0) -> dict[str, Any]:
    """Quality of one pair; lengths are shares of the outer-eye distance.

    Args:
        params: section ``texture``, which the texture's measures follow. seed: of the pipeline.

    Raises:
        ArtifactError: a stage of this pair has not run.
    """
    model = load_bundled_model()
    runs = {stage: layout.read_runtime(stage, name) for stage in PAIR_STAGES}
    seconds = {stage: run["seconds"] for stage, run in runs.items() if run}
    located = LocatedPair.load(layout.pair_artifact("landmarks", name))
    fitted = FittedPair.load(layout.pair_artifact("fit", name), V=len(model.mean))
    translated = TranslatedPair.load(layout.pair_artifact("translate", name))
    head = DeformedHead.load(layout.pair_artifact("deform", name), V=len(model.mean))
    photo = PhotoTexture.load(layout.pair_artifact("photo_texture", name))
    texture = StylisedTexture.load(layout.pair_artifact("texture", name), V=len(model.mean))
    shell = Shell.load(layout.pair_artifact("shell", name), V=len(model.mean))
    return {
        "landmarks": {"photo_doubt": located.photo_doubt, "art_doubt": located.art_doubt},
        "fit": {"inner_error": fitted.inner_error, "jaw_error": fitted.jaw_error},
        "deform": {
            "landmark_shift": _landmark_shift(translated),
            "residual": head.residual,
            "eased_landmarks": head.eased_landmarks,
            "flipped_triangles": head.flipped_triangles,
        },
        "identity": {
            "fitted": portrait_distance(model, located, fitted.vertices, photo.texture),
            "stylised": portrait_distance(model, located, texture.vertices, texture.texture),
        },
        "texture": {
            "style_loss": texture.style_loss,
            "content_loss": texture.content_loss,
            "steps": texture.steps,
            **texture_measures(model, located, head, photo, texture, params, seed),
        },
        "shell": shell_measures(model, fitted, shell, texture, subject_of(model, located, head, photo).parts[0]),
        **({"seconds": seconds} if seconds else {}),
    }


def shell_measures(
    model: FaceModel, fitted: FittedPair, shell: Shell, texture: StylisedTexture, head: Part
) -> dict[str, float | int | str]:
    """See :mod:`portrait_pipeline.shell.measures` and :mod:`.border`; on the deformed ``head``. Else only a note."""
    if not shell.exists:
        return {"note": shell.note}
    front = fitted.camera.rotation[2]
    measures = measure_shell(model, shell, fitted.vertices, texture.vertices, texture.shell_vertices, front)
    chin = float(texture.vertices[model.landmarks[8], 1])
    parts = [head, shell_part(shell, texture.shell_vertices, chin)]
    measures["border"] = border_ratio(parts, [texture.texture, texture.shell_texture])
    return {"vertices": len(shell.vertices), **measures, **({"note": shell.note} if shell.note else {})}


def texture_measures(
    model: FaceModel,
    located: LocatedPair,
    head: DeformedHead,
    photo: PhotoTexture,
    texture: StylisedTexture,
    params: TextureParams,
    seed: int,
) -> dict[str, float]:
    """See :meth:`portrait_pipeline.report.texture_quality.TextureQuality.measure`."""
    subject = subject_of(model, located, head, photo)
    moved = None if np.array_equal(texture.vertices, head.vertices) else texture.vertices
    return TextureQuality(subject, params, seed=seed).measure(texture.texture, moved)


def portrait_distance(
    model: FaceModel, located: LocatedPair, vertices: np.ndarray, texture: np.ndarray, size: int = 400
) -> float:
    """Distance between the photo and a frontal picture of a head; see :mod:`portrait_pipeline.report.identity`.

    Args:
        vertices: (V, 3) head space.
        texture: (S, S, 3) uint8 RGB.
        size: of the picture in pixels.
    """
    picture, points, _ = render_head(model.mesh(vertices), texture, model.landmarks, View(), size)
    return float(distance(located.photo, located.photo_points, picture, points))


def _landmark_shift(translated: TranslatedPair) -> float:
    """Mean distance between l_x and l_z."""
    shift = np.linalg.norm(translated.translated - translated.content, axis=1)
    return float(shift.mean() / np.linalg.norm(translated.content[45] - translated.content[36]))


def runtime_metrics(layout: Layout, names: list[str]) -> dict[str, Any]:
    """Seconds and peak memory of the last run of every stage; what did not run here is left out.

    Stages whose outputs came from a cache have no record, and sums and maxima without them would say something else.
    """
    runs = {stage: layout.read_runtime(stage, None) for stage in SHARED_STAGES}
    runs |= {f"{stage}@{name}": layout.read_runtime(stage, name) for name in names for stage in PAIR_STAGES}
    known = {stage: run for stage, run in runs.items() if run}
    metrics: dict[str, Any] = {"seconds": {stage: run["seconds"] for stage, run in known.items()}} if known else {}
    if len(known) == len(runs):
        metrics["total_seconds"] = sum(run["seconds"] for run in runs.values())
        metrics["peak_memory_mb"] = max(run["peak_memory_mb"] for run in runs.values())
    return metrics
