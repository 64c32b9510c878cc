"""STROTSS losses, hypercolumns, pyramid and optimiser against slow references."""

import math

import numpy as np
import pytest
import torch

from portrait_pipeline.perceptual.hypercolumns import find_taps, sample_columns
from portrait_pipeline.texture.losses import (
    colour_emd,
    exemplar_moments,
    match,
    moment_distance,
    moments,
    relaxed_emd,
    self_similarity,
    whole,
)
from portrait_pipeline.texture.optimisation_step import TextureRMSprop, on_threads
from portrait_pipeline.texture.pyramid import analyse, half, resize, synthesise

B, N, M, D = 2, 9, 11, 5
TWO_WAY = 2


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.tensor(np.random.default_rng(seed).normal(size=shape))


X, Y, CONTENT = normal(0, B, N, D), normal(1, B, M, D), normal(7, B, N, D)
OPPONENT = np.array([[1, 1, 1], [-1, 0, 0], [-1, 0, 0]]) / math.sqrt(3)
OPPONENT[1:, 1:] = [[0.788675135, -0.211324865], [-0.211324865, 0.788675135]]
# Who is in which group: two that are compared both ways, one that is compared one way; -1 is in none.
OF_X = [[0, 0, 1, 0, 1, 2, 2, 0, -1], [2, 2, 0, 1, 0, -1, 1, 1, 0]]
OF_Y = [[{0, 2}, {0, 2}, {1}, {0}, {1}, {1, 2}, {0}, {0}, {2}, {1}, {0}]] * 2


def masks() -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.tensor([[[float(group == g) for group in row] for g in range(3)] for row in OF_X], dtype=X.dtype)
    y = torch.tensor([[[float(g in groups) for groups in row] for g in range(3)] for row in OF_Y], dtype=X.dtype)
    return x, y


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return 1 - sum(p * q for p, q in zip(a, b, strict=True)) / math.sqrt(sum(p * p for p in a) * sum(q * q for q in b))


def colour_cost(a: np.ndarray, b: np.ndarray) -> float:
    a, b = OPPONENT @ a, OPPONENT @ b
    return cosine(a, b) + math.sqrt(min(max(sum((a - b) ** 2), 1e-5), 1e5) / 3)


def naive_relaxed(x, y, cost, ours, theirs, two_way, penalty=None) -> float:
    """Each group by its share of x; the larger of both means, or the first of them for one-way groups."""
    total = 0.0
    for number, (own, other) in enumerate(zip(ours, theirs, strict=True)):
        own, other = [i for i in range(len(x)) if own[i]], [j for j in range(len(y)) if other[j]]
        if not own or not other:
            continue
        value = {(i, j): cost(x[i], y[j]) for i in own for j in other}
        guided = {(i, j): value[i, j] + (0 if penalty is None else penalty[i, j]) for i in own for j in other}
        of_x = [min(other, key=lambda j, i=i, g=guided: g[i, j]) for i in own]
        of_y = [min(own, key=lambda i, j=j, g=guided: g[i, j]) for j in other]
        forward = sum(value[i, j] for i, j in zip(own, of_x, strict=True)) / len(own)
        backward = sum(value[i, j] for j, i in zip(other, of_y, strict=True)) / len(other)
        total += len(own) / len(x) * (max(forward, backward) if number < two_way else forward)
    return total


def close(actual: torch.Tensor, expected: list[float], tolerance: float = 1e-9) -> None:
    assert actual.tolist() == pytest.approx(expected, abs=tolerance)


# -- relaxed earth mover's distances -------------------------------------------------------------------------------


def test_relaxed_emd_is_the_larger_of_both_means():
    everyone = [[1] * N], [[1] * M]
    both, one = (
        [naive_relaxed(x, y, cosine, *everyone, t) for x, y in zip(X.numpy(), Y.numpy(), strict=True)] for t in (1, 0)
    )
    close(relaxed_emd(X, Y, whole(X, Y)), both)
    close(relaxed_emd(X, Y, whole(X, Y, two_way=False)), one)
    assert min(b - o for b, o in zip(both, one, strict=True)) >= 0 and both != one
    close(relaxed_emd(X, X, whole(X, X)), [0, 0])


