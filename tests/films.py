"""Small films of every kind, made by code."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from portrait_pipeline.lab.applications.acting import RATE


def write_film(
    path: Path,
    frames: list[np.ndarray],
    times: np.ndarray | None = None,
    codec: str = "libx264",
    turn: int = 0,
    sound: bool = False,
) -> Path:
    """A film of frames (H, W, 3) at times (s), lying ``turn`` degrees anticlockwise from how it is to be shown."""
    times = np.arange(len(frames)) / RATE if times is None else times
    with av.open(str(path), "w") as container:
        quiet = {"x265-params": "log-level=none:bframes=0:pools=1:frame-threads=1"} if codec == "libx265" else {}
        stream = container.add_stream(codec, rate=RATE, options=quiet)
        stream.height, stream.width = frames[0].shape[:2] if frames else (64, 64)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        if turn:
            stream.set_display_rotation(-turn)
        if sound:
            _add_tone(container, float(times[-1]) + 1 / RATE)
        for time, pixels in zip(times, frames, strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = round(1000 * time), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _add_tone(container: av.container.OutputContainer, seconds: float) -> None:
    stream = container.add_stream("aac", rate=16_000)
    stream.layout = "mono"
    tone = (0.3 * np.sin(np.arange(int(16_000 * seconds)) * 0.2)).astype(np.float32)
    for start in range(0, len(tone), 1024):
        frame = av.AudioFrame.from_ndarray(tone[None, start : start + 1024], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 16_000, start, Fraction(1, 16_000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
