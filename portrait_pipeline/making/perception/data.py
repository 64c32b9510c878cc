"""Folders of pictures with their 68 points (``.pts``) and, where known, their parts (``.mask.png``).

The points are iBUG's, in continuous pixels of the picture, the middle of the first pixel being (0.5, 0.5). Points
that nobody placed are ``nan nan``. A mask has the palette of :mod:`portrait_pipeline.perception.parts`; black pixels
are background, and magenta (255, 0, 255) ones are not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from ...base.errors import InputFileError, LandmarkError
from ...base.images import load_image
from ...head.points import COUNT, face_size
from ...perception.parts import labelled

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
UNKNOWN = 255
"""Label of pixels whose part nobody knows."""
UNKNOWN_COLOUR = (255, 0, 255)
STORED = 288
"""Side of the stored crop, pixels: one and a half network crops, so that turned and moved crops stay inside."""
STORED_RATIO = 2.9
"""Side of the stored crop in face sizes."""


class Sample(NamedTuple):
    """One face, cut out with room around it."""

    pixels: np.ndarray
    """(288, 288, 3) uint8 RGB."""
    points: np.ndarray
    """(68, 2) float32 pixels of the crop; NaN where not placed."""
    labels: np.ndarray
    """(288, 288) uint8 parts; 255 where not known."""


def find_samples(folders: Sequence[str | Path]) -> list[Path]:
    """Pictures with a ``.pts`` file beside them (``face.png.pts`` or ``face.pts``), in the order of their names.

    Raises:
        InputFileError: a folder is missing, or none holds such a picture.
    """
    pictures: list[Path] = []
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise InputFileError(f"{folder}: no such folder; give folders of pictures with .pts files")
        found = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in PICTURES)
        pictures += [path for path in found if not path.name.endswith(".mask.png") and _points_of(path) is not None]
    if not pictures:
        raise InputFileError(
            f"{', '.join(map(str, folders))}: no picture has its points beside it; write face.png.pts beside face.png"
        )
    return pictures


def load_sample(path: Path) -> Sample:
    """Read one picture with its points and, if there is one, its mask.

    Raises:
        InputFileError: the picture or the mask is damaged, or of another size.
        LandmarkError: the points are.
    """
    points = _read_points(_points_of(path) or path.with_suffix(".pts"))
    pixels = load_image(path)
    labels = np.full(pixels.shape[:2], UNKNOWN, dtype=np.uint8)
    mask_path = path.with_name(path.name + ".mask.png")
    if mask_path.exists():
        mask = load_image(mask_path)
        if mask.shape != pixels.shape:
            raise InputFileError(f"{mask_path}: is of another size than its picture; make it {pixels.shape[1::-1]}")
        labels = labelled(mask)
        labels[(mask == UNKNOWN_COLOUR).all(axis=2)] = UNKNOWN
    return _cut_out(pixels, points, labels)


def _points_of(path: Path) -> Path | None:
    candidates = (path.with_name(path.name + ".pts"), path.with_suffix(".pts"))
    return next((candidate for candidate in candidates if candidate.exists()), None)


def _read_points(path: Path) -> np.ndarray:
    try:
        text = path.read_text(encoding="utf-8-sig")
        body = text[text.index("{") + 1 : text.index("}")] if "{" in text else text
        points = np.array([[float(value) for value in line.split()] for line in body.splitlines() if line.strip()])
    except (OSError, ValueError) as error:
        raise LandmarkError(f"{path}: cannot be read as points ({error}); give {COUNT} lines 'x y'") from error
    placed = np.isfinite(points).all(axis=1) if points.shape == (COUNT, 2) else np.zeros(0, dtype=bool)
    if placed.sum() < COUNT // 2 or face_size(points[placed]) < 8:
        raise LandmarkError(f"{path}: does not hold {COUNT} points of a face; give {COUNT} lines 'x y'")
    return points


def _cut_out(pixels: np.ndarray, points: np.ndarray, labels: np.ndarray) -> Sample:
    placed = points[np.isfinite(points).all(axis=1)]
    scale = STORED / (STORED_RATIO * face_size(placed))
    shift = STORED / 2 - scale * (placed.min(axis=0) + placed.max(axis=0)) / 2
    matrix = np.column_stack([np.eye(2) * scale, shift + 0.5 * scale - 0.5])
    if scale < 1:
        pixels = cv2.GaussianBlur(pixels, (0, 0), 0.4 / scale)
    size = (STORED, STORED)
    return Sample(
        cv2.warpAffine(pixels, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
        (points * scale + shift).astype(np.float32),
        cv2.warpAffine(labels, matrix, size, flags=cv2.INTER_NEAREST, borderValue=UNKNOWN),
    )
