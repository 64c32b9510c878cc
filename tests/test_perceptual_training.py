"""The recipe of the perceptual weights, on a toy folder in Tiny ImageNet's layout."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from portrait_pipeline.base.errors import InputFileError, ParameterError, TrainingError
from portrait_pipeline.commands.portrait import main
from portrait_pipeline.making.perceptual.__main__ import main as train_command
from portrait_pipeline.making.perceptual.augmentation import augment, crop, draw_crops, jitter_colour
from portrait_pipeline.making.perceptual.images import read_folder
from portrait_pipeline.making.perceptual.network import ClassifierVGG, fold
from portrait_pipeline.making.perceptual.recipe import Recipe
from portrait_pipeline.making.perceptual.train import train_weights
from portrait_pipeline.perceptual.balance import CALIBRATION_SHARES, calibration_images, layer_shares
from portrait_pipeline.perceptual.perceptual import PerceptualNetwork
from portrait_pipeline.perceptual.weights import load_weights

pytestmark = pytest.mark.usefixtures("one_thread")
SIDE = 32
QUICK = Recipe(
    epochs=4, sizes=(16, 24), batch=16, learning_rate=0.02, warmup=0.4, dropout=0.0, jitter=0.1, statistics=8
)


def picture(kind: int, rng: np.random.Generator) -> np.ndarray:
    """Horizontal bars, vertical bars, a disk or a chequerboard, in any two colours and with noise."""
    y, x = np.mgrid[:SIDE, :SIDE] + rng.uniform(0, 8, size=(2, 1, 1))
    shape = [
        np.sin(y * 1.2) > 0,
        np.sin(x * 1.2) > 0,
        np.hypot(y - 20, x - 20) < 9,
        (np.sin(y * 0.6) > 0) ^ (np.sin(x * 0.6) > 0),
    ][kind]
    dark, light = rng.uniform(0, 90, 3), rng.uniform(160, 255, 3)
    return np.clip(np.where(shape[..., None], light, dark) + rng.normal(0, 5, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root, rng = tmp_path_factory.mktemp("tiny"), np.random.default_rng(0)
    names = [f"n0000000{kind}" for kind in range(4)]
    (root / "wnids.txt").write_text("\n".join(names) + "\n")
    (root / "val" / "images").mkdir(parents=True)
    lines = []
    for kind, name in enumerate(names):
        place = root / "train" / name / "images"
        place.mkdir(parents=True)
        for number in range(12):
            Image.fromarray(picture(kind, rng)).save(place / f"{name}_{number}.JPEG", quality=95)
        (place.parent / f"{name}_boxes.txt").write_text("")
        for number in range(8):
            file = f"val_{kind}_{number}.JPEG"
            Image.fromarray(picture(kind, rng)).save(root / "val" / "images" / file, quality=95)
            lines.append(f"{file}\t{name}\t0\t0\t31\t31")
    (root / "val" / "val_annotations.txt").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture(scope="module")
def images(folder):
    return read_folder(folder, SIDE)


# -- images --------------------------------------------------------------------------------------------------------


def test_the_published_layout_is_read(folder, images):
    assert images.classes == tuple(f"n0000000{kind}" for kind in range(4))
    assert images.training.images.shape == (48, SIDE, SIDE, 3) and images.training.images.dtype == np.uint8
    assert np.array_equal(np.bincount(images.training.labels), [12] * 4)
    assert np.array_equal(np.bincount(images.validation.labels), [8] * 4)
    expected = np.asarray(Image.open(folder / "val" / "images" / "val_2_3.JPEG"))
    assert np.array_equal(images.validation.images[2 * 8 + 3], expected)


def test_pictures_of_another_size_or_mode_become_square_rgb(folder, tmp_path):
    root = shutil.copytree(folder, tmp_path / "tiny")
    place = root / "train" / "n00000000" / "images" / "n00000000_0.JPEG"
    grey = np.zeros((60, 100), np.uint8)
    grey[:, 20:80] = 200  # the middle square
    Image.fromarray(grey).save(place)
    assert read_folder(root, 48).training.images[0].min() > 190


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("train/n00000001/images/n00000001_5.JPEG", b"junk", "n00000001_5.JPEG: is not a picture"),
        ("train/n00000001/images/n00000001_5.JPEG", None, "n00000001_5.JPEG: .*(damaged|truncated)"),
        ("val/images/val_1_1.JPEG", b"", "val_1_1.JPEG: the file is empty"),
        ("wnids.txt", b"n00000000\n../../etc\n", "wnids.txt, line 2: '../../etc'"),
        ("wnids.txt", b"n00000000\nn00000000\n", "line 2.*twice"),
        ("wnids.txt", b"n00000000\nn00000009\n", "n00000009.*cannot be listed"),
        ("wnids.txt", b"n00000000\n", "at least 2"),
        ("wnids.txt", b"\xff\xfe\x00", "cannot be read"),
        ("val/val_annotations.txt", b"../x.JPEG\tn00000000\n", r"line 1: .*not a file name"),
        ("val/val_annotations.txt", b"val_0_0.JPEG\tn7\n", "line 1.*wnids"),
        ("val/val_annotations.txt", b"val_0_0.JPEG\n", "line 1"),
        ("val/val_annotations.txt", b"none.JPEG\tn00000000\n", "none.JPEG: no such file"),
        ("val/val_annotations.txt", b"\n", "empty"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said_by_file(folder, tmp_path, file, content, words):
    root = shutil.copytree(folder, tmp_path / "tiny")
    target = root / file
    target.write_bytes(target.read_bytes()[:400] if content is None else content)
    with pytest.raises(InputFileError, match=words) as caught:
        read_folder(root, SIDE)
    assert "\n" not in str(caught.value)


def test_a_missing_folder_and_one_too_large_for_memory(folder, tmp_path):
    with pytest.raises(InputFileError, match="wnids.txt: no such file"):
        read_folder(tmp_path)
    with pytest.raises(InputFileError, match="at most 16 GB"):
        read_folder(folder, 10_000)


# -- augmentation --------------------------------------------------------------------------------------------------


def test_crops_lie_inside_the_image_and_show_what_they_say():
    recipe = Recipe(smallest_crop=0.3, aspect=1.5)
    maps = draw_crops(4000, recipe, torch.Generator().manual_seed(0))
    width, height = maps[:, 0, 0].abs(), maps[:, 1, 1]
    assert float((maps[:, 0, 2].abs() + width).max()) <= 1 + 1e-6
    assert float((maps[:, 1, 2].abs() + height).max()) <= 1 + 1e-6
    area = width * height
    assert 0.27 < float(area.min()) and float(area.max()) <= 1 and abs(float(area.mean()) - 0.63) < 0.03
    assert abs(float((maps[:, 0, 0] < 0).float().mean()) - 0.5) < 0.03
    ramp = torch.arange(8.0).view(1, 1, 1, 8).expand(1, 3, 8, 8).contiguous()
    left = crop(ramp, torch.tensor([[[0.5, 0, -0.5], [0, 1, 0]]]), 4)  # the left half, whole height
    assert torch.allclose(left[0, 0, 0], torch.arange(4.0))
    mirrored = crop(ramp, torch.tensor([[[-1.0, 0, 0], [0, 1, 0]]]), 8)
    assert torch.allclose(mirrored, ramp.flip(3), atol=1e-5)


def test_colour_factors_do_what_they_are_called():
    image = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1)) * 0.4 + 0.2
    one, two = torch.ones(2), torch.tensor([1.0, 0.5])
    assert torch.allclose(jitter_colour(image, torch.stack([one, one, one])), image, atol=1e-6)
    assert torch.allclose(jitter_colour(image, torch.stack([two, one, one]))[1], image[1] * 0.5, atol=1e-6)
    flat = jitter_colour(image, torch.stack([one, one * 0, one]))
    assert float(flat.mean(dim=1).flatten(1).std(dim=1).max()) < 0.15
    grey = jitter_colour(image, torch.stack([one, one, one * 0]))
    assert float((grey - grey.mean(dim=1, keepdim=True)).abs().max()) < 1e-6


def test_augmented_pictures_are_seeded_and_in_range(images):
    batch = torch.from_numpy(images.training.images[:6])
    first, second = (augment(batch, 40, Recipe(), torch.Generator().manual_seed(4)) for _ in range(2))
    assert first.shape == (6, 3, 40, 40) and torch.equal(first, second)
    assert 0 <= float(first.min()) and float(first.max()) <= 1


# -- schedule and network ------------------------------------------------------------------------------------------


def test_one_cycle_rises_and_falls():
    recipe = Recipe(learning_rate=0.25, warmup=0.3, start_divisor=25, final_divisor=1e4)
    rates = [recipe.rate(step, 1000) for step in range(1000)]
    assert rates[0] == pytest.approx(0.01) and rates[-1] == pytest.approx(0.25e-4)
    assert np.argmax(rates) == 300 and max(rates) == pytest.approx(0.25)
    assert np.all(np.diff(rates[:301]) > 0) and np.all(np.diff(rates[300:]) < 0)
    assert all(math.isfinite(Recipe(warmup=w).rate(s, n)) for w in (0, 1) for n in (1, 2, 3) for s in range(n))


def test_folding_is_exact():
    generator = torch.Generator().manual_seed(0)
    network = ClassifierVGG(5, 0.0, generator)
    for norm in network.norms.values():
        for values, low, high in [
            (norm.weight, 0.5, 1.5),
            (norm.bias, -0.3, 0.3),
            (norm.running_mean, -0.5, 0.5),
            (norm.running_var, 0.3, 3.0),
        ]:
            values.data.uniform_(low, high, generator=generator)
    network.eval()
    plain = PerceptualNetwork.__new__(PerceptualNetwork)  # the folded weights as they are, without balance
    folded = fold(network)
    plain.precision, plain._mean, plain._deviation = torch.float32, network.mean, network.deviation
    plain._layers = {int(i): (folded[f"features.{i}.weight"], folded[f"features.{i}.bias"]) for i in network.norms}
    image = torch.rand(2, 3, 40, 32, generator=generator)
    with torch.no_grad():
        for theirs, ours in zip(network.maps(image), plain.features(image)[1:], strict=True):
            assert float((theirs - ours).abs().max() / theirs.abs().max()) < 1e-5


# -- training ------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_calibration(monkeypatch) -> list[torch.Tensor]:
    """The calibration images at a size that saves seconds."""
    pictures = calibration_images(64)
    monkeypatch.setattr("portrait_pipeline.making.perceptual.train.calibration_images", lambda: pictures)
    return pictures


class Interruption:
    """Progress that stops the training at a step, as Ctrl-C does."""

    def __init__(self, step: int) -> None:
        self.step, self.seen = step, []

    def __call__(self, step: int, total: int, losses: object) -> None:
        self.seen.append(step)
        if step >= self.step:
            raise KeyboardInterrupt


def test_training_learns_and_an_interrupted_one_ends_at_the_same_bits(images, tmp_path, small_calibration):
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    top1 = train_weights(images, whole, QUICK)
    assert set(top1) == {"16", "24"} and sum(top1.values()) / 2 > 55, "chance is 25 %"
    report = json.loads((tmp_path / "whole.json").read_text())
    assert report["top1_percent"] == pytest.approx(top1, rel=1e-5) and len(report["history"]) == QUICK.epochs
    assert report["history"][-1]["loss"] < report["history"][0]["loss"]

    with pytest.raises(KeyboardInterrupt):
        train_weights(images, parts, QUICK, progress=Interruption(3 * 3))
    assert not parts.exists() and parts.with_name("parts.safetensors.state.safetensors").is_file()
    follow = Interruption(10**9)
    train_weights(images, parts, QUICK, progress=follow)
    assert follow.seen[0] == 3 * 3, "two epochs of three steps were done"
    assert parts.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "parts.json",
        "parts.safetensors",
        "whole.json",
        "whole.safetensors",
    ]

    maps = PerceptualNetwork(whole).features(torch.rand(1, 3, 32, 32))
    assert sum(m.shape[1] for m in maps) == 2179
    found = layer_shares(load_weights(whole), small_calibration)
    assert found == pytest.approx(np.array(CALIBRATION_SHARES), rel=0.01)


def test_the_state_of_another_training_is_not_continued(images, tmp_path):
    path, one = tmp_path / "w.safetensors", dataclasses.replace(QUICK, epochs=1, sizes=(16,), batch=48)
    with pytest.raises(KeyboardInterrupt):
        train_weights(images, path, dataclasses.replace(one, epochs=2), progress=Interruption(2))
    fresh = Interruption(1)
    with pytest.raises(KeyboardInterrupt):
        train_weights(images, path, dataclasses.replace(one, seed=1), progress=fresh)
    assert fresh.seen[0] == 1


def test_a_training_that_explodes_is_named(images, tmp_path):
    wild = dataclasses.replace(QUICK, learning_rate=1e30, sizes=(16,), epochs=1)
    with pytest.raises(TrainingError, match="loss is .* lower the learning rate"):
        train_weights(images, tmp_path / "w.safetensors", wild)
    with pytest.raises(ParameterError, match="ends in .safetensors"):
        train_weights(images, tmp_path / "w.pt", QUICK)


def test_the_commands_options_are_the_recipes_fields():
    options = {option.name: option.default for option in train_command.params}
    for field in dataclasses.fields(Recipe):
        default = ",".join(map(str, field.default)) if isinstance(field.default, tuple) else field.default
        assert options[field.name] == default, field.name


@pytest.mark.usefixtures("small_calibration")
def test_the_command_trains_and_names_a_bad_picture(folder, tmp_path):
    output = tmp_path / "vgg.safetensors"
    options = "--device cpu --side 16 --sizes 16 --epochs 1 --batch 24 --statistics 1"
    arguments = ["weights", "train", str(folder), "-o", str(output), *options.split()]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "validation top-1 at 16 px: " in result.output and output.is_file()

    root = shutil.copytree(folder, tmp_path / "tiny")
    (root / "val" / "images" / "val_3_7.JPEG").write_bytes(b"junk")
    arguments[2] = str(root)
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1 and "val_3_7.JPEG" in result.output
    assert CliRunner().invoke(main, [*arguments, "--sizes", "8"]).exit_code == 2


def test_an_interrupted_command_says_how_to_continue(folder, tmp_path, monkeypatch):
    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("portrait_pipeline.making.perceptual.train.train_weights", stop)
    arguments = ["weights", "train", str(folder), "-o", str(tmp_path / "vgg.safetensors"), "--device", "cpu"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 130 and "run the same command to continue" in result.output
