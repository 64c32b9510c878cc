"""The perceptual study of section 6.3 asked of a machine: whose photo, and whose artwork, is this head?

Each head is shown in three views. Its photo is to be found among five similar photos, its artwork among five similar
artworks. In the paper people were asked and the candidates were the nearest by face features (VGG-Face) and colour
histogram; here a face recognition network answers about the photo, and colours with perceptual features about the
artwork. Each question is among neighbours: the wrong answers are the four of the pool nearest to the right one.

* Photos are neighbours by face embedding and Lab histogram (equal parts, as in the paper). The answer is the candidate
  nearest to the render by face embedding alone.
* Artworks are neighbours by the very statistics that give the answer (:mod:`.appearance`): no four others of the pool
  would be harder for them.

Another cut of the right picture is no wrong answer and is left out (:mod:`.copies`). Pictures of a pool lie unevenly:
one that stands apart loses to a neighbour nearer the middle when a query is far from both, so heads that have nothing
to do with a question answer it rightly less often than a blind guess (``exchanged``). That makes it harder, not easier.

Nothing fails to be seen: a render's landmarks are its projected landmark vertices, no detector is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import binomtest

from ...base.errors import ParameterError
from ...mesh.mesh import Mesh
from ...mesh.render import View, render_head
from ...report.identity import embedding
from .appearance import Block, appearance_blocks, block_distances, colour_histogram, portrait_region
from .copies import same_pictures

if TYPE_CHECKING:
    from ...perceptual.perceptual import PerceptualNetwork

AZIMUTH = 25.0
"""Degrees that the two side views are turned (the texture is made for up to 30)."""
CHOICES = 5
SIZE = 512
"""Side of the renders in pixels."""


@dataclass(frozen=True)
class Portrait:
    """A photo or an artwork with its points.

    Attributes:
        name: shown in reports. image: (H, W, 3) uint8 RGB. points: (68, 2) px.
    """

    name: str
    image: np.ndarray
    points: np.ndarray


@dataclass(frozen=True)
class StyledHead:
    """A result to be asked about.

    Attributes:
        name: shown in reports. mesh: deformed head, cm. texture: (S, S, 3) uint8 RGB.
        landmarks: (68,) vertex ids. photo, art: places of its own photo and artwork in the pools.
    """

    name: str
    mesh: Mesh
    texture: np.ndarray
    landmarks: np.ndarray
    photo: int
    art: int


@dataclass(frozen=True)
class Study:
    """Everything that questions are made of: H heads, P photos and A artworks (the heads' own among them)."""

    heads: Sequence[StyledHead]
    photos: Sequence[Portrait]
    artworks: Sequence[Portrait]


@dataclass(frozen=True)
class Candidates:
    """What each head is asked about.

    Attributes:
        photos, artworks: (H, C) places in the pools; the right answer is the first of a row, the rest by nearness.
    """

    photos: np.ndarray
    artworks: np.ndarray


@dataclass(frozen=True)
class Retrieval:
    """Answers to one kind of question.

    Attributes:
        chosen: (H, V) which candidate is nearest, 0 being right.
        margin: (H, V) how much nearer the right one is than the nearest wrong one, as a share of the latter's
            distance; positive where the answer is right.
        exchanged: share of right answers if each question is asked of all heads made from another photo (artwork):
            about chance if the question cannot be answered without looking at the head.
    """

    chosen: np.ndarray
    margin: np.ndarray
    exchanged: float

    @property
    def right(self) -> np.ndarray:
        """(H, V) bool."""
        return self.chosen == 0


def study_views(azimuth: float = AZIMUTH) -> dict[str, View]:
    """The three views: from the front and turned to both sides by ``azimuth`` degrees."""
    return {"front": View(), "left": View(-azimuth), "right": View(azimuth)}


def neighbours(distances: np.ndarray, own: Sequence[int], count: int, what: str = "pictures") -> np.ndarray:
    """The right answer and the ``count - 1`` nearest others.

    Args:
        distances: (N, N) within the pool, infinite for pictures that must not stand beside each other.
        own: (H,) the right answers. count: of choices.
        what: plural for the error message.

    Returns:
        (H, count) int, own first, no two of a row at an infinite distance; equal distances in the pool's order.

    Raises:
        ParameterError: the pool is too small.
    """
    if not 2 <= count:
        raise ParameterError(f"choices is {count}: it must be at least 2")
    rows = []
    for index in own:
        row = [index]
        for other in np.argsort(distances[index], kind="stable"):
            if len(row) < count and other not in row and np.isfinite(distances[other, row]).all():
                row.append(other)
        if len(row) < count:
            raise ParameterError(
                f"choices is {count}, but there are only {len(row)} different {what} to choose from; give a larger "
                "pool or fewer choices"
            )
        rows.append(row)
    return np.array(rows, dtype=int).reshape(len(rows), count)


def retrieve(
    distances: np.ndarray, candidates: np.ndarray, own: Sequence[int], same: np.ndarray | None = None
) -> Retrieval:
    """Answer every question by the nearest candidate.

    Args:
        distances: (H, V, N) from each view of each head to the pool.
        candidates: (H, C) of :func:`neighbours`. own: (H,) the right answers.
        same: (N, N) bool, which pictures of the pool are the same but for the cut; none if not given.
    """
    own = np.asarray(own)
    same = np.eye(distances.shape[2], dtype=bool) if same is None else same
    seen = np.take_along_axis(distances, candidates[:, None, :], axis=2)
    nearest_wrong = seen[..., 1:].min(axis=2)
    margin = (nearest_wrong - seen[..., 0]) / np.maximum(nearest_wrong, 1e-12)
    strangers = [
        (distances[~same[own[head], own]][:, :, row].argmin(axis=2) == 0).ravel() for head, row in enumerate(candidates)
    ]
    strangers = np.concatenate(strangers) if strangers else np.zeros(0)
    exchanged = float(strangers.mean()) if strangers.size else 1 / candidates.shape[1]
    return Retrieval(seen.argmin(axis=2), margin, exchanged)


class StudyMeasure:
    """Statistics of the pools, taken once; asks any heads with the same photos and artworks.

    Args:
        photos, artworks: the pools.
        network: perceptual features of the artworks.
    """

    def __init__(self, photos: Sequence[Portrait], artworks: Sequence[Portrait], network: PerceptualNetwork) -> None:
        self._network = network
        self._faces = np.stack([embedding(item.image, item.points) for item in photos])
        regions = [portrait_region(item.image, item.points) for item in photos]
        blocks = [Block(self._faces, 0.5), Block(np.stack([colour_histogram(*region) for region in regions]), 0.5)]
        self._same_photo, self._same_art = (
            same_pictures([(item.image, item.points) for item in pool]) for pool in (photos, artworks)
        )
        self._photo_distances = np.where(self._same_photo, np.inf, block_distances(blocks, blocks))
        self._styles = appearance_blocks([portrait_region(item.image, item.points) for item in artworks], network)
        self._art_distances = np.where(self._same_art, np.inf, block_distances(self._styles, self._styles))

    def candidates(self, heads: Sequence[StyledHead], choices: int = CHOICES) -> Candidates:
        """The questions.

        Raises:
            ParameterError: fewer different photos or artworks than choices.
        """
        return Candidates(
            neighbours(self._photo_distances, [head.photo for head in heads], choices, "photos"),
            neighbours(self._art_distances, [head.art for head in heads], choices, "artworks"),
        )

    def ask(
        self, heads: Sequence[StyledHead], candidates: Candidates, azimuth: float = AZIMUTH
    ) -> tuple[Retrieval, Retrieval]:
        """Answers about the photos and about the artworks."""
        views = study_views(azimuth)
        faces, regions = [], []
        for head in heads:
            for view in views.values():
                picture, points, inside = render_head(head.mesh, head.texture, head.landmarks, view, SIZE)
                faces.append(embedding(picture, points))
                regions.append(portrait_region(picture, points, inside))
        shape = (len(heads), len(views), -1)
        to_photos = cdist(np.stack(faces), self._faces).reshape(shape)
        to_art = block_distances(appearance_blocks(regions, self._network), self._styles).reshape(shape)
        return (
            retrieve(to_photos, candidates.photos, [head.photo for head in heads], self._same_photo),
            retrieve(to_art, candidates.artworks, [head.art for head in heads], self._same_art),
        )


def interval(right: int, asked: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, in per cent (0 to 100 if nothing was asked)."""
    if asked == 0:
        return 0.0, 100.0
    found = binomtest(int(right), int(asked)).proportion_ci(0.95, method="wilson")
    return 100 * float(found.low), 100 * float(found.high)


def summary(
    study: Study, candidates: Candidates, photo: Retrieval, art: Retrieval, azimuth: float = AZIMUTH
) -> dict[str, Any]:
    """What ``metrics/study.json`` holds; shares in per cent, every number finite.

    ``photo_accuracy``, ``art_accuracy``: right answers over all heads and views. ``*_interval``: Wilson's 95 %.
    ``chance``: of a blind guess. ``exchanged``: see :class:`Retrieval`. ``by_view``, ``by_head``: the same apart;
    ``*_margin`` are means over the views (``*_least_margin`` over all heads and views the least), and
    ``*_mistaken_for`` lists the wrong candidates chosen.
    """
    kinds = {"photo": (photo, candidates.photos, study.photos), "art": (art, candidates.artworks, study.artworks)}
    views = list(study_views(azimuth))
    result: dict[str, Any] = {f"{kind}_accuracy": _percent(answers.right) for kind, (answers, *_) in kinds.items()}
    for kind, (answers, *_) in kinds.items():
        result[f"{kind}_interval"] = list(interval(answers.right.sum(), answers.right.size))
        result[f"{kind}_margin"] = float(answers.margin.mean())
        result[f"{kind}_least_margin"] = float(answers.margin.min())
    result |= {
        "chance": 100 / candidates.photos.shape[1],
        "choices": candidates.photos.shape[1],
        "heads": len(study.heads),
        "views": len(views),
        "azimuth": azimuth,
        "photo_pool": len(study.photos),
        "art_pool": len(study.artworks),
        "exchanged": {kind: 100 * answers.exchanged for kind, (answers, *_) in kinds.items()},
        "by_view": {
            view: {kind: _percent(answers.right[:, column]) for kind, (answers, *_) in kinds.items()}
            for column, view in enumerate(views)
        },
        "by_head": {head.name: _head_row(row, kinds) for row, head in enumerate(study.heads)},
    }
    return result


def _head_row(row: int, kinds: Mapping[str, tuple[Retrieval, np.ndarray, Sequence[Portrait]]]) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    for kind, (answers, candidates, pool) in kinds.items():
        entry[kind] = _percent(answers.right[row])
        entry[f"{kind}_margin"] = float(answers.margin[row].mean())
        wrong = answers.chosen[row][answers.chosen[row] > 0]
        entry[f"{kind}_mistaken_for"] = [pool[candidates[row, index]].name for index in np.unique(wrong)]
    return entry


def _percent(right: np.ndarray) -> float:
    return 100 * float(np.mean(right))
