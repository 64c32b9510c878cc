"""The figure of ``portrait translate``: person, exemplars, translated points and bent photos side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

from ..export.contact_sheet import (
    CONTENT_COLOUR,
    PAPER,
    STYLE_COLOUR,
    TRANSLATED_COLOUR,
    Panel,
    Shape,
    compose,
    draw_shapes,
    window_about,
)
from ..head.points import POLYLINES
from ..landmarks.draw import draw
from ..picture.warp import warp_image

if TYPE_CHECKING:
    from .face import Face
    from .translate import Styles, Translation

WIDTH = 2000
PANEL = 640
MARGIN = 0.3


def warp_all(person: Face, results: list[Translation]) -> list[np.ndarray]:
    """The person's photo bent onto each result, or nothing where there is no photo."""
    if person.image is None:
        return []
    return [warp_image(person.image, person.points, result.points) for result in results]


def draw_figure(
    person: Face,
    styles: Styles,
    results: list[Translation],
    warped: list[np.ndarray],
    note: str = "",
    width: int = WIDTH,
) -> np.ndarray:
    """The figure of one result, or of a strip of them from the first style to the last.

    Args:
        person, styles: what was asked for.
        results: one, or the steps of an interpolation.
        warped: the person's photo bent onto each of them; empty where there is no photo.
        note: added to the heading.
        width: in pixels.

    Returns:
        (H, width, 3) uint8 RGB.
    """
    window = None
    if person.image is not None:
        everything = np.concatenate([person.points, *(result.points for result in results)])
        window = window_around(person.image, everything)
    draw_rows = _single if len(results) == 1 else _strip
    rows = draw_rows(person, styles, results, warped, window)
    return compose(rows, width, f"{person.name} as {' → '.join(styles.names)}{note}")


def _single(
    person: Face, styles: Styles, results: list[Translation], warped: list[np.ndarray], window: Window | None
) -> list[list[Panel]]:
    (result,) = results
    style = (f"Style: {styles.names[0]}", _style_panel(styles, 0))
    if window is None:
        both = [Shape(person.frontal, CONTENT_COLOUR, "content"), Shape(result.frontal, TRANSLATED_COLOUR, "result")]
        content = ("Content", _lines([Shape(person.points, CONTENT_COLOUR)]))
        return [[content, style, ("Translated landmarks, frontal", _lines(both))]]
    content = ("Content", draw(window.crop(person.image), window.place(person.points)))
    overlay = ("Translated landmarks", _overlay(person, result, window))
    return [[content, style, overlay, ("Warped photo", window.crop(warped[0]))]]


def _strip(
    person: Face, styles: Styles, results: list[Translation], warped: list[np.ndarray], window: Window | None
) -> list[list[Panel]]:
    """Exemplars above the steps that meet them; below, the person, the bent photos and the points."""
    count, last = len(results), len(styles.names) - 1
    empty = np.full((PANEL, PANEL, 3), PAPER, np.uint8)
    top: list[Panel] = [("", empty)] * (count + 1)
    for index, name in enumerate(styles.names):
        top[1 + round(index * (count - 1) / last)] = (name, _style_panel(styles, index))
    captions = ["content", *(f"{index / (count - 1):.2f}" for index in range(count))]
    rows = [top]
    if window is not None:
        photos = [window.crop(image) for image in (person.image, *warped)]
        rows.append(list(zip(captions, photos, strict=True)))
        captions = [""] * (count + 1)
    frame = window_about([person.frontal, *(result.frontal for result in results)])
    own = Shape(person.frontal, CONTENT_COLOUR)
    shown = [[own], *([own, Shape(result.frontal, TRANSLATED_COLOUR)] for result in results)]
    faces = [draw_shapes(shapes, frame, PANEL) for shapes in shown]
    rows.append(list(zip(captions, faces, strict=True)))
    return rows


def _style_panel(styles: Styles, index: int) -> np.ndarray:
    face = styles.faces[index]
    if face is None or face.image is None:
        return _lines([Shape(styles.shapes[index], STYLE_COLOUR)])
    window = window_around(face.image, face.points)
    return draw(window.crop(face.image), window.place(face.points))


def _overlay(person: Face, result: Translation, window: Window) -> np.ndarray:
    """The photo, paled, with the person's points (white) and the translated ones (red)."""
    picture = window.crop(person.image)
    canvas = cv2.addWeighted(picture, 0.75, np.full_like(picture, 255), 0.25, 0)
    for points, colour, line in ((person.points, (255, 255, 255), 2), (result.points, TRANSLATED_COLOUR, 3)):
        places = np.rint((window.place(points) - 0.5) * 16).astype(np.int32)
        for ids, closed in POLYLINES:
            cv2.polylines(canvas, [places[list(ids)]], closed, colour, line, cv2.LINE_AA, 4)
    return canvas


def _lines(shapes: list[Shape]) -> np.ndarray:
    return draw_shapes(shapes, window_about([shape.points for shape in shapes]), PANEL)


@dataclass(frozen=True)
class Window:
    """A part of a picture, shown with its longer side PANEL pixels long.

    Attributes:
        corner: (2,) left and top, pixels of the picture. extent: (2,) width and height.
    """

    corner: np.ndarray
    extent: np.ndarray

    @property
    def size(self) -> np.ndarray:
        """(2,) width and height as shown."""
        return np.maximum(np.rint(self.extent * PANEL / self.extent.max()), 1).astype(int)

    def crop(self, image: np.ndarray) -> np.ndarray:
        """The part of a picture (H, W, 3) uint8."""
        box = (*self.corner.tolist(), *(self.corner + self.extent).tolist())
        picture = Image.fromarray(np.ascontiguousarray(image))
        return np.array(picture.resize(tuple(self.size.tolist()), Image.Resampling.LANCZOS, box=box))

    def place(self, points: np.ndarray) -> np.ndarray:
        """Points (n, 2) of the picture in pixels of the crop."""
        return (points - self.corner) * self.size / self.extent


def window_around(image: np.ndarray, points: np.ndarray) -> Window:
    """The surroundings of points (n, 2): square where the picture allows it, a little high, for the hair."""
    limits = np.array(image.shape[1::-1], float)
    low, high = np.clip(points.min(axis=0), 0, limits), np.clip(points.max(axis=0), 0, limits)
    reach = float((high - low).max())
    extent = np.minimum(max(reach * (1 + 2 * MARGIN), 2.0), limits)
    middle = (low + high) / 2 - [0.0, 0.5 * MARGIN * reach]
    return Window(np.clip(middle - extent / 2, 0, limits - extent), extent)
