"""Photos and artworks of works: read once when they come, then their points as somebody wants them.

Points on disk (``picture.jpg.pts``) and in memory are pixels of the picture at its full size, as everywhere.
"""

from __future__ import annotations

import secrets
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from ..base.artifacts import atomic_path
from ..base.errors import InputFileError, LandmarkError, NoFaceError
from ..base.images import image_size, load_image, load_with_alpha, resize_to, save_image
from ..head.model import load_bundled_model
from ..head.points import face_size
from ..landmarks.draw import SURE, UNSURE
from ..landmarks.params import LandmarksParams
from ..landmarks.step import remarks
from ..perception import search
from ..perception.crops import Picture as Pixels
from ..perception.files import check_face, find_points, read_points, write_points
from ..perception.locate import Located, locate
from ..perception.parts import PALETTE
from ..perception.passes import look
from ..perception.reading import at_points, set_upright
from ..perception.weights import load
from ..samples.sources import PREFIX, resolve
from .works import Picture

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif", ".heic", ".heif")
VIEW, PARTS = "view.jpg", "parts.png"
_VIEW_SIDE, _PARTS_SIDE = 1400, 480


def take(folder: Path, upload: Path, name: str, sample: str, params: LandmarksParams) -> Picture:
    """Read a picture that came and put it in the place of the one that was there, if any.

    Args:
        folder: of the role, such as ``photo``. upload: the file; a sample's is copied with its points.
        name: what messages call it.

    Raises:
        InputFileError: it is no picture that can be used; what was there stays.
    """
    staging = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}")
    staging.mkdir(parents=True)
    try:
        suffix = Path(name).suffix.lower() if not sample else upload.suffix
        path = staging / f"picture{suffix if suffix in SUFFIXES else '.img'}"
        shutil.copyfile(upload, path)
        points = find_points(upload) if sample else None
        if points:
            shutil.copyfile(points, path.with_name(f"{path.name}.pts"))
        try:
            picture = _read(path, name, params)
        except InputFileError as error:
            raise type(error)(str(error).replace(str(path), name)) from error
        picture = replace(picture, sample=sample, file=f"{folder.name}/{picture.file}")
        shutil.rmtree(folder, ignore_errors=True)
        staging.rename(folder)
        return picture
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def take_sample(folder: Path, name: str, params: LandmarksParams) -> Picture:
    """:func:`take` of a bundled sample.

    Raises:
        ParameterError: there is none of that name.
    """
    return take(folder, resolve(f"{PREFIX}{name}").path, name.replace("_", " "), name, params)


def place(path: Path, picture: Picture, points: np.ndarray) -> Picture:
    """The picture with points (68, 2) px that somebody placed, which are written beside it.

    Raises:
        LandmarkError: they cannot be a face in this picture; what was there stays.
    """
    target = path.with_name(f"{path.name}.pts")
    trial = path.with_name("trial.pts")
    try:
        write_points(trial, points)
        points = read_points(trial, (picture.size[1], picture.size[0]))
        trial.replace(target)
    except LandmarkError as error:
        raise LandmarkError(str(error).replace(str(trial), picture.name)) from error
    finally:
        trial.unlink(missing_ok=True)
    return replace(
        picture,
        points=points.round(2).tolist(),
        doubt=[0.0] * len(points),
        placed=True,
        remarks=[line for line in picture.remarks if "no face" not in line and "hard to read" not in line],
        version=picture.version + 1,
    )


def forget(path: Path, picture: Picture, params: LandmarksParams) -> Picture:
    """The picture with the points that are read from it, or that came with the sample."""
    target = path.with_name(f"{path.name}.pts")
    target.unlink(missing_ok=True)
    if picture.sample and (points := find_points(resolve(f"{PREFIX}{picture.sample}").path)):
        shutil.copyfile(points, target)
    read = _read(path, picture.name, params)
    return replace(read, file=f"{path.parent.name}/{read.file}", sample=picture.sample, version=picture.version + 1)


