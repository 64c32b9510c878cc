"""Films that browsers play, with the sound and the times of another one; films and pictures with transparency."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from PIL import Image

from ..base.artifacts import atomic_path
from ..base.errors import OutputError
from ..base.files import check_output_file, check_output_folder
from .reader import Clip

SUFFIXES = (".mp4", ".webm", "")
CLOCK = 90_000
"""Ticks a second in which the times of frames are written."""

Add = Callable[[float, np.ndarray], None]
"""Takes a frame's time (s) and its (H, W, 3) RGB or (H, W, 4) RGBA pixels, uint8."""

_VIDEO = {
    ".mp4": ("libx264", {"crf": "17", "preset": "veryfast"}),
    ".webm": (
        "libvpx-vp9",
        {"crf": "24", "b": "0", "deadline": "realtime", "cpu-used": "7", "row-mt": "1", "auto-alt-ref": "0"},
    ),
}
_AUDIO = {".mp4": ("aac", ("aac", "mp3")), ".webm": ("libopus", ("opus", "vorbis"))}  # encoder; taken as they are
_BT709 = 1  # of FFmpeg's lists of colour spaces, primaries and transfers
_LIMITED = 1


def check_output(path: Path, transparent: bool) -> None:
    """Refuse what cannot be written, before work begins.

    Raises:
        OutputError: an unknown suffix, one without transparency, or a folder that holds something.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(f"{path}: '{path.suffix}' is no film; use .mp4, .webm, or a folder for numbered .png files")
    if path.suffix:
        check_output_file(path, SUFFIXES)
    else:
        check_output_folder(path)
    if transparent and path.suffix.lower() == ".mp4":
        raise OutputError(f"{path}: an .mp4 cannot be transparent; use .webm, or a folder for numbered .png files")
    if not path.suffix and path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise OutputError(f"{path}: is there already; name a new folder")


@contextmanager
def film(path: Path, size: tuple[int, int], like: Clip, transparent: bool = False) -> Iterator[Add]:
    """Write a film; the file, or folder of pictures, is there only if all went well.

    Args:
        path: .mp4 (H.264), .webm (VP9), or a folder for numbered .png files.
        size: (width, height) px; even for films.
        like: clip whose sound is kept.
        transparent: whether the frames have an opacity.

    Raises:
        OutputError: see :func:`check_output`; the disk refuses.
    """
    check_output(path, transparent)
    if not path.suffix:
        with _folder(path) as add:
            yield add
        return
    with atomic_path(path) as temporary:
        try:
            with av.open(str(temporary), "w", format=path.suffix[1:].lower(), options=_options(path)) as container:
                picture = _Picture(container, path.suffix.lower(), size, like, transparent)
                sound = _Sound(container, path.suffix.lower(), like) if like.sound else None

                def add(time: float, pixels: np.ndarray) -> None:
                    picture.add(time, pixels)
                    if sound is not None:
                        sound.add_until(time)

                yield add
                picture.close()
                if sound is not None:
                    sound.add_until(picture.end)
                    sound.close()
        except FFmpegError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror})") from error


def _options(path: Path) -> dict[str, str]:
    return {"movflags": "+faststart"} if path.suffix.lower() == ".mp4" else {}


@contextmanager
def _folder(path: Path) -> Iterator[Add]:
    count = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise OutputError(f"{path}: cannot be made ({error.strerror})") from error

    def add(time: float, pixels: np.ndarray) -> None:
        nonlocal count
        Image.fromarray(pixels).save(place / f"{count:05d}.png", compress_level=2)
        count += 1

    try:
        yield add
        place.chmod(0o755)
        if path.exists():
            path.rmdir()
        place.rename(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
    finally:
        shutil.rmtree(place, ignore_errors=True)


class _Picture:
    def __init__(
        self, container: av.container.OutputContainer, suffix: str, size: tuple[int, int], like: Clip, transparent: bool
    ) -> None:
        codec, options = _VIDEO[suffix]
        self.container, self.end, self._usual = container, 0.0, 1 / like.rate
        self.stream = container.add_stream(codec, rate=Fraction(like.rate).limit_denominator(1001), options=options)
        self.stream.width, self.stream.height = size
        self.stream.pix_fmt = "yuva420p" if transparent else "yuv420p"
        context = self.stream.codec_context
        context.time_base = Fraction(1, CLOCK)
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED

    def add(self, time: float, pixels: np.ndarray) -> None:
        frame = av.VideoFrame.from_ndarray(
            np.ascontiguousarray(pixels), format="rgba" if pixels.shape[2] == 4 else "rgb24"
        )
        frame = frame.reformat(format=self.stream.pix_fmt, dst_colorspace="ITU709")
        frame.colorspace, frame.color_range = _BT709, _LIMITED
        frame.pts, frame.time_base = round(time * CLOCK), Fraction(1, CLOCK)
        self.end = time + self._usual
        self.container.mux(self.stream.encode(frame))

    def close(self) -> None:
        self.container.mux(self.stream.encode(None))


class _Sound:
    """The sound of a clip: as it is where the film may hold it, else coded anew. Damaged pieces are passed over."""

    def __init__(self, container: av.container.OutputContainer, suffix: str, like: Clip) -> None:
        encoder, taken = _AUDIO[suffix]
        self.container, self.start = container, like.start
        self.source = av.open(f"file:{like.path.resolve()}", options={"protocol_whitelist": "file"})
        self.track = self.source.streams.audio[0]
        self.copied = self.track.codec_context is not None and self.track.codec_context.name in taken
        if self.copied:
            self.stream = container.add_stream_from_template(self.track)
        else:
            self.stream = container.add_stream(encoder, rate=48_000)
            self.stream.layout = "stereo"
            self.stream.codec_context.open()
            self.resampler = av.AudioResampler(
                self.stream.format, self.stream.layout, 48_000, self.stream.codec_context.frame_size or None
            )
        self.packets = self.source.demux(self.track)
        self.over, self.time = False, 0.0

    def add_until(self, time: float) -> None:
        while not self.over and self.time <= time:
            try:
                packet = next(self.packets)
            except (StopIteration, FFmpegError):
                self.over = True
                return
            if packet.pts is None or packet.dts is None:
                continue
            self.time = float(packet.pts * packet.time_base) - self.start
            if self.time < 0 or self.time > time + 1:
                continue
            self._add(packet)

    def _add(self, packet: av.Packet) -> None:
        shift = round(self.start / packet.time_base)
        if self.copied:
            packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, self.stream
            self.container.mux(packet)
            return
        try:
            frames = packet.decode()
        except FFmpegError:
            return
        for frame in frames:
            if frame.pts is not None:
                frame.pts -= shift
            self._encode(frame)

    def _encode(self, frame: av.AudioFrame | None) -> None:
        for ready in self.resampler.resample(frame):
            self.container.mux(self.stream.encode(ready))

    def close(self) -> None:
        if not self.copied:
            self._encode(None)
            self.container.mux(self.stream.encode(None))
        self.source.close()
