"""The one door for HDF5 files to be read: nothing is unpacked before its size is known, nothing outside is touched.

An HDF5 file may name other files (links, raw data kept outside, virtual datasets), declare any size, hold types that
are no arrays, and be damaged in ways that its library tells by a dozen exceptions.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from .errors import PortraitError
from .files import Refuse, check_file, one_line

MOST_FILE_BYTES = 4 * 2**30
MOST_DATASETS = 10_000
MOST_TEXT = 64 * 2**20  # letters of one dataset, all strings as long as the longest
_HEAP = b"GCOL\1\0\0\0"
_BLOCK = 1024  # strings read at once
_NEAR = 96  # bytes between an attribute's name and its value, at most: type, shape, filling
_NAMED = np.dtype([("length", "<u4"), ("heap", "<u8"), ("index", "<u4")])  # how a string of any length is named
# What h5py raises on damaged files, besides what it documents.
_DAMAGE = (
    OSError,
    RuntimeError,
    KeyError,
    ValueError,
    TypeError,
    IndexError,
    AttributeError,
    ArithmeticError,
    SystemError,
    AssertionError,
)


class Stored(NamedTuple):
    """An array that lies in a file: its shape and type, known before it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[], np.ndarray]


@dataclass(frozen=True)
class Content:
    """What is in a file. attributes: of its root, numbers and text. arrays: by path, such as ``shape/model/mean``."""

    attributes: dict[str, Any]
    arrays: dict[str, Stored]


@contextmanager
def open_hdf5(path: Path, refuse: Refuse, most: int, names: Iterable[str] | None = None) -> Iterator[Content]:
    """Open a file to look at its arrays and read them; they can be read inside the block.

    Args:
        most: bytes that all arrays together may take in memory.
        names: of the arrays to look at, absent ones are left out; None for all. Strings come back as ``str``.

    Raises:
        What ``refuse`` makes: no file, damaged, larger than allowed, or an array that is a link, lies outside the file,
        or is neither numbers nor text.
    """
    check_file(path, MOST_FILE_BYTES, refuse)
    try:
        _check_heaps(path)
        with h5py.File(path, "r") as file:
            _check_attribute_lengths(path, file.attrs)
            attributes = {name: value for name in file.attrs if (value := _attribute(file, name)) is not None}
            found = _all(file, refuse) if names is None else {name: _find(file, name, refuse) for name in names}
            found = {name: item for name, item in found.items() if item is not None}
            total = 0
            for name, item in found.items():
                total += _bytes(name, item, refuse)
                if total > most:
                    raise refuse(f"'{name}' of shape {item.shape} is too large: at most {most / 1e6:.4g} MB in all")
            yield Content(attributes, {name: _stored(name, item, refuse) for name, item in found.items()})
    except PortraitError:
        raise
    except _DAMAGE as error:
        raise refuse(f"damaged, or no HDF5 file ({one_line(error)})") from error


