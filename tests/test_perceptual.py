"""The perceptual network: sources of weights, layer balance, batches."""

from __future__ import annotations

import hashlib
import io
import json
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch.nn import functional

from portrait_pipeline.base.errors import InputFileError, MissingDependencyError
from portrait_pipeline.commands.portrait import main
from portrait_pipeline.perceptual import download
from portrait_pipeline.perceptual.balance import (
    CALIBRATION_SHARES,
    PORTRAIT_SHARES,
    balance,
    calibration_images,
    energies,
    layer_shares,
)
from portrait_pipeline.perceptual.layers import CONVOLUTIONS, DEVIATION, MEAN, POOLS, shapes
from portrait_pipeline.perceptual.perceptual import TAPS, PerceptualNetwork
from portrait_pipeline.perceptual.weights import cache_folder, imagenet_path, load_weights, save_weights


@pytest.fixture(scope="module")
def bundled() -> dict[str, torch.Tensor]:
    return {name: tensor.float() for name, tensor in load_weights("bundled").items()}


@pytest.fixture(scope="module")
def uneven(bundled: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A VGG-16 of which the first and the deep layers shout, as published ones do."""
    factors = np.random.default_rng(0).uniform(0.6, 2.5, len(CONVOLUTIONS))
    total = np.cumprod(factors)
    return {
        **{
            f"features.{i}.weight": bundled[f"features.{i}.weight"] * float(f)
            for i, f in zip(CONVOLUTIONS, factors, strict=True)
        },
        **{
            f"features.{i}.bias": bundled[f"features.{i}.bias"] * float(t)
            for i, t in zip(CONVOLUTIONS, total, strict=True)
        },
    }


@pytest.fixture(scope="module")
def images() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    blocks = [torch.rand(1, 3, *size, generator=generator) for size in ((6, 6), (5, 9))]
    return [functional.interpolate(block, scale_factor=8, mode="bicubic").clamp(0, 1) for block in blocks]


@pytest.fixture
def small_calibration(monkeypatch) -> list[torch.Tensor]:
    """The calibration images at a size that saves seconds."""
    pictures = calibration_images(64)
    for module in ("balance", "weights"):
        monkeypatch.setattr(f"portrait_pipeline.perceptual.{module}.calibration_images", lambda: pictures)
    return pictures


def plain_maps(tensors: dict[str, torch.Tensor], image: torch.Tensor) -> list[torch.Tensor]:
    """VGG-16 written out once more, in float64."""
    x = (image.double() - torch.tensor(MEAN).double().view(3, 1, 1)) / torch.tensor(DEVIATION).double().view(3, 1, 1)
    maps = [image.double()]
    for index in range(30):
        if index in CONVOLUTIONS:
            x = functional.conv2d(
                x, tensors[f"features.{index}.weight"].double(), tensors[f"features.{index}.bias"].double(), padding=1
            )
        elif index in POOLS:
            x = functional.max_pool2d(x, 2)
        else:
            x = x.clamp(min=0)
        if index in TAPS:
            maps.append(x)
    return maps


# -- the network ---------------------------------------------------------------------------------------------------


def test_features_are_vgg16s_and_a_batch_gives_what_its_images_give(bundled, images):
    network = PerceptualNetwork()
    batch = torch.cat([images[0], images[0].flip(3), images[0] * 0.5])
    together = network.features(batch)
    for row in range(3):
        alone = network.features(batch[row : row + 1])
        expected = plain_maps(bundled, batch[row : row + 1])
        for a, b, c in zip(alone, together, expected, strict=True):
            assert torch.allclose(a[0], b[row], atol=2e-5)
            assert torch.allclose(a.double(), c, atol=1e-4)


def test_gradient_of_a_batch_is_that_of_its_images(images):
    network = PerceptualNetwork()
    batch = torch.cat([images[0], images[0] * 0.5]).requires_grad_()
    (gradient,) = torch.autograd.grad(sum(m.square().sum() for m in network.features(batch)), batch)
    alone = batch.detach()[1:].clone().requires_grad_()
    (single,) = torch.autograd.grad(sum(m.square().sum() for m in network.features(alone)), alone)
    assert torch.allclose(gradient[1:], single, rtol=1e-3, atol=1e-3 * float(single.abs().max()))


# -- balance -------------------------------------------------------------------------------------------------------


def test_energy_is_the_mean_squared_length(bundled, images):
    rows = [[float(m.square().sum(dim=1).mean()) for m in plain_maps(bundled, image)] for image in images]
    assert energies(bundled, images) == pytest.approx(np.mean(rows, axis=0), rel=1e-4)


@pytest.mark.parametrize("shares", [PORTRAIT_SHARES, (5, 5, 5, 5, 10, 10, 20, 20, 10, 10)])
def test_balance_reaches_the_shares_and_scales_maps_only(uneven, images, shares):
    assert np.abs(layer_shares(uneven, images) - shares).max() > 5
    balanced = balance(uneven, images, shares)
    assert layer_shares(balanced, images) == pytest.approx(np.array(shares, float), rel=0.01)
    for before, after in zip(plain_maps(uneven, images[1]), plain_maps(balanced, images[1]), strict=True):
        factor = float((before * after).sum() / before.square().sum())
        assert factor > 0 and torch.allclose(after, factor * before, rtol=1e-4, atol=1e-5 * float(after.max()))


def test_balance_leaves_a_balanced_network_alone_and_forgets_former_scales(bundled, uneven, images):
    target = layer_shares(bundled, images)
    same = balance(bundled, images, target)
    assert all(torch.equal(same[name], bundled[name]) for name in bundled)
    back = balance(uneven, images, target)
    for a, b in zip(plain_maps(back, images[0]), plain_maps(bundled, images[0]), strict=True):
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-3 * float(b.max()))


def test_bundled_weights_carry_the_stated_shares_on_the_sample_pictures(bundled):
    found = layer_shares(bundled, calibration_images())
    assert found == pytest.approx(np.array(CALIBRATION_SHARES), rel=0.01)
    assert np.abs(found - PORTRAIT_SHARES).max() < 2.5, "portraits and sample pictures are not worlds apart"


@pytest.mark.parametrize("shares", [(1,) * 9, (0,) + (1,) * 9, (float("nan"),) + (1,) * 9])
def test_balance_refuses_other_shares(bundled, images, shares):
    with pytest.raises(ValueError, match="10 positive numbers"):
        balance(bundled, images, shares)


# -- sources -------------------------------------------------------------------------------------------------------


def test_a_users_file_is_balanced_once_and_a_marked_one_is_left(tmp_path, uneven, bundled, monkeypatch):
    save_file({**uneven, "classifier.0.weight": torch.zeros(3, 3)}, tmp_path / "own.safetensors")
    own = load_weights(tmp_path / "own.safetensors")
    for name in (f"features.{tap - 1}.bias" for tap in TAPS):
        assert torch.allclose(own[name], bundled[name], rtol=0.01), "the same balance, whatever scale it came in"
    save_weights(tmp_path / "marked.safetensors", uneven, {"source": "test"})
    monkeypatch.setattr("portrait_pipeline.perceptual.weights.balance", None)
    marked = load_weights(tmp_path / "marked.safetensors")
    assert all(torch.equal(marked[name].float(), uneven[name].half().float()) for name in uneven)


@pytest.mark.usefixtures("small_calibration")
def test_unusable_files_are_named_with_what_is_wrong(tmp_path, uneven):
    path = tmp_path / "w.safetensors"
    for change, words in [
        ({"features.28.bias": torch.zeros(3)}, r"features\.28 is missing or not VGG-16"),
        (
            {"features.0.weight": torch.full((64, 3, 3, 3), torch.nan)},
            r"features\.0\.weight has a number that is not finite",
        ),
        ({"features.5.bias": torch.zeros(128, dtype=torch.int32)}, r"features\.5 holds torch\.int32"),
        (
            {
                f"features.{i}.{part}": torch.zeros_like(uneven[f"features.{i}.{part}"])
                for i in (7,)
                for part in ("weight", "bias")
            },
            "cannot be balanced.*dead",
        ),
    ]:
        save_file({**uneven, **change}, path)
        with pytest.raises(InputFileError, match=words) as caught:
            load_weights(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_cache_folder_follows_xdg_only_if_absolute(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "portrait-pipeline"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder().is_absolute() and "relative" not in cache_folder().parts


# -- torchvision's file --------------------------------------------------------------------------------------------


class Server:
    """Answers every address with the same bytes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
        self.asked: list[str] = []

        def urlopen(url: str, timeout: float) -> io.BytesIO:
            self.asked.append(url)
            return io.BytesIO(content)

        monkeypatch.setattr(urllib.request, "urlopen", urlopen)


@pytest.fixture(scope="module")
def published(uneven, tmp_path_factory) -> bytes:
    """A file as torchvision publishes it: a pickle of the time before zip files, with the classifier."""
    path = tmp_path_factory.mktemp("published") / "vgg16.pth"
    torch.save({**uneven, "classifier.6.bias": torch.zeros(1000)}, path, _use_new_zipfile_serialization=False)
    return path.read_bytes()


@pytest.fixture
def pinned(published, monkeypatch, tmp_path) -> Path:
    """The test's file takes the place of torchvision's, the cache is an empty folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(download, "BYTES", len(published))
    monkeypatch.setattr(download, "SHA256", hashlib.sha256(published).hexdigest())
    return tmp_path


def command(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(main, ["weights", *arguments])
    assert result.exit_code == status, result.output
    return result.output


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_pinned_facts_of_the_published_file():
    assert download.URL.startswith("https://download.pytorch.org/") and download.URL.endswith(
        f"vgg16-{download.SHA256[:8]}.pth"
    )
    assert len(download.SHA256) == 64
    parameters = sum(a * b * 9 + a for a, b in shapes().values()) + 4096 * (512 * 49 + 1 + 4097) + 1000 * 4097
    assert 0 < download.BYTES - 4 * parameters < 10_000, "138 357 544 numbers of four bytes, and a little around them"


def test_imagenet_is_downloaded_verified_balanced_and_kept_small(pinned, published, small_calibration, monkeypatch):
    with pytest.raises(MissingDependencyError, match="portrait weights download imagenet"):
        PerceptualNetwork("imagenet")
    server = Server(monkeypatch, published)
    assert str(imagenet_path()) in command("download", "imagenet")
    assert server.asked == [download.URL]
    assert left_over(pinned) == ["vgg16_imagenet.safetensors"]
    with safe_open(imagenet_path(), "pt") as file:
        assert json.loads(file.metadata()["layer_balance"])["source_sha256"] == download.SHA256
    tensors = load_file(imagenet_path())
    assert len(tensors) == 26 and all(tensor.dtype == torch.float16 for tensor in tensors.values())
    assert layer_shares(tensors, small_calibration) == pytest.approx(np.array(CALIBRATION_SHARES), rel=0.01)
    PerceptualNetwork("imagenet")


@pytest.mark.usefixtures("small_calibration")
def test_a_copy_made_elsewhere_is_taken_too(pinned, published, tmp_path):
    (tmp_path / "copy.pth").write_bytes(published)
    command("download", "imagenet", "--file", str(tmp_path / "copy.pth"))
    assert imagenet_path().is_file()
    assert "no such file" in command("download", "imagenet", "--file", str(tmp_path / "none.pth"), status=1)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda content: content[:-1] + bytes([content[-1] ^ 1]), "not the published file"),
        (lambda content: content[:-5], "broke off"),
        (lambda content: content + b"x", "sends more"),
    ],
)
def test_a_damaged_download_is_refused_unopened(pinned, published, monkeypatch, damage, words):
    Server(monkeypatch, damage(published))
    monkeypatch.setattr(torch, "load", None)
    output = command("download", "imagenet", status=1)
    assert words in output.splitlines()[-1] and "Traceback" not in output
    assert left_over(pinned) == []


def test_what_a_killed_download_left_is_swept(pinned, published, small_calibration, monkeypatch):
    half = imagenet_path().parent / ".download-abcd1234" / "vgg16-397923af.pth"
    half.parent.mkdir(parents=True)
    half.write_bytes(published[:1000])
    Server(monkeypatch, published)
    command("download", "imagenet")
    assert left_over(pinned) == ["vgg16_imagenet.safetensors"] and not half.parent.exists()


def test_offline_says_how_to_go_on_and_keeps_an_old_file(pinned, monkeypatch):
    def refuse(url: str, timeout: float) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    imagenet_path().parent.mkdir(parents=True)
    imagenet_path().write_bytes(b"old")
    output = command("download", "imagenet", status=1)
    assert "Name or service not known" in output and "--file" in output and len(output.splitlines()) == 1
    assert imagenet_path().read_bytes() == b"old"


def test_foreign_code_in_a_verified_file_would_still_not_run(pinned, monkeypatch, tmp_path):
    class Evil:
        def __reduce__(self) -> tuple:
            return Path.touch, (tmp_path / "ran",)

    torch.save({"features.0.weight": Evil()}, tmp_path / "evil.pth")
    monkeypatch.setattr(download, "SHA256", hashlib.sha256((tmp_path / "evil.pth").read_bytes()).hexdigest())
    assert "cannot be read" in command("download", "imagenet", "--file", str(tmp_path / "evil.pth"), status=1)
    assert not (tmp_path / "ran").exists()


# -- commands ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_calibration")
def test_show_and_balance_commands(tmp_path, uneven):
    rows = command("show").splitlines()
    assert len(rows) == 10 and rows[0].startswith("image") and rows[0].endswith(" 1.40")
    save_file(uneven, tmp_path / "own.safetensors")
    target = tmp_path / "even.safetensors"
    command("balance", str(tmp_path / "own.safetensors"), str(target), "--shares", "10,10,10,10,10,10,10,10,10,10")
    shares = [float(row.split()[-2]) for row in command("show", str(target)).splitlines()]
    assert shares == pytest.approx([10] * 10, abs=0.1)
    assert "10 numbers" in command("balance", "a", "b.safetensors", "--shares", "1,2", status=2)
    assert "at least" in command("balance", "a", "b.safetensors", "--shares", "-1,2", status=2)
