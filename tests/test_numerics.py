"""Ranks, signs and first places that do not hang on the last bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from portrait_pipeline.animation.interior import lightest
from portrait_pipeline.base.device import fast_type
from portrait_pipeline.base.numerics import first_largest, rank, steady_signs
from portrait_pipeline.convert.formats.facewarehouse import LEAST, whitened


@pytest.mark.parametrize("noise", [0.0, 1e-9, 1e-7, 1e-6])
def test_rank_is_that_of_the_data_not_of_its_rounding(noise):
    rng = np.random.default_rng(0)
    people = rng.standard_normal((12, 4)) @ rng.standard_normal((4, 300))
    people += noise * np.abs(people).max() * rng.standard_normal(people.shape)
    centre, directions = whitened(people, 50)
    assert len(directions) == 4 and rank(np.array([3.0, 2 * LEAST * 3.0, 0.5 * LEAST * 3.0]), LEAST) == 2
    assert rank(np.zeros(3), LEAST) == rank(np.zeros(0), LEAST) == 0


def test_signs_do_not_depend_on_the_sign_that_a_library_gave():
    rows = np.linalg.svd(np.random.default_rng(1).standard_normal((6, 20)))[2]
    given = np.array([1, -1, -1, 1, -1, 1, 1, 1, -1, 1, 1, -1, 1, -1, 1, 1, -1, 1, -1, 1.0])[:, None] * rows
    assert np.array_equal(steady_signs(rows)[:, None] * rows, steady_signs(given)[:, None] * given)


def test_the_first_of_equals_comes_first_whatever_the_rounding():
    values = np.array([[0.2, 0.4, 0.4 + 1e-15, 0.4 - 1e-15], [0.5, 0.1, 0.5 + 1e-12, 0.2]])
    assert first_largest(values).tolist() == [1, 0] and int(first_largest(np.array([1.0, 3.0, 2.0]))) == 1


def test_the_lightest_colours_are_the_same_in_any_sort():
    colours = np.repeat(np.array([[90.0, 0, 0], [0, 90, 0], [0, 0, 90], [10, 10, 10]]), 40, axis=0)
    chosen = lightest(colours, 50)
    assert np.array_equal(chosen, colours[70:120]) and len(lightest(colours, 0)) == 1


@pytest.mark.parametrize("native, wanted", [(True, torch.bfloat16), (False, torch.float32)])
def test_half_precision_only_where_the_processor_has_it(monkeypatch, native, wanted):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    assert fast_type(torch.device("cpu")) == wanted and fast_type(torch.device("cuda")) == torch.bfloat16
