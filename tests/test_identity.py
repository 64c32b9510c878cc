"""The identity distance tells people apart and does not mind size, roll or small changes."""

import numpy as np
import pytest
from PIL import Image

from portrait_pipeline.base import images
from portrait_pipeline.head.points import mirrored
from portrait_pipeline.perception.detector import detect, locate
from portrait_pipeline.perception.views import turned
from portrait_pipeline.report import identity
from portrait_pipeline.samples.sources import resolve


@pytest.fixture(scope="module")
def hopper():
    path = resolve("sample:hopper").path
    image = images.load_image(path)
    return image, locate(path, image).points


@pytest.fixture(scope="module")
def person(astronaut):
    return astronaut, detect(astronaut).points


def test_an_embedding_is_128_numbers_and_repeatable(person):
    first = identity.embedding(*person)
    assert first.shape == (128,) and np.isfinite(first).all()
    np.testing.assert_array_equal(identity.embedding(*person), first)


def test_two_people_are_farther_apart_than_two_pictures_of_one(person, hopper):
    image, points = person
    assert identity.distance(*person, *person) == 0
    flipped = np.ascontiguousarray(image[:, ::-1])
    darker = (image * 0.7).astype(np.uint8)
    same = [
        identity.distance(image, points, flipped, mirrored(points, 512)),
        identity.distance(image, points, darker, points),
    ]
    assert max(same) < 0.4
    assert identity.distance(*person, *hopper) > identity.SAME_PERSON


def test_size_and_roll_do_not_matter(person):
    image, points = person
    large = np.array(Image.fromarray(image).resize((1536, 1536), Image.Resampling.BICUBIC))
    assert identity.distance(image, points, large, points * 3) < 0.2
    view = turned((512, 512), 512, 40, margin=0.3)
    assert identity.distance(image, points, view.warp(image), view.to_view(points)) < 0.2


def test_points_are_searched_if_not_given(person, monkeypatch):
    image, points = person
    assert identity.distance(image, points, image) == pytest.approx(0, abs=0.05)
    monkeypatch.setattr(identity, "detect", lambda image: None)  # the real search for nothing takes seconds
    assert identity.distance(image, points, image) is None
