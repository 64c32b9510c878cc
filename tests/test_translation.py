"""The landmark translation network: losses, layers, training, checkpoints, translation."""

import math

import numpy as np
import pytest
import torch

from portrait_pipeline.base.errors import ArtifactError, TrainingError
from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.shapes.alignment import apply
from portrait_pipeline.shapes.generate import generate_art, generate_normal
from portrait_pipeline.shapes.params import ShapeSpaceParams
from portrait_pipeline.shapes.points import mirror
from portrait_pipeline.shapes.space import build_shape_space
from portrait_pipeline.shapes.validity import crossing
from portrait_pipeline.translation import losses, networks, trainer
from portrait_pipeline.translation.delivery import exaggerate, translate
from portrait_pipeline.translation.exemplar import Exemplar
from portrait_pipeline.translation.method import Batch
from portrait_pipeline.translation.params import AutoencoderParams, LossWeights, Schedule, TranslationParams
from portrait_pipeline.translation.training import train_autoencoder, train_translation
from portrait_pipeline.translation.translator import Translator, load_autoencoder, save_autoencoder

AUTOENCODER = AutoencoderParams(epochs=2, batch_size=64)
TRANSLATION = TranslationParams(epochs=3, batch_size=64)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def faces():
    model = load_bundled_model()
    return generate_normal(model, 200, np.random.default_rng(3)), generate_art(model, 300, np.random.default_rng(4))


@pytest.fixture(scope="module")
def built(faces):
    return build_shape_space(*faces, ShapeSpaceParams(classes=6))


@pytest.fixture(scope="module")
def autoencoder(built):
    return train_autoencoder(*built, AUTOENCODER)[0]


@pytest.fixture(scope="module")
def trained(built, autoencoder):
    return train_translation(autoencoder, *built, TRANSLATION)


