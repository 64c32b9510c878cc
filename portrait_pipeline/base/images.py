"""Pictures in and out: any common raster file becomes an upright RGB array, an array a PNG or JPEG file.

Everything that can be wrong with a file given by a user ends here, as an
:class:`~portrait_pipeline.base.errors.InputFileError` of one line that names the file, the problem and the remedy.
"""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pi_heif
from PIL import Image, ImageCms, ImageOps, TiffImagePlugin, UnidentifiedImageError

from .artifacts import atomic_path
from .errors import InputFileError, OutputError
from .memory import is_about_memory, out_of_memory

LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in a picture's luminance (Rec. 601)."""
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "HEIF")
FORMAT_NAMES = "PNG, JPEG, WebP, TIFF, BMP, GIF, AVIF or HEIC"
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif", ".heic", ".heif")
"""Of files that are taken for pictures in a folder, lower case; what a named file is, its content decides."""
MAX_FILE_BYTES = 200 * 10**6
MAX_PIXELS = 100 * 10**6
MIN_SIDE = 32

pi_heif.register_heif_opener(thumbnails=False)

_EXIF_ORIENTATION = 0x0112
_SIDEWAYS = (5, 6, 7, 8)
_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_BITS, _TIFF_PHOTOMETRIC, _TIFF_SAMPLES = 256, 257, 258, 262, 277
_TIFF_PLANAR, _TIFF_NUMBERS, _TIFF_PROFILE, _DNG_VERSION = 284, 339, 34675, 50706
_TIFF_STARTS = (b"II*\0", b"MM\0*")
_COMMON = 0.99  # share of a float picture's values that its range must hold: highlights may lie above it
_SAME = 2  # levels of 255 by which a profile may differ from sRGB and still be sRGB, rounded by its maker
# What people take for a picture: start of the file, bytes before it, name.
_OTHER_FILES = (
    (b"%PDF", 0, "a PDF document"),
    (b"8BPS", 0, "a Photoshop document"),
    (b"gimp xcf", 0, "a GIMP document"),
    (b"\xff\x0a", 0, "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", 0, "a JPEG XL picture"),
    (b"\0\0\0\x0cjP  ", 0, "a JPEG 2000 picture"),
    (b"<svg", 0, "an SVG drawing"),
    (b"ftypcrx", 4, "a camera's raw file"),
    (b"ftyp", 4, "a video"),
    (b"\x1aE\xdf\xa3", 0, "a video"),
)
_WRITERS = {
    ".png": ("PNG", {"compress_level": 4}),
    ".jpg": ("JPEG", {"quality": 92}),
    ".jpeg": ("JPEG", {"quality": 92}),
}
PICTURES = tuple(_WRITERS)
"""Suffixes that :func:`save_image` writes."""
# What Pillow's decoders raise on damaged data, besides OSError.
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
    RuntimeError,
)


def load_image(path: str | Path, max_side: int | None = None) -> np.ndarray:
    """Read a picture as it is meant to be seen.

    EXIF orientation and an embedded colour profile are applied (the result is sRGB); grey, 16-bit, palette
    and CMYK pictures become RGB; floats are taken for sRGB values from 0 to 1 (or 255, or 65 535, if so many are
    above); transparency is laid on white; of several pictures the first counts. Limits: at most 200 MB and 100
    megapixels, checked before anything is decoded, and at least 32 pixels on each side.

    Args:
        path: PNG, JPEG, WebP, TIFF, BMP, GIF, AVIF or HEIC file; the content decides, not the suffix.
        max_side: reduce the picture (antialiased) so that its longer side has at most this many pixels.

    Returns:
        (H, W, 3) uint8 RGB, upright, row 0 at the top.

    Raises:
        InputFileError: missing, unreadable, empty, damaged, truncated, too large or too small, or no picture.
    """
    return load_with_alpha(path, max_side)[0]