def _check_heaps(path: Path) -> None:
    """Refuse a file whose heaps of text of any length are damaged: the library runs in circles in them.

    A heap is the word GCOL, version 1, its size, and objects of an index, a size and a content that is filled up to a
    multiple of 8 bytes; the object of index 0 is what is free ("Global Heap" in the specification of the format).

    Raises:
        ValueError: an object that ends before it begins or after its heap.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        heap = data.find(_HEAP)
        while heap >= 0:
            place, end = heap + 16, heap + int.from_bytes(data[heap + 8 : heap + 16], "little")
            while place + 16 <= min(end, len(data)):
                index, size = (int.from_bytes(data[place + a : place + b], "little") for a, b in ((0, 2), (8, 16)))
                place += 16 + (size + 7) // 8 * 8 if index else size
                if place > end or not (index or size >= 16):
                    raise ValueError("a heap of its texts is damaged")
            heap = data.find(_HEAP, heap + 8)


def _attribute(file: h5py.File, name: str) -> str | int | float | None:
    """None for what is neither a number nor text."""
    kept = file.attrs.get_id(name)
    plain = kept.shape == () and (kept.dtype.kind in "fiubS" or h5py.check_string_dtype(kept.dtype) is not None)
    value = file.attrs[name] if plain else None
    if isinstance(value, bytes | np.bytes_):
        value = bytes(value).decode("utf-8")
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, str | int | float) else None


def _all(file: h5py.File, refuse: Refuse) -> dict[str, h5py.Dataset]:
    """Every dataset that is reached without links."""
    found: dict[str, h5py.Dataset] = {}

    def collect(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item
        if len(found) > MOST_DATASETS:
            raise refuse(f"holds more than {MOST_DATASETS} arrays")

    file.visititems(collect)
    return found


def _find(file: h5py.File, name: str, refuse: Refuse) -> h5py.Dataset | None:
    item: Any = file
    for part in name.split("/"):
        link = item.get(part, getlink=True) if isinstance(item, h5py.Group) else None
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise refuse(f"'{name}' is a link to somewhere else; store the array itself")
        item = item[part]
    if not isinstance(item, h5py.Dataset):
        raise refuse(f"'{name}' is no array")
    return item


def _bytes(name: str, item: h5py.Dataset, refuse: Refuse) -> int:
    """Bytes that a dataset takes in memory; text counts when it is read."""
    if item.is_virtual or item.external:
        raise refuse(f"'{name}' lies in another file; store the array itself")
    if item.shape is None or not (item.dtype.kind in "fiubS" or h5py.check_string_dtype(item.dtype) is not None):
        raise refuse(f"'{name}' holds {item.dtype}, neither numbers nor text")
    chunk = (
        int(np.prod(item.chunks or (0,), dtype=object)) * item.dtype.itemsize
    )  # unpacked whole, however few are used
    return max(int(np.prod(item.shape, dtype=object)) * item.dtype.itemsize, chunk)


def _stored(name: str, item: h5py.Dataset, refuse: Refuse) -> Stored:
    text = item.dtype.kind in "SO"

    def read() -> np.ndarray:
        return _text(name, item, refuse) if text else np.asarray(item[()])

    return Stored(item.shape, np.dtype(str) if text else item.dtype, read)


def _text(name: str, item: h5py.Dataset, refuse: Refuse) -> np.ndarray:
    """Strings as ``str``; those of any length a block at a time: a few bytes of a file can stand for many long ones."""
    if item.dtype.kind == "S":
        return np.char.decode(item[()], "utf-8")
    if item.ndim != 1:
        raise refuse(f"'{name}' holds text in shape {item.shape}; store it as a list")
    _check_lengths(name, item)
    words: list[str] = []
    for start in range(0, len(item), _BLOCK):
        words += [word.decode("utf-8") for word in item[start : start + _BLOCK]]
        if len(words) * max(map(len, words)) > MOST_TEXT:
            raise refuse(f"the text of '{name}' is too long: at most {MOST_TEXT / 1e6:.0f} million letters")
    return np.array(words, str)


def _check_lengths(name: str, item: h5py.Dataset) -> None:
    """Refuse strings longer than their file: the library takes memory for one, up to 4 GB, before it looks for it.

    Those that lie in packed chunks are not looked at; these have a check sum.

    Raises:
        ValueError: there is one.
    """
    place, path = item.id.get_offset(), Path(item.file.filename)
    blocks = [(place, len(item) * _NAMED.itemsize)] if place is not None else []
    if item.chunks and item.id.get_create_plist().get_nfilters() == 0:
        chunks = [item.id.get_chunk_info(index) for index in range(item.id.get_num_chunks())]
        blocks = [(chunk.byte_offset, chunk.size) for chunk in chunks if chunk.byte_offset is not None]
    with path.open("rb") as file:
        for place, size in blocks:
            file.seek(place)
            data = file.read(size)
            named = np.frombuffer(data[: len(data) // _NAMED.itemsize * _NAMED.itemsize], _NAMED)
            if named["length"].max(initial=0) > path.stat().st_size:
                raise ValueError(f"a text of '{name}' is longer than the file")


def _check_attribute_lengths(path: Path, names: Iterable[str]) -> None:
    """As :func:`_check_lengths` for attributes. The library does not tell where these lie, and older versions of the
    format have no check sum for them: what names a text follows the attribute's own name within a few words.

    Raises:
        ValueError: there is one.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for name in names:
            word = name.encode() + b"\0"
            place = data.find(word)
            while place >= 0:
                place += len(word)
                for at in range(place, min(place + _NEAR, len(data) - _NAMED.itemsize)):
                    length, heap, _ = np.frombuffer(data[at : at + _NAMED.itemsize], _NAMED)[0].item()
                    if length > len(data) and data[heap : heap + len(_HEAP)] == _HEAP:
                        raise ValueError(f"the text of attribute '{name}' is longer than the file")
                place = data.find(word, place)