@pytest.mark.parametrize("guided", [False, True])
@pytest.mark.parametrize(("loss", "cost"), [(relaxed_emd, cosine), (colour_emd, colour_cost)])
def test_groups_are_compared_each_for_itself_and_penalties_only_choose_the_pairs(loss, cost, guided):
    x, y = (X, Y) if loss is relaxed_emd else (X[..., :3].sigmoid(), Y[..., :3].sigmoid())
    penalty = torch.tensor(np.random.default_rng(2).uniform(0, 2, size=(B, N, M))) if guided else None
    ours, theirs = masks()
    value = loss(x, y, match(ours, theirs, TWO_WAY, penalty))
    tables = [None, None] if penalty is None else penalty.numpy()
    # The penalty enters the choice only; pairs of one group cost what they cost.
    expected = [
        naive_relaxed(a, b, cost, o, t, TWO_WAY, p)
        for a, b, o, t, p in zip(x.numpy(), y.numpy(), ours, theirs, tables, strict=True)
    ]
    close(value, expected, 1e-6)


def test_samples_in_no_group_and_empty_groups_change_nothing():
    ours, theirs = masks()
    known = match(ours, theirs, TWO_WAY)
    value = relaxed_emd(X, Y, known)
    other = torch.where((ours.sum(1) == 0)[..., None], normal(9, B, N, D), X)
    close(relaxed_emd(other, Y, known), value.tolist())
    none = torch.zeros(B, 1, N, dtype=X.dtype), torch.zeros(B, 1, M, dtype=X.dtype)
    more = match(torch.cat([ours, none[0]], 1), torch.cat([theirs, none[1]], 1), TWO_WAY)
    close(relaxed_emd(X, Y, more), value.tolist())
    nobody = match(torch.zeros_like(ours), theirs, TWO_WAY)
    x = X.clone().requires_grad_()
    terms = relaxed_emd(x, Y, nobody) + colour_emd(x[..., :3], Y[..., :3], nobody)
    terms = terms + moment_distance(x, moments(Y, nobody.y[:, :TWO_WAY]), nobody)
    terms.sum().backward()
    assert terms.tolist() == [0, 0] and torch.isfinite(x.grad).all() and not x.grad.any()


def test_search_in_bfloat16_stays_close():
    x, y = (torch.tensor(np.random.default_rng(s).random((2, 200, 300)), dtype=torch.float32) for s in (5, 6))
    everyone = whole(x, y)
    exact, fast = relaxed_emd(x, y, everyone), relaxed_emd(x, y, everyone, torch.bfloat16)
    assert torch.allclose(fast, exact, rtol=0.02)
    assert torch.all(fast >= exact - 1e-6), "other pairs than the nearest can only cost more"


def test_colour_emd_adds_cosine_and_distance_on_orthonormal_axes():
    assert np.allclose(OPPONENT @ OPPONENT.T, np.eye(3), atol=1e-6)
    x, y = X[..., :3].sigmoid(), Y[..., :3].sigmoid()
    expected = [
        naive_relaxed(a, b, colour_cost, [[1] * N], [[1] * M], 1) for a, b in zip(x.numpy(), y.numpy(), strict=True)
    ]
    close(colour_emd(x, y, whole(x, y)), expected, 1e-6)


# -- moments and content -------------------------------------------------------------------------------------------


def naive_moments(x: np.ndarray) -> tuple[list[float], list[list[float]]]:
    mean = [sum(row[i] for row in x) / len(x) for i in range(D)]
    table = [[sum((r[i] - mean[i]) * (r[j] - mean[j]) for r in x) / len(x) for j in range(D)] for i in range(D)]
    return mean, table


def naive_moment_distance(x: np.ndarray, y: np.ndarray) -> float:
    (mean_x, table_x), (mean_y, table_y) = naive_moments(x), naive_moments(y)
    first = sum(abs(a - b) for a, b in zip(mean_x, mean_y, strict=True)) / D
    return first + sum(abs(table_x[i][j] - table_y[i][j]) for i in range(D) for j in range(D)) / D**2


def test_moments_are_means_over_channels_and_entries():
    everyone = whole(X, Y)
    expected = [naive_moment_distance(x, y) for x, y in zip(X.numpy(), Y.numpy(), strict=True)]
    close(moment_distance(X, moments(Y, everyone.y), everyone), expected)


def test_moments_of_groups_count_by_their_share_and_one_way_groups_not_at_all():
    ours, theirs = masks()
    known = match(ours, theirs, TWO_WAY)
    expected = [
        sum(
            o.mean() * naive_moment_distance(x[o > 0], y[t > 0])
            for o, t in zip(own[:TWO_WAY], other[:TWO_WAY], strict=True)
        )
        for x, y, own, other in zip(X.numpy(), Y.numpy(), ours.numpy(), theirs.numpy(), strict=True)
    ]
    theirs = moments(Y, known.y[:, :TWO_WAY])
    close(moment_distance(X, theirs, known), expected)
    apart = exemplar_moments(Y, known.y[:, :TWO_WAY])
    close(apart.mean, theirs.mean)
    close(apart.covariance, theirs.covariance)