def load_with_alpha(path: str | Path, max_side: int | None = None) -> tuple[np.ndarray, np.ndarray | None]:
    """A picture as :func:`load_image` reads it, and its (H, W) uint8 opacity; None where all of it is opaque.

    Raises:
        InputFileError: as :func:`load_image`.
    """
    path = Path(path)
    with _opened(path) as picture:
        try:
            picture.load()
            white_is_zero = getattr(picture, "tag_v2", {}).get(_TIFF_PHOTOMETRIC) == 0
            picture = ImageOps.exif_transpose(picture)
            rgb, alpha = np.array(_to_rgb(picture, white_is_zero), dtype=np.uint8), _opacity(picture)
        except _DECODER_ERRORS as error:
            if is_about_memory(error):
                raise out_of_memory(
                    str(path), f"the size of the picture ({picture.width} x {picture.height})"
                ) from error
            raise InputFileError(
                f"{path}: the picture is damaged or truncated ({_one_line(error)}); open it in an image "
                "editor and save it again as PNG"
            ) from error
    if max_side is not None:
        rgb = resize_to(rgb, max_side)
        alpha = None if alpha is None else resize_to(alpha, max_side)
        if min(rgb.shape[:2]) < MIN_SIDE:
            raise InputFileError(
                f"{path}: too long and narrow, {rgb.shape[1]} x {rgb.shape[0]} pixels are left after "
                f"reduction to {max_side}; crop it around the face"
            )
    return rgb, alpha


def image_size(path: str | Path) -> tuple[int, int]:
    """Height and width of a picture in pixels as displayed (after EXIF orientation), read from its header.

    Raises:
        InputFileError: as :func:`load_image`.
    """
    path = Path(path)
    with _opened(path) as picture:
        width, height = picture.size
        try:
            sideways = picture.getexif().get(_EXIF_ORIENTATION, 1) in _SIDEWAYS
        except _DECODER_ERRORS:
            sideways = False
    return (width, height) if sideways else (height, width)


def holds_several(path: str | Path) -> bool:
    """Whether a file holds frames, pages or pictures that :func:`load_image` leaves out.

    A camera's JPEG with a preview or a second view behind the picture (MPO) does not count.

    Raises:
        InputFileError: as :func:`load_image`.
    """
    with _opened(Path(path)) as picture:
        try:
            return picture.format != "MPO" and bool(getattr(picture, "is_animated", False))
        except _DECODER_ERRORS:
            return False


def resize_to(rgb: np.ndarray, max_side: int) -> np.ndarray:
    """Reduce an image so that its longer side has at most ``max_side`` pixels; smaller images are returned as
    is.

    Args:
        rgb: (H, W, 3) or (H, W) uint8.
        max_side: pixels, at least 1.

    Returns:
        (H', W', 3) or (H', W') uint8, aspect kept to the nearest pixel, Lanczos filtered (antialiased).
    """
    height, width = rgb.shape[:2]
    if max(height, width) <= max_side:
        return rgb
    factor = max_side / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.array(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))


def check_suffix(path: str | Path) -> tuple[str, dict[str, int]]:
    """Pillow's name of the format that the suffix (.png, .jpg, .jpeg) stands for, and its options.

    Raises:
        OutputError: another suffix.
    """
    suffix = Path(path).suffix
    if suffix.lower() not in _WRITERS:
        raise OutputError(f"{path}: cannot be written, '{suffix}' is not a known image suffix; use .png or .jpg")
    return _WRITERS[suffix.lower()]


