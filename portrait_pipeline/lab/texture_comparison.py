"""Methods of texture stylisation side by side on one pair: a sheet of views, and their measures."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import cv2
import numpy as np

from ..base.progress import Progress
from ..deform.record import DeformedHead
from ..export.contact_sheet import CELL, Panel, compose, tight_frame
from ..head.model import FaceModel
from ..landmarks.record import LocatedPair
from ..mesh.mesh import Mesh
from ..mesh.render import View, render
from ..photo_texture.record import PhotoTexture
from ..report.texture_quality import TextureQuality
from ..texture.params import TextureParams
from ..texture.step import subject_of
from .params import TextureComparisonParams
from .texture_methods import METHODS

TITLES = {
    "multi_view": "Many views",
    "two_step": "Two steps",
    "uv_space": "In the layout",
    "single_view": "One view",
    "joint": "Geometry too",
}
VIEWS = {
    "Frontal": View(),
    "Left": View(-30.0, 0.0),
    "Right": View(30.0, 0.0),
    "Below": View(0.0, -20.0),
    "Unseen": View(40.0, 0.0),
    "Back": View(180.0, 0.0),
}
_CELL_WIDTH = 400
_TEXT = 0.72  # nine panels a row leave less room for captions than five

Watch = Callable[[str], AbstractContextManager[Progress]]


@dataclass(frozen=True)
class MethodResult:
    """One row of the comparison.

    Attributes:
        name: of the method. texture: (S, S, 3) uint8 RGB. vertices: (V, 3) head space.
        seconds: of the stylisation alone. measures: see :class:`..evaluation.texture_quality.TextureQuality`; and
            ``moved``, by how much the method moved the vertices on average, cm.
    """

    name: str
    texture: np.ndarray
    vertices: np.ndarray
    seconds: float
    measures: dict[str, float]


def compare_methods(
    model: FaceModel,
    pair: LocatedPair,
    head: DeformedHead,
    photo: PhotoTexture,
    params: TextureParams,
    settings: TextureComparisonParams,
    watch: Watch,
) -> list[MethodResult]:
    """Stylise one pair by every method of ``settings`` and measure the textures by one ruler.

    Args:
        params: section ``texture``; scales and iterations are taken from ``settings``.
        watch: gives each method, by its name, the progress it reports to while it runs.

    Raises:
        PortraitError: any user error of the methods.
    """
    photo = reduced(photo, settings.size)
    params = params.model_copy(update={"scales": settings.scales, "iterations": settings.iterations, "strength": 1.0})
    subject = subject_of(model, pair, head, photo, params.regions)
    ruled = subject if params.regions else subject_of(model, pair, head, photo)
    quality = TextureQuality(ruled, params, settings.view_size)
    results = []
    for name in settings.methods:
        start = time.perf_counter()
        with watch(name) as progress:
            found = METHODS[name](subject, params, progress)
        seconds = time.perf_counter() - start
        vertices = head.vertices if found.vertices is None else found.vertices
        measures = quality.measure(found.texture, found.vertices)
        measures["moved"] = float(np.linalg.norm(vertices - head.vertices, axis=1).mean())
        results.append(MethodResult(name, found.texture, vertices, seconds, measures))
    return results


def reduced(photo: PhotoTexture, size: int) -> PhotoTexture:
    """The photo texture at most ``size`` texels wide."""
    if photo.texture.shape[0] <= size:
        return photo
    texture = cv2.resize(photo.texture, (size, size), interpolation=cv2.INTER_AREA)
    seen, labels = (
        cv2.resize(part.astype(np.uint8), (size, size), interpolation=cv2.INTER_NEAREST)
        for part in (photo.seen, photo.labels)
    )
    return PhotoTexture(texture, seen.astype(bool), labels)


def comparison_sheet(mesh: Mesh, art: np.ndarray, results: Sequence[MethodResult], title: str) -> np.ndarray:
    """A row for each method: artwork, six views and the texture; under them its name, time and measures.

    Where a method moved vertices, a column with the heads in grey follows. "Unseen" is the view from 40 degrees.

    Args:
        mesh: topology and UV; the head before any method moved it gives the frame of all pictures.
        art: (H, W, 3) uint8 RGB. title: heading.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    framing = tight_frame(np.asarray(mesh.vertices), list(VIEWS.values()))
    rows: list[list[Panel]] = []
    for result in results:
        measure = result.measures
        notes = {
            "Frontal": f"style {measure['style_sampled']:.3f}",
            "Left": f"content {measure['content']:.3f}",
            "Right": f"bleeding {measure['bleeding']:.2f}",
            "Below": f"neck {measure['palette_outer']:.1f} Lab",
            "Unseen": f"style {measure['style_unseen']:.3f}",
            "Back": f"noise {measure['unseen_noise']:.2f}",
        }
        moved = mesh.with_vertices(result.vertices)
        views = [
            (f"{name}: {notes[name]}", render(moved, result.texture, view, framing, _CELL_WIDTH, CELL, supersample=3))
            for name, view in VIEWS.items()
        ]
        name = f"{TITLES[result.name]}: {result.seconds:.0f} s"
        row = [(name, art), *views, (f"Texture: seam {measure['seam_ratio']:.2f}", result.texture)]
        if any(other.measures["moved"] > 0 for other in results):
            shape = render(moved, None, View(20.0, 0.0), framing, _CELL_WIDTH, CELL, supersample=3)
            row.append((f"Moved: {10 * measure['moved']:.1f} mm", shape))
        rows.append(row)
    return compose(rows, _CELL_WIDTH * len(rows[0]), title, _TEXT)


def metrics(results: Sequence[MethodResult]) -> dict[str, dict[str, float]]:
    """By method: seconds and measures."""
    return {result.name: {"seconds": result.seconds, **result.measures} for result in results}
