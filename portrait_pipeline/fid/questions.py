"""The held-out faces that all methods are asked to translate: the same for every method and seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..base.errors import ParameterError
from .measures import nearest_neighbours

if TYPE_CHECKING:
    from ..shapes.space import ShapeSet

CANDIDATES = 20
"""Among so many people (or as many as are held out) a translation's person is sought."""


@dataclass(frozen=True)
class Questions:
    """Random pairs of a held-out normal face and a held-out art face, and what their translations are held against.

    Attributes:
        contents: (S, K) whitened coefficients of normal faces.
        exemplars: (S, K) of art faces, unrelated to the contents; labels: (S,) their style classes.
        strangers: (S, M, K) M other held-out people for each content.
        neighbours: (S, K) the real art face nearest to each exemplar.
        floor: (F, K) held-out art, at most S of them, each once.
        reference: (R, K) art faces of the training; reference_labels: (R,) their classes.
        held_out: (H, K) all held-out art faces.
        crowd_contents, crowd_exemplars: (C, K) a held-out normal face for every art face of training and test, since
            the held-out ones alone are too few for a distribution within a class; crowd_labels: (C,) their classes.
    """

    contents: np.ndarray
    exemplars: np.ndarray
    labels: np.ndarray
    strangers: np.ndarray
    neighbours: np.ndarray
    floor: np.ndarray
    reference: np.ndarray
    reference_labels: np.ndarray
    held_out: np.ndarray
    crowd_contents: np.ndarray
    crowd_exemplars: np.ndarray
    crowd_labels: np.ndarray


def draw_questions(shapes: ShapeSet, samples: int, rng: np.random.Generator) -> Questions:
    """Draw ``samples`` pairs; no face is drawn twice before all have been drawn once.

    Raises:
        ParameterError: fewer than two faces of a domain are held out.
    """
    normal, art = shapes.normal[shapes.normal_held_out], shapes.art[shapes.art_held_out]
    reference = shapes.art[~shapes.art_held_out]
    if min(len(normal), len(art)) < 2:
        raise ParameterError(
            f"{len(normal)} normal and {len(art)} art faces are held out, at least 2 of each are needed; raise "
            "shape_space.held_out"
        )
    people = _draw(len(normal), samples, rng)
    styles = _draw(len(art), samples, rng)
    held_out_labels = shapes.art_labels[shapes.art_held_out]
    turns = rng.permuted(np.tile(np.arange(1, len(normal)), (samples, 1)), axis=1)[:, : CANDIDATES - 1]
    floor = art[rng.permutation(len(art))[:samples]]
    return Questions(
        contents=normal[people],
        exemplars=art[styles],
        labels=held_out_labels[styles],
        strangers=normal[(people[:, None] + turns) % len(normal)],
        neighbours=nearest_neighbours(art[styles], reference),
        floor=floor,
        reference=reference,
        reference_labels=shapes.art_labels[~shapes.art_held_out],
        held_out=art,
        crowd_contents=normal[_draw(len(normal), len(shapes.art), rng)],
        crowd_exemplars=shapes.art,
        crowd_labels=shapes.art_labels,
    )


def _draw(count: int, samples: int, rng: np.random.Generator) -> np.ndarray:
    """``samples`` indices below ``count``: one random order after another."""
    orders = [rng.permutation(count) for _ in range(-(-samples // count))]
    return np.concatenate(orders)[:samples]