def refresh_parts(path: Path, params: LandmarksParams) -> None:
    """What the picture shows where, read again about the points that are beside it now."""
    _save_parts(path.with_name(PARTS), locate(path, params.max_side, params.detector))


def points_in_box(path: Path, box: np.ndarray, params: LandmarksParams) -> np.ndarray:
    """The 68 points (px) of the face that a box (left, top, right, bottom; px, brows to chin) holds.

    What the network makes of the box, however doubtful; a mean face where that is none.

    Raises:
        LandmarkError: no box with an area inside the picture.
    """
    height, width = image_size(path)
    image = load_image(path, params.max_side)
    factor = np.array([image.shape[1] / width, image.shape[0] / height])
    low, high = np.clip(box.reshape(2, 2), 0, (width, height)) * factor
    if not ((high - low) > 8).all():
        raise LandmarkError("the box is too small; draw it around the whole face, from the brows to the chin")
    network = load()
    seen = look(network, Pixels(image), search.boxed([[*low, *high]]))[0]
    points = at_points(image, seen.points).points
    try:
        check_face(path, points)
        if not ((points >= 0) & (points <= image.shape[1::-1])).all():
            raise LandmarkError("outside")
    except LandmarkError:
        points = mean_face(low, high)
    return points / factor


def mean_face(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """(68, 2) points of the mean head seen from the front, filling the box from ``low`` to ``high`` (2,)."""
    model = load_bundled_model()
    flat = model.mean[model.landmarks][:, :2] * (1, -1)
    first, last = flat.min(axis=0), flat.max(axis=0)
    return (flat - first) / (last - first) * (high - low) + low


def _read(path: Path, name: str, params: LandmarksParams) -> Picture:
    """A picture whose file lies in its place; writes what the page shows of it."""
    try:
        located = locate(path, params.max_side, params.detector)
    except NoFaceError:
        image = load_image(path, params.max_side)
        _save_view(path.with_name(VIEW), image)
        save_image(path.with_name(PARTS), np.zeros((8, 8, 4), np.uint8))
        size = image_size(path)[::-1]
        line = "no face was found; draw a box around it, or choose another picture"
        return Picture(path.name, name, "", size, [], [], False, [line], 1)
    lines = [line.replace(f"{path}: ", "").split(", and if they are")[0] for line in remarks(path, located)]
    if located.turn:  # from here on the picture is upright, and so are points that somebody moves
        rgb, alpha = load_with_alpha(path)
        layers = rgb if alpha is None else np.dstack([rgb, alpha])
        path.unlink()
        path = path.with_suffix(".png")
        save_image(path, set_upright(layers, located.turn))
    height, width = image_size(path)
    points = located.points * (np.array([width, height]) / located.image.shape[1::-1])
    doubt = (located.errors / (face_size(located.points) / 2) - SURE) / (UNSURE - SURE)
    _save_view(path.with_name(VIEW), located.image)
    _save_parts(path.with_name(PARTS), located)
    return Picture(
        path.name,
        name,
        "",
        (width, height),
        points.round(2).tolist(),
        np.clip(doubt, 0, 1).round(2).tolist(),
        False,
        lines,
        1,
    )


def _save_view(path: Path, image: np.ndarray) -> None:
    save_image(path, resize_to(image, _VIEW_SIDE))


def _save_parts(path: Path, located: Located) -> None:
    """The parts in the colours of a mask file, transparent where there is none, at most 480 px a side."""
    height, width = located.image.shape[:2]
    factor = min(1.0, _PARTS_SIDE / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    grid = located.parts.grid * np.array([width / size[0], height / size[1], 1.0])
    labels = replace(located.parts, grid=grid).pictures(size[::-1]).argmax(axis=0)
    layers = np.dstack([PALETTE[labels], np.where(labels > 0, 255, 0).astype(np.uint8)])
    with atomic_path(path) as temporary:
        Image.fromarray(layers).save(temporary)