def state(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def equal(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


# --- networks ----------


def test_layer_counts_are_the_papers():
    autoencoder, branch = networks.Autoencoder(32), networks.ArtBranch(32)
    counts = {
        "E_X": autoencoder.encoder,
        "G_X": autoencoder.decoder,
        "E_Y^C": branch.content,
        "E_Y^S": branch.style,
        "G_Y": branch.decoder,
        "D_Y": networks.critic(32, 1),
        "CL": networks.critic(32, 25),
    }
    assert {name: networks.count_layers(module) for name, module in counts.items()} == {
        "E_X": 8,
        "G_X": 8,
        "E_Y^C": 8,
        "E_Y^S": 16,
        "G_Y": 8,
        "D_Y": 4,
        "CL": 4,
    }


def test_shapes_of_codes_and_gradients_reach_every_weight():
    branch = networks.ArtBranch(32)
    networks.initialise(branch, torch.Generator().manual_seed(0))
    y = torch.randn(64, 32, generator=torch.Generator().manual_seed(1))
    mean, log_variance = branch.style(y)
    out = branch.decoder(branch.content(y), mean)
    assert mean.shape == log_variance.shape == (64, 16) and out.shape == (64, 32)
    ((out**2).sum() + (log_variance**2).sum()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for n, p in branch.named_parameters() if "weight" in n)


# --- losses against their formulas ----------


def test_l1_and_least_squares_terms():
    a, b = torch.tensor([[1.0, 2.0], [3.0, -1.0]]), torch.tensor([[0.0, 4.0], [3.0, 1.0]])
    assert losses.l1(a, b).item() == pytest.approx((1 + 2 + 0 + 2) / 2 / math.sqrt(2))
    scores = torch.tensor([[0.5], [2.0]])
    assert losses.adversarial(scores).item() == pytest.approx((0.25 + 1.0) / 2)
    assert losses.discriminator(scores, torch.tensor([[0.5], [0.1], [0.0]])).item() == pytest.approx(
        (0.25 + 1.0) / 2 + (0.25 + 0.01) / 3
    )


def test_class_term_is_the_cross_entropy_of_the_logits():
    logits, labels = torch.tensor([[2.0, 0.0, -1.0], [0.0, 0.5, 1.0]]), torch.tensor([0, 1])
    naive = [
        -math.log(math.exp(row[k]) / sum(math.exp(v) for v in row))
        for row, k in zip(logits.tolist(), labels.tolist(), strict=True)
    ]
    assert losses.classification(logits, labels).item() == pytest.approx(sum(naive) / 2)


def test_kl_against_torch_distributions_and_zero_at_the_prior():
    mean, log_variance = torch.randn(8, 16), torch.randn(8, 16)
    normal = torch.distributions.Normal
    exact = torch.distributions.kl_divergence(normal(mean, (log_variance / 2).exp()), normal(0.0, 1.0)).mean()
    assert losses.kl_divergence(mean, log_variance).item() == pytest.approx(exact.item(), rel=1e-5)
    assert losses.kl_divergence(torch.zeros(3, 16), torch.zeros(3, 16)).item() == 0


def test_content_domain_term_compares_means_and_deviations():
    a, b = torch.randn(50, 4), torch.randn(60, 4) * 2 + 1
    naive = np.abs(a.numpy().mean(0) - b.numpy().mean(0)).sum() / 2
    naive += np.abs(a.numpy().std(0, ddof=1) - b.numpy().std(0, ddof=1)).sum() / 2
    assert losses.content_domain(a, b).item() == pytest.approx(naive, rel=1e-5)
    assert losses.content_domain(a, a).item() == 0


def test_reparameterised_codes_have_the_asked_mean_and_variance():
    noise = torch.randn(200_000, 1, generator=torch.Generator().manual_seed(0))
    code = losses.sample_code(torch.tensor(1.5), torch.tensor(math.log(0.25)), noise)
    assert code.mean().item() == pytest.approx(1.5, abs=0.01) and code.std().item() == pytest.approx(0.5, abs=0.01)


PAPER = {"art_reconstruction": 1, "content_code": 0.5, "style_code": 1, "kl": 1, "adversarial": 1, "class": 1}
OURS = ("class_adversarial", "random_codes", "content_domain")


def exemplar(built, autoencoder, trained, **changes) -> Exemplar:
    weights = LossWeights(**changes)
    return Exemplar(autoencoder, trained[0].classifier, weights, torch.Generator().manual_seed(0))


def batch(built, size=40) -> Batch:
    shapes = built[1]
    x, y = (torch.as_tensor(faces[:size], dtype=torch.float32) for faces in (shapes.normal, shapes.art))
    return Batch(x, y, torch.as_tensor(shapes.art_labels[:size]), torch.Generator().manual_seed(0))


def test_without_our_additions_the_terms_and_weights_are_equation_7(built, autoencoder, trained):
    letter = TranslationParams(paper_letter=True, weight_class=3.0).weights()
    assert letter.model_dump() == LossWeights().model_dump() | {f"weight_{name}": 0.0 for name in OURS} | {
        "weight_content_code": 0.5
    }
    model = exemplar(built, autoencoder, trained, **letter.model_dump())
    terms = model.terms(batch(built), model.make(batch(built)))
    assert {name: model.weights()[name] for name in terms} == PAPER


def test_without_the_class_loss_neither_of_its_terms_is_there(built, autoencoder, trained):
    model = exemplar(built, autoencoder, trained, weight_class=0.0, weight_class_adversarial=0.0)
    made = model.make(batch(built))
    names = set(model.terms(batch(built), made)) | set(model.judge_terms(batch(built), made))
    assert model.name == "ours_without_class_loss" and not {name for name in names if "class" in name}
    assert exemplar(built, autoencoder, trained).name == "ours"


def test_terms_of_stage_two_use_the_exemplars_own_code_and_label(built, autoencoder, trained):
    model, some = exemplar(built, autoencoder, trained), batch(built)
    branch, encoder, judges = model.translator, model.autoencoder.encoder, model.judges
    made = model.make(some)
    terms = model.terms(some, made)
    z, z_random = branch.decoder(encoder(some.x), made["s_y"]), branch.decoder(encoder(some.x), made["s_random"])
    own = judges["class"](z)[torch.arange(40), some.labels]

    def l1(a, b):
        return (a - b).abs().mean() * math.sqrt(a.shape[1])

    expected = {
        "art_reconstruction": l1(branch.decoder(branch.content(some.y), made["s_y"]), some.y),
        "content_code": l1(branch.content(z), encoder(some.x)),
        "style_code": l1(branch.style(z)[0], made["s_y"]),
        "class": torch.nn.functional.cross_entropy(model.classifier(z), some.labels),
        "class_adversarial": ((own - 1) ** 2).mean(),
        "adversarial": (((judges["art"](z) - 1) ** 2).mean() + ((judges["art"](z_random) - 1) ** 2).mean()) / 2,
        "random_codes": 0.2 * l1(branch.content(z_random), encoder(some.x))
        + l1(branch.style(z_random)[0], made["s_random"]),
    }
    for name, value in expected.items():
        assert terms[name].item() == pytest.approx(value.item(), rel=1e-4, abs=1e-6), name


def test_the_class_judge_compares_within_the_exemplars_class(built, autoencoder, trained):
    model, some = exemplar(built, autoencoder, trained), batch(built)
    made = model.make(some)
    real, fake = (model.judges["class"](faces)[torch.arange(40), some.labels] for faces in (some.y, made["z"]))
    expected = ((real - 1) ** 2).mean() + (fake**2).mean()
    assert model.judge_terms(some, made)["class_discriminator"].item() == pytest.approx(expected.item(), rel=1e-5)


# --- training ----------


def test_losses_fall_and_progress_reports_every_epoch(built, autoencoder):
    reports = []
    _, history = train_translation(
        autoencoder,
        *built,
        TRANSLATION,
        lambda step, total, values: reports.append((step, total, dict(values))),
    )
    assert [(step, total) for step, total, _ in reports] == [(1, 3), (2, 3), (3, 3)]
    assert history[-1]["art_reconstruction"] < history[0]["art_reconstruction"]
    assert set(PAPER) | set(OURS) | {"discriminator"} < set(history[0])


def test_the_autoencoder_learns_to_reconstruct(built):
    space, shapes = built
    model, history = train_autoencoder(space, shapes, AutoencoderParams(epochs=20, batch_size=64))
    assert history[-1]["reconstruction"] < 0.5 * history[0]["reconstruction"]
    held_out = torch.as_tensor(shapes.normal[shapes.normal_held_out], dtype=torch.float32)
    assert (model(held_out) - held_out).abs().mean().item() < 0.1


def test_two_trainings_agree_bit_for_bit_and_leave_stage_one_alone(built, autoencoder, trained):
    before = state(autoencoder)
    again, history = train_translation(autoencoder, *built, TRANSLATION)
    assert equal(again.branch, trained[0].branch) and history == trained[1]
    assert all(torch.equal(before[name], value) for name, value in autoencoder.state_dict().items())
    assert equal(again.autoencoder, autoencoder)


def test_another_seed_gives_other_weights(built, autoencoder, trained):
    other, _ = train_translation(autoencoder, *built, TRANSLATION, seed=1)
    assert not equal(other.branch, trained[0].branch)


class Stop(Exception):
    """What a user's interruption looks like to the training."""


def stop_at(epoch: int):
    def report(step, total, values):
        if step == epoch:
            raise Stop

    return report


@pytest.mark.parametrize("stage", ["autoencoder", "translation"])
def test_an_interrupted_training_continues_bit_for_bit(stage, built, autoencoder, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "CHECKPOINT_EVERY", 1)
    file = tmp_path / "deep" / "state.safetensors"

    def train(progress=trainer.silent, checkpoint=None, seed=0):
        if stage == "autoencoder":
            params = AutoencoderParams(epochs=4, batch_size=64)
            return train_autoencoder(*built, params, progress, checkpoint, seed=seed)
        params = TranslationParams(epochs=4, batch_size=64)
        return train_translation(autoencoder, *built, params, progress, checkpoint, seed=seed)

    whole, history = train()
    with pytest.raises(Stop):
        train(stop_at(3), file)
    assert file.is_file()
    seen = []
    resumed, resumed_history = train(lambda step, total, values: seen.append(step), file)
    assert seen == [3, 4] and resumed_history == history
    assert equal(getattr(resumed, "branch", resumed), getattr(whole, "branch", whole))
    assert list(tmp_path.rglob("*.safetensors")) == []


def test_the_state_of_another_training_or_a_damaged_one_is_not_continued(built, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "CHECKPOINT_EVERY", 1)
    file = tmp_path / "state.safetensors"
    with pytest.raises(Stop):
        train_autoencoder(*built, AutoencoderParams(epochs=4, batch_size=64), stop_at(3), file)
    seen = []
    report = lambda s, t, v: seen.append(s)  # noqa: E731
    train_autoencoder(*built, AutoencoderParams(epochs=2, batch_size=64), report, file, seed=9)
    assert seen == [1, 2]
    file.write_bytes(b"half a file")
    train_autoencoder(*built, AUTOENCODER, report, file)
    assert seen == [1, 2, 1, 2]


def test_a_loss_that_is_not_finite_stops_with_its_name_and_step(built, autoencoder, monkeypatch):
    calls = iter(range(100))

    def broken(mean, log_variance):
        return mean.sum() * (float("nan") if next(calls) == 7 else 0.0)

    monkeypatch.setattr(losses, "kl_divergence", broken)
    message = r"ours: the loss term 'kl' .* epoch 2, step 4; lower translation.learning_rate"
    with pytest.raises(TrainingError, match=message) as error:
        train_translation(autoencoder, *built, TRANSLATION)
    assert "\n" not in str(error.value)


def test_the_learning_rate_is_constant_and_then_falls():
    def rates(share):
        params = Schedule(epochs=10, batch_size=64, learning_rate=1e-3, decay_from=share)
        return np.array([trainer.learning_rate(params, epoch) for epoch in range(10)])

    assert np.allclose(rates(1.0), 1e-3)
    half = rates(0.5)
    assert np.allclose(half[:6], 1e-3) and (np.diff(half[5:]) < 0).all() and half[-1] >= 1e-4


# --- the trained networks on disk and at work ----------


def test_weights_survive_the_disk(built, trained, autoencoder, tmp_path):
    translator, _ = trained
    translator.save(tmp_path / "t.safetensors")
    again = Translator.load(tmp_path / "t.safetensors")
    shapes = built[1]
    assert np.array_equal(
        translator.translate_coefficients(shapes.normal[:9], shapes.art[:9]),
        again.translate_coefficients(shapes.normal[:9], shapes.art[:9]),
    )
    again.save(tmp_path / "u.safetensors")
    assert (tmp_path / "t.safetensors").read_bytes() == (tmp_path / "u.safetensors").read_bytes()
    save_autoencoder(autoencoder, tmp_path / "a.safetensors")
    assert equal(load_autoencoder(tmp_path / "a.safetensors"), autoencoder)


def test_bad_weight_files_are_named(tmp_path, autoencoder):
    with pytest.raises(ArtifactError, match=r"none\.safetensors: missing; run"):
        Translator.load(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"12345678 not a tensor")
    with pytest.raises(ArtifactError, match=r"bad\.safetensors: damaged"):
        Translator.load(tmp_path / "bad.safetensors")
    save_autoencoder(autoencoder, tmp_path / "a.safetensors")
    with pytest.raises(ArtifactError, match="holds 'autoencoder' version 2, expected 'translator'"):
        Translator.load(tmp_path / "a.safetensors")


def test_translation_follows_the_photos_frame(faces, built, trained):
    content, style = faces[0][0], faces[1][0]
    base = translate(trained[0], built[0], content, style)
    frame = np.array([[1.9, -0.5, 30.0], [0.5, 1.9, -700.0]])
    assert np.allclose(translate(trained[0], built[0], apply(frame, content), style), apply(frame, base), atol=1e-3)
    assert np.allclose(translate(trained[0], built[0], content, apply(frame, style)), base, atol=1e-4)


def test_translating_mirror_images_gives_the_mirror_image(faces, built, trained):
    content, style = faces[0][1], faces[1][1]
    base = translate(trained[0], built[0], content, style)
    flipped = translate(trained[0], built[0], mirror(content, 256), mirror(style, 256))
    assert np.allclose(flipped, mirror(base, 256), atol=1e-3)


def test_the_average_face_as_exemplar_and_strength_zero_leave_the_person_as_they_are(faces, built, trained):
    space = built[0]
    average = space.decode(space.normal_mean)
    for content, style in zip(faces[0][:5], faces[1][:5], strict=True):
        assert np.allclose(translate(trained[0], space, content, average), content, atol=0.05)
        assert np.allclose(translate(trained[0], space, content, style, strength=0.0), content, atol=1e-9)


def test_noise_in_a_symmetric_exemplar_does_not_make_a_crooked_face(built, trained):
    space, shapes = built
    person = space.decode(space.normal_mean)
    exemplar = space.decode(shapes.art[0] * (space.parity > 0))
    noisy = exemplar + np.random.default_rng(0).normal(0, 0.008, (68, 2))

    def crookedness(face):
        return np.abs(face - mirror(face)).mean()

    assert crookedness(translate(trained[0], space, person, exemplar)) < 1e-6
    assert crookedness(translate(trained[0], space, person, noisy)) < 0.25 * crookedness(noisy)


def test_many_pairs_at_once_equal_one_by_one(built, trained):
    space, shapes = built
    together = exaggerate(trained[0], space, shapes.normal[:6], shapes.art[:6])
    single = [exaggerate(trained[0], space, shapes.normal[[i]], shapes.art[[i]])[0] for i in range(6)]
    assert np.allclose(together, single, atol=1e-5)
    assert np.abs(together).max() <= max(4.0, np.abs(shapes.normal[:6]).max()) + 1e-9


def test_translations_are_faces(faces, built, trained):
    result = np.array(
        [translate(trained[0], built[0], x, y) for x, y in zip(faces[0][:60], faces[1][:60], strict=True)]
    )
    assert np.isfinite(result).all() and crossing(result).mean() <= 0.02
