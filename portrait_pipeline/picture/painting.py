"""The picture's own run of the texture optimisation: one flat picture, whole at first, then window by window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from ..base.device import Hardware
from ..base.progress import Progress, silent
from ..mesh.mesh import Mesh
from ..mesh.render import Framing, View
from ..regions.labels import CLOTHES, EYES, HAIR, LIPS, SKIN, SURROUNDINGS, TRANSPARENT
from ..texture.optimise import CPU_WINDOW, TextureRun
from ..texture.params import TextureParams
from ..texture.part import Part
from ..texture.pyramid import resize
from ..texture.rendering.base import Renderer, Shot
from ..texture.result import run_method
from ..texture.scale import Scale
from ..texture.schedule import Level
from ..texture.shots import Shots
from ..texture.subject import Prepared, Subject, to_image
from .canvas import Canvas
from .darkness import as_dark
from .flat import FlatRenderer
from .hues import known_hues

CONTENT_WEIGHT = 1.5
"""a at every scale: the picture starts as the bent photo, and larger weights at coarse scales bring its hues back."""
_WINDOW = CPU_WINDOW * 9 // 8  # half of the square of a picture of 512 px is seen whole
_STEPS = 40  # of a scale that is seen whole
_EACH = 3  # for every window of a finer scale
_COARSER = 2.0
_OVERLAP = 0.25  # of windows
_HOLDS = 0.3  # share of the inner landmarks by which a window is one of the face
_SHARES = {EYES: 0.06, LIPS: 0.04, HAIR: 0.12, CLOTHES: 0.15, SKIN: 0.2}
_ART_SHARES = {EYES: 0.06, LIPS: 0.04, HAIR: 0.15, CLOTHES: 0.15, SURROUNDINGS: 0.3}


@dataclass(frozen=True)
class Plan:
    """A picture before it is painted; all arrays over the canvas' square.

    Attributes:
        content: (S, S, 3) uint8 RGB, the bent photo. labels: (S, S) uint8 regions. points: (68, 2) px.
        guide: (S, S, 3) uint8 RGB, the stylised head. guided: (S, S) uint8, how far it counts.
    """

    canvas: Canvas
    content: np.ndarray
    labels: np.ndarray
    points: np.ndarray
    guide: np.ndarray
    guided: np.ndarray


def paint(
    plan: Plan,
    art: np.ndarray,
    art_points: np.ndarray,
    art_labels: np.ndarray,
    params: TextureParams,
    progress: Progress = silent,
    *,
    seed: int = 0,
    hardware: Hardware | None = None,
) -> np.ndarray:
    """The picture (height, width, 3) uint8 RGB: content of the bent photo, style of the artwork, face of the guide.

    Args:
        art, art_points, art_labels: artwork with its landmarks and regions, SURROUNDINGS among them.
        params: section ``texture``; scales and steps follow from the picture's size.

    Raises:
        PortraitError: as :func:`portrait_pipeline.texture.optimise.stylise_together`.
    """
    canvas = plan.canvas
    part = Part(_plane(canvas.side), plan.content, plan.labels, None, canvas.painted(), plan.guide, plan.guided)
    subject = Subject((part,), art, art_points, art_labels)
    scales = canvas.scales
    chosen = {"scales": scales, "iterations": [_steps(canvas, side) for side in scales]}
    work = partial(PictureRun, plan=plan)
    painted = run_method(subject, params.model_copy(update=chosen), progress, work, seed=seed, hardware=hardware)
    around = canvas.cut(plan.labels) == SURROUNDINGS
    picture = as_dark(canvas.cut(painted.texture), canvas.cut(plan.content), around)
    return known_hues(picture, art[art_labels != TRANSPARENT])


class PictureRun(TextureRun):
    """Scales of the flat picture."""

    def __init__(self, subjects: Sequence[Subject], params: TextureParams, device: torch.device, *rest, plan: Plan):
        super().__init__(subjects, params, device, *rest)
        self.plan = plan
        self.window = _WINDOW if device.type == "cpu" else plan.canvas.side
        self.renderer = FlatRenderer(plan.canvas.painted(), device)
        frame = plan.points * [1, -1]
        half = plan.canvas.side / 2
        (scene,) = self.scenes
        framing = Framing(np.array([half, -half, 0.0]), half)
        width = float(np.linalg.norm(frame[16] - frame[0]))
        self.scenes = [replace(scene, framing=framing, whole=framing, frame=frame, width=width)]

    def _first(self, sizes: Sequence[int]) -> list[torch.Tensor]:
        (first,) = super()._first(sizes)
        guide, share = (
            resize(part, tuple(first.shape[2:]))
            for part in (to_image(self.plan.guide, self.device), to_image(self.plan.guided[..., None], self.device))
        )
        return [first * (1 - share) + guide * share]

    def _built(self, level: Level, renderer: Renderer) -> Scale:
        return super()._built(replace(level, content_weight=CONTENT_WEIGHT * self.params.beta), renderer)

    def _watch(self, level: Level, scale: Scale) -> None:
        self.recorded = len(self.histories[0])  # every pixel is seen: nothing to complete

    def _shots(self, level: Level) -> list[Shots]:
        canvas, (scene,) = self.plan.canvas, self.scenes
        framings = [scene.framing]
        if level.window < level.size:
            framings = windows(canvas, self.plan.points, level.window / level.size)
        inner = self.plan.points[17:] * [1, -1]
        held = [np.abs(inner - framing.centre[:2]).max(axis=1) < framing.half_extent for framing in framings]
        return [
            Shots(
                [[Shot(View(), framing) for framing in framings]],
                [bool(inside.mean() > _HOLDS) for inside in held],
                level.window,
                [level.size / canvas.side * stroke_size(canvas, scene)],
                shares=_SHARES,
                art_shares=_ART_SHARES,
                features=True,
            )
        ]


def stroke_size(canvas: Canvas, scene: Prepared) -> float:
    """How much larger strokes are than on a face as large as the artwork's: a small face in a large picture is not
    painted with the finest brush, nor is the picture with a brush as wide as the face. Half of either.
    """
    face = scene.width / float(np.linalg.norm(scene.art_points[16] - scene.art_points[0]))
    whole = max(canvas.width, canvas.height) / max(scene.art.shape[:2])
    return float(np.clip(np.sqrt(whole / face), 1.0, _COARSER))


def windows(canvas: Canvas, points: np.ndarray, share: float) -> list[Framing]:
    """Windows that cover picture and margin evenly, and one about the face.

    Args:
        points: (68, 2) px of the square. share: side of a window over that of the square.
    """
    half = share * canvas.side / 2
    low, high = np.full(2, half), np.maximum(canvas.extent - half, half)
    counts = [1 + int(np.ceil((b - a) / (2 * half * (1 - _OVERLAP)))) for a, b in zip(low, high, strict=True)]
    axes = [np.linspace(a, b, count) for a, b, count in zip(low, high, counts, strict=True)]
    middles = [np.clip(points.mean(axis=0), low, high), *np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)]
    return [Framing(np.array([x, -y, 0.0]), half) for x, y in middles]


def _steps(canvas: Canvas, side: int) -> int:
    """Of the scale at which the square has this side, px."""
    return _STEPS if side <= _WINDOW else _EACH * len(windows(canvas, np.zeros((1, 2)), _WINDOW / side))


def _plane(side: int) -> Mesh:
    """The square as a mesh, px, y up from its top edge."""
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float)
    triangles = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    return Mesh(np.column_stack([uv * side - [0, side], np.zeros(4)]), triangles, uv, triangles)
