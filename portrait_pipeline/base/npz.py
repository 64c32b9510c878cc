"""The one door for NPZ files to be read: headers first, no pickle, nothing larger than what really lies in the file."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from lzma import LZMAError
from pathlib import Path

import numpy as np

from .errors import PortraitError
from .files import Refuse, check_file, one_line
from .hdf5 import Stored

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
# What zipfile, its decompressors and numpy's reading of a header raise on damaged files.
_DAMAGE = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    EOFError,
    RuntimeError,
    OverflowError,
    SyntaxError,
    zipfile.BadZipFile,
    zlib.error,
    LZMAError,
    struct.error,
    tokenize.TokenError,
)


@contextmanager
def open_npz(path: Path, refuse: Refuse, most: int, names: Iterable[str]) -> Iterator[dict[str, Stored]]:
    """Open a file to look at the arrays of these names and read them; they can be read inside the block.

    Args:
        most: bytes of the file, and of all these arrays together in memory. Absent names are left out.

    Raises:
        What ``refuse`` makes: no file, damaged, larger than allowed, or an array of pickled objects.
    """
    check_file(path, most, refuse)
    wanted = set(names)
    try:
        with zipfile.ZipFile(path) as archive:
            arrays, total = {}, 0
            for info in archive.infolist():
                name = info.filename.removesuffix(".npy")
                if name in wanted:
                    arrays[name], size = _stored(archive, info, refuse)
                    total += size
                if total > most:
                    raise refuse(
                        f"'{name}' of shape {arrays[name].shape} is too large: at most {most / 1e6:.4g} MB in all"
                    )
            yield arrays
    except PortraitError:
        raise
    except _DAMAGE as error:
        raise refuse(f"damaged, or no .npz file ({one_line(error)})") from error


def _stored(archive: zipfile.ZipFile, info: zipfile.ZipInfo, refuse: Refuse) -> tuple[Stored, int]:
    """An array and the bytes it takes."""
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        if version not in _HEADERS:
            raise ValueError(f"'{info.filename}' has format version {version}")
        try:
            shape, _, dtype = _HEADERS[version](member)
        except MemoryError:  # of Python's parser: nested too deeply
            raise ValueError(f"'{info.filename}' has no header of an array") from None
    if dtype.hasobject:
        raise refuse(f"'{info.filename}' holds pickled objects, which are never loaded; save plain numbers or strings")
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if min(shape, default=0) < 0 or size > info.file_size:
        raise ValueError(f"'{info.filename}' is cut short: it declares shape {shape} in {info.file_size} bytes")

    def read() -> np.ndarray:
        with archive.open(info) as member:
            return np.lib.format.read_array(member, allow_pickle=False)

    return Stored(shape, dtype, read), size
