"""Frames of a video, or of a folder of pictures, as they are meant to be seen: upright, at the file's own times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from av.error import FFmpegError

from ..animation.frames import MAX_FRAMES
from ..base import images
from ..base.errors import InputFileError
from ..base.images import IMAGE_SUFFIXES

FPS = 25.0
"""Of a folder of pictures, and of a video that does not say."""
MAX_PIXELS = 36_000_000
"""Of one frame: 8K."""

_REMEDY = "give a video file such as .mp4, or a folder of pictures"
_LISTS = ("hls", "concat", "dash", "ffmetadata", "sdp", "rtsp")  # text that names other files and addresses


@dataclass(frozen=True)
class Frame:
    """One frame.

    Attributes:
        time: seconds from the first one on, increasing.
        file: of a picture in a folder; None in a video.
        pixels: (H, W, 3) uint8 RGB; all frames of a source have one shape.
    """

    time: float
    file: Path | None
    pixels: np.ndarray


@dataclass(frozen=True)
class Clip:
    """What a video, or a folder of pictures, says about itself.

    Attributes:
        path: of the file or folder.
        rate: frames a second, on average. count: about how many there are, 0 if that is not known.
        start: time (s) of the first frame by the file's clock, as its sound counts.
        size: (width, height) px as displayed.
        sound: whether the file has any.
    """

    path: Path
    rate: float
    count: int
    start: float
    size: tuple[int, int]
    sound: bool


def look_at(path: Path) -> Clip:
    """What the source says about itself; its first frame is decoded.

    Raises:
        InputFileError: it is missing, damaged, or neither a video nor a folder of pictures.
    """
    if path.is_dir():
        pictures = _pictures(path)
        height, width = images.image_size(pictures[0])
        return Clip(path, FPS, len(pictures), 0.0, (width, height), False)
    with _opened(path) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or stream.guessed_rate or 0)
        count = stream.frames or int(rate * (container.duration or 0) / av.time_base)
        first = next(_decoded(path, container), None)
        if first is None:
            raise _no_picture(path, stream)
        height, width = _upright(first).shape[:2]
        rate = rate if 0.1 <= rate <= 1000 else FPS
        return Clip(
            path, rate, min(count, MAX_FRAMES), first.time or 0.0, (width, height), bool(container.streams.audio)
        )


class Film:
    """The frames of a clip, in order, as often as they are asked for.

    Args:
        clip: of :func:`look_at`.
        max_side: reduce frames so that their longer side has at most this many pixels.
        every: take every n-th frame.

    Attributes:
        damaged: pieces of the file that could not be decoded, told after the frames.
    """

    def __init__(self, clip: Clip, max_side: int | None = None, every: int = 1) -> None:
        self.clip, self.every, self.damaged = clip, every, 0
        width, height = clip.size
        factor = 1.0 if max_side is None else min(1.0, max_side / max(width, height))
        self.size = (max(1, round(width * factor)), max(1, round(height * factor)))

    def __iter__(self) -> Iterator[Frame]:
        """
        Raises:
            InputFileError: the source cannot be read, or has too many frames.
        """
        self.damaged = 0
        frames = self._pictures() if self.clip.path.is_dir() else self._video()
        for index, frame in enumerate(frames):
            if index >= MAX_FRAMES:
                raise InputFileError(f"{self.clip.path}: more than {MAX_FRAMES} frames; cut it into several files")
            if index % self.every == 0:
                yield frame

    def _pictures(self) -> Iterator[Frame]:
        for index, path in enumerate(_pictures(self.clip.path)):
            pixels = images.load_image(path)
            if pixels.shape[1::-1] != self.size:
                smaller = pixels.shape[1] > self.size[0]
                pixels = cv2.resize(pixels, self.size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
            yield Frame(index / FPS, path, pixels)

    def _video(self) -> Iterator[Frame]:
        last, missing = None, 1 / self.clip.rate
        with _opened(self.clip.path) as container:
            for index, frame in enumerate(_decoded(self.clip.path, container, self)):
                time = (last or 0.0) + missing if frame.time is None else frame.time - self.clip.start
                if last is not None and time <= last:  # some files repeat a time
                    time = last + 1e-3
                last = 0.0 if index == 0 else time
                if index % self.every:
                    pixels = np.empty((0, 0, 3), np.uint8)  # is passed over, and costs no conversion
                else:
                    pixels = _upright(frame, self.size)
                yield Frame(last, None, pixels)
        if last is None:
            raise _no_picture(self.clip.path, container.streams.video[0])


def is_video(path: Path) -> bool:
    """Whether a file is no picture, but a video."""
    try:
        images.image_size(path)
    except InputFileError:
        try:
            look_at(path)
        except InputFileError:
            return False
        return True
    return False


@contextmanager
def _opened(path: Path) -> Iterator[av.container.InputContainer]:
    if not path.is_file():  # addresses and patterns are no files
        raise InputFileError(f"{path}: no such file; {_REMEDY}")
    try:
        container = av.open(f"file:{path.resolve()}", options={"protocol_whitelist": "file"})
    except (FFmpegError, ValueError) as error:
        raise InputFileError(f"{path}: is no video that can be read ({_reason(error)}); {_REMEDY}") from error
    with container:
        kind = container.format.name.split(",")[0]
        if kind in _LISTS or kind.endswith("_pipe") or not container.streams.video:  # a pipe is of single pictures
            raise InputFileError(f"{path}: holds no moving pictures; {_REMEDY}")
        stream = container.streams.video[0]
        if stream.codec_context is None:
            raise InputFileError(
                f"{path}: its pictures are coded in a way that cannot be read here; save it as H.264 in an .mp4 file"
            )
        if stream.codec_context.width * stream.codec_context.height > MAX_PIXELS:
            size = f"{stream.codec_context.width} x {stream.codec_context.height}"
            raise InputFileError(f"{path}: frames of {size} pixels; at most {MAX_PIXELS // 10**6} megapixels")
        stream.thread_type = "AUTO"
        yield container


def _decoded(path: Path, container: av.container.InputContainer, film: Film | None = None) -> Iterator[av.VideoFrame]:
    """The frames that can be decoded; pieces that cannot are counted and passed over."""
    packets = container.demux(container.streams.video[0])
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            frames = packet.decode()
        except EOFError:
            return
        except FFmpegError:
            if film is not None:
                film.damaged += 1
                if film.damaged > MAX_FRAMES:
                    return
            if packet is None:
                return
            continue
        yield from frames


def _upright(frame: av.VideoFrame, size: tuple[int, int] | None = None) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a frame, turned as its file asks and then of the given width and height, or its own."""
    quarters = round(frame.rotation / 90)  # anticlockwise
    own = size if size is None or quarters % 2 == 0 else size[::-1]
    rgb = frame.reformat(*(own or ()), format="rgb24", interpolation="AREA").to_ndarray()
    return np.ascontiguousarray(np.rot90(rgb, quarters))


def _pictures(folder: Path) -> list[Path]:
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    if not 1 <= len(paths) <= MAX_FRAMES:
        raise InputFileError(f"{folder}: {len(paths)} pictures; give a folder with 1 to {MAX_FRAMES}, or a video")
    return paths


def _no_picture(path: Path, stream: av.video.stream.VideoStream) -> InputFileError:
    return InputFileError(
        f"{path}: no frame can be decoded ({stream.codec_context.name}); is it complete? Else save it as H.264 in .mp4"
    )


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
