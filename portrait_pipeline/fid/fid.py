"""How close translated landmarks come to real art faces (section 6.1, Table 1)."""

from __future__ import annotations

from ..base.numerics import one_blas_thread
from ..shapes.space import ShapeSpace
from ..translation.delivery import exaggerate
from ..translation.translator import Translator
from .frechet import frechet_distance
from .questions import Questions


@one_blas_thread
def table_of_distances(
    translator: Translator, space: ShapeSpace, questions: Questions, bound: float
) -> dict[str, float]:
    """Frechet distances to the real art faces that the networks were trained on, in whitened coefficients.

    Args:
        questions: held-out pairs. bound: as of :func:`~portrait_pipeline.translation.delivery.exaggerate`.

    Returns:
        ``ours``: translations of the held-out pairs by the network alone. ``ours_delivered``: what a pair gets, which
        stays nearer to the person. ``real_floor``: the same number of held-out real art faces. ``untranslated``: the
        normal faces themselves. ``samples``; ``floor_samples``, where fewer are held out.

    Raises:
        TrainingError: a translation has a number that is not finite.
    """
    contents, exemplars, reference = questions.contents, questions.exemplars, questions.reference
    delivered = exaggerate(translator, space, contents, exemplars, bound=bound)
    return {
        "ours": frechet_distance(translator.translate_coefficients(contents, exemplars), reference),
        "ours_delivered": frechet_distance(delivered, reference),
        "real_floor": frechet_distance(questions.floor, reference),
        "untranslated": frechet_distance(contents, reference),
        "samples": len(contents),
        "floor_samples": len(questions.floor),
    }
