"""An independent judge of style classes, for evaluation only.

Our network trains against a multi-layer perceptron that names the style class of a face (eq. 4); asking the
same perceptron afterwards would only tell how well it was obeyed. This judge is of another kind, a
multinomial logistic regression, and no translation has seen it. It suits its task: classes of K-means
are parted by planes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...base.errors import ParameterError

INVERSE_PENALTY = 100.0  # weak: there are hundreds of faces a class
_ITERATIONS = 2000


@dataclass(frozen=True)
class StyleClassifier:
    """Style classes of faces, learned by :func:`train_classifier`.

    Attributes:
        units: (K,) factor from whitened coefficients to the units in which faces were classed.
        model: the fitted scikit-learn classifier.
    """

    units: np.ndarray
    model: Any

    def predict(self, coefficients: np.ndarray) -> np.ndarray:
        """Classes (B,) of whitened coefficients (B, K)."""
        return self.model.predict(np.asarray(coefficients, float) * self.units)


def train_classifier(coefficients: np.ndarray, labels: np.ndarray, scale: np.ndarray) -> StyleClassifier:
    """Learn to name the style class of an art face. Convex, so the same faces give the same judge.

    Args:
        coefficients: (N, K) whitened coefficients of art faces. labels: (N,) their classes.
        scale: (K,) standard deviations of the shape space; classes are regions of unwhitened coefficients.

    Raises:
        ParameterError: all faces are of one class.
    """
    from sklearn.linear_model import LogisticRegression  # slow to import
    from threadpoolctl import threadpool_limits

    if len(np.unique(labels)) < 2:
        raise ParameterError(
            "all art faces are of one style class, so no judge of classes can be trained; raise shape_space.classes"
        )
    units = scale / np.sqrt(((coefficients * scale) ** 2).mean())
    with threadpool_limits(1):  # the same bits whatever the number of cores
        model = LogisticRegression(C=INVERSE_PENALTY, max_iter=_ITERATIONS).fit(coefficients * units, labels)
    return StyleClassifier(units, model)
