"""The losses of the texture optimisation as measures: given views of any texture against photo and artwork."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from ..base.device import Hardware, choose_device, fast_type
from ..mesh.render import View
from ..perceptual.perceptual import network_for
from ..regions.labels import EYES, LIPS, SKIN
from ..texture.losses import relaxed_emd, whole
from ..texture.optimisation_step import TERMS, Optimisation
from ..texture.params import TextureParams
from ..texture.pyramid import resize
from ..texture.rendering.choice import choose_renderer
from ..texture.scale import Scale, build_scale
from ..texture.schedule import Level, schedule
from ..texture.shots import Directions
from ..texture.subject import Subject, prepare, to_image
from ..texture.view_set import on_background
from .recording import Recorder

REGIONS = {"skin": SKIN, "eyes": EYES, "lips": LIPS}
_FEWEST = 8  # samples of a region that are enough to measure it


class ViewLosses:
    """Style and content losses of textures in fixed views, at samples drawn once.

    Two textures are compared on the same pixels with the same pixels of the artwork. Style is the sum of the paper's
    three terms (relaxed EMD, moments, colour), content the self-similarity to the photo's texture in the same views.

    Args:
        subject: head, photo texture and artwork; its regions decide what is compared with what.
        params: section ``texture``: numbers of samples, weights.
        views: directions; they count as views of the face.
        size: side of the views, pixels.
        seed: of the samples. hardware: device and renderer; None asks the environment.
    """

    def __init__(
        self,
        subject: Subject,
        params: TextureParams,
        views: Sequence[View],
        size: int = 128,
        *,
        seed: int = 0,
        hardware: Hardware | None = None,
    ) -> None:
        hardware = hardware or Hardware.wanted()
        self._device = choose_device(hardware.device)
        self._network = network_for(params.weights, self._device, fast_type(self._device))
        self._subject, self._views = subject, list(views)
        # Framed for the steepest of all views, so that none is cut.
        steepest = max(params.elevation, *(abs(view.elevation) for view in views))
        head = prepare(replace(subject, parts=subject.parts[:1]), steepest, self._device, even=False)
        one = params.model_copy(update={"scales": [size], "iterations": [1]})
        self._level: Level = schedule(one, [subject.parts[0].size], size)[0]
        self._renderer = Recorder(choose_renderer(hardware.renderer, self._device))
        generator = torch.Generator(self._device).manual_seed(seed)
        self._scale = build_scale(
            self._level,
            [head],
            Directions(self._views, []),
            self._network,
            self._renderer,
            generator,
            np.random.default_rng(seed),
        )

    def _of(self, texture: np.ndarray, vertices: np.ndarray | None) -> tuple[Scale, torch.Tensor]:
        scale = self._scale
        if vertices is not None:  # samples stay where they are in the pictures, and so does the content
            moved = self._renderer.again([self._subject.mesh.with_vertices(vertices)])
            scale = replace(scale, sets=[replace(scale.sets[0], views=moved)])
        side = self._level.texture_sizes * 2
        return scale, resize(to_image(texture, self._device), side)

    @torch.no_grad()
    def terms(self, texture: np.ndarray, vertices: np.ndarray | None = None) -> np.ndarray:
        """The terms named by ``TERMS`` in every view, (N, 5).

        Args:
            texture: (S, S, 3) uint8 RGB. vertices: (V, 3) of the head, where it is not the subject's.
        """
        scale, image = self._of(texture, vertices)
        losses = Optimisation(scale, [image], self._network).losses
        pick = torch.arange(scale.sets[0].samples.region.shape[1], device=self._device)
        views = torch.arange(len(self._views), device=self._device)
        return (
            torch.cat([losses([image], view.view(1, 1), pick, scale.plans[0].channels[0]) for view in views])
            .cpu()
            .numpy()
        )

    def style_and_content(self, texture: np.ndarray, vertices: np.ndarray | None = None) -> tuple[float, float]:
        """Means over the views of style (EMD + moments + colour) and content."""
        terms = dict(zip(TERMS, self.terms(texture, vertices).mean(axis=0), strict=True))
        return float(terms["emd"] + terms["moments"] + terms["colour"]), float(terms["content"])

    @torch.no_grad()
    def region_distances(self, texture: np.ndarray, vertices: np.ndarray | None = None) -> np.ndarray:
        """Style distances (3, 3) of skin, eyes and lips of the head (rows) to those of the artwork (columns).

        Relaxed EMD of hypercolumns, both ways, with equally many samples of each of the artwork's regions, because
        the more there are, the nearer is the nearest. NaN where either has fewer than eight samples.
        """
        scale, image = self._of(texture, vertices)
        seen = scale.sets[0]
        columns, labels = [], []
        for view in range(len(self._views)):
            number = torch.tensor([view], device=self._device)
            picture = on_background(seen.views, [image], number[None], seen.background)
            pick = torch.arange(seen.samples.region.shape[1], device=self._device)
            columns.append(self._network.columns(picture, seen.taps.take(number, pick))[0])
            labels.append(seen.samples.region[view])
        x, region = torch.cat(columns), torch.cat(labels)
        y, style = seen.style[0], seen.style_samples.region[0]
        parts = [(x[region == label], y[style == label]) for label in REGIONS.values()]
        counts = [len(theirs) for _, theirs in parts if len(theirs) >= _FEWEST]
        few = min(counts, default=0)
        result = np.full((len(parts), len(parts)), np.nan)
        for row, (ours, _) in enumerate(parts):
            for column, (_, theirs) in enumerate(parts):
                if len(ours) >= _FEWEST and len(theirs) >= _FEWEST:
                    some = [part[_spread(len(part), few)][None] for part in (ours, theirs)]
                    result[row, column] = float(relaxed_emd(*some, whole(*some)))
        return result


def _spread(count: int, few: int) -> torch.Tensor:
    """``few`` of ``count`` numbers, evenly spread; all if there are not so many."""
    return torch.linspace(0, count - 1, min(count, few)).round().long()
