"""What a user writes for a picture, and the file it stands for."""

from pathlib import Path

import matplotlib.cbook
import numpy as np
import pytest
import skimage.data

from portrait_pipeline.base import images
from portrait_pipeline.base.errors import InputFileError, MissingDependencyError, ParameterError
from portrait_pipeline.samples import sources
from portrait_pipeline.samples.sources import resolve, sample_names


def test_the_astronaut_is_scikit_images():
    source = resolve("sample:astronaut")
    assert source.name == "astronaut"
    np.testing.assert_array_equal(images.load_image(source.path), skimage.data.astronaut())


def test_the_hopper_is_matplotlibs():
    source = resolve("sample:hopper", "/anywhere")
    assert source.name == "hopper"
    assert source.path.samefile(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))


def test_names_are_sorted_and_every_one_resolves_to_a_picture():
    names = sample_names()
    assert names.photos == ("astronaut", "hopper") and names.artworks == tuple(sorted(names.artworks))
    assert not set(names.photos) & set(names.artworks)
    for name in (*names.photos, *names.artworks):
        assert images.image_size(resolve(f"sample:{name}").path)[0] >= 200


@pytest.mark.parametrize("spec", ["sample:nobody", "sample:", "sample:../x", "sample:Astronaut"])
def test_unknown_samples_list_the_known(spec):
    with pytest.raises(ParameterError) as caught:
        resolve(spec)
    message = str(caught.value)
    assert message.startswith(spec) and "astronaut, hopper" in message and "\n" not in message


def test_paths(tmp_path, monkeypatch):
    assert resolve("data/photos/a.b.jpg", tmp_path) == (tmp_path / "data/photos/a.b.jpg", "a.b")
    assert resolve("/x/y.png", tmp_path).path == Path("/x/y.png")
    assert resolve("../up.png", tmp_path).path == tmp_path / "../up.png"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve("~/me.png", "/elsewhere").path == tmp_path / "me.png"


@pytest.mark.parametrize("spec", ["", "  ", "a\0b"])
def test_impossible_paths(spec):
    with pytest.raises(ParameterError, match="is not a path"):
        resolve(spec)


def test_a_missing_file_is_named_when_it_is_opened(tmp_path):
    with pytest.raises(InputFileError, match=r"nothing\.png: no such file"):
        images.load_image(resolve("nothing.png", tmp_path).path)


def test_a_package_without_its_sample_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "_package_folder", lambda module, package: tmp_path)
    with pytest.raises(MissingDependencyError, match="sample:astronaut.*reinstall"):
        resolve("sample:astronaut")
    monkeypatch.undo()
    monkeypatch.setattr(sources.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="pip install matplotlib"):
        resolve("sample:hopper")
