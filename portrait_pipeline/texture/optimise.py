"""Multi-view texture optimisation (section 5): the artwork's colours and strokes on the textures of head and shell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import cv2
import numpy as np
import torch

from ..base.device import Hardware, choose_device, fast_type, on_device
from ..base.errors import ParameterError, TrainingError
from ..base.progress import Progress, silent
from ..mesh.completion import Completion
from ..perceptual.perceptual import network_for
from ..perceptual.weights import find_weights
from ..regions.clothes import clothes_colours
from ..regions.colours import region_colours
from ..regions.labels import CLOTHES, TEETH
from .grading import Grading
from .memory import memory_advice
from .optimisation_step import TERMS, Optimisation, capture
from .palette import start_by_region
from .params import TextureParams
from .pyramid import enlarge, resize
from .rendering.base import RenderedViews, Renderer, Shot, texel_weights
from .rendering.choice import choose_renderer
from .scale import Scale, gather_scale
from .schedule import Level, schedule
from .shots import Directions, Shots, all_shots
from .subject import Prepared, Subject, prepare, to_image

CPU_WINDOW = 256
"""Side of the largest image compared on a CPU: scales above it show random windows of the head. A GPU sees it whole."""
_SEAM_REACH = 8  # columns on either side of the layout's seam that share its correction

History = list[dict[str, float]]
_REPORT = {"cpu": 1, "cuda": 30}  # steps between reports: each one waits for the GPU


Textures = list[np.ndarray]
"""(S, S, 3) uint8 RGB of each part of a subject, the head first."""


def stylise(
    subject: Subject,
    params: TextureParams,
    progress: Progress = silent,
    *,
    seed: int = 0,
    hardware: Hardware | None = None,
) -> tuple[Textures, History]:
    """Optimise the textures of one subject; see :func:`stylise_together`."""
    return stylise_together([subject], params, progress, seed=seed, hardware=hardware)[0]


def stylise_together(
    subjects: Sequence[Subject],
    params: TextureParams,
    progress: Progress = silent,
    work: Callable[..., TextureRun] | None = None,
    *,
    seed: int = 0,
    hardware: Hardware | None = None,
) -> list[tuple[Textures, History]]:
    """Optimise textures so that views of the heads look painted like their artworks (section 5.1, eqs. 11-13).

    Several subjects run as one batch, which uses a GPU better; on the CPU they gain nothing.

    Args:
        subjects: heads, with or without shells, and their artworks; photo textures of one size.
        params: section ``texture``.
        progress: called with the mean terms of all subjects.
        work: makes what runs the scales; :class:`TextureRun` by default, other methods bring their own.
        seed: of views and samples. hardware: device and renderer; None asks the environment.

    Returns:
        For each subject the textures of its parts and one record a step: step, scale, loss, content, emd, moments,
        colour.

    Raises:
        ParameterError: as many ``scales`` as ``iterations`` are needed; a texture is not a square uint8 image.
        LandmarkError: an artwork's outline holds no pixel. TrainingError: the loss left the finite numbers.
        MissingDependencyError: the device or renderer asked for is not there. OutOfMemory: the message says what to
            lower.
    """
    check_schedule(params)
    if params.strength == 0.0 or not subjects:
        return [([part.photo.copy() for part in subject.parts], []) for subject in subjects]
    hardware = hardware or Hardware.wanted()
    device = choose_device(hardware.device)
    renderer = choose_renderer(hardware.renderer, device)
    sizes = [part.size for part in subjects[0].parts]
    with _fast_matrices(device), memory_advice(params, len(subjects), sizes, device):
        running = (work or TextureRun)(subjects, params, device, renderer, seed)
        try:
            return running.run(progress)
        finally:
            running.beside.shutdown(wait=False, cancel_futures=True)


def check_schedule(params: TextureParams) -> None:
    """Refuse other numbers of iterations than of scales."""
    if len(params.scales) != len(params.iterations):
        raise ParameterError(
            f"texture.iterations has {len(params.iterations)} entries and texture.scales {len(params.scales)}: "
            "give one number of iterations for each scale"
        )


def check_ready(params: TextureParams, hardware: Hardware) -> None:
    """Find out in a moment whether the texture can be made: a caller with minutes of work before it asks first.

    Raises:
        ParameterError, MissingDependencyError, InputFileError: as :func:`stylise` would, for schedule, device,
            renderer and weights.
    """
    check_schedule(params)
    choose_renderer(hardware.renderer, choose_device(hardware.device))
    find_weights(params.weights)


class TextureRun:
    """State shared by all scales.

    Attributes:
        kind: what a scale is optimised by; other methods bring their own.
    """

    kind: type[Optimisation] = Optimisation

    def __init__(
        self,
        subjects: Sequence[Subject],
        params: TextureParams,
        device: torch.device,
        renderer: Renderer,
        seed: int = 0,
    ) -> None:
        self.params, self.device, self.renderer = params, device, renderer
        self.rng = np.random.default_rng(seed)
        self.generator = torch.Generator(device).manual_seed(seed)
        self.scenes = [prepare(subject, params.elevation, device) for subject in subjects]
        self.sizes = [photo.shape[2] for photo in self.scenes[0].photos]
        if any([photo.shape[2] for photo in scene.photos] != self.sizes for scene in self.scenes):
            raise ParameterError(
                "photo textures stylised together must have one size; see photo_texture.size and shell.size"
            )
        self.network = network_for(params.weights, device, fast_type(device))
        self.directions = Directions.drawn(params, len(self.sizes) > 1, self.rng)
        self.window = window_size(params, device)  # side of the largest image compared, px
        self.histories: list[History] = [[] for _ in subjects]
        self.beside = ThreadPoolExecutor(1)
        self.gradings = [
            self.beside.submit(Grading, scene.subject.parts, scene.art, scene.art_labels) for scene in self.scenes
        ]
        self.completions: list[list[Future[Completion]]] = []
        self.recorded = 0  # steps on record before this scale
        self.finest_whole: Level | None = None  # its views tell how well each texel is seen

    def run(self, progress: Progress) -> list[tuple[Textures, History]]:
        levels = schedule(self.params, self.sizes, self.window)
        total = sum(level.iterations for level in levels)
        self.finest_whole = next((level for level in reversed(levels) if level.window == level.size), None)
        if self.finest_whole is None:
            self._complete_later(texel_weights(self._whole_views(levels[-1]), len(self.scenes)))
        first = textures = self._first(levels[0].texture_sizes)
        for level in levels:
            first, textures = (self._enlarged(parts, level.texture_sizes) for parts in (first, textures))
            textures = self._scale(level, textures, progress, total)
        first, textures = (self._enlarged(parts, self.sizes) for parts in (first, textures))
        return [
            (self._finished(scene, [part[number] for part in first], [part[number] for part in textures], number), log)
            for number, (scene, log) in enumerate(zip(self.scenes, self.histories, strict=True))
        ]

    def _first(self, sizes: Sequence[int]) -> list[torch.Tensor]:
        """(P, 3, S, S) of each part: the photos' light and dark in the colours of the artworks."""
        rows = []
        for scene in self.scenes:
            colours = region_colours(scene.art, scene.art_labels)
            if scene.clothes:
                colours[CLOTHES] = clothes_colours(scene.art, scene.art_labels)
            rows.append(
                [
                    start_by_region(resize(photo, (size, size)), part.labels, colours, self.params.start)
                    for photo, part, size in zip(scene.photos, scene.subject.parts, sizes, strict=True)
                ]
            )
        return [torch.cat(part) for part in zip(*rows, strict=True)]

    def _enlarged(self, textures: Sequence[torch.Tensor], sizes: Sequence[int]) -> list[torch.Tensor]:
        """Textures of the previous scale at new sizes, with the photos' detail of this scale."""
        return [self._enlarged_part(number, *pair) for number, pair in enumerate(zip(textures, sizes, strict=True))]

    def _enlarged_part(self, number: int, texture: torch.Tensor, size: int) -> torch.Tensor:
        coarse = tuple(texture.shape[2:])
        if coarse == (size, size):
            return texture
        content = torch.cat([resize(scene.photos[number], (size, size)) for scene in self.scenes])
        return enlarge(texture, (size, size)) + content - enlarge(resize(content, coarse), (size, size))

    def _scale(self, level: Level, textures: list[torch.Tensor], progress: Progress, total: int) -> list[torch.Tensor]:
        scale = self._built(level, self.renderer)
        optimisation = self.kind(scale, textures, self.network)
        self._watch(level, scale)
        if level.iterations == 0:
            return textures
        graphs = capture(optimisation) if self.device.type == "cuda" and scale.capturable else None
        for step, kind in enumerate(scale.order):
            graphs[kind].replay() if graphs else optimisation.step(kind)
            if (step + 1) % _REPORT[self.device.type] == 0 or step + 1 == level.iterations:
                self._record(optimisation.history[: step + 1], level, progress, total)
                self.watch(optimisation)
        return optimisation.textures

    def watch(self, optimisation: Optimisation) -> None:
        """Called with every report: who wants to see the textures as they grow overrides this."""

    def _built(self, level: Level, renderer: Renderer) -> Scale:
        kinds = self._shots(level)
        return gather_scale(level, kinds, self.scenes, self.network, renderer, self.generator, self.rng)

    def _shots(self, level: Level) -> list[Shots]:
        return all_shots(level, self.scenes, self.directions, self.rng)

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

    def _watch(self, level: Level, scale: Scale) -> None:
        """At the start of a scale: where its records begin, and how well its views see each texel."""
        self.recorded = len(self.histories[0])
        if level == self.finest_whole:
            kinds = [texel_weights(part.views, len(self.scenes)) for part in scale.sets]
            self._complete_later([sum(parts) for parts in zip(*kinds, strict=True)])

    def _whole_views(self, level: Level) -> RenderedViews:
        """All views uncropped, for a schedule that only has cropped ones."""
        ways = self.directions
        shots = [
            [
                *(Shot(view, scene.framing) for view in (*ways.front, *ways.surround)),
                *(Shot(view, scene.whole) for view in (*ways.windows, *ways.busts, *ways.busts_behind)),
            ]
            for scene in self.scenes
        ]
        meshes = [scene.meshes for scene in self.scenes]
        return self.renderer.prepare(meshes, shots, level.window, level.texture_sizes, 2)

    def _complete_later(self, weights: Sequence[torch.Tensor]) -> None:
        """Prepare the completions from texel weights (P, s, s) of each part, beside the steps on a GPU."""
        full = [
            resize(part[:, None], (size, size))[:, 0].cpu().numpy()
            for part, size in zip(weights, self.sizes, strict=True)
        ]
        self.completions = [
            [
                self.beside.submit(Completion, mesh, weight[number])
                for mesh, weight in zip(scene.meshes, full, strict=True)
            ]
            for number, scene in enumerate(self.scenes)
        ]

    def _finished(
        self, scene: Prepared, first: list[torch.Tensor], textures: list[torch.Tensor], number: int
    ) -> Textures:
        if self.completions:
            textures = [
                self._completed(completion.result(), *pair)
                for completion, *pair in zip(self.completions[number], first, textures, strict=True)
            ]
        labels = scene.subject.labels
        if (labels == TEETH).any() and not (scene.art_labels == TEETH).any():
            # Teeth without an example get their first colours back: the content loss alone would let their hue drift.
            soft = cv2.GaussianBlur((labels == TEETH).astype(np.float32), (0, 0), max(0.5, len(labels) / 512))
            soft = on_device(soft, self.device)
            textures = [textures[0] * (1 - soft) + first[0] * soft, *textures[1:]]
        head, *others = self.gradings[number].result().apply(textures, self.params.grading)
        graded = [close_seam(head), *others]
        mixed = [
            texture * self.params.strength + to_image(part.photo, self.device)[0] * (1 - self.params.strength)
            for texture, part in zip(graded, scene.subject.parts, strict=True)
        ]
        return [(part.permute(1, 2, 0) * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy() for part in mixed]

    def _completed(self, completion: Completion, first: torch.Tensor, texture: torch.Tensor) -> torch.Tensor:
        """A texture (3, S, S) whose badly seen texels follow the change of their neighbours."""
        change = texture - first
        small = resize(change[None], completion.small)[0].permute(1, 2, 0).cpu().numpy()
        field = on_device(completion.field(small), self.device).permute(2, 0, 1)[None]
        field = enlarge(field, tuple(texture.shape[1:]))[0]
        return first + field + (change - field) * on_device(completion.confidence, self.device)


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


def close_seam(texture: torch.Tensor) -> torch.Tensor:
    """The texture (3, S, S) with the step across the seam made equal to the mean of the two steps on either side.

    Texels left and right of the seam lie in different cells at every level of the pyramid and the mip chain, which no
    other pair of neighbours does, so they agree a little less. What is too much is spread over a few columns.
    """
    step = texture[..., 0] - texture[..., -1]
    beside = (texture[..., 2] - texture[..., 0] + texture[..., -1] - texture[..., -3]) / 4
    ramp = 0.5 * (1 - torch.arange(_SEAM_REACH, dtype=texture.dtype, device=texture.device) / _SEAM_REACH)
    correction = (step - beside)[..., None] * ramp
    result = texture.clone()
    result[..., :_SEAM_REACH] -= correction
    result[..., -_SEAM_REACH:] += correction.flip(-1)
    return result
