"""Multi-view texture optimisation (section 5): the artwork's colours and strokes on the head's texture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import cv2
import numpy as np
import torch

from ..base.device import Hardware, choose_device, on_device
from ..base.errors import ParameterError, TrainingError
from ..base.progress import Progress, silent
from ..mesh.completion import Completion
from ..perceptual.perceptual import network_for
from ..regions.colours import region_colours
from ..regions.labels import TEETH
from .grading import Grading
from .memory import memory_advice
from .optimisation_step import TERMS, Optimisation, capture
from .palette import start_by_region
from .params import TextureParams
from .pyramid import enlarge, resize
from .rendering.base import RenderedViews, Renderer, Shot, texel_weights
from .rendering.choice import choose_renderer
from .scale import build_scale
from .schedule import Level, schedule
from .subject import Prepared, Subject, prepare
from .views import draw_views, surround_views

History = list[dict[str, float]]
_SEAM_REACH = 8  # columns on either side of the layout's seam that share its correction
CPU_WINDOW = 256
"""Side of the largest image compared on a CPU: scales above it show random windows of the head. A GPU sees it whole."""
_REPORT = {"cpu": 1, "cuda": 30}  # steps between reports: each one waits for the GPU


def stylise(
    subject: Subject,
    params: TextureParams,
    progress: Progress = silent,
    *,
    seed: int = 0,
    hardware: Hardware | None = None,
) -> tuple[np.ndarray, History]:
    """Optimise one texture; see :func:`stylise_together`."""
    return stylise_together([subject], params, progress, seed=seed, hardware=hardware)[0]


def stylise_together(
    subjects: Sequence[Subject],
    params: TextureParams,
    progress: Progress = silent,
    work: Callable[..., TextureRun] | None = None,
    *,
    seed: int = 0,
    hardware: Hardware | None = None,
) -> list[tuple[np.ndarray, History]]:
    """Optimise textures so that views of the heads look painted like their artworks (section 5.1, eqs. 11-13).

    Several subjects run as one batch, which uses a GPU better; on the CPU they gain nothing.

    Args:
        subjects: heads with their artworks; photo textures of one size.
        params: section ``texture``.
        progress: called with the mean terms of all subjects.
        work: makes what runs the scales; :class:`TextureRun` by default, other methods bring their own.
        seed: of views and samples. hardware: device and renderer; None asks the environment.

    Returns:
        For each subject the (S, S, 3) uint8 RGB texture and one record a step: step, scale, loss, content, emd,
        moments, colour.

    Raises:
        ParameterError: as many ``scales`` as ``iterations`` are needed; a texture is not a square uint8 image.
        LandmarkError: an artwork's outline holds no pixel. TrainingError: the loss left the finite numbers.
        MissingDependencyError: the device or renderer asked for is not there. OutOfMemory: the message says what to
            lower.
    """
    if len(params.scales) != len(params.iterations):
        raise ParameterError(
            f"texture.iterations has {len(params.iterations)} entries and texture.scales {len(params.scales)}: "
            "give one number of iterations for each scale"
        )
    if params.strength == 0.0 or not subjects:
        return [(subject.photo.copy(), []) for subject in subjects]
    hardware = hardware or Hardware.wanted()
    device = choose_device(hardware.device)
    renderer = choose_renderer(hardware.renderer, device)
    size = subjects[0].photo.shape[0]
    with _fast_matrices(device), memory_advice(params, len(subjects), size, device):
        running = (work or TextureRun)(subjects, params, device, renderer, seed)
        try:
            return running.run(progress)
        finally:
            running.beside.shutdown(wait=False, cancel_futures=True)


class TextureRun:
    """State shared by all scales."""

    def __init__(
        self,
        subjects: Sequence[Subject],
        params: TextureParams,
        device: torch.device,
        renderer: Renderer,
        seed: int,
    ) -> None:
        self.params, self.device, self.renderer = params, device, renderer
        self.rng = np.random.default_rng(seed)
        self.generator = torch.Generator(device).manual_seed(seed)
        self.heads = [prepare(subject, params.elevation, device) for subject in subjects]
        self.size = self.heads[0].photo.shape[2]
        if any(head.photo.shape[2] != self.size for head in self.heads):
            raise ParameterError("photo textures stylised together must have one size; see photo_texture.size")
        self.network = network_for(params.weights, device, torch.bfloat16)
        self.front = draw_views(params.views, params.azimuth, params.elevation, self.rng)
        self.surround = surround_views(params.surround, params.azimuth, params.elevation, self.rng)
        self.window = window_size(params, device)  # side of the largest image compared, px
        self.histories: list[History] = [[] for _ in subjects]
        self.beside = ThreadPoolExecutor(1)
        self.gradings = [
            self.beside.submit(Grading, head.subject.labels, head.art, head.art_labels) for head in self.heads
        ]
        self.completions: list[Future[Completion]] = []
        self.recorded = 0  # steps on record before this scale
        self.finest_whole: Level | None = None  # its views tell how well each texel is seen

    def run(self, progress: Progress) -> list[tuple[np.ndarray, History]]:
        levels = schedule(self.params, self.size, self.window)
        total = sum(level.iterations for level in levels)
        self.finest_whole = next((level for level in reversed(levels) if level.window == level.size), None)
        if self.finest_whole is None:
            self._complete_later(texel_weights(self._whole_views(levels[-1]), len(self.heads)))
        first = textures = self._first(levels[0].texture_size)
        for level in levels:
            first, textures = (self._enlarged(part, level.texture_size) for part in (first, textures))
            textures = self._scale(level, textures, progress, total)
        first, textures = (self._enlarged(part, self.size) for part in (first, textures))
        return [
            (self._finished(head, first[number], textures[number], number), self.histories[number])
            for number, head in enumerate(self.heads)
        ]

    def _first(self, size: int) -> torch.Tensor:
        """(P, 3, size, size): the photos' light and dark in the colours of the artworks."""
        return torch.cat(
            [
                start_by_region(
                    resize(head.photo, (size, size)),
                    head.subject.labels,
                    region_colours(head.art, head.art_labels),
                    self.params.start,
                )
                for head in self.heads
            ]
        )

    def _enlarged(self, textures: torch.Tensor, size: int) -> torch.Tensor:
        """Textures of the previous scale at a new size, with the photos' detail of this scale."""
        coarse = tuple(textures.shape[2:])
        if coarse == (size, size):
            return textures
        content = torch.cat([resize(head.photo, (size, size)) for head in self.heads])
        return enlarge(textures, (size, size)) + content - enlarge(resize(content, coarse), (size, size))

    def _scale(self, level: Level, textures: torch.Tensor, progress: Progress, total: int) -> torch.Tensor:
        scale = build_scale(
            level,
            self.heads,
            self.front,
            self.surround,
            self.network,
            self.renderer,
            self.generator,
            self.rng,
        )
        optimisation = Optimisation(scale, textures, self.network)
        self._watch(level, scale.views)
        if level.iterations == 0:
            return textures
        graph = capture(optimisation) if self.device.type == "cuda" and scale.views.capturable else None
        for step in range(level.iterations):
            graph.replay() if graph else optimisation.step()
            if (step + 1) % _REPORT[self.device.type] == 0 or step + 1 == level.iterations:
                self._record(optimisation.history[: step + 1], level, progress, total)
        return optimisation.textures

    def _record(self, history: torch.Tensor, level: Level, progress: Progress, total: int) -> None:
        """Append the rows (T, P, 5) of a scale's history that are new, and report the last."""
        rows = history[len(self.histories[0]) - self.recorded :].cpu().numpy()
        for row in rows:
            step = len(self.histories[0]) + 1
            for number, values in enumerate(row):
                terms = dict(zip(TERMS, map(float, values), strict=True))
                for name, value in terms.items():
                    if not np.isfinite(value) and name != "loss":
                        raise TrainingError(
                            f"texture: loss term '{name}' is not finite at step {step}; check texture.weights"
                        )
                self.histories[number].append({"step": step, "scale": level.size, **terms})
        progress(len(self.histories[0]), total, dict(zip(TERMS, map(float, rows[-1].mean(axis=0)), strict=True)))

    def _watch(self, level: Level, views: RenderedViews) -> None:
        """At the start of a scale: where its records begin, and how well its views see each texel."""
        self.recorded = len(self.histories[0])
        if level == self.finest_whole:
            self._complete_later(texel_weights(views, len(self.heads)))

    def _whole_views(self, level: Level) -> RenderedViews:
        """All views uncropped, for a schedule that only has cropped ones."""
        shots = [[Shot(view, head.framing) for view in (*self.front, *self.surround)] for head in self.heads]
        meshes = [head.subject.mesh for head in self.heads]
        return self.renderer.prepare(meshes, shots, level.window, level.texture_size, 2)

    def _complete_later(self, weights: torch.Tensor) -> None:
        """Prepare the completion from texel weights (P, s, s), beside the steps on a GPU."""
        weights = resize(weights[:, None], (self.size, self.size))[:, 0].cpu().numpy()
        self.completions = [
            self.beside.submit(Completion, head.subject.mesh, weight)
            for head, weight in zip(self.heads, weights, strict=True)
        ]

    def _finished(self, head: Prepared, first: torch.Tensor, texture: torch.Tensor, number: int) -> np.ndarray:
        if self.completions:
            completion = self.completions[number].result()
            change = texture - first
            small = resize(change[None], completion.small)[0].permute(1, 2, 0).cpu().numpy()
            field = on_device(completion.field(small), self.device).permute(2, 0, 1)[None]
            field = enlarge(field, (self.size, self.size))[0]
            sure = on_device(completion.confidence, self.device)
            texture = first + field + (change - field) * sure
        labels = head.subject.labels
        if (labels == TEETH).any() and not (head.art_labels == TEETH).any():
            # Teeth without an example get their first colours back: the content loss alone would let their hue drift.
            soft = cv2.GaussianBlur((labels == TEETH).astype(np.float32), (0, 0), max(0.5, len(labels) / 512))
            soft = on_device(soft, self.device)
            texture = texture * (1 - soft) + first * soft
        graded = close_seam(self.gradings[number].result().apply(texture, self.params.grading))
        mixed = graded * self.params.strength + head.photo[0] * (1 - self.params.strength)
        return (mixed.permute(1, 2, 0) * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()


def close_seam(texture: torch.Tensor) -> torch.Tensor:
    """The texture (3, S, S) with the step across the seam made equal to the mean of the steps beside it.

    Texels left and right of the seam lie in different cells at every level of the pyramid and the mip chain, which no
    other pair of neighbours does, so they agree a little less. What is too much is spread over a few columns.
    """
    step = texture[..., 0] - texture[..., -1]
    beside = (texture[..., 1] - texture[..., 0] + texture[..., -1] - texture[..., -2]) / 2
    ramp = 0.5 * (1 - torch.arange(_SEAM_REACH, dtype=texture.dtype, device=texture.device) / _SEAM_REACH)
    correction = (step - beside)[..., None] * ramp
    result = texture.clone()
    result[..., :_SEAM_REACH] -= correction
    result[..., -_SEAM_REACH:] += correction.flip(-1)
    return result


def window_size(params: TextureParams, device: torch.device) -> int:
    """Side of the largest image compared: ``CPU_WINDOW``, and no limit on a GPU."""
    return CPU_WINDOW if device.type == "cpu" else max(params.scales)


@contextmanager
def _fast_matrices(device: torch.device) -> Iterator[None]:
    """TensorFloat-32 products while it lasts, on a GPU."""
    before = torch.get_float32_matmul_precision()
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
