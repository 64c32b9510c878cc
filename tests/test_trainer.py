"""The training loop: flat weights, running average, order of samples, files of methods; recovery of known factors."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import RidgeCV
from torch import nn

from portrait_pipeline.base.device import choose_device
from portrait_pipeline.base.errors import ArtifactError, MissingDependencyError
from portrait_pipeline.lab.table1.methods import MODELS, RIVALS, load_methods, save_methods
from portrait_pipeline.translation.data import TrainingData
from portrait_pipeline.translation.exemplar import AutoencoderTraining, ClassifierTraining, Exemplar
from portrait_pipeline.translation.flat import FlatAdam, flatten
from portrait_pipeline.translation.params import AutoencoderParams, LossWeights, Schedule, TranslationParams
from portrait_pipeline.translation.trainer import Trainer, draw_order, train

pytestmark = pytest.mark.usefixtures("one_thread")


def seeded(seed=0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def toy(count=4000, seed=0, noise=0.05):
    """Two domains with known factors: x = A a and y = A a + B b, b around one of six centres; K = 10, whitened.

    Returns training data and, for other samples of the art domain, y, a (4 content factors) and b (3 style factors).
    """
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.normal(size=(10, 10)))[0]
    content, style = basis[:4], basis[4:7]
    centres = rng.normal(0, 1.5, (6, 3))

    def normal(n):
        return rng.normal(size=(n, 4)) @ content + noise * rng.normal(size=(n, 10))

    def art(n):
        a, labels = rng.normal(size=(n, 4)), rng.integers(6, size=n)
        b = centres[labels] + 0.5 * rng.normal(size=(n, 3))
        return a @ content + b @ style + noise * rng.normal(size=(n, 10)), a, b, labels

    x, (y, _, _, labels), test = normal(count), art(count), art(1000)
    both = np.concatenate([x, y])
    mean, spread = both.mean(0), both.std(0)

    def put(values):
        return torch.as_tensor((values - mean) / spread, dtype=torch.float32)

    labels = torch.as_tensor(labels)
    data = TrainingData(put(x), put(y), labels, labels, torch.ones(10))
    return data, put(test[0]), test[1], test[2]


def explained(codes: torch.Tensor, factors: np.ndarray) -> float:
    """Share of the variance of the factors that a ridge regression on the codes predicts, on unseen samples."""
    half = len(factors) // 2
    model = RidgeCV(np.logspace(-3, 3, 7)).fit(codes[:half].numpy(), factors[:half])
    return float(model.score(codes[half:].numpy(), factors[half:]))


def test_codes_recover_the_true_factors_and_not_each_others():
    data, y, a, b = toy()
    autoencoder = AutoencoderTraining(10, seeded(1))
    train(autoencoder, data, AutoencoderParams(epochs=6, batch_size=128).schedule(), art_passes=False)
    classifier = ClassifierTraining(10, 6, seeded(2))
    schedule = Schedule(epochs=10, batch_size=128, learning_rate=6e-3, average_decay=0.97)
    train(classifier, data, schedule.model_copy(update={"epochs": 4}))
    model = Exemplar(autoencoder.autoencoder, classifier.classifier, LossWeights(), seeded(3))
    train(model, data, schedule)
    with torch.no_grad():
        content, style = model.art_content(y), model.style(y)
    table = {
        name: (round(explained(codes, a), 2), round(explained(codes, b), 2))
        for name, codes in (("content", content), ("style", style))
    }
    assert table["content"][0] > 0.9 and table["style"][1] > 0.8, table
    assert table["content"][1] < 0.35 and table["style"][0] < 0.35, table


def test_one_vector_of_weights_learns_as_separate_ones_do():
    def network():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))

    data = torch.randn(64, 3, generator=seeded())
    plain, flat = network(), network()
    adam = torch.optim.Adam(plain.parameters(), lr=1e-2, betas=(0.5, 0.999))
    vector = flatten(flat)
    flat_adam = FlatAdam(vector, 1e-2, (0.5, 0.999))
    flat_adam.state()  # must not change anything
    for _ in range(20):
        adam.zero_grad()
        (plain(data) ** 2).mean().backward()
        adam.step()
        flat_adam.descend((flat(data) ** 2).mean(), list(flat.parameters()))
    for one, other in zip(plain.parameters(), flat.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-6)
    assert torch.equal(vector, torch.cat([parameter.detach().reshape(-1) for parameter in flat.parameters()]))


def test_the_average_follows_the_weights_and_forgets_its_start():
    data = toy(300)[0]
    trainer = Trainer(
        AutoencoderTraining(10, seeded()),
        data,
        Schedule(epochs=20, batch_size=50, learning_rate=1e-3, average_decay=0.9),
    )
    trainer.start_epoch(0)
    naive = trainer.weights.clone()
    for step in range(6):
        trainer.step()
        decay = min(0.9, (1 + step + 1) / (10 + step + 1))
        naive = decay * naive + (1 - decay) * trainer.weights
    assert torch.allclose(trainer.average, naive, atol=1e-6)


def test_every_sample_is_drawn_as_often_as_the_others_up_to_one():
    order = draw_order(7, 18, seeded())
    counts = torch.bincount(order, minlength=7)
    assert len(order) == 18 and counts.min() == 2 and counts.max() == 3
    assert not torch.equal(order[:7], draw_order(7, 7, seeded(1)))


def test_a_snapshot_takes_a_training_back_exactly():
    data = toy(300)[0]
    params = TranslationParams(batch_size=50).schedule()
    trainer = Trainer(RIVALS["munit"](10, seeded()), data, params)
    trainer.start_epoch(0)
    before = trainer.snapshot()
    trainer.step()
    after = trainer.snapshot()
    trainer.restore(before)
    trainer.step_of_epoch.zero_()
    trainer.step()
    assert all(torch.equal(after[name], value) for name, value in trainer.snapshot().items())


def test_the_state_of_a_training_with_other_loss_weights_is_not_continued(tmp_path, monkeypatch):
    monkeypatch.setattr("portrait_pipeline.translation.trainer.CHECKPOINT_EVERY", 1)
    data, file = toy(200)[0], tmp_path / "state.safetensors"
    schedule = TranslationParams(epochs=3, batch_size=50).schedule()

    class Stop(Exception):
        pass

    def stop(step, total, values):
        if step == 2:
            raise Stop

    with pytest.raises(Stop):
        train(RIVALS["cyclegan"](10, seeded()), data, schedule, stop, file)
    seen = []
    report = lambda step, total, values: seen.append(step)  # noqa: E731
    train(RIVALS["cyclegan"](10, seeded(), {"cycle": 0.0}), data, schedule, report, file)
    assert seen == [1, 2, 3]


@pytest.mark.parametrize("name", MODELS)
def test_methods_survive_the_disk(name, tmp_path):
    if name in RIVALS:
        methods = [RIVALS[name](10, seeded(seed)) for seed in range(2)]
    else:
        weight = 0.0 if "without" in name else 1.0
        section = LossWeights(weight_class=weight, weight_class_adversarial=weight)
        parts = AutoencoderTraining(10, seeded()).autoencoder, ClassifierTraining(10, 6, seeded()).classifier
        methods = [Exemplar(*parts, section, seeded(seed)) for seed in range(2)]
    file = tmp_path / "m.safetensors"
    save_methods(file, methods, 10)
    again = load_methods(file)
    x, y = torch.randn(2, 7, 10, generator=seeded())
    with torch.no_grad():
        for one, other in zip(methods, again, strict=True):
            assert other.name == name and torch.equal(one.translate(x, y), other.translate(x, y))
    assert not torch.equal(again[0].translate(x, y), again[1].translate(x, y))
    save_methods(tmp_path / "n.safetensors", again, 10)
    assert (tmp_path / "n.safetensors").read_bytes() == file.read_bytes()


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "m.safetensors").write_bytes(b"12345678 not a tensor")
    with pytest.raises(ArtifactError, match=r"m\.safetensors: damaged"):
        load_methods(tmp_path / "m.safetensors")


def test_a_device_that_is_not_there_is_refused():
    assert choose_device("cpu").type == "cpu"
    if not torch.cuda.is_available():
        assert choose_device("auto").type == "cpu"
        with pytest.raises(MissingDependencyError, match="device is cuda.*set PORTRAIT_DEVICE to auto or cpu"):
            choose_device("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_captured_step_equals_an_eager_one_on_the_gpu():
    from portrait_pipeline.translation.trainer import capture

    data = toy(600)[0]
    data = TrainingData(*(value.cuda() for value in vars(data).values()))
    params = TranslationParams(batch_size=50).schedule()
    trainers = [Trainer(RIVALS["munit"](10, seeded()), data, params) for _ in range(2)]
    graph = capture(trainers[0])
    trainers[1].state()
    for trainer in trainers:
        trainer.start_epoch(0)
    for _ in range(5):
        graph.replay()
        trainers[1].step()
    assert torch.allclose(trainers[0].weights, trainers[1].weights, atol=1e-5)
