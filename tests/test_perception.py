"""The network that reads faces: geometry of its crops, what must not change, and what it refuses."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from portrait_pipeline.base import images
from portrait_pipeline.base.errors import InputFileError, NoFaceError
from portrait_pipeline.head.model import FaceModel
from portrait_pipeline.head.points import LEFT_EYE, MIRROR, RIGHT_EYE, face_size
from portrait_pipeline.lab.proofs.landmark_errors import Accuracy, Found, best_threshold, held_out
from portrait_pipeline.lab.proofs.turned_faces import measure_turned
from portrait_pipeline.perception import network as net
from portrait_pipeline.perception import parts, weights
from portrait_pipeline.perception.crops import SIZE, Frame, Picture, around_points, spread
from portrait_pipeline.perception.reading import Reading, follow, read, set_upright
from portrait_pipeline.samples.sources import resolve

GOLDEN = Path(__file__).with_name("test_perception_golden.json")


@pytest.fixture(scope="module")
def astronaut_reading(astronaut: np.ndarray) -> Reading:
    return read(astronaut)


def _sample(name: str) -> np.ndarray:
    return images.load_image(resolve(f"sample:{name}").path, max_side=512)


def _dots(places: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """White Gaussian dots on black; each is centred on a continuous place."""
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    values = sum(np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / 8) for place in places)
    return np.repeat(np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8)[:, :, None], 3, axis=2)


def _centre_of_dot(pixels: np.ndarray, near: np.ndarray, reach: int = 12) -> np.ndarray:
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]] + 0.5
    weight = pixels.astype(np.float64) * (np.hypot(x - near[0], y - near[1]) < reach)
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


# Enlarged, reduced a little, and reduced through halves; odd sizes and turned.
@pytest.mark.parametrize(
    "frame",
    [Frame(120.3, 90.7, 110.0), Frame(130.0, 101.5, 230.0, 0.4), Frame(125.25, 99.0, 410.0, -0.2)],
)
def test_points_and_pixels_follow_the_same_map(frame: Frame) -> None:
    places = np.array([[100.0, 80.0], [137.6, 111.2]])
    crop = Picture(_dots(places, (203, 251))).cut(frame)[:, :, 0]
    for place in places:
        expected = frame.to_crop(place)
        assert np.abs(_centre_of_dot(crop, expected) - expected).max() < 0.06
        np.testing.assert_allclose(frame.to_picture(expected), place, atol=1e-9)


def test_maps_of_a_crop_come_back_to_their_place() -> None:
    frame = Frame(83.0, 70.5, 90.0, 0.3)
    place = np.array([90.2, 65.4])
    size = 96
    dot = _dots(frame.to_crop(place, size)[None], (size, size))[:, :, 0].astype(np.float32)
    laid = spread(dot[None], frame, (140, 160), np.zeros(1))[0]
    assert laid.shape == (140, 160)
    assert np.abs(_centre_of_dot(laid, place) - place).max() < 0.06


def test_mirror_order_is_its_own_inverse_and_keeps_left_left() -> None:
    assert (MIRROR[MIRROR] == np.arange(68)).all()
    assert [MIRROR[index] for index in (0, 8, 17, 27, 31, 36, 41, 48, 51, 60, 67)] == [
        16, 8, 26, 27, 35, 45, 46, 54, 51, 64, 65,
    ]  # fmt: skip


def test_palette_survives_painting_and_light_damage() -> None:
    labels = np.arange(14, dtype=np.uint8).repeat(6).reshape(12, 7)
    painted = parts.painted(labels)
    assert (parts.labelled(painted) == labels).all()
    damaged = np.clip(painted.astype(int) + np.random.default_rng(0).integers(-9, 10, painted.shape), 0, 255)
    assert (parts.labelled(damaged.astype(np.uint8)) == labels).all()


def test_groups_of_parts_have_names() -> None:
    assert parts.named("mouth") == (parts.Part(6), parts.Part(7), parts.Part(8))
    assert parts.named(["hair", "hat and jewellery"]) == (parts.Part.HAIR, parts.Part.HAT)
    with pytest.raises(KeyError):
        parts.named("tail")


def test_photo_is_read_well(astronaut_reading: Reading) -> None:
    reading = astronaut_reading
    assert (reading.faces, reading.turn, reading.shape, reading.doubtful) == (1, 0, (512, 512), False)
    assert reading.doubt < -4.2
    assert 0.2 < reading.errors.mean() < 2.0
    labels = reading.labels()
    x, y = np.floor(reading.points[30]).astype(int)
    assert labels[y, x] == parts.Part.NOSE
    assert labels[0, 0] == parts.Part.BACKGROUND
    assert reading.probability("hair")[60, 225] > 0.5


def test_parts_sum_to_one(astronaut_reading: Reading) -> None:
    probabilities = astronaut_reading.probabilities()
    assert probabilities.shape == (14, 512, 512) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=0), 1.0, atol=1e-5)
    assert (probabilities.argmax(axis=0) == astronaut_reading.labels()).all()
    np.testing.assert_allclose(astronaut_reading.probability("mouth"), probabilities[[6, 7, 8]].sum(axis=0), atol=1e-5)


def test_mirrored_picture_gives_mirrored_points(astronaut: np.ndarray, astronaut_reading: Reading) -> None:
    flipped = read(np.ascontiguousarray(astronaut[:, ::-1]), parts=False).points
    expected = astronaut_reading.points[MIRROR] * [-1, 1] + [astronaut.shape[1], 0]
    assert np.abs(flipped - expected).max() < 0.3


def test_larger_picture_gives_larger_points(astronaut: np.ndarray, astronaut_reading: Reading) -> None:
    doubled = cv2.resize(astronaut, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    points = read(doubled, parts=False).points
    crop_pixel = 1.75 * face_size(points) / SIZE
    assert np.abs(points - 2 * astronaut_reading.points).max() < 0.5 * crop_pixel


def test_bits_do_not_depend_on_threads(astronaut: np.ndarray, astronaut_reading: Reading) -> None:
    threads = torch.get_num_threads()
    try:
        for count in {1, 2} - {threads}:
            torch.set_num_threads(count)
            other = read(astronaut)
            assert torch.get_num_threads() == count
            assert other.points.tobytes() == astronaut_reading.points.tobytes()
            assert other.errors.tobytes() == astronaut_reading.errors.tobytes()
            assert other.crop_parts.tobytes() == astronaut_reading.crop_parts.tobytes()
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("turn", [180, 270])  # 90 in test_locate.py
def test_turned_picture_is_set_upright(turn: int, astronaut: np.ndarray, astronaut_reading: Reading) -> None:
    # Around the head, so that the search ends early.
    piece = np.ascontiguousarray(astronaut[20:270, 100:350])
    lying = np.ascontiguousarray(np.rot90(piece, k=turn // 90))
    reading = read(lying)
    assert reading.turn == turn
    assert (set_upright(lying, turn) == piece).all()
    upright = reading.upright()
    assert upright.turn == 0 and upright.shape == piece.shape[:2]
    assert np.abs(upright.points - (astronaut_reading.points - [100, 20])).max() < 0.5
    labels = astronaut_reading.labels()[20:270, 100:350]
    assert (upright.labels() == labels).mean() > 0.98
    assert (set_upright(reading.labels(), turn) == labels).mean() > 0.98


@pytest.mark.parametrize("yaw, limit", [(40.0, 0.06), (-60.0, 0.09)])
def test_turned_faces_are_found_with_points_in_place(yaw: float, limit: float, model: FaceModel) -> None:
    def method(image: np.ndarray) -> Found:
        return Found(read(image, parts=False).points, 0.0)

    assert measure_turned(method, model, 1, yaw).errors.mean() < limit


@pytest.mark.parametrize("yaw", [75.0, -85.0])
def test_a_profile_is_refused_or_told(yaw: float, model: FaceModel) -> None:
    def method(image: np.ndarray) -> Found:
        reading = read(image, parts=False)
        assert reading.doubtful
        return Found(reading.points, 0.0)

    with suppress(NoFaceError):
        measure_turned(method, model, 1, yaw)


def test_the_threshold_of_the_warning_is_tried_on_pictures_that_had_no_part_in_it() -> None:
    errors, doubts = np.array([0.02, 0.03, 0.09, 0.02, 0.08, 0.08]), np.array([-4.4, -4.0, -3.0, -3.9, -4.1, -3.4])
    result = Accuracy(tuple("abcdef"), np.repeat(errors[:, None], 68, axis=1), doubts, 0.0)
    lines = held_out(result, ["a", "a", "a", "b", "b", "b"])  # -3.65 is best for b, -3.5 for a
    assert [line.split(",")[0] for line in lines] == ["threshold -3.65", "threshold -3.50"]
    assert "on the other 0 of 1 " in lines[0] and "0 of 2 others" in lines[0]
    assert "on the other 1 of 2 " in lines[1] and "0 of 1 others" in lines[1]
    with pytest.raises(InputFileError, match="no threshold"):
        best_threshold(result, doubts < -4.2)


def test_small_and_cut_off_faces_are_found(astronaut: np.ndarray, astronaut_reading: Reading) -> None:
    points = astronaut_reading.points
    low, high = np.floor(points.min(axis=0)).astype(int), np.ceil(points.max(axis=0)).astype(int)
    close = read(np.ascontiguousarray(astronaut[low[1] : high[1], low[0] : high[0]]), parts=False)
    assert np.abs(close.points - (points - low)).mean() < 0.03 * face_size(points)
    factor = 60 / face_size(points)
    scene = np.full((360, 480, 3), 120, np.uint8)
    head = cv2.resize(astronaut[20:270, 100:350], None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    scene[180 : 180 + len(head), 300 : 300 + head.shape[1]] = head
    small = read(scene, parts=False)
    assert np.abs(small.points - ((points - [100, 20]) * factor + [300, 180])).mean() < 0.05 * 60


def test_boxes_find_and_count_small_faces(astronaut: np.ndarray) -> None:
    scene = np.full((500, 700, 3), 90, dtype=np.uint8)
    head = astronaut[20:270, 100:350]
    small, large = (cv2.resize(head, (side, side), interpolation=cv2.INTER_AREA) for side in (170, 230))
    scene[300:470, 40:210] = small
    scene[30:260, 430:660] = large
    boxes = [(40 + 45, 300 + 40, 40 + 125, 300 + 120), (430 + 60, 30 + 50, 430 + 170, 30 + 160)]
    reading = read(scene, boxes, parts=False)
    assert reading.faces == 2
    assert 430 < reading.points[30, 0] < 660


def test_face_is_followed_and_lost(astronaut: np.ndarray, astronaut_reading: Reading) -> None:
    moved = np.roll(astronaut, (6, -8), axis=(0, 1))
    followed = follow(moved, astronaut_reading.points)
    assert followed is not None and followed.crop_parts is None
    assert np.abs(followed.points - (astronaut_reading.points + [-8, 6])).max() < 1.5
    assert follow(np.full_like(astronaut, 128), astronaut_reading.points) is None


def test_gradient_has_no_face() -> None:
    ramp = np.repeat(np.linspace(0, 255, 90).astype(np.uint8)[None, :, None], 90, axis=0).repeat(3, axis=2)
    with pytest.raises(NoFaceError, match=r"^photo\.png: no face .*\.pts") as caught:
        read(ramp, name="photo.png")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["oil_strokes", "ink_caricature", "watercolour"])
def test_outputs_on_drawn_samples_are_pinned(name: str) -> None:
    reading = read(_sample(name))
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))[name]
    np.testing.assert_allclose(reading.points, golden["points"], atol=0.1)
    assert reading.doubt == pytest.approx(golden["doubt"], abs=0.02)
    shares = np.bincount(reading.labels().ravel(), minlength=14) / reading.labels().size
    np.testing.assert_allclose(shares, golden["shares"], atol=0.003)


def test_damaged_weights_give_one_line(tmp_path: Path) -> None:
    whole = (Path(weights.__file__).parent / "assets" / "perception.safetensors").read_bytes()
    path = tmp_path / "weights.safetensors"
    broken = bytearray(whole)
    broken[-100] ^= 255
    for data, checksum in [
        (whole[: len(whole) // 2], None),
        (b"", None),
        (b"\xff" * 64, None),
        (bytes(broken), weights.CHECKSUM),
        (whole.replace(b'\\"size\\": 192', b'\\"size\\": 191'), None),
    ]:
        path.write_bytes(data)
        with pytest.raises(InputFileError) as caught:
            weights.read(path, checksum)
        assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    with pytest.raises(InputFileError, match="cannot be read"):
        weights.read(tmp_path / "missing.safetensors")


def test_weights_are_written_as_they_are_read(tmp_path: Path) -> None:
    torch.manual_seed(0)
    small = net.Network((4, 8, 8, 8, 8), (0, 1, 0, 0, 0)).eval()
    weights.write(tmp_path / "small.safetensors", small)
    again = weights.read(tmp_path / "small.safetensors")
    crop = torch.rand(1, 3, SIZE, SIZE)
    with torch.inference_mode():
        expected, plain, quick = small(crop), again(crop), net.fused(again)(crop, parts=False)
    torch.testing.assert_close(plain.points, expected.points, atol=2e-3, rtol=0)
    torch.testing.assert_close(quick.points, plain.points, atol=1e-5, rtol=0)
    assert quick.parts is None


def test_frame_levels_the_eyes(astronaut_reading: Reading) -> None:
    frame = around_points(astronaut_reading.points)
    seen = frame.to_crop(astronaut_reading.points)
    left, right = seen[LEFT_EYE].mean(axis=0), seen[RIGHT_EYE].mean(axis=0)
    assert abs(left[1] - right[1]) < 1e-6 and left[0] < right[0]
    assert face_size(seen) == pytest.approx(SIZE / 1.75, rel=1e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cpu_and_gpu_agree(astronaut: np.ndarray, astronaut_reading: Reading) -> None:
    reading = read(astronaut, parts=False, network=weights.load().cuda())
    assert np.abs(reading.points - astronaut_reading.points).max() < 0.1


def test_crops_cut_side_by_side_are_those_cut_alone() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1500, 1500, 3)).astype(np.uint8)
    frames = [Frame(750.0, 750.0, side) for side in (1400.0, 1300.0, 1200.0, 700.0)]
    alone = [Picture(noise).cut(frame) for frame in frames]
    for _ in range(5):
        picture = Picture(noise)
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(picture.cut, frames))
        assert all((one == other).all() for one, other in zip(alone, together, strict=True))