def save_image(path: str | Path, rgb: np.ndarray) -> None:
    """Write an image atomically; the suffix (.png, .jpg, .jpeg) chooses the format.

    Args:
        path: target; its folder is created if needed. The file carries no time stamp: equal pixels, equal
            bytes.
        rgb: (H, W, 3) RGB, (H, W, 4) RGBA or (H, W) grey, uint8.

    Raises:
        OutputError: another suffix, or the disk refuses.
    """
    name, options = check_suffix(path)
    picture = Image.fromarray(np.ascontiguousarray(rgb))
    if name == "JPEG" and picture.mode == "RGBA":
        picture = _on_white(picture)
    with atomic_path(path) as temporary:
        picture.save(temporary, format=name, **options)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture lazily after checking everything that its header tells."""
    _check_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about large pictures; the limit below refuses them
            try:
                picture = Image.open(path, formats=FORMATS)
                if picture.format == "TIFF" and _is_misread(picture.tag_v2):
                    picture.close()
                    picture = _other_tiff(path)
            except UnidentifiedImageError:
                picture = _other_tiff(path)
    except UnidentifiedImageError as error:
        raise InputFileError(f"{path}: {_what_it_is(path)}; give a {FORMAT_NAMES} file") from error
    except Image.DecompressionBombError as error:
        raise InputFileError(_too_many_pixels(path, "more than 178")) from error
    except PermissionError as error:
        raise InputFileError(f"{path}: may not be read; allow it with `chmod u+r`") from error
    except _DECODER_ERRORS as error:
        raise InputFileError(
            f"{path}: the picture's header is damaged ({_one_line(error)}); give an intact {FORMAT_NAMES} file"
        ) from error
    with picture:
        width, height = picture.size
        _check_pixels(path, width, height)
        if _DNG_VERSION in getattr(picture, "tag_v2", ()):
            raise InputFileError(f"{path}: is a camera's raw file; develop it and give a {FORMAT_NAMES} file")
        if min(width, height) < MIN_SIDE:
            raise InputFileError(
                f"{path}: too small, {width} x {height} pixels; give at least {MIN_SIDE} on each side, better 512"
            )
        yield picture


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise InputFileError(f"{path}: is a folder; give the picture file itself")
        status = path.stat()
        if not path.is_file():
            raise InputFileError(f"{path}: is not a regular file; give a {FORMAT_NAMES} file")
    except FileNotFoundError:
        raise InputFileError(f"{path}: no such file; mend the path or put the picture there") from None
    except (OSError, ValueError) as error:
        raise InputFileError(
            f"{path!s}: cannot be read ({_one_line(error)}); check the path and its permissions"
        ) from error
    if status.st_size == 0:
        raise InputFileError(f"{path}: the file is empty; copy or download it again")
    if status.st_size > MAX_FILE_BYTES:
        raise InputFileError(
            f"{path}: too large, {status.st_size / 1e6:.0f} MB; the limit is {MAX_FILE_BYTES / 1e6:.0f} MB, "
            "save a smaller copy"
        )


def _other_tiff(path: Path) -> Image.Image:
    """A TIFF file whose kind of numbers Pillow does not know (floats in colour, 32 and 64 bits), in 8 bits.

    Raises:
        UnidentifiedImageError: it is no TIFF file, or of a kind that OpenCV does not know either.
    """
    data = path.read_bytes()
    if data[:4] not in _TIFF_STARTS:
        raise UnidentifiedImageError(path.name)
    tags = TiffImagePlugin.ImageFileDirectory_v2(data[:8])
    stream = BytesIO(data)
    stream.seek(tags.next)
    tags.load(stream)
    _check_pixels(path, int(tags[_TIFF_WIDTH]), int(tags[_TIFF_HEIGHT]))
    if _has_planes(tags):  # OpenCV reads noise as well
        raise UnidentifiedImageError(path.name)
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # we say ourselves what it cannot read
    try:
        values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    finally:
        cv2.utils.logging.setLogLevel(level)
    if values is None or values.dtype == np.uint8 or values.ndim == 3 and values.shape[2] == 2:
        raise UnidentifiedImageError(path.name)
    if values.ndim == 3:
        values = values[:, :, [2, 1, 0, 3][: values.shape[2]]]
    picture = Image.fromarray(_to_8_bit(values))
    picture.getexif()[_EXIF_ORIENTATION] = tags.get(_EXIF_ORIENTATION, 1)
    if _TIFF_PROFILE in tags:
        picture.info["icc_profile"] = tags[_TIFF_PROFILE]
    return picture


def _is_misread(tags: TiffImagePlugin.ImageFileDirectory_v2) -> bool:
    """Whether Pillow would open a TIFF and read noise: planes of more than 8 bits, integers of 32 bits."""
    bits = max(tags.get(_TIFF_BITS, (1,)))
    return _has_planes(tags) and bits > 8 or bits == 32 and tags.get(_TIFF_NUMBERS, (1,))[0] == 1


def _has_planes(tags: TiffImagePlugin.ImageFileDirectory_v2) -> bool:
    return tags.get(_TIFF_PLANAR) == 2 and tags.get(_TIFF_SAMPLES, 1) > 1


def _what_it_is(path: Path) -> str:
    """What a file is that is no picture we read, as far as its start tells."""
    with path.open("rb") as file:
        start = file.read(64)
    if start[:4] in _TIFF_STARTS:
        return "is a TIFF of a kind that cannot be read"
    name = next((name for mark, offset, name in _OTHER_FILES if start[offset:].startswith(mark)), None)
    return "is not a picture that can be read" if name is None else f"is {name}, not a picture that can be read"


def _check_pixels(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise InputFileError(_too_many_pixels(path, f"{width} x {height} = {width * height / 1e6:.0f}"))


def _too_many_pixels(path: Path, count: str) -> str:
    return f"{path}: too large, {count} megapixels; the limit is {MAX_PIXELS / 1e6:.0f}, save a reduced copy"


def _to_rgb(picture: Image.Image, white_is_zero: bool) -> Image.Image:
    """8-bit sRGB without transparency; of a negative, Pillow itself makes a positive in 8 bits only."""
    profile = picture.info.get("icc_profile")
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        values = _to_8_bit(np.asarray(picture))
        picture = Image.fromarray(255 - values if white_is_zero else values)
    alpha = picture.convert("RGBA").getchannel("A") if picture.has_transparency_data else None
    if picture.mode in ("LA", "La", "1"):
        picture = picture.convert("L")
    elif alpha is not None or picture.mode in ("P", "PA"):
        picture = picture.convert("RGBA").convert("RGB")
    picture = (_to_srgb(picture, profile) if profile else picture).convert("RGB")
    if alpha is None:
        return picture
    picture.putalpha(alpha)
    return _on_white(picture)


def _opacity(picture: Image.Image) -> np.ndarray | None:
    """(H, W) uint8, or None where nothing is transparent."""
    if not picture.has_transparency_data:
        return None
    alpha = np.array(picture.convert("RGBA").getchannel("A"), dtype=np.uint8)
    return alpha if alpha.min() < 255 else None


def _to_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """Apply an embedded colour profile; a profile that is damaged or of another colour space is ignored.

    Whether it is sRGB already, so that every pixel stays, is decided by what it does to colours, never by its name.
    """
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        change = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), picture.mode, "RGB")
        if picture.mode == "RGB":
            steps = np.arange(0, 256, 17, dtype=np.uint8)
            colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 64, 3)
            changed = np.asarray(ImageCms.applyTransform(Image.fromarray(colours), change))
            if np.abs(changed.astype(int) - colours).max() <= _SAME:
                return picture
        return ImageCms.applyTransform(picture, change)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture


def _on_white(picture: Image.Image) -> Image.Image:
    white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    white.alpha_composite(picture.convert("RGBA"))
    return white.convert("RGB")


def _to_8_bit(values: np.ndarray) -> np.ndarray:
    """Scale integers of 16 (or more) bits, or floats, to 0..255 by the smallest usual range that holds them."""
    if not np.isfinite(values).all():
        raise ValueError("a pixel is not a finite number")
    if values.dtype == np.uint16:
        top = 65535.0
    else:
        floats = values.dtype.kind == "f"
        largest = float(np.quantile(values, _COMMON) if floats else values.max())
        tops = (1.0, 255.0, 65535.0) if floats else (255.0, 65535.0, 2.0**32 - 1)
        top = next((top for top in tops if largest <= top), largest)
    return np.clip(np.rint(values * (255.0 / top)), 0, 255).astype(np.uint8)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
