"""How close translated landmarks come to real art faces (section 6.1, Table 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...fid.frechet import frechet_distance
from ...fid.questions import Questions
from .comparison import answers, mean_and_spread

if TYPE_CHECKING:
    from ...translation.method import Method

OURS, WITHOUT_CLASS_LOSS = "ours", "ours_without_class_loss"


def distances(methods: Mapping[str, Sequence[Method]], questions: Questions) -> dict[str, list[float]]:
    """Frechet distance of the translations of every method and seed to the art faces of the training."""
    return {
        name: [
            frechet_distance(answers(method).translate(questions.contents, questions.exemplars), questions.reference)
            for method in seeds
        ]
        for name, seeds in methods.items()
    }


def table_of_distances(
    methods: Mapping[str, Sequence[Method]], questions: Questions, delivered: np.ndarray
) -> dict[str, Any]:
    """Table 1: Frechet distances to the real art faces that the networks were trained on, in whitened coefficients.

    Args:
        methods: name to trained methods, one for each seed; ours, ours without the class loss, and the rivals.
        questions: held-out pairs, the same for all methods.
        delivered: (S, K) what a pair gets (``exaggerate``), which stays nearer to the person.

    Returns:
        every model: mean over its seeds. ``real_floor``: the same number of held-out real art faces.
        ``samples``; ``floor_samples``, where fewer are held out. ``ours_delivered``. ``untranslated``: the normal faces
        themselves. ``seeds``. ``spread``: standard deviation of every model over its seeds. ``ratios``: ours to the
        best rival, and to ours without the class loss.

    Raises:
        TrainingError: a method answers with a number that is not finite.
    """
    summary = {name: mean_and_spread(values) for name, values in distances(methods, questions).items()}
    mean = {name: value[0] for name, value in summary.items()}
    rivals = [name for name in methods if name not in (OURS, WITHOUT_CLASS_LOSS)]
    return {
        **mean,
        "real_floor": frechet_distance(questions.floor, questions.reference),
        "samples": len(questions.contents),
        "floor_samples": len(questions.floor),
        "ours_delivered": frechet_distance(delivered, questions.reference),
        "untranslated": frechet_distance(questions.contents, questions.reference),
        "seeds": min(len(seeds) for seeds in methods.values()),
        "spread": {name: value[1] for name, value in summary.items()},
        "ratios": {
            "to_best_baseline": mean[OURS] / min(mean[name] for name in rivals),
            "to_without_class_loss": mean[OURS] / mean[WITHOUT_CLASS_LOSS],
        },
    }
