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

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from .artifacts import atomic_path
from .errors import InputFileError, OutputError

LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in a picture's luminance (Rec. 601)."""
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")
FORMAT_NAMES = "PNG, JPEG, WebP, TIFF, BMP or GIF"
MAX_FILE_BYTES = 200 * 10**6
MAX_PIXELS = 100 * 10**6
MIN_SIDE = 32

_EXIF_ORIENTATION = 0x0112
_SIDEWAYS = (5, 6, 7, 8)
_WRITERS = {
    ".png": ("PNG", {"compress_level": 4}),
    ".jpg": ("JPEG", {"quality": 92}),
    ".jpeg": ("JPEG", {"quality": 92}),
}
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
)


def load_image(path: str | Path, max_side: int | None = None) -> np.ndarray:
    """Read a picture as it is meant to be seen.

    EXIF orientation and an embedded colour profile are applied (the result is sRGB); grey, 16-bit, palette
    and CMYK pictures become RGB; transparency is laid on white; of several frames the first counts. Limits:
    at most 200 MB and 100 megapixels, checked before anything is decoded, and at least 32 pixels on each
    side.

    Args:
        path: PNG, JPEG, WebP, TIFF, BMP or GIF file; the content decides, not the suffix.
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
            picture = ImageOps.exif_transpose(picture)
            rgb, alpha = np.array(_to_rgb(picture), dtype=np.uint8), _opacity(picture)
        except _DECODER_ERRORS as error:
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


def save_image(path: str | Path, rgb: np.ndarray) -> None:
    """Write an image atomically; the suffix (.png, .jpg, .jpeg) chooses the format.

    Args:
        path: target; its folder is created if needed. The file carries no time stamp: equal pixels, equal
            bytes.
        rgb: (H, W, 3) RGB, (H, W, 4) RGBA or (H, W) grey, uint8.

    Raises:
        OutputError: another suffix, or the disk refuses.
    """
    path = Path(path)
    if path.suffix.lower() not in _WRITERS:
        raise OutputError(f"{path}: cannot be written, '{path.suffix}' is not a known image suffix; use .png or .jpg")
    name, options = _WRITERS[path.suffix.lower()]
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
            picture = Image.open(path, formats=FORMATS)
    except UnidentifiedImageError as error:
        raise InputFileError(f"{path}: is not a picture that can be read; give a {FORMAT_NAMES} file") from error
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
        if width * height > MAX_PIXELS:
            raise InputFileError(_too_many_pixels(path, f"{width} x {height} = {width * height / 1e6:.0f}"))
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


def _too_many_pixels(path: Path, count: str) -> str:
    return f"{path}: too large, {count} megapixels; the limit is {MAX_PIXELS / 1e6:.0f}, save a reduced copy"


def _to_rgb(picture: Image.Image) -> Image.Image:
    """8-bit sRGB without transparency."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        return Image.fromarray(_grey_to_8_bit(np.asarray(picture))).convert("RGB")
    alpha = picture.has_transparency_data
    profile = picture.info.get("icc_profile")
    if picture.mode in ("P", "PA", "LA", "La", "RGBa", "1") or alpha:
        picture = picture.convert("RGBA" if alpha else "RGB")
    if profile:
        picture = _to_srgb(picture, profile)
    return _on_white(picture) if alpha else picture.convert("RGB")


def _opacity(picture: Image.Image) -> np.ndarray | None:
    """(H, W) uint8, or None where nothing is transparent."""
    if not picture.has_transparency_data:
        return None
    alpha = np.array(picture.convert("RGBA").getchannel("A"), dtype=np.uint8)
    return alpha if alpha.min() < 255 else None


def _to_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """Apply an embedded colour profile; a profile that is damaged or of another colour space is ignored."""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(source).lower():
            return picture
        target = "RGBA" if picture.mode == "RGBA" else "RGB"
        return ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode=target)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture


def _on_white(picture: Image.Image) -> Image.Image:
    white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    white.alpha_composite(picture.convert("RGBA"))
    return white.convert("RGB")


def _grey_to_8_bit(values: np.ndarray) -> np.ndarray:
    """Scale integers of 16 (or more) bits, or floats, to 0..255 by the smallest usual range that holds
    them."""
    if not np.isfinite(values).all():
        raise ValueError("a pixel is not a finite number")
    if values.dtype == np.uint16:
        top = 65535.0
    else:
        largest = float(values.max())
        tops = (1.0, 255.0, 65535.0) if values.dtype.kind == "f" else (255.0, 65535.0)
        top = next((top for top in tops if largest <= top), largest)
    return np.clip(np.rint(values * np.float32(255.0 / top)), 0, 255).astype(np.uint8)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
