"""The head turning once about its vertical axis, as a small animated GIF."""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial import cKDTree

from ..base.artifacts import write_bytes
from ..mesh.mesh import Mesh
from ..mesh.pictures import Scene
from ..mesh.render import Framing, View
from .params import ExportParams

BACKGROUND = (245, 243, 239)
ELEVATION = 4.0
SECONDS_PER_TURN = 4.5
MAX_BYTES = 3_000_000
_BITS = 6  # a channel, to which colours are told apart when they are matched to the palette


def turning_frame(vertices: np.ndarray, margin: float = 0.06) -> Framing:
    """The square that holds a head (V, 3) (cm) in every phase of a turn about the vertical axis.

    The axis goes through the middle of the head's depth, so that the head turns in place.
    """
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    centre = (low + high) / 2
    radius = np.linalg.norm((vertices - centre)[:, [0, 2]], axis=1).max()
    return Framing(centre, float(max(radius, (high[1] - low[1]) / 2) * (1 + margin)))


def render_turn(
    surfaces: Sequence[tuple[Mesh, np.ndarray]], frames: int, size: int, background: tuple[int, int, int] = BACKGROUND
) -> np.ndarray:
    """One full turn, evenly spaced, starting from the front: (frames, size, size, 3) uint8."""
    framing, scene = turning_frame(np.concatenate([mesh.vertices for mesh, _ in surfaces])), Scene(surfaces)
    views = [View(360.0 * index / frames, ELEVATION) for index in range(frames)]
    first = scene.picture(views[0], framing, size, background)  # by itself: it completes the scene
    with ThreadPoolExecutor() as pool:  # rays and gathers leave the interpreter to the other threads
        others = pool.map(lambda view: scene.picture(view, framing, size, background), views[1:])
        return np.stack([first, *others])


def gif_bytes(frames: np.ndarray, seconds: float = SECONDS_PER_TURN, max_bytes: int = MAX_BYTES) -> bytes:
    """An endless GIF with one palette for all frames: colours do not flicker from frame to frame.

    No dithering, for its grain would crawl and compress badly. If the file comes out larger than
    ``max_bytes``, it is made again with half the colours, down to 32.

    Args:
        frames: (N, H, W, 3) uint8; the top-left pixel of the first one is taken as the background.
        seconds: duration of the loop.
        max_bytes: wanted size.
    """
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or len(frames) == 0:
        raise ValueError(f"frames must be (N, H, W, 3) uint8, not {frames.shape} {frames.dtype}")
    for colours in (256, 128, 64, 32):
        content = _encode(*_quantise(frames, colours), seconds)
        if len(content) <= max_bytes:
            break
    return content


def _quantise(frames: np.ndarray, colours: int) -> tuple[list[Image.Image], bytes]:
    """Palette images and the adaptive palette they share; the background has an entry of its own."""
    background = frames[0, 0, 0]
    behind = (frames == background).all(axis=3)
    pixels = frames[~behind]
    pixels = pixels[:: max(1, len(pixels) // 50_000)] if len(pixels) else background[None]
    adaptive = Image.fromarray(pixels[None]).quantize(colours - 1, Image.Quantize.MEDIANCUT, kmeans=3)
    palette = np.array(adaptive.getpalette(), np.uint8).reshape(-1, 3)[: colours - 1]
    palette = np.concatenate([background[None], palette])
    nearest = _nearest_entries(palette)
    images = []
    for frame, empty in zip(frames, behind, strict=True):
        red, green, blue = np.moveaxis(frame >> (8 - _BITS), -1, 0).astype(np.intp)
        index = nearest[red, green, blue]
        index[empty] = 0
        image = Image.fromarray(index)
        image.putpalette(palette.tobytes())
        images.append(image)
    return images, palette.tobytes()


def _nearest_entries(palette: np.ndarray) -> np.ndarray:
    """(2^b, 2^b, 2^b) uint8: the nearest entry of a palette (N, 3) for each colour of b bits a channel."""
    levels = ((np.arange(2**_BITS) + 0.5) * 2 ** (8 - _BITS)).astype(float)
    colours = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    _, nearest = cKDTree(palette).query(colours)
    return nearest.astype(np.uint8).reshape((2**_BITS,) * 3)


def _encode(images: list[Image.Image], palette: bytes, seconds: float) -> bytes:
    # GIF counts in hundredths of a second, and browsers slow down anything below two of them
    duration = max(20, 10 * round(100 * seconds / len(images)))
    stream = io.BytesIO()
    # without ``palette`` every frame would carry a copy of it
    images[0].save(
        stream,
        format="GIF",
        save_all=True,
        append_images=images[1:],
        duration=duration,
        loop=0,
        palette=palette,
        optimize=False,
    )
    return stream.getvalue()


def write_turntable(path: str | Path, surfaces: Sequence[tuple[Mesh, np.ndarray]], params: ExportParams) -> None:
    """Render and write the turntable GIF.

    Args:
        path: target, replaced atomically.
        surfaces: meshes in head space with their textures (S, S, 3) uint8.
        params: number of frames and their side in pixels.

    Raises:
        OutputError: the file cannot be written.
    """
    write_bytes(path, gif_bytes(render_turn(surfaces, params.turntable_frames, params.turntable_size)))
