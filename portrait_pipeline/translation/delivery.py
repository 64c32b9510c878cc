"""From a translation to what a person gets: the change that a style asks for, applied to the person.

A style is an exemplar, or codes of the style space: of one exemplar, between several, drawn from N(0, I), of a class
(see :mod:`.styles`). ``strength`` is ``deform.scale``: it multiplies the change of the bounded translation, so that
twice the strength gives exactly twice the change of every point unless lines of the face would cross.
"""

from __future__ import annotations

import numpy as np

from ..shapes.alignment import invert
from ..shapes.easing import keep_face, scale_change
from ..shapes.space import ShapeSpace
from .styles import Style, exemplar_style
from .translator import Translator


def translate(
    translator: Translator,
    space: ShapeSpace,
    content: np.ndarray,
    style: np.ndarray | Style,
    *,
    strength: float = 1.0,
    bound: float = 4.0,
    asymmetry_noise: float = 0.03,
) -> np.ndarray:
    """Translate a person's landmarks into the geometric style of one exemplar: l_z of section 4.1.

    What the PCA does not hold of the person is kept. Where lids, lips or other lines would cross, the change is eased
    (:func:`~portrait_pipeline.shapes.easing.keep_face`).

    Args:
        content: (68, 2) pixels of the photo, y down, frontal.
        style: (68, 2) pixels of the artwork, y down, frontal; or the codes of one style.
        strength, bound, asymmetry_noise: as of :func:`exaggerate`. Strength 0 returns ``content`` to the last bit.

    Returns:
        (68, 2) pixels in the photo's frame.

    Raises:
        LandmarkError: a face cannot be aligned.
    """
    aligned, to_canvas = space.align(content)
    if not isinstance(style, Style):
        style = space.encode(space.align(style)[0])[None]
    moved = deliver(
        translator, space, aligned[None], style, strength=strength, bound=bound, asymmetry_noise=asymmetry_noise
    )[0]
    # As a change, so that a face that does not move keeps its exact pixels.
    return np.asarray(content, float) + (moved - aligned) @ invert(to_canvas)[:, :2].T


def deliver(
    translator: Translator,
    space: ShapeSpace,
    aligned: np.ndarray,
    style: np.ndarray | Style,
    *,
    strength: float = 1.0,
    bound: float = 4.0,
    asymmetry_noise: float = 0.03,
) -> np.ndarray:
    """:func:`translate` for many aligned faces at once.

    Args:
        aligned: (B, 68, 2) faces on the canvas of the shape space.
        style: (B, K) whitened coefficients of their exemplars, or the codes of B styles (or of one for all).
        strength, bound, asymmetry_noise: as of :func:`exaggerate`.

    Returns:
        (B, 68, 2) on the same canvas, not tangled where ``aligned`` is not.
    """
    x = space.encode(aligned)
    z = exaggerate(translator, space, x, style, bound=bound, asymmetry_noise=asymmetry_noise)
    change = ((z - x) * space.scale) @ space.components
    return scale_change(aligned, keep_face(aligned, aligned + change.reshape(-1, 68, 2)), strength)


def exaggerate(
    translator: Translator,
    space: ShapeSpace,
    x: np.ndarray,
    style: np.ndarray | Style,
    *,
    strength: float = 1.0,
    bound: float = 4.0,
    asymmetry_noise: float = 0.03,
) -> np.ndarray:
    """Change faces as their exemplars ask: ``z = x + strength * (T(x, s) - T(x, n))`` within bounds.

    T(x, s) = G_Y(E_X(x), s), s is the code of the exemplar and n that of the average normal face, whose style is no
    exaggeration. So an average exemplar leaves the person as they are, what the networks do not reconstruct of the
    person is kept, and the person's own deviations are not pulled towards those of the exemplar's class. T is
    averaged with the translation of the mirrored pair, so that symmetric faces stay symmetric.

    Args:
        x: (B, K) whitened coefficients of normal faces.
        style: (B, K) whitened coefficients of their exemplars; or the codes of B styles (or of one for all), which
            need no ``asymmetry_noise``.
        strength: factor on the change; 0 returns ``x``, 2 doubles the change of every coefficient.
        bound: each coefficient of the exemplars, and of the result at strength 1, stays within +-bound standard
            deviations (or within the content's own, where that is further out).
        asymmetry_noise: as of :func:`~.styles.steady`.

    Returns:
        (B, K) whitened coefficients.
    """
    if not isinstance(style, Style):
        style = exemplar_style(translator, space, style, bound=bound, asymmetry_noise=asymmetry_noise)
    average = exemplar_style(translator, space, space.normal_mean[None], bound=np.inf)
    content = translator.content_code(np.concatenate([x, x * space.parity]))
    styled, plain = (_decoded(translator, space, content, codes) for codes in (style, average))
    bounded = np.clip(x + styled - plain, np.minimum(-bound, x), np.maximum(bound, x))
    return x + strength * (bounded - x)


def _decoded(translator: Translator, space: ShapeSpace, content: np.ndarray, style: Style) -> np.ndarray:
    """T of B persons, averaged with the reflected answer to the reflected question: (B, K).

    Args:
        content: (2 B, C) content codes of the persons and of their mirror images.
        style: the codes of B styles, or of one for all.
    """
    count = len(content) // 2
    codes = [np.broadcast_to(code, (count, code.shape[-1])) for code in (style.codes, style.mirrored)]
    both = translator.decode(content, np.concatenate(codes))
    return (both[:count] + both[count:] * space.parity) / 2
