"""Fixtures shared by the tests: small pictures that need no download."""

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