def test_moments_of_some_channels_are_a_part_of_all():
    weight = whole(X, Y).y
    some = torch.tensor([0, 2, 3])
    part, direct = moments(Y, weight).of(some), moments(Y[..., some], weight)
    assert torch.allclose(part.mean, direct.mean) and torch.allclose(part.covariance, direct.covariance)


def test_self_similarity_compares_normalised_distance_tables():
    expected = []
    for x, c in zip(X.numpy(), CONTENT.numpy(), strict=True):
        tables = [np.array([[cosine(a, b) for b in rows] for a in rows]) for rows in (x, c)]
        expected.append(np.abs(tables[0] / tables[0].sum(0) - tables[1] / tables[1].sum(0)).mean() * N)
    close(self_similarity(X, CONTENT), expected)
    close(self_similarity(3.0 * X, X), [0, 0])


# -- all of them ---------------------------------------------------------------------------------------------------


def losses(x: torch.Tensor, y: torch.Tensor, c: torch.Tensor, groups: slice = slice(None)) -> dict[str, torch.Tensor]:
    ours, theirs = (part[groups] for part in masks())
    known = match(ours, theirs, TWO_WAY)
    return {
        "emd": relaxed_emd(x, y, known),
        "one way": relaxed_emd(x, y, whole(x, y, two_way=False)),
        "colour": colour_emd(x[..., :3].sigmoid(), y[..., :3].sigmoid(), known),
        "moments": moment_distance(x, moments(y, known.y[:, :TWO_WAY]), known),
        "content": self_similarity(x, c),
    }


NAMES = ["emd", "one way", "colour", "moments", "content"]


@pytest.mark.parametrize("name", NAMES)
def test_gradients(name):
    check = torch.autograd.gradcheck
    assert check(lambda x: losses(x, Y, CONTENT)[name], (X.clone().requires_grad_(),), eps=1e-6, atol=1e-5)


def test_a_batch_is_its_problems_one_by_one():
    together = losses(X, Y, CONTENT)
    for number in range(B):
        one = slice(number, number + 1)
        for name, value in losses(X[one], Y[one], CONTENT[one], one).items():
            assert float(value) == pytest.approx(float(together[name][number]), abs=1e-12), name


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_a_batch_do_not_mix(name):
    x = X.clone().requires_grad_()
    losses(x, Y, CONTENT)[name][0].backward()
    assert x.grad[0].any() and not x.grad[1].any()


# -- hypercolumns --------------------------------------------------------------------------------------------------


def test_hypercolumns_equal_upsampled_maps_at_pixel_centres():
    maps = [torch.rand(2, 2, 8, 8), torch.rand(2, 3, 4, 4), torch.rand(2, 1, 2, 2), torch.rand(2, 2, 4, 4)]
    large = torch.cat([resize(m, (8, 8)) for m in maps], dim=1)
    rows, columns = torch.tensor([[0, 3, 7, 5], [1, 1, 6, 0]]), torch.tensor([[0, 6, 7, 1], [2, 7, 7, 4]])
    points = torch.stack([(columns + 0.5) / 8, (rows + 0.5) / 8], dim=2)
    taps = find_taps(points, [tuple(m.shape[2:]) for m in maps])
    assert taps.sizes == ((8, 8), (4, 4), (2, 2)), "each size once"
    assert torch.allclose(taps.weight.sum(3), torch.ones(2, 4, 3))
    expected = torch.stack([large[b][:, rows[b], columns[b]].T for b in range(2)])
    assert torch.allclose(sample_columns(maps, taps), expected, atol=1e-6)


def test_hypercolumns_repeat_the_border_outwards():
    feature = torch.rand(1, 2, 3, 5)
    taps = find_taps(torch.tensor([[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]]), [(3, 5)])
    corners = feature[0][:, [0, 0, 2, 2], [0, 4, 0, 4]].T
    assert torch.allclose(sample_columns([feature], taps)[0], corners, atol=1e-6)


