"""Fixtures shared by the tests: small pictures that need no download, and a browser."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from portrait_pipeline.base import images
from portrait_pipeline.samples.sources import resolve

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def browser() -> str:
    """Path of a browser that shows the project's pages."""
    found = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if found is None:
        pytest.fail(
            f"no browser to test pages with: none of {', '.join(BROWSERS)} is installed; "
            "on Debian `apt-get install -y chromium`",
            pytrace=False,
        )
    return found


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
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
