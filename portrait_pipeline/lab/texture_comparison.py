"""Methods of texture stylisation side by side on one pair: a sheet of views, and their measures."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np

from ..base.progress import Progress
from ..deform.record import DeformedHead
from ..export.contact_sheet import CELL, Panel, compose, tight_frame
from ..fit.record import FittedPair
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
from .texture_methods.picture_first import picture_first

TITLES = {
    "multi_view": "Many views",
    "two_step": "Two steps",
    "uv_space": "In the layout",
    "single_view": "One view",
    "joint": "Geometry too",
    "gram": "Gram matrices",
    "image_gradients": "Geometry only",
    "picture_first": "2D, then 3D",
}
VIEWS = {
    "Frontal": (View(), "style {style_sampled:.3f}"),
    "Left": (View(-30.0, 0.0), "content {content:.3f}"),
    "Right": (View(30.0, 0.0), "bleeding {bleeding:.2f}"),
    "Below": (View(0.0, -20.0), "neck {palette_outer:.1f} Lab"),
    "Unseen": (View(40.0, 0.0), "style {style_unseen:.3f}"),
    "Back": (View(180.0, 0.0), "noise {unseen_noise:.2f}"),
}
"""Views of the sheet, each with a measure under it; "Unseen" is further aside than any view of the optimisation."""
_CELL_WIDTH = 400
_VIEW_SIZE = 128  # side of the views in which style and content are measured, px
_TEXT = 0.72  # nine panels a row leave less room for captions than five

Watch = Callable[[str], AbstractContextManager[Progress]]


class MethodResult(NamedTuple):
    """One row of the comparison.

    Attributes:
        name: of the method. texture: (S, S, 3) uint8 RGB. vertices: (V, 3) head space.
        measures: ``seconds`` of the stylisation alone; those of
            :class:`~portrait_pipeline.report.texture_quality.TextureQuality`; ``moved``, by how much the method moved
            the vertices on average, cm.
    """

    name: str
    texture: np.ndarray
    vertices: np.ndarray
    measures: dict[str, float]


def compare_methods(
    model: FaceModel,
    pair: LocatedPair,
    fitted: FittedPair,
    head: DeformedHead,
    photo: PhotoTexture,
    params: TextureParams,
    settings: TextureComparisonParams,
    watch: Watch,
    seed: int = 0,
) -> list[MethodResult]:
    """Stylise one pair by every method of ``settings`` and measure the textures by one ruler.

    Args:
        params: section ``texture``; scales and iterations are taken from ``settings``.
        seed: of the pipeline. watch: gives each method, by its name, the progress it reports to while it runs.

    Raises:
        PortraitError: any user error of the methods.
    """
    params = params.model_copy(update={"scales": settings.scales, "iterations": settings.iterations, "strength": 1.0})
    photo = reduced(photo, settings.size)
    subject, ruled = (subject_of(model, pair, head, photo, regions) for regions in (params.regions, True))
    methods = {**METHODS, "picture_first": partial(picture_first, model, pair, fitted, head)}
    quality, results = TextureQuality(ruled, params, _VIEW_SIZE, seed=seed), []
    for name in settings.methods:
        start = time.perf_counter()
        with watch(name) as progress:
            found = methods[name](subject, params, progress, seed=seed)
        measures = {"seconds": time.perf_counter() - start, **quality.measure(found.texture, found.vertices)}
        vertices = head.vertices if found.vertices is None else found.vertices
        measures["moved"] = float(np.linalg.norm(vertices - head.vertices, axis=1).mean())
        results.append(MethodResult(name, found.texture, vertices, measures))
    return results


def reduced(photo: PhotoTexture, size: int) -> PhotoTexture:
    """The photo texture at most ``size`` texels wide."""
    if len(photo.texture) <= size:
        return photo
    texture = cv2.resize(photo.texture, (size, size), interpolation=cv2.INTER_AREA)
    seen, labels = (
        cv2.resize(part.astype(np.uint8), (size, size), interpolation=cv2.INTER_NEAREST)
        for part in (photo.seen, photo.labels)
    )
    return PhotoTexture(texture, seen.astype(bool), labels)


def comparison_sheet(mesh: Mesh, art: np.ndarray, results: Sequence[MethodResult], title: str) -> np.ndarray:
    """A row for each method: artwork, six views and the texture; under them its name, time and measures.

    Where a method moved vertices, a column with the heads in grey follows.

    Args:
        mesh: topology and UV; the head before any method moved it gives the frame of all pictures.
        art: (H, W, 3) uint8 RGB. title: heading.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    framing = tight_frame(np.asarray(mesh.vertices), [view for view, _ in VIEWS.values()])
    rows: list[list[Panel]] = []
    for name, texture, vertices, measures in results:
        moved = mesh.with_vertices(vertices)
        row = [(f"{TITLES[name]}: {measures['seconds']:.0f} s", art)]
        for side, (view, note) in VIEWS.items():
            picture = render(moved, texture, view, framing, _CELL_WIDTH, CELL, supersample=3)
            row.append((f"{side}: {note.format(**measures)}", picture))
        row.append((f"Texture: seam {measures['seam_ratio']:.2f}", texture))
        if any(other.measures["moved"] > 0 for other in results):
            shape = render(moved, None, View(20.0, 0.0), framing, _CELL_WIDTH, CELL, supersample=3)
            row.append((f"Moved: {10 * measures['moved']:.1f} mm", shape))
        rows.append(row)
    return compose(rows, _CELL_WIDTH * len(rows[0]), title, _TEXT)
