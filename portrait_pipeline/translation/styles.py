"""Geometric styles as codes of the network's style space: of exemplars, between them, random, or of a class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base.errors import ParameterError
from ..shapes.alignment import TARGETS
from ..shapes.space import ShapeSet, ShapeSpace
from .translator import Translator


@dataclass(frozen=True)
class Style:
    """Codes of n styles.

    Attributes:
        codes: (n, 16) style codes.
        mirrored: (n, 16) the codes of the mirror images, with which mirrored contents are translated.
    """

    codes: np.ndarray
    mirrored: np.ndarray

    def __len__(self) -> int:
        return len(self.codes)


def exemplar_style(
    translator: Translator,
    space: ShapeSpace,
    art: np.ndarray,
    *,
    bound: float = 4.0,
    asymmetry_noise: float = 0.03,
) -> Style:
    """The styles E_Y^S of exemplars.

    Args:
        art: (n, K) whitened coefficients.
        bound: exemplars are brought within +-bound standard deviations.
        asymmetry_noise: as of :func:`steady`.
    """
    y = steady(space, np.clip(art, -bound, bound), asymmetry_noise)
    both = translator.style_code(np.concatenate([y, y * space.parity]))
    return Style(both[: len(y)], both[len(y) :])


def between(styles: Style, steps: int) -> Style:
    """``steps`` styles evenly spaced on the straight way in code space from the first style through all to the last.

    Each stretch between two neighbours takes the same share of the way; the given styles themselves are met
    exactly where a step falls on them (always at both ends).

    Raises:
        ParameterError: fewer than two styles or steps.
    """
    if len(styles) < 2:
        raise ParameterError(f"interpolation needs at least 2 styles, got {len(styles)}; name another exemplar")
    if steps < 2:
        raise ParameterError(f"steps is {steps}, must be at least 2, the two ends")
    place = np.linspace(0.0, len(styles) - 1.0, steps)
    first = np.minimum(place.astype(int), len(styles) - 2)
    share = (place - first)[:, None]
    return Style(*((1 - share) * codes[first] + share * codes[first + 1] for codes in (styles.codes, styles.mirrored)))


def random_style(translator: Translator, space: ShapeSpace, rng: np.random.Generator, count: int = 1) -> Style:
    """Styles drawn from N(0, I), to which training draws the codes of art faces (L_KL)."""
    size = translator.style_code(space.normal_mean[None]).shape[1]
    codes = rng.standard_normal((count, size))
    # A code alone does not tell its mirror image's: ask the face that it makes of the average person.
    face = style_face(translator, space, codes)
    return Style(codes, translator.style_code(face * space.parity))


def class_style(
    translator: Translator,
    space: ShapeSpace,
    shapes: ShapeSet,
    label: int,
    rng: np.random.Generator | None = None,
    *,
    bound: float = 4.0,
    asymmetry_noise: float = 0.03,
) -> Style:
    """The style of one class of the art domain.

    Args:
        shapes: its training faces of the class are used.
        label: 0 to classes - 1.
        rng: draws one member's style; without it, the mean of the members' codes.
        bound, asymmetry_noise: as of :func:`exemplar_style`.

    Raises:
        ParameterError: no such class, or one without a training face.
    """
    if not 0 <= label < space.classes:
        raise ParameterError(f"style class {label + 1} does not exist; classes are 1 to {space.classes}")
    members = np.flatnonzero((shapes.art_labels == label) & ~shapes.art_held_out)
    if not len(members):
        raise ParameterError(f"style class {label + 1} has no training face; choose another class")
    if rng is not None:
        members = members[[rng.integers(len(members))]]
    styles = exemplar_style(translator, space, shapes.art[members], bound=bound, asymmetry_noise=asymmetry_noise)
    return Style(styles.codes.mean(0, keepdims=True), styles.mirrored.mean(0, keepdims=True))


def style_face(translator: Translator, space: ShapeSpace, codes: np.ndarray) -> np.ndarray:
    """The average normal face in styles (n, 16): what a code means, as whitened coefficients (n, K)."""
    average = translator.content_code(space.normal_mean[None])
    return translator.decode(np.repeat(average, len(codes), axis=0), codes)


def steady(space: ShapeSpace, coefficients: np.ndarray, noise: float) -> np.ndarray:
    """Shrink the asymmetries of faces where they may as well be noise of the landmarks.

    Antisymmetric coefficients are multiplied by a^2 / (a^2 + noise^2), as a Wiener filter does. Large asymmetries are
    style and stay.

    Args:
        coefficients: (n, K) whitened.
        noise: asymmetry of a symmetric face by noise alone, root mean square in eye distances; so is their size a.
    """
    odd = space.parity < 0
    eye_distance = TARGETS[1, 0] - TARGETS[0, 0]
    size = np.sqrt(((coefficients * space.scale)[:, odd] ** 2).sum(1, keepdims=True) / 136) / eye_distance
    factor = size**2 / np.maximum(size**2 + noise**2, 1e-12)
    return np.where(odd, coefficients * factor, coefficients)
