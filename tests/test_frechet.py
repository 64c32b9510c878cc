"""The Frechet distance against closed forms and a naive matrix square root."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from portrait_pipeline.base.errors import ParameterError
from portrait_pipeline.fid.frechet import frechet_distance


def naive(a, b):
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = sqrtm(cov_a @ cov_b)
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov_a + cov_b - 2 * np.real(root))


def test_against_the_naive_matrix_square_root():
    rng = np.random.default_rng(0)
    for n, m in ((300, 500), (80, 60)):
        a = rng.normal(size=(n, 12)) @ rng.normal(size=(12, 12))
        b = rng.normal(size=(m, 12)) @ rng.normal(size=(12, 12)) + rng.normal(size=12)
        assert frechet_distance(a, b) == pytest.approx(naive(a, b), rel=1e-6)


def test_closed_form_of_scaled_and_shifted_samples():
    a = np.random.default_rng(1).normal(size=(200, 5))
    shift = np.array([1.0, -2.0, 0.0, 0.5, 3.0])
    assert frechet_distance(a, a + shift) == pytest.approx((shift**2).sum())
    expected = ((3 - 1) ** 2 * np.cov(a, rowvar=False)).trace() + ((3 - 1) ** 2 * a.mean(0) ** 2).sum()
    assert frechet_distance(a, 3 * a) == pytest.approx(expected)


def test_zero_for_equal_samples_symmetric_and_invariant_to_rotation():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(50, 6)), rng.normal(size=(70, 6)) * 2
    turn, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a))
    assert frechet_distance(a @ turn, b @ turn) == pytest.approx(frechet_distance(a, b))


def test_singular_covariances_are_fine():
    a = np.random.default_rng(3).normal(size=(5, 32))
    assert np.isfinite(frechet_distance(a, np.zeros((4, 32))))


@pytest.mark.parametrize("bad", [np.zeros((1, 3)), np.zeros((5, 4)), np.zeros(3), np.full((5, 3), np.nan)])
def test_bad_samples_are_refused(bad):
    with pytest.raises(ParameterError, match="Frechet distance"):
        frechet_distance(np.zeros((5, 3)), bad)
