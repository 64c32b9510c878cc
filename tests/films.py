"""Films made by code: a head of the project's own that moves in a known way, and small films of every kind."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from portrait_pipeline.animation.rig import Rig
from portrait_pipeline.head.camera import PerspectiveCamera
from portrait_pipeline.head.model import FaceModel
from portrait_pipeline.head.pose import rotation_from_angles
from portrait_pipeline.video.eyes import with_gaze
from portrait_pipeline.video.puppet import Puppet
from portrait_pipeline.video.reenact import Artist

RATE = 25


def motion(names: tuple[str, ...], count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (T, E) and turns (T, 3): it talks, smiles, blinks twice, looks about, shakes its head."""
    seconds = np.arange(count) / RATE
    expression, turns = np.zeros((count, len(names))), np.zeros((count, 3))
    expression[:, names.index("jawOpen")] = np.clip(0.5 * np.sin(2 * np.pi * seconds / 1.6), 0, 1)
    for side in ("Left", "Right"):
        expression[:, names.index(f"mouthSmile{side}")] = 0.35 - 0.35 * np.cos(2 * np.pi * seconds / 2.4)
        blink = sum(np.exp(-0.5 * ((seconds - moment) / 0.08) ** 2) for moment in (0.6, 1.8))
        expression[:, names.index(f"eyeBlink{side}")] = blink
    turns[:, 0] = 18 * np.sin(2 * np.pi * seconds / 2.4)
    turns[:, 2] = 3 * np.cos(np.pi * seconds)
    return with_gaze(names, expression, np.stack([15 * np.sin(np.pi * seconds), 0 * seconds], axis=1)), turns


def acted(rig: Rig, model: FaceModel, size: int, count: int = 60) -> list[np.ndarray]:
    """Frames (size, size, 3) of a rig that moves as :func:`motion` says."""
    puppet, middle = Puppet(rig, model, model.expression_names), np.full(2, size / 2)

    def camera(turn: np.ndarray) -> PerspectiveCamera:
        return PerspectiveCamera(rotation_from_angles(*turn), np.array([0.0, -3.0, -80.0]), size * 80 / 34, middle)

    places = camera(np.zeros(3)).project(puppet.neutral)
    artist, frames = Artist([(part.mesh, part.texture) for part in rig.parts], places), []
    for expression, turn in zip(*motion(model.expression_names, count), strict=True):
        frame = np.full((size, size, 3), (120, 130, 140), np.uint8)
        artist.draw(camera(turn).project(puppet.vertices(expression)), (size, size)).onto(frame)
        frames.append(frame)
    return frames


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
