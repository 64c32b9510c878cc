"""STROTSS losses, hypercolumns, network and pyramid against slow references."""

import math

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from portrait_pipeline.errors import InputFileError
from portrait_pipeline.texture.hypercolumns import sample_columns
from portrait_pipeline.texture.losses import colour_emd, moment_distance, relaxed_emd, self_similarity
from portrait_pipeline.texture.perceptual import CHANNELS, PerceptualNetwork
from portrait_pipeline.texture.pyramid import analyse, resize, synthesise
from portrait_pipeline.texture.rmsprop import TextureRMSprop

X = torch.tensor(np.random.default_rng(0).normal(size=(7, 5)))
Y = torch.tensor(np.random.default_rng(1).normal(size=(9, 5)))


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return 1 - sum(p * q for p, q in zip(a, b, strict=True)) / math.sqrt(sum(p * p for p in a) * sum(q * q for q in b))


def naive_relaxed(x, y, cost, penalty=None):
    table = [[cost(a, b) for b in y] for a in x]
    guided = [[v + (0 if penalty is None else penalty[i][j]) for j, v in enumerate(r)] for i, r in enumerate(table)]
    of_x = [min(range(len(y)), key=lambda j: guided[i][j]) for i in range(len(x))]
    of_y = [min(range(len(x)), key=lambda i: guided[i][j]) for j in range(len(y))]
    forward = sum(table[i][of_x[i]] for i in range(len(x))) / len(x)
    backward = sum(table[of_y[j]][j] for j in range(len(y))) / len(y)
    return forward, backward


def test_relaxed_emd_is_the_larger_of_both_means():
    forward, backward = naive_relaxed(X.numpy(), Y.numpy(), cosine)
    assert float(relaxed_emd(X, Y)) == pytest.approx(max(forward, backward), abs=1e-12)
    assert float(relaxed_emd(X, Y, one_way=True)) == pytest.approx(forward, abs=1e-12)
    assert float(relaxed_emd(X, X)) == pytest.approx(0, abs=1e-12)


def test_penalty_only_chooses_the_pairs():
    penalty = torch.tensor(np.random.default_rng(2).uniform(0, 2, size=(7, 9)))
    forward, backward = naive_relaxed(X.numpy(), Y.numpy(), cosine, penalty.numpy())
    assert float(relaxed_emd(X, Y, penalty)) == pytest.approx(max(forward, backward), abs=1e-12)


def test_search_in_bfloat16_stays_close():
    x, y = (torch.tensor(np.random.default_rng(s).random((200, 300)), dtype=torch.float32) for s in (5, 6))
    assert float(relaxed_emd(x, y, search=torch.bfloat16)) == pytest.approx(float(relaxed_emd(x, y)), rel=0.02)


def test_colour_emd_adds_cosine_and_distance_on_opponent_axes():
    rows = [[0.577350, 0.577350, 0.577350], [-0.577350, 0.788675, -0.211325], [-0.577350, -0.211325, 0.788675]]
    matrix = np.array(rows)
    x, y = np.random.default_rng(3).random((6, 3)), np.random.default_rng(4).random((8, 3))

    def cost(a, b):
        return cosine(a, b) + math.sqrt(min(max(sum((a - b) ** 2), 1e-5), 1e5) / 3)

    expected = max(naive_relaxed(x @ matrix.T, y @ matrix.T, cost))
    assert float(colour_emd(torch.tensor(x), torch.tensor(y))) == pytest.approx(expected, abs=1e-5)


def test_moments_are_means_over_channels_and_entries():
    x, y = X.numpy(), Y.numpy()
    mean = np.mean([abs(x[:, i].mean() - y[:, i].mean()) for i in range(5)])
    entries = [
        abs(
            np.mean((x[:, i] - x[:, i].mean()) * (x[:, j] - x[:, j].mean()))
            - np.mean((y[:, i] - y[:, i].mean()) * (y[:, j] - y[:, j].mean()))
        )
        for i in range(5)
        for j in range(5)
    ]
    assert float(moment_distance(X, Y)) == pytest.approx(mean + np.mean(entries), abs=1e-12)


