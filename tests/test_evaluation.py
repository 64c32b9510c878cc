"""The measures of a translation against cases with a known answer, and the two tables of metrics."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from portrait_pipeline.base.artifacts import write_json
from portrait_pipeline.base.errors import ParameterError, TrainingError
from portrait_pipeline.fid import measures as translation
from portrait_pipeline.fid.frechet import frechet_distance
from portrait_pipeline.fid.questions import CANDIDATES, draw_questions
from portrait_pipeline.lab.table1 import comparison
from portrait_pipeline.translation.method import Method

K = 6


class Simple(Method):
    """``translate`` = a x + b y; codes are the faces themselves, ``art_content`` undoes b = 0."""

    def __init__(self, a: float, b: float, name: str = "simple") -> None:
        super().__init__()
        self.name = name
        self.a = nn.Parameter(torch.tensor(a))
        self.b = nn.Parameter(torch.tensor(b))

    def make(self, batch):
        return {}

    def judge_terms(self, batch, made):
        return {}

    def terms(self, batch, made):
        return {}

    def weights(self):
        return {}

    def translate(self, x, y):
        return self.a * x + self.b * y

    def content(self, x):
        return x

    def art_content(self, y):
        return y

    def reconstruct(self, y):
        return y + 0.25


@pytest.fixture(scope="module")
def shapes():
    """600 normal and 900 art faces; five well separated styles on the first coordinates."""
    rng = np.random.default_rng(0)
    labels = rng.integers(5, size=900)
    centres = 3 * np.eye(5, K)
    held_out = np.arange(900) % 3 == 0
    return SimpleNamespace(
        normal=rng.normal(size=(600, K)),
        normal_held_out=np.arange(600) % 3 == 0,
        art=centres[labels] + 0.3 * rng.normal(size=(900, K)),
        art_labels=labels,
        art_held_out=held_out,
    )


@pytest.fixture(scope="module")
def space():
    rng = np.random.default_rng(3)
    mean, basis = rng.normal(size=(68, 2)), 0.1 * rng.normal(size=(K, 136))
    return SimpleNamespace(
        scale=np.linspace(2, 0.5, K),
        normal_mean=np.zeros(K),
        decode=lambda faces: mean + (faces @ basis).reshape(*faces.shape[:-1], 68, 2),
    )


@pytest.fixture(scope="module")
def questions(shapes):
    return draw_questions(shapes, 150, np.random.default_rng(1))


@pytest.fixture(scope="module")
def judge(shapes, space):
    train = ~shapes.art_held_out
    return comparison.train_judge(shapes.art[train], shapes.art_labels[train], space.scale)


def test_distance_within_classes_sees_who_listens_to_the_exemplar():
    rng = np.random.default_rng(2)
    labels = rng.integers(4, size=2000)
    reference = 4 * np.eye(4, K)[labels] + rng.normal(size=(2000, K))
    other = rng.permutation(2000)
    listening = translation.class_distance(reference[:1000], labels[:1000], reference, labels)
    deaf = translation.class_distance(reference[other[:1000]], labels[:1000], reference, labels)
    assert listening < 0.2 < 3 < deaf
    # each class is 3 away from where it should be in every coordinate
    moved = translation.class_distance(reference + 3.0, labels, reference, labels)
    assert moved == pytest.approx(9 * K, rel=1e-6)
    assert translation.class_distance(reference[:30], labels[:30], reference, labels) is None


def measured(a, b, judge, questions):
    return comparison.measure(comparison.answers(Simple(a, b)), judge, questions)


# --- each measure ----------


def test_class_agreement_is_the_share_of_equal_labels():
    assert translation.class_agreement(np.array([1, 2, 3, 3]), np.array([1, 2, 2, 3])) == 0.75


def test_content_distance_is_zero_for_the_person_and_one_for_a_stranger():
    rng = np.random.default_rng(0)
    own, others = rng.normal(size=(400, 5)), rng.normal(size=(400, 30, 5))
    assert translation.content_distance(own, own, others) == 0
    somebody_else = rng.normal(size=(400, 5))
    assert translation.content_distance(somebody_else, own, others) == pytest.approx(1, abs=0.05)
    naive = np.mean(np.linalg.norm(somebody_else - own, axis=1)) / np.mean(
        [np.linalg.norm(somebody_else[i] - others[i, j]) for i in range(400) for j in range(30)]
    )
    assert translation.content_distance(somebody_else, own, others) == pytest.approx(naive)
    assert translation.content_distance(np.zeros((3, 2)), np.zeros((3, 2)), np.zeros((3, 4, 2))) == 1


def test_content_retrieval_is_one_for_the_person_and_chance_for_strangers_and_collapsed_codes():
    rng = np.random.default_rng(0)
    own, others = rng.normal(size=(2000, 4)), rng.normal(size=(2000, 9, 4))
    assert translation.content_retrieval(own, own, others) == 1
    assert translation.content_retrieval(rng.normal(size=(2000, 4)), own, others) == pytest.approx(0.1, abs=0.03)
    zeros = np.zeros((2000, 4))
    assert translation.content_retrieval(zeros, zeros, np.zeros((2000, 9, 4))) == pytest.approx(0.1)


def test_pairwise_distance_against_loops():
    points = np.random.default_rng(0).normal(size=(2, 5, 3))
    naive = [np.mean([np.linalg.norm(p[i] - p[j]) for i in range(5) for j in range(5) if i != j]) for p in points]
    np.testing.assert_allclose(translation.mean_pairwise_distance(points), naive)
    with pytest.raises(ParameterError, match="at least 2"):
        translation.mean_pairwise_distance(points[:, :1])


def test_diversity_of_copies_scalings_and_of_a_method_that_ignores_the_exemplar():
    rng = np.random.default_rng(0)
    exemplars, people = rng.normal(size=(7, 3)), rng.normal(size=(4, 3))
    for factor in (1.0, 0.5, 0.0):
        translated = people[:, None] + factor * exemplars
        assert translation.diversity(translated, exemplars) == pytest.approx(factor)
    with pytest.raises(ParameterError, match="diversity"):
        translation.diversity(translated, np.ones((7, 3)))


def test_response_knows_size_and_direction():
    cause = np.random.default_rng(0).normal(size=(50, 4))
    assert translation.response(0.3 * cause, cause) == pytest.approx((0.3, 1))
    assert translation.response(-2 * cause, cause) == pytest.approx((2, -1))
    assert translation.response(0 * cause, cause) == (0, 0)
    turned = np.stack([-cause[:, 1], cause[:, 0], -cause[:, 3], cause[:, 2]], axis=1)
    assert translation.response(turned, cause) == pytest.approx((1, 0))
    cause[0] = 0  # no change to respond to
    assert translation.response(0.3 * cause, cause) == pytest.approx((0.3, 1))
    with pytest.raises(ParameterError, match="equal"):
        translation.response(cause, 0 * cause)


def test_nearest_neighbour_is_another_face():
    faces = np.array([[0.0, 0.0], [5.0, 5.0]])
    candidates = np.array([[0.0, 0.0], [0.0, 1.0], [4.0, 5.0], [9.0, 9.0]])
    np.testing.assert_array_equal(translation.nearest_neighbours(faces, candidates), [[0, 1], [4, 5]])
    with pytest.raises(ParameterError, match="no neighbour"):
        translation.nearest_neighbours(faces[:1], candidates[:1])


def test_reconstruction_error_is_the_mean_absolute_difference():
    assert translation.reconstruction_error(np.zeros((2, 2)), np.array([[1.0, -1.0], [2.0, 0.0]])) == 1


# --- the judge ----------


def test_judge_finds_the_classes_whatever_the_unit(shapes, space, judge):
    test = shapes.art_held_out
    assert (judge(shapes.art[test]) == shapes.art_labels[test]).mean() > 0.97
    other = comparison.train_judge(shapes.art[~test], shapes.art_labels[~test], 1000 * space.scale)
    np.testing.assert_array_equal(other(shapes.art), judge(shapes.art))
    with pytest.raises(ParameterError, match="shape_space.classes"):
        comparison.train_judge(shapes.art, np.zeros(900, int), space.scale)


# --- questions ----------


def test_questions_are_held_out_seeded_and_ask_everybody_before_anybody_twice(shapes, questions):
    again = draw_questions(shapes, 150, np.random.default_rng(1))
    for name, value in vars(questions).items():
        np.testing.assert_array_equal(value, getattr(again, name))
    held_out = {tuple(face) for face in shapes.normal[shapes.normal_held_out]}
    assert {tuple(face) for face in questions.contents} <= held_out
    assert len({tuple(face) for face in questions.contents}) == 150
    many = draw_questions(shapes, 500, np.random.default_rng(1))
    counts = np.unique(many.contents, axis=0, return_counts=True)[1]
    assert len(counts) == 200 and counts.min() == 2 and counts.max() == 3
    assert len(many.floor) == 300 and len(questions.floor) == 150
    art = {tuple(face): label for face, label in zip(shapes.art, shapes.art_labels, strict=True)}
    assert [art[tuple(face)] for face in questions.exemplars] == list(questions.labels)


def test_strangers_are_other_people_and_neighbours_are_real_and_near(shapes, questions):
    assert questions.strangers.shape == (150, CANDIDATES - 1, K)
    assert (np.abs(questions.strangers - questions.contents[:, None]).max(-1) > 0).all()
    assert all(len(np.unique(row, axis=0)) == CANDIDATES - 1 for row in questions.strangers[:20])
    train = shapes.art[~shapes.art_held_out]
    i = 7
    nearest = train[np.linalg.norm(train - questions.exemplars[i], axis=1).argmin()]
    np.testing.assert_array_equal(questions.neighbours[i], nearest)


def test_too_few_held_out_faces_are_refused_and_few_are_enough(shapes):
    few = SimpleNamespace(**vars(shapes) | {"normal_held_out": np.arange(600) < 3})
    assert draw_questions(few, 64, np.random.default_rng(0)).strangers.shape == (64, 2, K)
    one = SimpleNamespace(**vars(shapes) | {"normal_held_out": np.arange(600) < 1})
    with pytest.raises(ParameterError, match=r"shape_space\.held_out"):
        draw_questions(one, 64, np.random.default_rng(0))


# --- methods ----------


def test_a_method_that_returns_the_exemplar(judge, questions):
    row = measured(0.0, 1.0, judge, questions)
    assert row["class_agreement"] > 0.97
    assert row["diversity"] == pytest.approx(1, rel=1e-5)
    assert (row["sensitivity"], row["sensitivity_direction"]) == pytest.approx((1, 1), rel=1e-5)
    assert (row["person_response"], row["person_direction"]) == (0, 0)
    assert row["content_retrieval"] < 0.2 and row["content_distance"] == pytest.approx(1, abs=0.1)
    assert row["reconstruction"] == pytest.approx(0.25, rel=1e-4)


def test_a_method_that_returns_the_content(judge, questions):
    row = measured(1.0, 0.0, judge, questions)
    assert row["class_agreement"] < 0.5
    assert (row["diversity"], row["sensitivity"], row["sensitivity_direction"]) == (0, 0, 0)
    assert (row["person_response"], row["person_direction"]) == pytest.approx((1, 1), rel=1e-5)
    assert row["content_retrieval"] == 1 and row["content_distance"] == pytest.approx(0, abs=1e-6)


def test_a_constant_method(judge, questions):
    row = measured(0.0, 0.0, judge, questions)
    assert row["diversity"] == row["sensitivity"] == row["person_response"] == row["person_direction"] == 0
    assert all(np.isfinite(value) for value in row.values())


def test_the_two_copies_equal_the_methods_that_do_the_same(judge, questions):
    for name, weights in {"exemplar_itself": (0.0, 1.0), "content_itself": (1.0, 0.0)}.items():
        row, copy = measured(*weights, judge, questions), comparison.measure(comparison.COPIES[name], judge, questions)
        assert set(copy) == set(row) - {"content_distance", "content_retrieval"}
        assert {k: copy[k] for k in copy if k != "reconstruction"} == pytest.approx(
            {k: row[k] for k in copy if k != "reconstruction"}, rel=1e-5, abs=1e-6
        )


def test_a_method_that_answers_nan_is_refused_by_name(judge, questions):
    with pytest.raises(TrainingError, match="munit: translate answers with a number that is not finite"):
        comparison.answers(Simple(float("nan"), 1.0, "munit")).translate(questions.contents, questions.exemplars)


# --- the tables ----------


@pytest.fixture(scope="module")
def methods():
    """Art is the exemplar itself here, so the more of it the better the distance."""
    weight = {"ours": 1.0, "ours_without_class_loss": 0.9, "cyclegan": 0.0, "munit": 0.5, "drit": 0.7}
    return {name: [Simple(0.1, b - 0.01 * seed, name) for seed in range(3)] for name, b in weight.items()}


def test_table_of_distances_against_the_formula(methods, questions):
    table = comparison.table_of_distances(methods, questions, questions.contents + 1.0)
    assert list(table)[:7] == ["ours", "ours_without_class_loss", "cyclegan", "munit", "drit", "real_floor", "samples"]
    single = [
        frechet_distance(0.1 * questions.contents + (0.7 - 0.01 * s) * questions.exemplars, questions.reference)
        for s in range(3)
    ]
    assert table["drit"] == pytest.approx(np.mean(single), rel=1e-4)
    assert table["spread"]["drit"] == pytest.approx(np.std(single, ddof=1), rel=1e-3)
    assert table["ratios"] == pytest.approx(
        {
            "to_best_baseline": table["ours"] / table["drit"],
            "to_without_class_loss": table["ours"] / table["ours_without_class_loss"],
        }
    )
    assert table["samples"] == 150 and table["seeds"] == 3
    assert table["real_floor"] < table["ours"] < table["drit"] < table["munit"] < table["cyclegan"]
    shift = questions.contents.mean(0) - questions.reference.mean(0)
    difference = ((shift + 1) ** 2).sum() - (shift**2).sum()
    assert table["ours_delivered"] - table["untranslated"] == pytest.approx(difference)


def test_one_seed_has_no_spread(methods, questions):
    table = comparison.table_of_distances({k: v[:1] for k, v in methods.items()}, questions, questions.contents)
    assert set(table["spread"].values()) == {0.0} and table["seeds"] == 1


def test_table_of_translations_can_be_written_and_orders_the_methods(methods, questions, shapes, space, tmp_path):
    table = comparison.table_of_translations(methods, space, shapes, questions)
    assert table["exemplar_itself"]["following"] == pytest.approx(1, abs=0.1)
    assert table["content_itself"]["following"] == pytest.approx(0, abs=1e-9)
    write_json(tmp_path / "translation.json", table)  # refuses what is not finite
    assert table["cyclegan"]["diversity"] < table["munit"]["diversity"] < table["ours"]["diversity"]
    assert table["classifier_accuracy"] > 0.97
    assert table["ours"]["sensitivity"] == pytest.approx(0.99, rel=1e-4)  # mean of 1.00, 0.99, 0.98
    assert table["spread"]["ours"]["sensitivity"] == pytest.approx(0.01, rel=1e-3)
    assert set(table["spread"]) == set(methods)


def test_writing_a_metric_that_is_not_a_number_is_refused(tmp_path, methods, questions):
    broken = methods | {"munit": [Simple(0.1, float("inf"), "munit")]}
    with pytest.raises(TrainingError, match="munit"):
        comparison.table_of_distances(broken, questions, questions.contents)
