"""Heads to measure with: bundled samples without trained networks, a file, or made up."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np

from ...base.errors import InputFileError
from ...head.model import load_bundled_model
from ...regions.artwork import portrait_regions
from ...regions.exemplar import BACKGROUND, SKIN, portrait_mask
from ...regions.head import head_regions
from ...samples.sources import resolve
from ...texture.subject import Subject

PHOTO, ART = "sample:astronaut", "sample:ink_caricature"
_ARRAYS = {"vertices": 2, "texture": 3, "labels": 2, "art": 3, "art_points": 2, "art_labels": 2}


def load_subject(source: str, size: int, regions: bool) -> Subject:
    """A head with its artwork.

    Args:
        source: ``sample`` (the head fitted to a sample photo, undeformed), ``synthetic`` (the mean head, waves and
            blotches; needs neither face detector nor pictures), or a file of :func:`save_arrays`.
        size: side of the texture, texels.
        regions: as ``texture.regions``.

    Raises:
        InputFileError: the file is not such a file. MissingDependencyError: a package of the samples is missing.
    """
    if source == "sample":
        arrays = sample_arrays(size)
    elif source == "synthetic":
        arrays = synthetic_arrays(size)
    else:
        arrays = read_arrays(Path(source))
    texture, labels = arrays["texture"], arrays["labels"]
    if texture.shape[0] != size:
        shrinks = size < texture.shape[0]
        texture = cv2.resize(texture, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
        labels = cv2.resize(labels, (size, size), interpolation=cv2.INTER_NEAREST)
    drawn = arrays["art"], arrays["art_points"], arrays["art_labels"]
    return Subject.of(load_bundled_model(), arrays["vertices"], texture, labels, *drawn, regions)


def sample_arrays(size: int) -> dict[str, np.ndarray]:
    """The sample photo on the head fitted to it, with the sample artwork."""

    from ...fit.params import FitParams
    from ...fit.step import fit_pair
    from ...landmarks.params import LandmarksParams
    from ...landmarks.step import locate_pair
    from ...photo_texture.params import PhotoTextureParams
    from ...photo_texture.step import project_pair

    model = load_bundled_model()
    pair = locate_pair(resolve(PHOTO).path, resolve(ART).path, LandmarksParams())
    fitted = fit_pair(model, pair, FitParams())
    photo = project_pair(model, pair, fitted, PhotoTextureParams(size=max(size, 64)))
    return {
        "vertices": fitted.vertices,
        "texture": photo.texture,
        "labels": photo.labels,
        "art": pair.art,
        "art_points": pair.art_points,
        "art_labels": portrait_regions(pair.art, pair.art_points, pair.art_map),
    }


def synthetic_arrays(size: int) -> dict[str, np.ndarray]:
    """The mean head, a skin-coloured photo of waves, and an artwork of blotches in the shape of a face."""
    model, rng = load_bundled_model(), np.random.default_rng(0)
    u, v = np.meshgrid((np.arange(size) + 0.5) / size, (np.arange(size) + 0.5) / size)
    texture = np.tile([200.0, 150.0, 125.0], (size, size, 1))
    for _ in range(12):
        wave = np.cos(2 * np.pi * (rng.integers(1, 24) * u + rng.integers(0, 24) * v) + rng.uniform(0, 6))
        texture += wave[..., None] * rng.uniform(-9, 9, size=3)
    frontal = model.mean[model.landmarks][:, :2] * [1, -1]
    points = (frontal - frontal.mean(axis=0)) * 24 + [300, 340]
    blotches = [cv2.GaussianBlur(rng.normal(0, 1, (640, 600, 3)), (0, 0), s) * s for s in (1.5, 4.0, 12.0)]
    art = np.array([150.0, 110.0, 70.0]) + 70.0 * np.sum(blotches, axis=0)
    for curve in (points[:17], points[17:22], points[22:27], points[27:31], points[31:36], points[48:60]):
        cv2.polylines(art, [np.rint(curve).astype(np.int32)], False, (25, 15, 30), 5)
    return {
        "vertices": model.mean,
        "texture": _bytes(texture),
        "labels": head_regions(model, model.mesh(model.mean), size),
        "art": _bytes(art),
        "art_points": points,
        "art_labels": np.where(portrait_mask(points, art.shape[:2]), SKIN, BACKGROUND).astype(np.uint8),
    }


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Arrays of a file of :func:`save_arrays`.

    Raises:
        InputFileError: missing, not an .npz file, or arrays are missing or of other shapes.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in _ARRAYS}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = " ".join(str(error).split())
        raise InputFileError(
            f"{path}: no file of arrays {', '.join(_ARRAYS)} ({reason}); make one with --save"
        ) from error
    for name, dimensions in _ARRAYS.items():
        if arrays[name].ndim != dimensions:
            raise InputFileError(f"{path}: array {name} has shape {arrays[name].shape}; it needs {dimensions} axes")
    return arrays


def save_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write what :func:`read_arrays` reads, to measure on a machine without face detector or samples."""
    from ...base.artifacts import atomic_path

    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _bytes(picture: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
