"""From picture files to points and parts: what wins over what, pictures on their side, and what a user is told."""

import cv2
import numpy as np
import pytest
from PIL import Image

from portrait_pipeline.base import images
from portrait_pipeline.base.errors import InputFileError
from portrait_pipeline.landmarks.draw import confidence_colours
from portrait_pipeline.landmarks.params import LandmarksParams
from portrait_pipeline.landmarks.record import LocatedPair
from portrait_pipeline.landmarks.step import locate_pair, remarks
from portrait_pipeline.perception import locate as locating
from portrait_pipeline.perception.files import write_points
from portrait_pipeline.perception.locate import locate
from portrait_pipeline.perception.part_map import PartMap
from portrait_pipeline.perception.parts import Part, painted


@pytest.fixture(scope="module")
def crop(astronaut) -> np.ndarray:
    return np.ascontiguousarray(astronaut[0:300, 80:380])


@pytest.fixture(scope="module")
def found(crop, tmp_path_factory):
    path = tmp_path_factory.mktemp("crop") / "a.png"
    images.save_image(path, crop)
    return locate(path, 1600)


def test_points_errors_and_parts_of_a_photo(found, crop):
    assert found.source == "network" and found.turn == 0 and found.faces == 1 and found.doubt < -4
    assert found.errors.shape == (68,) and found.errors.min() > 0
    nose = found.points[30]
    assert found.parts.at(nose, "nose") > 0.8 and found.parts.at(np.array([2.0, 2.0]), "background") > 0.9
    assert found.parts.labels(crop.shape[:2])[int(nose[1]), int(nose[0])] == Part.NOSE


def test_a_picture_on_its_side_is_set_upright_and_said(found, crop, tmp_path):
    images.save_image(tmp_path / "side.png", np.ascontiguousarray(np.rot90(crop)))
    frames = [Image.fromarray(picture) for picture in (crop, 255 - crop)]
    frames[0].save(tmp_path / "up.png", save_all=True, append_images=frames[1:])
    lines = []
    pair = locate_pair(tmp_path / "side.png", tmp_path / "up.png", LandmarksParams(), lines.append)
    assert (pair.photo_turn, pair.art_turn) == (90, 0) and np.array_equal(pair.photo, crop)
    assert np.abs(pair.photo_points - found.points).max() < 2
    assert lines == [
        f"{tmp_path / 'side.png'}: set upright, turned by 90 degrees clockwise",
        f"{tmp_path / 'up.png'}: holds several pictures, the first is used",
    ]
    assert pair.photo_map.at(found.points[30], "nose") > 0.8
    pair.save(tmp_path / "pair.h5")
    again = LocatedPair.load(tmp_path / "pair.h5")
    assert np.array_equal(again.photo_parts, pair.photo_parts) and again.photo_turn == 90


def test_doubtful_points_are_told_with_the_remedy_unless_placed_by_hand(crop, tmp_path, monkeypatch):
    monkeypatch.setattr("portrait_pipeline.landmarks.step.DOUBTFUL", -9.0)
    images.save_image(tmp_path / "a.png", crop)
    images.save_image(tmp_path / "b.png", crop)
    write_points(tmp_path / "b.png.pts", locate(tmp_path / "a.png", 1600).points)
    lines = []
    pair = locate_pair(tmp_path / "a.png", tmp_path / "b.png", LandmarksParams(), lines.append)
    assert len(lines) == 1 and "a.png.pts" in lines[0] and "\n" not in lines[0]
    assert pair.art_source == "file:b.png.pts" and pair.art_errors.max() == 0
    assert pair.art_map.at(pair.art_points[30], "nose") > 0.8, "parts are read all the same"


@pytest.mark.parametrize("what", ["blown out", "half a face"])
def test_points_of_a_picture_that_shows_too_little_are_told(crop, tmp_path, what):
    shown = crop[:, :145] if what == "half a face" else np.clip(crop.astype(int) * 3 + 60, 0, 255).astype(np.uint8)
    path = tmp_path / "a.png"
    images.save_image(path, shown)
    (line,) = remarks(path, locate(path, 1600))
    assert "hard to read" in line and "place the 68 points in a.png.pts" in line


def test_dlib_on_request(crop, found, tmp_path):
    images.save_image(tmp_path / "a.png", crop)
    other = locate(tmp_path / "a.png", 1600, "dlib")
    assert other.source == "dlib-hog" and np.abs(other.points - found.points).mean() < 5
    assert other.parts.at(other.points[30], "nose") > 0.8


def test_a_mask_and_transparency_win_over_the_network(crop, found, tmp_path):
    path = tmp_path / "a.png"
    alpha = np.full(crop.shape[:2], 255, np.uint8)
    alpha[:, :150] = 0
    images.save_image(path, np.dstack([crop, alpha]))
    located = locate(path, 1600)
    assert located.parts.at(np.array([100.0, 100.0]), "background") > 0.99
    assert np.array_equal(located.opacity, alpha) and found.opacity.size == 0
    inside = np.array([found.points[45] + [0, 12]])
    assert located.parts.at(inside, "face") == pytest.approx(found.parts.at(inside, "face"), abs=0.05)
    images.save_image(path, crop)
    mask = np.full(crop.shape[:2], Part.CLOTHES, np.uint8)
    mask[:150] = Part.HAT
    images.save_image(tmp_path / "a.png.mask.png", cv2.resize(painted(mask), None, fx=2, fy=2, interpolation=0))
    located = locate(path, 1600)
    assert located.parts.at(np.array([[20.0, 20.0], [20.0, 280.0]]), "hat and jewellery").tolist() == [1.0, 0.0]
    images.save_image(tmp_path / "a.png.mask.png", painted(mask[:100]))
    with pytest.raises(InputFileError, match=r"a\.png\.mask\.png.*another shape"):
        locate(path, 1600)


def test_without_dlib_the_network_looks_alone(monkeypatch, crop):
    def missing(image):
        raise locating.MissingDependencyError("dlib is not installed")

    monkeypatch.setattr(locating.dlib_detector, "boxes", missing)
    assert locating.face_boxes(crop) == []


def test_a_map_of_parts_is_bilinear_and_background_outside():
    labels = np.full((40, 60), Part.SKIN, np.uint8)
    labels[:, 30:] = Part.HAIR
    parts = PartMap.of_labels(labels)
    rows = parts.at(np.array([[10.5, 5.5], [30.0, 5.5], [50.5, 5.5], [61.0, 5.5]]), "hair")
    assert np.allclose(rows, [0, 0.5, 1, 0]) and parts.at(np.array([61.0, 5.5]), "background") == 1
    assert np.array_equal(parts.labels((40, 60)), labels)
    assert (parts.picture((40, 60), ["skin", "hair"]) == 1).all()


def test_colours_of_confidence_go_from_green_to_red():
    colours = confidence_colours(np.array([0.0, 0.06, 1.0]))
    assert colours[0, 1] > colours[0, 0] and colours[2, 0] > colours[2, 1] and abs(colours[1, 0] - colours[1, 1]) < 60
