"""A video drives a stylised head (section 7.1): in place of the face, beside the video, or alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..animation.rig import Rig
from ..base.errors import OutputError
from ..base.progress import Notify, Progress, silent
from ..fit.params import FitParams
from ..head.model import FaceModel
from ..mesh.mesh import Mesh
from ..mesh.zbuffer import Surface
from .puppet import Puppet, onto_person
from .reader import Film, look_at
from .track import Track, track
from .writer import check_output, film

COMPOSITIONS = ("over", "beside", "head")
MAX_SIDE = 1280
"""Longer side of the frames (px) that are drawn, unless more is asked for."""
BACKGROUND = (245, 243, 239)

Bar = Callable[[str], AbstractContextManager[Progress]]
"""Shows the progress of a pass with a title, as :func:`portrait_pipeline.base.progress.progress_bar` does."""

_FINE = 150_000  # px: smaller drawings get two rays a pixel and axis; larger ones are softened where parts meet
_BLUR = 0.7  # px
_FEATHER = 0.006  # width of the blended edge, as a share of the drawing's height
_AHEAD = 4  # frames that are drawn while one is written


@dataclass(frozen=True)
class Drawing:
    """A head in a part of a frame: (h, w, 3) float32 RGB and (h, w) float32 opacity, upper left pixel (x, y)."""

    colour: np.ndarray
    opacity: np.ndarray
    corner: tuple[int, int]

    def onto(self, frame: np.ndarray) -> None:
        """Lay the head onto (H, W, 3) uint8 pixels."""
        x, y = self.corner
        h, w = self.opacity.shape
        part = frame[y : y + h, x : x + w]
        part[:] = np.rint(part + self.opacity[..., None] * (self.colour - part)).astype(np.uint8)


class Artist:
    """Draws meshes of one topology into frames.

    Args:
        parts: meshes with UV and their textures.
        places: (V, 3) px of all their vertices, in a frame where they are large.
        opacity: (V,) from 0 to 1; what has none is not drawn, and hides nothing.
        feather: width of the blended edge, as a share of the drawing's height.
    """

    def __init__(
        self,
        parts: Sequence[tuple[Mesh, np.ndarray]],
        places: np.ndarray,
        opacity: np.ndarray | None = None,
        feather: float = 0.0,
    ) -> None:
        opacity = np.ones(len(places), np.float32) if opacity is None else opacity
        self.surface, self.feather = Surface(parts, places, opacity > 0), feather
        triangles = self.surface.triangles
        self.drawn = np.unique(triangles)
        owner = np.repeat(np.arange(1, len(parts) + 1), [len(mesh.vertices) for mesh, _ in parts])
        self.part = np.append(owner[triangles[:, 0]], 0).astype(np.uint8)
        levels = np.rint(255 * opacity[triangles].mean(axis=1))
        self.opacity = np.append(levels, 0).astype(np.uint8)  # the last for pixels that see nothing

    def draw(self, places: np.ndarray, shape: tuple[int, int]) -> Drawing | None:
        """The meshes with their vertices at (V, 3) px and depth, in a frame of a height and width; None outside."""
        reach = places[self.drawn, :2]
        low = np.maximum(np.floor(reach.min(axis=0)).astype(int) - 1, 0)
        high = np.minimum(np.ceil(reach.max(axis=0)).astype(int) + 1, shape[::-1])
        width, height = (int(side) for side in high - low)
        if width < 2 or height < 2:
            return None
        rays = 2 if width * height <= _FINE else 1
        near = (places - np.append(low, 0)) * np.array([rays, rays, 1])
        picture, owner = self.surface.picture(near, (height * rays, width * rays))
        covered, opacity = np.where(owner >= 0, np.uint8(255), np.uint8(0)), self.opacity[owner]
        layers = (cv2.bitwise_and(picture, picture, mask=covered), covered, opacity)
        if rays > 1:
            layers = (cv2.resize(layer, (width, height), interpolation=cv2.INTER_AREA) for layer in layers)
        else:
            rims = cv2.morphologyEx(self.part[owner], cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
            layers = (cv2.copyTo(cv2.GaussianBlur(layer, (3, 3), _BLUR), rims, layer) for layer in layers)
        colour, covered, opacity = layers
        # Pixels at the rim are the mean of the rays that meet something.
        colour = colour * (255 / np.maximum(covered, 1).astype(np.float32))[..., None]
        soft = opacity
        if self.feather > 0:
            sigma = max(self.feather * height, 0.8)
            soft = cv2.GaussianBlur(opacity, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
            soft = np.minimum(opacity, np.clip(2 * soft.astype(np.int16) - 255, 0, 255))
        return Drawing(colour, soft.astype(np.float32) / 255, (int(low[0]), int(low[1])))


def reenact(
    rig: Rig,
    source: Path,
    output: Path,
    model: FaceModel,
    composition: str = "over",
    background: tuple[int, int, int] | None = BACKGROUND,
    max_side: int = MAX_SIDE,
    smooth: float = 0.05,
    notify: Notify = lambda line: None,
    bar: Bar = lambda title: nullcontext(silent),
) -> None:
    """Write the film in which a stylised head moves as the person in a video does.

    Args:
        rig: of the stylised head.
        source: video or folder of pictures. output: see :func:`.writer.film`.
        composition: ``over`` the frames in place of the face, ``beside`` them, or the ``head`` alone.
        background: RGB behind the head where it is not over the frames; None is transparent.
        max_side: longer side of the frames that are written, at most; px.
        smooth: seconds, see :func:`.track.track`.
        notify: receives a line on frames without a face and on damaged ones.
        bar: shows the progress of the two passes, one after the other.

    Raises:
        InputFileError, NoFaceError, LandmarkError, FitError: see :func:`.track.track`. OutputError: see
        :func:`.writer.film`.
    """
    transparent = background is None
    if transparent and composition != "head":
        raise OutputError(f"{output}: only the head alone can be transparent, with --composition head")
    check_output(output, transparent)
    clip = look_at(source)
    film_in = Film(clip, max_side)
    puppet = Puppet(rig, model, model.expression_names)
    with bar("track") as progress:
        moves = track(clip, model, FitParams(), smooth=smooth, progress=progress)
    for line in remarks(moves):
        notify(f"{source}: {line}")
    stage = Stage(puppet, model, moves, film_in.size, composition, background)
    with film(output, stage.size, clip, transparent) as add, ThreadPoolExecutor(2) as pool, bar("draw") as progress:
        waiting: deque[tuple[float, Future]] = deque()

        def write_first() -> None:
            time, future = waiting.popleft()
            add(time, future.result())

        for index, frame in enumerate(film_in):
            if index == len(moves.times):
                break
            waiting.append((frame.time, pool.submit(stage.frame, index, frame.pixels)))
            if len(waiting) > _AHEAD:
                write_first()
            progress(index + 1, len(moves.times), {})
        while waiting:
            write_first()
    if film_in.damaged:
        notify(f"{source}: {film_in.damaged} pieces of the file are damaged and were passed over")


def remarks(moves: Track) -> Iterator[str]:
    """Lines on the frames without a face."""
    missing = int((~moves.seen).sum())
    if missing:
        spans = [f"{a:.2f} to {b:.2f} s" for a, b in moves.gaps()]
        more = f" and {len(spans) - 5} more times" if len(spans) > 5 else ""
        where = ", ".join(spans[:5]) + more
        yield f"{missing} of {len(moves.seen)} frames show no face ({where}); poses lie between those before and after"


class Stage:
    """Composes the frames of one film.

    Attributes:
        size: (width, height) px of the frames, even.
    """

    def __init__(
        self,
        puppet: Puppet,
        model: FaceModel,
        moves: Track,
        size: tuple[int, int],
        composition: str,
        background: tuple[int, int, int] | None,
    ) -> None:
        self.puppet, self.moves, self.composition = puppet, moves, composition
        self.video = tuple(side - side % 2 for side in size)
        self.panel = min(self.video)  # width; as high as the video
        widths = {"over": self.video[0], "beside": self.video[0] + self.panel, "head": self.panel}
        self.size = (widths[composition], self.video[1])
        self.transparent, self.ground = background is None, np.array(background or (0, 0, 0), np.uint8)
        self.onto = onto_person(puppet, model, moves)
        parts = [(part.mesh, part.texture) for part in puppet.rig.parts]
        if composition == "over":
            places = self._over(int(moves.scale.argmax()), puppet.neutral)
            self.artist = Artist(parts, places, puppet.opacity(), _FEATHER)
        else:
            self.artist = Artist(parts, self._alone(puppet.neutral))

    def frame(self, index: int, pixels: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 RGB, or RGBA where the ground is transparent, of one frame of the video."""
        width, height = self.video
        pixels = np.ascontiguousarray(pixels[:height, :width])
        vertices = self.puppet.vertices(self.moves.expression[index])
        if self.composition == "over":
            drawing = self.artist.draw(self._over(index, vertices), (height, width))
            result = pixels.copy()
            if drawing is not None:
                drawing.onto(result)
            return result
        places = self._alone(self.puppet.turned(vertices, self.moves.turns[index]))
        drawing = self.artist.draw(places, (height, self.panel))
        panel = np.empty((height, self.panel, 3), np.uint8)
        panel[:] = self.ground
        if self.transparent:
            return _transparent(drawing, panel.shape[:2])
        drawing.onto(panel)
        return np.concatenate([pixels, panel], axis=1) if self.composition == "beside" else panel

    def _over(self, index: int, vertices: np.ndarray) -> np.ndarray:
        size, shift = self.onto
        places = self.moves.project(index, size * vertices + shift, self.video[0])
        places[:, 2] += self.puppet.nearer
        return places

    def _alone(self, vertices: np.ndarray) -> np.ndarray:
        """Places in a panel at whose foot the resting head stands, with some room and what there is of its chest."""
        middle, reach = self.puppet.bust()
        places = (vertices - middle) * (np.float32([1, -1, 1]) * np.float32(self.panel / 2 / reach))
        places += np.float32([self.panel / 2, self.video[1] - self.panel / 2, 0])
        places[:, 2] += self.puppet.nearer * np.float32(self.panel / 2 / reach)
        return places


def _transparent(drawing: Drawing, shape: tuple[int, int]) -> np.ndarray:
    result = np.zeros((*shape, 4), np.uint8)
    x, y = drawing.corner
    h, w = drawing.opacity.shape
    result[y : y + h, x : x + w, :3] = np.clip(np.rint(drawing.colour), 0, 255)
    result[y : y + h, x : x + w, 3] = np.rint(255 * drawing.opacity)
    return result
