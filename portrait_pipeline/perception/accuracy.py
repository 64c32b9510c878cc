"""How far the reading is off on pictures whose points are known.

    python -m portrait_pipeline.perception.accuracy POINTS.npz FOLDER [--every N]

The NPZ file has ``landmarks`` (N, 68, 2) in pixels and ``image`` (N,), names of files in the folder.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..base.errors import NoFaceError
from ..base.images import load_image
from ..head.points import eye_distance
from .reading import read

GROUPS = {
    "jaw": slice(0, 17),
    "brows": slice(17, 27),
    "nose": slice(27, 36),
    "eyes": slice(36, 48),
    "mouth": slice(48, 68),
}


class Case(NamedTuple):
    """One picture read."""

    errors: np.ndarray | None
    """(68,) distance of each point from the true one over the true distance of the outer eye corners; None where no
    face was found."""
    expected: float
    """Mean error that the network expects, in the same unit; NaN where no face was found."""
    doubt: float
    """As :class:`~portrait_pipeline.perception.reading.Reading` has it; infinite where no face was found."""
    seconds: float
    """Time of all cores together, points and parts."""


def measure(cases: Iterable[tuple[np.ndarray, np.ndarray]]) -> list[Case]:
    """Read pictures without any help by a detector.

    Args:
        cases: (H, W, 3) uint8 pictures and their true (68, 2) points in pixels.
    """
    results = []
    for image, truth in cases:
        start = time.process_time()
        try:
            reading = read(image)
        except NoFaceError:
            results.append(Case(None, np.nan, np.inf, time.process_time() - start))
            continue
        seconds = time.process_time() - start
        unit = eye_distance(truth)
        errors = np.linalg.norm(reading.points - truth, axis=1) / unit
        results.append(Case(errors, float(reading.errors.mean()) / unit, reading.doubt, seconds))
    return results


def main() -> None:
    """Print the figures of a data set."""
    parser = argparse.ArgumentParser(description="Error of the face points on pictures with known points.")
    parser.add_argument("points", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1, help="read every Nth picture")
    options = parser.parse_args()
    with np.load(options.points, allow_pickle=False) as data:
        names, truths = data["image"][:: options.every], data["landmarks"][:: options.every].astype(np.float64)
    images = (load_image(options.folder / str(name)) for name in names)
    results = measure(zip(images, truths, strict=True))
    found = [case for case in results if case.errors is not None]
    errors = np.stack([case.errors for case in found])
    print(f"found {len(found)} of {len(results)}")
    print(f"mean error {errors.mean():.4f}, worst picture {errors.mean(axis=1).max():.3f}")
    print(", ".join(f"{name} {errors[:, points].mean():.4f}" for name, points in GROUPS.items()))
    print(f"expected by the network {np.mean([case.expected for case in found]):.4f}")
    doubts = np.percentile([case.doubt for case in found], [0, 50, 90, 100])
    print(f"doubt, percentiles 0, 50, 90, 100: {doubts.round(2)}")
    print(f"core seconds a picture {np.mean([case.seconds for case in results]):.2f}")
    for index in np.argsort([-np.inf if case.errors is None else -case.errors.mean() for case in results])[:15]:
        case = results[index]
        text = "not found" if case.errors is None else f"{case.errors.mean():.3f}"
        print(f"  {names[index]}: {text}, doubt {case.doubt:.2f}")


if __name__ == "__main__":
    main()