def test_taps_of_some_images_and_positions():
    maps = [torch.rand(3, 2, 8, 8), torch.rand(3, 3, 4, 4)]
    taps = find_taps(torch.rand(3, 10, 2), [(8, 8), (4, 4)])
    images, pick = torch.tensor([2, 0, 2]), torch.tensor([4, 1, 9])
    few = sample_columns([m[images] for m in maps], taps.take(images, pick))
    assert torch.equal(few, sample_columns(maps, taps)[images][:, pick])


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_hypercolumn_gradient_whatever_the_order_in_memory(order):
    feature = torch.rand(2, 2, 5, 7, dtype=torch.float64).contiguous(memory_format=order).requires_grad_()
    taps = find_taps(torch.rand(2, 6, 2, dtype=torch.float64), [(5, 7)])
    assert torch.autograd.gradcheck(lambda m: sample_columns([m], taps), (feature,))


# -- pyramid and optimiser -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [32, 33, 50])
def test_pyramid_synthesis_inverts_analysis(size):
    image = torch.rand(2, 3, size, size, dtype=torch.float64)
    pyramid = analyse(image, 4)
    assert [part.shape[2] for part in pyramid[:3]] == [size, size // 2, size // 4] and len(pyramid) == 5
    assert torch.allclose(synthesise(pyramid), image, atol=1e-12)
    alone = synthesise([part[1:] for part in pyramid])
    assert torch.allclose(alone, image[1:], atol=1e-12)


def test_half_averages_blocks():
    image = torch.rand(1, 1, 6, 4)
    blocks = [[float(image[0, 0, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2].mean()) for c in range(2)] for r in range(3)]
    assert torch.allclose(half(image)[0, 0], torch.tensor(blocks))


def test_rmsprop_without_floor_is_torchs():
    target = torch.tensor([1.0, -2.0, 0.5])
    ours, theirs = torch.zeros(1, 3, requires_grad=True), torch.zeros(3, requires_grad=True)
    mine, reference = TextureRMSprop([ours], 0.01, 0.0), torch.optim.RMSprop([theirs], lr=0.01)
    for _ in range(20):
        (ours - target).square().sum().backward()
        mine.step()
        reference.zero_grad()
        (theirs - target).square().sum().backward()
        reference.step()
    assert torch.allclose(ours[0], theirs, atol=1e-5) and ours.grad is None


def test_rmsprop_with_a_floor_spares_weak_gradients():
    weak = torch.zeros(1, 2, requires_grad=True)
    optimiser = TextureRMSprop([weak], 0.01, 0.5)
    (weak * torch.tensor([1.0, 1e-4])).sum().backward()
    optimiser.step()
    assert weak[0, 0].abs() > 100 * weak[0, 1].abs() > 0


def test_rmsprop_entries_of_a_batch_do_not_influence_each_other():
    gradients = normal(11, 6, 2, 3, 4, 4).float()

    def run(entries: slice, factor: torch.Tensor) -> torch.Tensor:
        texture = torch.zeros(2, 3, 4, 4)[entries].requires_grad_()
        optimiser = TextureRMSprop([texture], 0.01, 0.3)
        for gradient in gradients:
            texture.grad = (gradient * factor)[entries].clone()
            optimiser.step()
        return texture.detach()

    together = run(slice(None), torch.tensor([1.0, 1e3]).view(2, 1, 1, 1))
    alone = torch.cat([run(slice(0, 1), torch.ones(1)), run(slice(1, 2), torch.ones(1))])
    assert torch.allclose(together, alone, atol=1e-6), "nor does the size of an entry's gradient count"


def test_losses_on_threads_have_autograds_gradient_and_the_same_bits_for_any_number_of_threads():
    generator = torch.Generator().manual_seed(5)
    x, y = (torch.rand(1, 256, 600, generator=generator) for _ in range(2))
    everyone, weight = whole(x, y), torch.tensor([[0.5], [2.0], [3.0]])
    losses = [
        lambda x: self_similarity(x, y),
        lambda x: relaxed_emd(x, y, everyone),
        lambda x: colour_emd(x[..., :3], y[..., :3], everyone),
    ]

    def gradient(together) -> torch.Tensor:
        variable = x.clone().requires_grad_()
        (torch.stack(list(together(variable))) * weight).sum().backward()
        return variable.grad

    plain = gradient(lambda x: [loss(x) for loss in losses])
    before, results = torch.get_num_threads(), []
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        results.append(gradient(lambda x: on_threads(losses, x)))
    torch.set_num_threads(before)
    assert torch.equal(results[0], results[1]) and torch.equal(results[0], results[2])
    assert (results[0] - plain).abs().max() < 1e-5 * plain.abs().max()