def test_self_similarity_compares_normalised_distance_tables():
    c = torch.tensor(np.random.default_rng(7).normal(size=(7, 5)))
    tables = []
    for rows in (X.numpy(), c.numpy()):
        table = np.array([[cosine(a, b) for b in rows] for a in rows])
        tables.append(table / table.sum(axis=0))
    expected = np.abs(tables[0] - tables[1]).mean() * 7
    assert float(self_similarity(X, c)) == pytest.approx(expected, abs=1e-9)
    assert float(self_similarity(3.0 * X, X)) == pytest.approx(0, abs=1e-9), "blind to the length of the columns"


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: relaxed_emd(x, Y),
        lambda x: relaxed_emd(x, Y, one_way=True),
        lambda x: colour_emd(x[:, :3].sigmoid(), Y[:, :3].sigmoid()),
        lambda x: moment_distance(x, Y),
        lambda x: self_similarity(x, X.flip(0)),
    ],
)
def test_gradients(loss):
    assert torch.autograd.gradcheck(loss, (X.clone().requires_grad_(),), eps=1e-6, atol=1e-5)


def test_hypercolumns_equal_upsampled_maps_at_pixel_centres():
    maps = [torch.rand(1, 2, 8, 8), torch.rand(1, 3, 4, 4), torch.rand(1, 1, 2, 2)]
    large = torch.cat([resize(m, (8, 8)) for m in maps], dim=1)[0]
    rows, columns = torch.tensor([0, 3, 7, 5]), torch.tensor([0, 6, 7, 1])
    points = torch.stack([(columns + 0.5) / 8, (rows + 0.5) / 8], dim=1)
    assert torch.allclose(sample_columns(maps, points), large[:, rows, columns].T, atol=1e-6)


def test_hypercolumn_gradient():
    feature = torch.rand(1, 2, 5, 7, dtype=torch.float64, requires_grad=True)
    points = torch.rand(6, 2, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda m: sample_columns([m], points), (feature,))


def test_bundled_network_gives_ten_maps_of_2179_channels():
    network = PerceptualNetwork()
    with torch.no_grad():
        maps = network.features(torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    assert sum(m.shape[1] for m in maps) == CHANNELS == 2179
    assert [m.shape[2] for m in maps] == [32, 32, 32, 16, 16, 8, 8, 8, 4, 2]
    shares = [float(m.square().sum(dim=1).mean()) for m in maps]
    assert max(shares) / sum(shares) < 0.6, "no layer may rule the cosine distance"


def test_unusable_weights_are_named(tmp_path):
    with pytest.raises(InputFileError, match="missing.*bundled"):
        PerceptualNetwork(tmp_path / "none.safetensors")
    (tmp_path / "junk.safetensors").write_bytes(b"junk")
    with pytest.raises(InputFileError, match="cannot be read"):
        PerceptualNetwork(tmp_path / "junk.safetensors")
    save_file({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "short.safetensors")
    with pytest.raises(InputFileError, match=r"features\.0 is missing or not VGG-16"):
        PerceptualNetwork(tmp_path / "short.safetensors")


@pytest.mark.parametrize("size", [32, 33, 50])
def test_pyramid_synthesis_inverts_analysis(size):
    image = torch.rand(1, 3, size, size, dtype=torch.float64)
    assert torch.allclose(synthesise(analyse(image, 4)), image, atol=1e-12)


def test_rmsprop_without_floor_is_torchs_and_with_floor_spares_weak_gradients():
    target = torch.tensor([1.0, -2.0, 0.5])
    ours, theirs = torch.zeros(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    mine, reference = TextureRMSprop([ours], 0.01, 0.0), torch.optim.RMSprop([theirs], lr=0.01)
    for _ in range(20):
        (ours - target).square().sum().backward()
        mine.step()
        reference.zero_grad()
        (theirs - target).square().sum().backward()
        reference.step()
    assert torch.allclose(ours, theirs, atol=1e-5)
    weak = torch.zeros(2, requires_grad=True)
    optimiser = TextureRMSprop([weak], 0.01, 0.5)
    (weak * torch.tensor([1.0, 1e-4])).sum().backward()
    optimiser.step()
    assert weak[0].abs() > 100 * weak[1].abs()
