"""The recipe of the perceptual weights, on a toy folder in Tiny ImageNet's layout."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from portrait_pipeline.making.perceptual import train
from portrait_pipeline.making.perceptual.__main__ import main
from portrait_pipeline.making.perceptual.images import read_folder
from portrait_pipeline.making.perceptual.train import ClassifierVGG, Recipe, augment, fold, train_weights
from portrait_pipeline.perceptual.balance import CALIBRATION_SHARES, calibration_images, layer_shares
from portrait_pipeline.perceptual.perceptual import PerceptualNetwork
from portrait_pipeline.perceptual.weights import load_weights

pytestmark = pytest.mark.usefixtures("one_thread")
SIDE, CPU = 32, torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Two classes, horizontal and vertical bars in any two colours."""
    root, rng = tmp_path_factory.mktemp("tiny"), np.random.default_rng(0)
    names, lines = ("n0", "n1"), []
    (root / "wnids.txt").write_text("\n".join(names) + "\n")
    (root / "val" / "images").mkdir(parents=True)
    for kind, name in enumerate(names):
        (root / "train" / name / "images").mkdir(parents=True)
        for number in range(16):
            bars = np.sin((np.mgrid[:SIDE, :SIDE][kind] + rng.uniform(0, 8)) * 1.2) > 0
            colours = rng.uniform(0, 90, 3), rng.uniform(160, 255, 3)
            picture = Image.fromarray(np.where(bars[..., None], *colours).astype(np.uint8))
            if number % 2:
                picture.save(root / "train" / name / "images" / f"{number}.JPEG", quality=95)
            else:
                lines.append(f"{kind}_{number}.JPEG\t{name}\t0\t0\t31\t31")
                picture.save(root / "val" / "images" / f"{kind}_{number}.JPEG", quality=95)
    (root / "val" / "val_annotations.txt").write_text("\n".join(lines) + "\n")
    return root


def test_the_published_layout_is_read(folder: Path) -> None:
    images = read_folder(folder, 24)
    assert images.classes == ["n0", "n1"] and images.training.images.shape == (16, 24, 24, 3)
    assert list(np.bincount(images.training.labels)) == list(np.bincount(images.validation.labels)) == [8, 8]


def test_pictures_are_augmented_in_range_and_repeat() -> None:
    images = torch.randint(255, (3, SIDE, SIDE, 3), dtype=torch.uint8)
    first, again = (augment(images, 24, torch.Generator().manual_seed(1)) for _ in range(2))
    assert first.shape == (3, 3, 24, 24) and torch.equal(first, again)
    assert 0 <= first.min() < first.max() <= 1


def test_folded_features_are_those_of_the_trained_network() -> None:
    generator = torch.Generator().manual_seed(0)
    network = ClassifierVGG(3, generator)
    for norm in network.norms.values():
        for values, low in ((norm.running_mean, -0.5), (norm.running_var, 0.5), (norm.weight.data, 0.5)):
            values.uniform_(low, low + 1, generator=generator)
    network.eval()
    folded, plain = fold(network), PerceptualNetwork.__new__(PerceptualNetwork)  # as they are, without balance
    plain.precision, plain._mean, plain._deviation = torch.float32, network.mean, network.deviation
    plain._layers = {int(i): (folded[f"features.{i}.weight"], folded[f"features.{i}.bias"]) for i in network.norms}
    image = torch.rand(2, 3, 40, 32, generator=generator)
    with torch.no_grad():
        for theirs, ours in zip(network.maps(image), plain.features(image)[1:], strict=True):
            assert float((theirs - ours).abs().max() / theirs.abs().max()) < 1e-5


def test_training_learns_and_an_interrupted_one_ends_at_the_same_bits(folder, tmp_path, monkeypatch) -> None:
    pictures = calibration_images(64)
    monkeypatch.setattr(train, "calibration_images", lambda: pictures)
    monkeypatch.setattr(train, "STATISTICS", 4)
    recipe, images = Recipe(epochs=3, sizes=(16, 24), batch=8, learning_rate=0.02), read_folder(folder, SIDE)
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    top1 = train_weights(images, whole, recipe, CPU)
    report = json.loads((tmp_path / "whole.json").read_text())
    assert set(top1) == {"16", "24"} and report["history"][-1]["loss"] < report["history"][0]["loss"]
    steps = []

    def interrupt(step: int, total: int, losses: object) -> None:
        steps.append(step)
        if len(steps) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_weights(images, parts, recipe, CPU, interrupt)
    train_weights(images, parts, recipe, CPU, interrupt)
    assert steps == [2, 4, 4, 6], "one epoch of two steps was kept"
    assert parts.read_bytes() == whole.read_bytes()
    assert len(list(tmp_path.iterdir())) == 4  # no state is left behind
    found = layer_shares(load_weights(whole), pictures)
    assert found == pytest.approx(np.array(CALIBRATION_SHARES), rel=0.01)


def test_the_command_names_a_folder_that_is_none(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(tmp_path), "-o", str(tmp_path / "w.safetensors")])
    assert result.exit_code == 1 and "give the folder tiny-imagenet-200" in result.output
