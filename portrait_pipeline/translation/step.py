"""From the points of a pair to the translated ones: the function of the stage ``translate`` (4.1)."""

from __future__ import annotations

from ..base.numerics import one_blas_thread
from ..fit.record import FittedPair
from ..shapes.space import ShapeSpace
from .delivery import translate
from .params import TranslateParams
from .record import TranslatedPair
from .translator import Translator


@one_blas_thread
def translate_pair(
    translator: Translator, space: ShapeSpace, fitted: FittedPair, params: TranslateParams
) -> TranslatedPair:
    """Translate the photo's landmarks into the geometric style of the artwork's (section 4.1)."""
    content, style = fitted.content_points, fitted.style_points
    return TranslatedPair(content, style, translate(translator, space, content, style, bound=params.bound))
