"""Fixtures shared by the tests: the bundled head, small pictures that need no download, a browser."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gltf_check import VALIDATOR

from portrait_pipeline.base import images
from portrait_pipeline.head.model import FaceModel, load_bundled_model
from portrait_pipeline.samples.sources import resolve

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def pytest_configure(config: pytest.Config) -> None:
    """Workers of pytest-xdist, and what they start, compute with one thread each: they share the cores already."""
    if config.getoption("numprocesses", None):
        for library in ("OMP", "OPENBLAS", "MKL"):
            os.environ.setdefault(f"{library}_NUM_THREADS", "1")
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest file first, so that no worker is left alone with it at the end."""
    items.sort(key=lambda item: item.path.name != "test_pipeline.py")


@pytest.fixture(scope="session")
def browser() -> str:
    """Path of a browser that shows the project's pages."""
    found = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if found is None:
        pytest.skip(f"needs a browser, one of {', '.join(BROWSERS)}; on Debian `apt-get install chromium`")
    return found


@pytest.fixture(scope="session")
def model() -> FaceModel:
    """The bundled head model; its arrays are shared and not to be written to."""
    return load_bundled_model()


@pytest.fixture(scope="session")
def astronaut_path() -> Path:
    return resolve("sample:astronaut").path


@pytest.fixture(scope="session")
def astronaut(astronaut_path: Path) -> np.ndarray:
    image = images.load_image(astronaut_path)
    image.setflags(write=False)
    return image


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Small networks in this process on one CPU thread, as the trainer runs them."""
    from portrait_pipeline.base import device

    with device.one_thread():
        yield


@pytest.fixture(scope="session")
def validator() -> list[str]:
    """The Khronos validator: Node.js and the npm package gltf-validator, found by NODE_PATH."""
    node = shutil.which("node") or shutil.which("nodejs")
    found = node and subprocess.run([node, "-e", "require('gltf-validator')"], capture_output=True, check=False)
    if not found or found.returncode:
        pytest.skip("needs Node.js and, on NODE_PATH, the npm package gltf-validator")
    return [node, "-e", VALIDATOR]
