"""Fixtures shared by the tests: small pictures that need no download."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from portrait_pipeline import images, samples


@pytest.fixture(scope="session")
def astronaut_path() -> Path:
    return samples.resolve("sample:astronaut").path


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
