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
from typing import TYPE_CHECKING, Any, NamedTuple

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

VIEWS = {"front": View(), "left": View(-25.0), "right": View(25.0)}
"""What is shown of each head; the texture is made for up to 30 degrees."""
CHOICES = 5
SIZE = 512
"""Side of the renders in pixels."""


class Portrait(NamedTuple):
    """A photo or an artwork: name for reports, image (H, W, 3) uint8 RGB, points (68, 2) px."""

    name: str
    image: np.ndarray
    points: np.ndarray


class StyledHead(NamedTuple):
    """A result to be asked about.

    Attributes:
        name: for reports. mesh: deformed head, cm. texture: (S, S, 3) uint8 RGB. landmarks: (68,) vertex ids.
        photo, art: places of its own photo and artwork in the pools.
    """

    name: str
    mesh: Mesh
    texture: np.ndarray
    landmarks: np.ndarray
    photo: int
    art: int


class Study(NamedTuple):
    """Everything that questions are made of: H heads, P photos and A artworks (the heads' own among them)."""

    heads: Sequence[StyledHead]
    photos: Sequence[Portrait]
    artworks: Sequence[Portrait]


class Retrieval(NamedTuple):
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


def neighbours(distances: np.ndarray, own: Sequence[int], count: int, what: str = "pictures") -> np.ndarray:
    """The right answers (H,) of a pool and the ``count - 1`` nearest others of each.

    Args:
        distances: (N, N), infinite for pictures that must not stand beside each other. what: plural for messages.

    Returns:
        (H, count) int, own first, no two of a row at an infinite distance; equal distances in the pool's order.

    Raises:
        ParameterError: the pool is too small.
    """
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
    strangers = np.concatenate(strangers)
    exchanged = float(strangers.mean()) if strangers.size else 1 / candidates.shape[1]
    return Retrieval(seen.argmin(axis=2), margin, exchanged)


class StudyMeasure:
    """Statistics of the pools, taken once; asks any heads with the same photos and artworks."""

    def __init__(self, photos: Sequence[Portrait], artworks: Sequence[Portrait], network: PerceptualNetwork) -> None:
        self._network = network
        self._faces = np.stack([embedding(item.image, item.points) for item in photos])
        histograms = [colour_histogram(*portrait_region(item.image, item.points)) for item in photos]
        blocks = [Block(self._faces, 0.5), Block(np.stack(histograms), 0.5)]
        self._same_photo, self._same_art = (
            same_pictures([(item.image, item.points) for item in pool]) for pool in (photos, artworks)
        )
        self._photo_distances = np.where(self._same_photo, np.inf, block_distances(blocks, blocks))
        self._styles = appearance_blocks([portrait_region(item.image, item.points) for item in artworks], network)
        self._art_distances = np.where(self._same_art, np.inf, block_distances(self._styles, self._styles))

    def candidates(self, heads: Sequence[StyledHead], choices: int = CHOICES) -> tuple[np.ndarray, np.ndarray]:
        """(H, C) places of the photos and of the artworks that each head is asked about, the right one first.

        Raises:
            ParameterError: fewer different photos or artworks than choices.
        """
        return (
            neighbours(self._photo_distances, [head.photo for head in heads], choices, "photos"),
            neighbours(self._art_distances, [head.art for head in heads], choices, "artworks"),
        )

    def ask(self, heads: Sequence[StyledHead], photos: np.ndarray, artworks: np.ndarray) -> tuple[Retrieval, Retrieval]:
        """Answers about the photos and about the artworks of :meth:`candidates`."""
        faces, regions = [], []
        for head in heads:
            for view in VIEWS.values():
                picture, points, inside = render_head(head.mesh, head.texture, head.landmarks, view, SIZE)
                faces.append(embedding(picture, points))
                regions.append(portrait_region(picture, points, inside))
        shape = (len(heads), len(VIEWS), -1)
        to_photos = cdist(np.stack(faces), self._faces).reshape(shape)
        to_art = block_distances(appearance_blocks(regions, self._network), self._styles).reshape(shape)
        return (
            retrieve(to_photos, photos, [head.photo for head in heads], self._same_photo),
            retrieve(to_art, artworks, [head.art for head in heads], self._same_art),
        )


def interval(right: int, asked: int) -> list[float]:
    """Wilson's 95 % interval of a share, in per cent."""
    found = binomtest(int(right), int(asked)).proportion_ci(0.95, method="wilson")
    return [100 * float(found.low), 100 * float(found.high)]


def summary(
    study: Study, candidates: tuple[np.ndarray, np.ndarray], answers: tuple[Retrieval, Retrieval]
) -> dict[str, Any]:
    """What ``metrics/study.json`` holds; shares in per cent, every number finite.

    ``photo_accuracy``, ``art_accuracy``: right answers over all heads and views. ``*_interval``: Wilson's 95 %.
    ``chance``: of a blind guess. ``exchanged``: see :class:`Retrieval`. ``by_view``, ``by_head``: the same apart;
    ``*_margin`` are means over the views and ``*_mistaken_for`` lists the wrong candidates chosen.
    """
    choices = candidates[0].shape[1]
    kinds = {
        "photo": (answers[0], candidates[0], study.photos),
        "art": (answers[1], candidates[1], study.artworks),
    }
    result: dict[str, Any] = {
        "chance": 100 / choices,
        "choices": choices,
        "heads": len(study.heads),
        "views": len(VIEWS),
        "photo_pool": len(study.photos),
        "art_pool": len(study.artworks),
        "exchanged": {kind: 100 * found.exchanged for kind, (found, *_) in kinds.items()},
        "by_view": {
            view: {kind: _percent(found.right[:, column]) for kind, (found, *_) in kinds.items()}
            for column, view in enumerate(VIEWS)
        },
        "by_head": {head.name: _head_row(row, kinds) for row, head in enumerate(study.heads)},
    }
    for kind, (found, *_) in kinds.items():
        result[f"{kind}_accuracy"] = _percent(found.right)
        result[f"{kind}_interval"] = interval(found.right.sum(), found.right.size)
        result[f"{kind}_margin"] = float(found.margin.mean())
    return result


def _head_row(row: int, kinds: Mapping[str, tuple[Retrieval, np.ndarray, Sequence[Portrait]]]) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    for kind, (found, candidates, pool) in kinds.items():
        entry[kind] = _percent(found.right[row])
        entry[f"{kind}_margin"] = float(found.margin[row].mean())
        wrong = np.unique(found.chosen[row][found.chosen[row] > 0])
        entry[f"{kind}_mistaken_for"] = [pool[candidates[row, index]].name for index in wrong]
    return entry


def _percent(right: np.ndarray) -> float:
    return 100 * float(np.mean(right))
