"""Files beside an image: points placed by hand, which win over detection, and where a mask lies.

Two text formats are read: ``.pts`` (``version: 1``, ``n_points: 68``, the points between braces) and plain
lines. A line holds x and y, parted by blanks or a comma. Coordinates are continuous pixels of the image as
displayed (after EXIF orientation, at its full size): x to the right, y down, the middle of the first pixel is
(0.5, 0.5).
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from ..base.artifacts import atomic_path
from ..base.errors import LandmarkError
from ..base.files import read_text, refusal
from ..base.images import IMAGE_SUFFIXES
from ..head.points import COUNT, eye_distance, handedness

SUFFIXES = (".pts", ".txt")
MASK_SUFFIX = ".mask.png"
MAX_BYTES = 100_000
MARGIN = 0.05


def find_points(image_path: str | Path) -> Path | None:
    """The landmark file beside an image, or None.

    For ``photo.jpg`` the first that exists of ``photo.jpg.pts``, ``photo.jpg.txt``, ``photo.pts``, ``photo.txt``.

    Raises:
        LandmarkError: it is one of the last two, and another picture of that name could claim it as well.
    """
    return _beside(Path(image_path), SUFFIXES)


def find_mask(image_path: str | Path) -> Path | None:
    """The mask beside a picture, or None: for ``photo.jpg`` the first of ``photo.jpg.mask.png``, ``photo.mask.png``.

    Raises:
        LandmarkError: as :func:`find_points`.
    """
    return _beside(Path(image_path), (MASK_SUFFIX,))


def _beside(image: Path, suffixes: tuple[str, ...]) -> Path | None:
    for suffix in suffixes:
        if (path := image.with_name(image.name + suffix)).exists():
            return path
    for suffix in suffixes:
        path = image.with_name(image.stem + suffix)
        if path != image and path.exists():
            others = [name for name in _namesakes(image) if image.with_name(name).exists()]
            if others:
                raise LandmarkError(
                    f"{path}: may belong to {image.name} or to {others[0]}; call it {image.name}{suffix} or "
                    f"{others[0]}{suffix}"
                )
            return path
    return None


def _namesakes(image: Path) -> list[str]:
    """Names of pictures that differ from ``image`` in the suffix alone."""
    names = [image.stem + suffix for lower in IMAGE_SUFFIXES for suffix in (lower, lower.upper())]
    return [name for name in names if name.lower() != image.name.lower()]


def read_points(path: str | Path, size: tuple[int, int] | None = None, missing: bool = False) -> np.ndarray:
    """Read and check a landmark file.

    Args:
        path: ``.pts`` or plain text file.
        size: height and width in pixels of the image that the points belong to (as displayed, at full size).
            A point may lie outside by at most 5 % of the longer side: jaws are often cut off by the frame.
        missing: allow lines ``nan nan`` for points that nobody placed.

    Returns:
        (68, 2) float64 pixels, iBUG order; NaN at missing points.

    Raises:
        LandmarkError: missing, unreadable or too large file, other than 68 points, a line that is not two
            finite numbers, a point outside the image, or points that cannot be a face (all in one place,
            mirrored, y up).
    """
    path = Path(path)
    rows = [_numbers(path, number, line, missing) for number, line in _point_lines(path, _read_text(path))]
    if len(rows) != COUNT:
        raise LandmarkError(f"{path}: has {len(rows)} points, expected {COUNT} in iBUG order, one 'x y' a line")
    points = np.array(rows, dtype=np.float64)
    if size is not None:
        _check_inside(path, points, size)
    check_face(path, points)
    return points


def write_points(path: str | Path, points: np.ndarray) -> None:
    """Write a ``.pts`` file, 3 decimals, atomically.

    Args:
        path: target.
        points: (68, 2) pixels.

    Raises:
        OutputError: the disk refuses.
    """
    lines = [f"{x:.3f} {y:.3f}" for x, y in points]
    with atomic_path(path) as temporary:
        temporary.write_text(
            "\n".join(["version: 1", f"n_points: {len(lines)}", "{", *lines, "}", ""]), encoding="ascii"
        )


def _read_text(path: Path) -> str:
    return read_text(path, MAX_BYTES, refusal(LandmarkError, path, f"give a text file of {COUNT} lines 'x y'"))


def _point_lines(path: Path, text: str) -> list[tuple[int, str]]:
    """Numbered lines that hold points, without comments, blank lines and the ``.pts`` frame."""
    lines = [(number, line.split("#")[0].strip()) for number, line in enumerate(text.splitlines(), start=1)]
    lines = [(number, line) for number, line in lines if line]
    braces = [index for index, (_, line) in enumerate(lines) if line in ("{", "}")]
    if not braces:
        return lines
    if len(braces) != 2 or lines[braces[0]][1] != "{" or lines[braces[1]][1] != "}":
        raise LandmarkError(f"{path}: the points must stand between one '{{' and one '}}', each on its own line")
    for number, line in lines[: braces[0]]:
        name, _, value = (part.strip() for part in line.partition(":"))
        if name == "n_points" and value != str(COUNT):
            raise LandmarkError(f"{path}: line {number}: n_points is {value or 'missing'}, expected {COUNT}")
    return lines[braces[0] + 1 : braces[1]]


def _numbers(path: Path, number: int, line: str, missing: bool) -> tuple[float, float]:
    parts = line.replace(",", " ").replace(";", " ").split()
    shown = line if len(line) <= 40 else line[:37] + "..."
    try:
        x, y = (float(part) for part in parts)
    except ValueError:
        raise LandmarkError(f"{path}: line {number}: {shown!r} is not 'x y', two numbers in pixels") from None
    if not (math.isfinite(x) and math.isfinite(y)) and not (missing and math.isnan(x) and math.isnan(y)):
        raise LandmarkError(f"{path}: line {number}: {shown!r} is not finite; every point needs a place in pixels")
    return x, y


def _check_inside(path: Path, points: np.ndarray, size: tuple[int, int]) -> None:
    height, width = size
    margin = MARGIN * max(height, width)
    outside = ((points < -margin) | (points > np.array([width, height]) + margin)).any(axis=1)
    if outside.any():
        index = int(np.flatnonzero(outside)[0])
        x, y = points[index]
        raise LandmarkError(
            f"{path}: point {index} at ({x:g}, {y:g}) is outside the image of {width} x {height} pixels"
            f" ({int(outside.sum())} of {COUNT} points are); give pixels of the image at its full size"
        )


def check_face(path: str | Path, points: np.ndarray) -> None:
    """Refuse 68 points that cannot be a face seen upright in an image; missing points (NaN) are not judged.

    Args:
        path: where the points come from, for the message.
        points: (68, 2) pixels, y down.

    Raises:
        LandmarkError: the outer eye corners coincide, or the face is mirrored or upside down in y.
    """
    placed = points[np.isfinite(points).all(axis=1)]
    extent = float(np.ptp(placed, axis=0).max()) if len(placed) else 0.0
    if eye_distance(points) < max(0.02 * extent, 1e-3):
        raise LandmarkError(
            f"{path}: points 36 and 45, the outer eye corners, coincide; give {COUNT} points in iBUG order"
        )
    if handedness(points) <= 0:
        raise LandmarkError(
            f"{path}: the face is mirrored: y must point down and the jaw must start at the left of the "
            "image (iBUG order)"
        )
