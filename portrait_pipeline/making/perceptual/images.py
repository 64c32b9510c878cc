"""Tiny ImageNet's folder as arrays.

Layout, as published in tiny-imagenet-200::

    wnids.txt                       one class name a line
    train/<class>/images/*.JPEG
    val/images/*.JPEG
    val/val_annotations.txt         file name, class, box, separated by tabs
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from ...base.errors import InputFileError
from ...base.images import load_image
from ...base.progress import Progress, silent


class LabelledImages(NamedTuple):
    """Square pictures (N, S, S, 3) uint8 RGB, and their classes (N,) int64, from 0."""

    images: np.ndarray
    labels: np.ndarray


class ImageFolder(NamedTuple):
    """Training and validation images and the names of their classes."""

    classes: list[str]
    training: LabelledImages
    validation: LabelledImages


def read_folder(folder: Path, side: int = 64, progress: Progress = silent) -> ImageFolder:
    """Read a folder in Tiny ImageNet's layout; pictures that are not ``side`` px square are cut and resized.

    Raises:
        InputFileError: a file is missing or damaged, or names a class that is not there.
    """
    try:
        classes = (folder / "wnids.txt").read_text(encoding="utf-8").split()
        listed = pd.read_csv(folder / "val" / "val_annotations.txt", sep="\t", header=None, usecols=[0, 1], dtype=str)
        validation = [(folder / "val" / "images" / name, classes.index(label)) for name, label in listed.to_numpy()]
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputFileError(f"{folder}: {reason}; give the folder tiny-imagenet-200 as it is unpacked") from error
    training = [
        (path, label)
        for label, name in enumerate(classes)
        for path in sorted((folder / "train" / name / "images").glob("*.JPEG"))
    ]
    if len(classes) < 2 or len({label for _, label in training}) < len(classes):
        raise InputFileError(f"{folder}: a class has no train/<class>/images/*.JPEG; give the whole folder")
    return ImageFolder(classes, *(_decode(files, side, progress) for files in (training, validation)))


def _decode(files: Sequence[tuple[Path, int]], side: int, progress: Progress) -> LabelledImages:
    def one(item: tuple[Path, int]) -> np.ndarray:
        return np.asarray(ImageOps.fit(Image.fromarray(load_image(item[0])), (side, side), Image.Resampling.LANCZOS))

    images = np.empty((len(files), side, side, 3), np.uint8)
    with ThreadPoolExecutor() as pool:  # threads suffice: Pillow decodes outside the interpreter's lock
        for start in range(0, len(files), 1000):  # in parts, so that Ctrl-C and an unreadable file end the work at once
            part = files[start : start + 1000]
            images[start : start + len(part)] = list(pool.map(one, part))
            progress(start + len(part), len(files), {})
    return LabelledImages(images, np.array([label for _, label in files], np.int64))
