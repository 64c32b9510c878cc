"""All measures of one head's texture together, for metrics and for comparing methods."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from ..mesh.render import View
from ..mesh.texels import texel_map
from ..regions.colours import bleeding
from ..regions.labels import OUTER, SKIN
from ..texture.params import TextureParams
from ..texture.rendering.base import Shot, texel_weights
from ..texture.rendering.sparse import SparseRenderer
from ..texture.subject import Subject, prepare
from ..texture.views import draw_views
from .texture_measures import palette_distance, seam_ratio, summarise_transfer, unseen_noise, unseen_views
from .view_losses import REGIONS, ViewLosses

_SAMPLED = 12
_POINTS = 512
_FRONTAL = (View(0.0, 0.0), View(0.0, 10.0), View(0.0, -10.0))


class TextureQuality:
    """Measures textures of one head; everything random about it is drawn here, once.

    Args:
        subject: with regions. params: section ``texture``; with ``seed`` it tells which views an optimisation sampled.
        size: side of the views, pixels. unseen: number of views that the optimisation did not sample.
        seed: of the optimisation.
    """

    def __init__(
        self, subject: Subject, params: TextureParams, size: int = 128, unseen: int = 20, seed: int = 0
    ) -> None:
        self._subject = subject
        few = params.model_copy(update={"points": min(params.points, _POINTS)})
        drawn = draw_views(params.views, params.azimuth, params.elevation, np.random.default_rng(seed))
        by_azimuth = sorted(drawn, key=lambda view: view.azimuth)
        some = np.unique(np.linspace(0, len(drawn) - 1, _SAMPLED).round().astype(int))
        sampled = [by_azimuth[index] for index in some]
        others = unseen_views(drawn, params.azimuth, params.elevation, unseen)
        self._sampled = len(sampled)
        self._losses = ViewLosses(subject, few, [*sampled, *others], size, seed=seed)
        self._frontal = ViewLosses(subject, few, _FRONTAL, 2 * size, seed=seed)
        self._weight = _view_weights(subject, params, drawn, size)
        self._on_head = texel_map(subject.mesh, subject.photo.shape[0]).covered[:, [0, -1]].all(axis=1)

    def measure(self, texture: np.ndarray, vertices: np.ndarray | None = None) -> dict[str, float]:
        """Seam, noise, palette and bleeding; style and content of sampled and unseen views; regions.

        Args:
            texture: (S, S, 3) uint8 RGB. vertices: (V, 3) of the head, where it is not the subject's.

        Returns:
            ``style_sampled``, ``style_unseen``, their ratio ``style_unseen_ratio``, ``content``; ``seam_ratio``;
            ``unseen_noise``; ``palette_outer`` and ``palette_skin`` (Lab units from the artwork's skin colours);
            ``bleeding``; ``transfer_<region>``: style distance to the artwork's other regions over that to its own.
        """
        subject = self._subject
        terms = self._losses.terms(texture, vertices)
        style = terms[:, 2:].sum(axis=1)
        sampled, unseen = style[: self._sampled].mean(), style[self._sampled :].mean()
        palette = subject.art[subject.art_labels == SKIN]
        values = {
            "style_sampled": sampled,
            "style_unseen": unseen,
            "style_unseen_ratio": unseen / max(sampled, 1e-9),
            "content": terms[: self._sampled, 1].mean(),
            "seam_ratio": seam_ratio(texture, self._on_head if self._on_head.any() else None),
            "unseen_noise": unseen_noise(texture, self._weight),
            "palette_outer": palette_distance(texture[subject.labels == OUTER], palette),
            "palette_skin": palette_distance(texture[subject.labels == SKIN], palette),
            "bleeding": bleeding(texture, subject.labels, subject.art, subject.art_labels),
        }
        distances = self._frontal.region_distances(texture, vertices)
        for name, found in summarise_transfer(distances, list(REGIONS)).items():
            values[f"transfer_{name}"] = found.margin
        return {name: float(value) for name, value in values.items()}


def _view_weights(subject: Subject, params: TextureParams, views: list[View], size: int) -> np.ndarray:
    """(S, S): how much of the sampled views of the face each texel makes up."""

    cpu = torch.device("cpu")
    framing = prepare(subject, params.elevation, cpu).framing
    side = subject.photo.shape[0]
    shots = [Shot(view, framing) for view in views]
    rendered = SparseRenderer(cpu).prepare([[subject.mesh]], [shots], size, [min(side, 2 * size)], 2)
    weight = texel_weights(rendered)[0][0].numpy()
    return cv2.resize(weight, (side, side), interpolation=cv2.INTER_LINEAR)
