"""How far the points of the network and of dlib are off on pictures whose points are known."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...base.errors import InputFileError, NoFaceError
from ...base.images import load_image
from ...base.progress import Progress, silent
from ...head.points import BROWS, EYES, JAW, MOUTH, NOSE, eye_distance
from ...perception.detector import detect
from ...perception.locate import face_boxes
from ...perception.reading import read

GROUPS = {"jaw": JAW, "brows": BROWS, "nose": NOSE, "eyes": EYES, "mouth": MOUTH}


class Found(NamedTuple):
    """Points (68, 2) px that a method gives, and its doubt (NaN if it has none)."""

    points: np.ndarray
    doubt: float


Method = Callable[[np.ndarray], Found | None]


@dataclass(frozen=True)
class Accuracy:
    """What a method makes of a data set of N pictures.

    Attributes:
        names: of the pictures. errors: (N, 68) distance of each point from the true one over the distance of the outer
            eye corners; NaN rows where no face was found. doubts: (N,). seconds: mean time of all cores together.
    """

    names: tuple[str, ...]
    errors: np.ndarray
    doubts: np.ndarray
    seconds: float

    @property
    def found(self) -> np.ndarray:
        """(N,) bool."""
        return np.isfinite(self.errors).all(axis=1)

    def lines(self, worst: int = 0) -> list[str]:
        """What there is to say, a line each; the ``worst`` pictures by name."""
        found = self.errors[self.found]
        lines = [f"found {len(found)} of {len(self.errors)}, {self.seconds:.2f} core seconds a picture"]
        if len(found):
            groups = ", ".join(f"{name} {found[:, ids].mean():.4f}" for name, ids in GROUPS.items())
            lines.append(f"mean error {found.mean():.4f} of the outer eye distance ({groups})")
        order = np.argsort(-np.nan_to_num(self.errors.mean(axis=1), nan=np.inf))
        for index in order[:worst]:
            error = self.errors[index].mean()
            told = f"{error:.3f}, doubt {self.doubts[index]:.2f}" if np.isfinite(error) else "not found"
            lines.append(f"  {self.names[index]}: {told}")
        return lines


BAD = 0.06
"""Mean error, in outer eye distances, from which a face should be told as hard to read."""


class Alarms(NamedTuple):
    """What a threshold of doubt makes of pictures: of ``bad`` ones (mean error above :data:`BAD`, or not found)
    ``missed`` are not told; of ``good`` ones ``false`` are."""

    bad: int
    missed: int
    good: int
    false: int


def alarms(result: Accuracy, threshold: float, chosen: np.ndarray) -> Alarms:
    """The alarms on the pictures where ``chosen`` (N,) bool; a face that is not found is told in any case."""
    bad = ~(result.errors.mean(axis=1) <= BAD)
    told = ~(result.doubts <= threshold)
    return Alarms(*(int((chosen & found).sum()) for found in (bad, bad & ~told, ~bad, ~bad & told)))


def best_threshold(result: Accuracy, chosen: np.ndarray) -> float:
    """The threshold with the smallest sum of the shares missed and falsely told among the chosen pictures (N,) bool, in
    the middle between two doubts.

    Raises:
        InputFileError: all of them are bad, or none.
    """
    bad, _, good, _ = alarms(result, 0.0, chosen)
    if not bad or not good:
        raise InputFileError(
            f"half of the pictures has {bad} with an error above {BAD} and {good} others: no threshold can be chosen; "
            "give pictures of both kinds in each half"
        )
    doubts = np.sort(result.doubts[chosen & result.found])
    middles = (doubts[1:] + doubts[:-1]) / 2
    told = [alarms(result, threshold, chosen) for threshold in middles]
    return float(middles[np.argmin([item.missed / bad + item.false / good for item in told])])


def held_out(result: Accuracy, groups: Sequence[str]) -> list[str]:
    """Lines: a threshold of doubt chosen on every other group of pictures (in the order of their names), its alarms on
    those left out, and the other way round."""
    order = {name: index for index, name in enumerate(sorted(set(groups)))}
    half = np.array([order[name] % 2 for name in groups], dtype=bool)
    lines = []
    for chosen in (half, ~half):
        threshold = best_threshold(result, chosen)
        found = alarms(result, threshold, ~chosen)
        lines.append(
            f"threshold {threshold:.2f}, chosen on one half of the groups; on the other {found.missed} of {found.bad} "
            f"with an error above {BAD} are missed, {found.false} of {found.good} others are told"
        )
    return lines


def ours(image: np.ndarray) -> Found | None:
    """The network, with dlib's boxes where it is not certain."""
    try:
        reading = read(image, face_boxes, parts=False)
    except NoFaceError:
        return None
    return Found(reading.points, reading.doubt)


def dlib(image: np.ndarray) -> Found | None:
    """dlib with all its retries."""
    found = detect(image)
    return None if found is None else Found(found.points, np.nan)


METHODS: dict[str, Method] = {"ours": ours, "dlib": dlib}


def load_truth(path: Path) -> tuple[list[str], np.ndarray]:
    """Names of pictures and their (N, 68, 2) points from an NPZ file with ``image`` and ``landmarks``.

    Raises:
        InputFileError: no such arrays in it.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            names, points = [str(name) for name in data["image"]], data["landmarks"].astype(float)
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise InputFileError(f"{path}: needs arrays 'image' (names) and 'landmarks' (N, 68, 2) ({error})") from error
    if points.shape != (len(names), 68, 2):
        raise InputFileError(
            f"{path}: landmarks of shape {points.shape} for {len(names)} images; (N, 68, 2) are needed"
        )
    return names, points


def measure(
    method: Method,
    names: Sequence[str],
    images: Iterable[np.ndarray],
    truth: np.ndarray,
    progress: Progress = silent,
    units: np.ndarray | None = None,
) -> Accuracy:
    """Run a method on N pictures (H, W, 3) uint8 RGB with true points (N, 68, 2).

    Args:
        units: (N,) px that the errors are shares of; None is the true distance of the outer eye corners.
    """
    units = np.array([eye_distance(points) for points in truth]) if units is None else units
    errors, doubts = np.full((len(names), 68), np.nan), np.full(len(names), np.nan)
    start = time.process_time()
    for index, (image, points, unit) in enumerate(zip(images, truth, units, strict=True)):
        found = method(image)
        if found is not None:
            errors[index] = np.linalg.norm(found.points - points, axis=1) / unit
            doubts[index] = found.doubt
        progress(index + 1, len(names), {})
    return Accuracy(tuple(names), errors, doubts, (time.process_time() - start) / max(len(names), 1))


def measure_files(
    method: Method, names: Sequence[str], folder: Path, truth: np.ndarray, progress: Progress = silent
) -> Accuracy:
    """:func:`measure` on picture files of a folder, at their full size.

    Raises:
        InputFileError: a picture is missing or damaged.
    """
    return measure(method, names, (load_image(folder / name) for name in names), truth, progress)
