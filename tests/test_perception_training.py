"""The trainer of the network that reads faces, on a few drawn faces."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from portrait_pipeline.base import images
from portrait_pipeline.base.errors import InputFileError, LandmarkError
from portrait_pipeline.head.points import face_size
from portrait_pipeline.making.perception import augment
from portrait_pipeline.making.perception.data import UNKNOWN, find_samples, load_sample
from portrait_pipeline.making.perception.train import Options, plain_error, train
from portrait_pipeline.perception import weights
from portrait_pipeline.perception.parts import Part, painted

WIDTHS, BLOCKS = (8, 12, 16, 20, 24), (0, 0, 0, 0, 0)

FILLED = (
    (slice(0, 27), (230, 190, 160), Part.SKIN),
    (slice(36, 42), (20, 30, 120), Part.EYES),
    (slice(42, 48), (20, 30, 120), Part.EYES),
    (slice(31, 36), (120, 80, 60), Part.NOSE),
    (slice(48, 60), (190, 40, 50), Part.LOWER_LIP),
)


def _face(random: np.random.Generator) -> np.ndarray:
    """(68, 2) points of a simple face in a 200 pixel picture."""
    jaw = np.linspace(np.pi, 0, 17)
    points = [np.stack([100 + 50 * np.cos(jaw), 95 + 60 * np.sin(jaw)], 1)]
    for side in (-1, 1):
        points.append(np.stack([100 + side * 24 + np.linspace(-14, 14, 5), np.full(5, 78.0)], 1))
    points.append(np.stack([np.full(4, 100.0), np.linspace(90, 112, 4)], 1))
    points.append(np.stack([np.linspace(90, 110, 5), np.full(5, 118.0)], 1))
    for side in (-1, 1):
        around = np.radians([180, 240, 300, 0, 60, 120])
        points.append(np.stack([100 + side * 24 + 9 * np.cos(around), 92 + 5 * np.sin(around)], 1))
    for count, wide, high in ((12, 20, 8), (8, 14, 3)):
        around = np.pi + np.arange(count) * 2 * np.pi / count
        points.append(np.stack([100 + wide * np.cos(around), 135 + high * np.sin(around)], 1))
    face = np.concatenate(points)
    return (face - 100) * random.uniform(0.9, 1.1, 2) + 100 + random.uniform(-8, 8, 2)


def _write(folder: Path, count: int) -> None:
    random = np.random.default_rng(1)
    for index in range(count):
        points = _face(random)
        picture = np.full((200, 200, 3), random.integers(120, 255, 3), dtype=np.uint8)
        labels = np.zeros((200, 200), dtype=np.uint8)
        for group, colour, part in FILLED:
            shape = cv2.convexHull(np.rint(points[group] - 0.5).astype(np.int32))
            cv2.fillConvexPoly(picture, shape, colour)
            cv2.fillConvexPoly(labels, shape, int(part))
        path = folder / f"face_{index}.png"
        images.save_image(path, picture)
        lines = "\n".join(f"{x:.3f} {y:.3f}" for x, y in points)
        (folder / f"face_{index}.png.pts").write_text(f"version: 1\nn_points: 68\n{{\n{lines}\n}}\n")
        images.save_image(folder / f"face_{index}.png.mask.png", painted(labels))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces")
    _write(folder, 6)
    return folder


def test_pictures_are_found_and_cut_out(folder: Path) -> None:
    paths = find_samples([folder])
    assert [path.name for path in paths] == [f"face_{index}.png" for index in range(6)]
    sample = load_sample(paths[0])
    assert face_size(sample.points) == pytest.approx(288 / 2.9, rel=1e-4)
    x, y = np.floor(sample.points[[31, 35]].mean(axis=0)).astype(int)
    assert sample.labels[y, x] == Part.NOSE and sample.labels[0, 0] == UNKNOWN


def test_points_move_with_the_crop(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = load_sample(find_samples([folder])[0])
    dots = np.zeros_like(sample.pixels)
    for x, y in sample.points[[8, 39, 54]]:
        cv2.circle(dots, (round((x - 0.5) * 16), round((y - 0.5) * 16)), 40, (255, 255, 255), -1, cv2.LINE_AA, 4)
    random = np.random.default_rng(3)
    monkeypatch.setattr(augment, "dressed", lambda pixels, random: pixels)
    shown = 0
    for strength in (0.0, 1.0, 1.0, 1.0, 1.0):
        crop = augment.augmented(sample._replace(pixels=dots), random, strength)
        # Mirrored or not, the three dots are the same points or their partners.
        for group in ((8, 39, 54), (8, 42, 48)):
            places = (crop.points[list(group)] + 1) * 96
            inside = np.isfinite(places).all() and (places > 4).all() and (places < 188).all()
            if inside:
                columns, rows = np.floor(places).astype(int).T
                shown += bool((crop.pixels[rows, columns, 0] > 200).all())
    assert shown == 5


def test_dressing_keeps_size_and_range(folder: Path) -> None:
    sample = load_sample(find_samples([folder])[0])
    random = np.random.default_rng(0)
    for _ in range(12):
        result = augment.dressed(sample.pixels, random)
        assert result.shape == sample.pixels.shape and result.dtype == np.uint8 and result.std() > 3


def test_small_network_learns_and_goes_on_from_its_state(folder: Path, tmp_path: Path, one_thread: None) -> None:
    samples = [load_sample(path) for path in find_samples([folder])]
    options = Options(steps=44, batch=3, rate=5e-3, average=0.9, strength=0.15, widths=WIDTHS, blocks=BLOCKS)
    losses: list[float] = []

    def progress(step: int, terms: dict[str, float]) -> None:
        losses.append(sum(terms.values()))
        if step == 43:
            assert set(terms) == {"points", "coarse", "local", "heat", "parts", "face"}

    state = tmp_path / "weights.state"
    network = train(samples, options, state_path=state, progress=progress)
    assert np.mean(losses[-8:]) < 0.6 * np.mean(losses[:4])
    assert plain_error(network, samples) < 0.12
    again = train(samples, options, state_path=state)  # nothing is left to do
    torch.testing.assert_close(again.state_dict(), network.state_dict())
    weights.write(tmp_path / "weights.safetensors", network)
    assert weights.read(tmp_path / "weights.safetensors").widths == WIDTHS


def test_unusable_folders_are_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="no such folder"):
        find_samples([folder / "missing"])
    with pytest.raises(InputFileError, match="no picture has its points"):
        find_samples([tmp_path])
    images.save_image(tmp_path / "a.png", np.zeros((64, 64, 3), np.uint8))
    (tmp_path / "a.pts").write_text("1 2\n3 4\n")
    with pytest.raises(LandmarkError, match="68 points"):
        load_sample(find_samples([tmp_path])[0])
