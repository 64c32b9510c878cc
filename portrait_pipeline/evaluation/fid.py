"""How close translated landmarks come to real art faces (section 6.1, Table 1)."""

from __future__ import annotations

import numpy as np

from ..shapes import ShapeSet, ShapeSpace
from ..translation import Translator, exaggerate
from .frechet import frechet_distance

RIVALS = ("cyclegan", "munit", "drit")


def table_of_distances(
    translator: Translator, space: ShapeSpace, shapes: ShapeSet, samples: int, rng: np.random.Generator
) -> dict[str, float | int | None]:
    """Frechet distances to the real art faces that the networks were trained on, in whitened coefficients.

    Args:
        translator: the trained networks.
        space: coefficients the networks work in.
        shapes: both domains; contents and exemplars are drawn from the held-out samples.
        samples: number of translations, each of a random held-out photo shape and a random held-out exemplar.
        rng: draws the pairs.

    Returns:
        ``ours``: outputs of the translation network against real art.
        ``ours_delivered``: the same for what a pair gets, which stays nearer to the person (``exaggerate``).
        ``real_floor``: held-out art, as many samples where the set has them: no method can be expected below.
        ``samples``. The other columns of Table 1 are not measured yet and are None.
    """
    normal = shapes.normal[shapes.normal_held_out]
    exemplars = shapes.art[shapes.art_held_out]
    real = shapes.art[~shapes.art_held_out]
    contents = normal[rng.integers(len(normal), size=samples)]
    styles = exemplars[rng.integers(len(exemplars), size=samples)]
    floor = exemplars[rng.permutation(len(exemplars))[:samples]]
    return {
        "ours": frechet_distance(translator.translate_coefficients(contents, styles), real),
        "ours_delivered": frechet_distance(exaggerate(translator, space, contents, styles), real),
        "ours_without_class_loss": None,
        **dict.fromkeys(RIVALS),
        "real_floor": frechet_distance(floor, real),
        "samples": samples,
    }
