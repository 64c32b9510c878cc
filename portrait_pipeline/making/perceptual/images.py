"""Tiny ImageNet's folder as arrays: each file is decoded once, and what is wrong with one is said by name.

Layout, as published in tiny-imagenet-200::

    wnids.txt                       one class name a line
    train/<class>/images/*.JPEG
    val/images/*.JPEG
    val/val_annotations.txt         file name, class, box, separated by tabs
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ...base.errors import InputFileError
from ...base.images import load_image
from ...base.progress import Progress, silent

MAX_BYTES = 16 * 10**9
_MAX_TEXT = 50 * 10**6
_SUFFIXES = (".jpeg", ".jpg", ".png")
_LAYOUT = "give the folder tiny-imagenet-200 as it is unpacked"


@dataclass(frozen=True)
class LabelledImages:
    """Square pictures of one size and their classes.

    Attributes:
        images: (N, S, S, 3) uint8 RGB. Tiny ImageNet's 100 000 training images of 64 px are 1.23 GB, its 10 000 for
            validation 0.12 GB.
        labels: (N,) int64, from 0.
    """

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class ImageFolder:
    """Training and validation images and the names of their classes."""

    classes: tuple[str, ...]
    training: LabelledImages
    validation: LabelledImages


def read_folder(folder: Path, side: int = 64, progress: Progress = silent) -> ImageFolder:
    """Read a folder in Tiny ImageNet's layout.

    Args:
        folder: the unpacked tiny-imagenet-200, or one in its layout.
        side: pixels; pictures of another size are cut to their middle square and resized.
        progress: called with the number of decoded files.

    Raises:
        InputFileError: a file is missing, damaged, too large, or names what is not there.
    """
    classes = _classes(folder / "wnids.txt")
    training = _training_files(folder, classes)
    validation = _validation_files(folder, classes)
    total = len(training) + len(validation)
    if total * side * side * 3 > MAX_BYTES:
        raise InputFileError(
            f"{folder}: {total} images of {side} px are {total * side**2 * 3 / 1e9:.0f} GB; at most "
            f"{MAX_BYTES / 1e9:.0f} GB are kept in memory, give fewer images or a smaller side"
        )
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        if done % 100 == 0 or done == total:
            progress(done, total, {})

    return ImageFolder(classes, _decode(training, side, count), _decode(validation, side, count))


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > _MAX_TEXT:
            raise InputFileError(f"{path}: too large for a list, over {_MAX_TEXT // 10**6} MB; {_LAYOUT}")
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except FileNotFoundError:
        raise InputFileError(f"{path}: no such file; {_LAYOUT}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputFileError(f"{path}: cannot be read ({error}); {_LAYOUT}") from error


def _plain(name: str) -> bool:
    """Whether a name from a list is one of a file in its folder, and leads nowhere else."""
    return name not in ("", ".", "..") and not any(c in "/\\\0" for c in name)


def _classes(path: Path) -> tuple[str, ...]:
    names = [line.strip() for line in _lines(path)]
    for number, name in enumerate(names, 1):
        if not _plain(name) or name in names[: number - 1]:
            raise InputFileError(f"{path}, line {number}: {name!r} is no class name or is there twice; {_LAYOUT}")
    if len(names) < 2:
        raise InputFileError(f"{path}: names {len(names)} classes, at least 2 are needed; {_LAYOUT}")
    return tuple(names)


def _training_files(folder: Path, classes: Sequence[str]) -> list[tuple[Path, int]]:
    files = []
    for label, name in enumerate(classes):
        place = folder / "train" / name / "images"
        try:
            found = sorted(path for path in place.iterdir() if path.suffix.lower() in _SUFFIXES)
        except OSError as error:
            raise InputFileError(f"{place}: cannot be listed ({error.strerror}); {_LAYOUT}") from error
        if not found:
            raise InputFileError(f"{place}: holds no .JPEG file; {_LAYOUT}")
        files += [(path, label) for path in found]
    return files


def _validation_files(folder: Path, classes: Sequence[str]) -> list[tuple[Path, int]]:
    path = folder / "val" / "val_annotations.txt"
    known = {name: label for label, name in enumerate(classes)}
    files = []
    for number, line in enumerate(_lines(path), 1):
        name, label, *_ = [*(word.strip() for word in line.split("\t")), ""]
        if not _plain(name) or label not in known:
            raise InputFileError(
                f"{path}, line {number}: {line[:60]!r} is not a file name and a class of wnids.txt, "
                f"separated by a tab; {_LAYOUT}"
            )
        files.append((folder / "val" / "images" / name, known[label]))
    if not files:
        raise InputFileError(f"{path}: is empty; {_LAYOUT}")
    return files


def _decode(files: Sequence[tuple[Path, int]], side: int, count: Callable[[], None]) -> LabelledImages:
    images = np.empty((len(files), side, side, 3), np.uint8)

    def one(number: int) -> None:
        images[number] = _square(load_image(files[number][0]), side)

    # Threads suffice: Pillow decodes outside the interpreter's lock. A thousand at a time, so that Ctrl-C and an
    # unreadable file end the work at once.
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(files), 1000):
            for _ in pool.map(one, range(start, min(start + 1000, len(files)))):
                count()
    return LabelledImages(images, np.array([label for _, label in files], np.int64))


def _square(rgb: np.ndarray, side: int) -> np.ndarray:
    height, width = rgb.shape[:2]
    if height == width == side:
        return rgb
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    picture = Image.fromarray(rgb[top : top + edge, left : left + edge])
    return np.asarray(picture.resize((side, side), Image.Resampling.LANCZOS))
