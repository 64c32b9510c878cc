"""One picture that shows a pair from photo and artwork to the finished head, like a figure of a paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..base.images import save_image
from ..head.points import POLYLINES
from ..landmarks.draw import draw
from ..mesh.mesh import Mesh
from ..mesh.pictures import Scene
from ..mesh.render import Framing, View, render
from .lettering import label_font, lettering

Panel = tuple[str, np.ndarray]
"""Caption and picture (H, W, 3) uint8."""

WIDTH = 2000
PAPER = (255, 255, 255)
CELL = (245, 244, 241)
INK = (38, 36, 33)
CONTENT_COLOUR = (158, 155, 150)
TRANSLATED_COLOUR = (198, 58, 44)
STYLE_COLOUR = (36, 92, 160)

FIVE_VIEWS = (
    ("Frontal", View(0.0, 0.0)),
    ("Turned 30° left", View(-30.0, 0.0)),
    ("Turned 30° right", View(30.0, 0.0)),
    ("From 20° below", View(0.0, -20.0)),
    ("From 20° above", View(0.0, 20.0)),
)
"""The views of the paper's figures."""


@dataclass(frozen=True)
class SheetInputs:
    """Everything the contact sheet shows of one pair.

    Attributes:
        title: heading, for instance the pair's name; may be empty.
        photo, art: (H, W, 3) uint8 RGB.
        photo_points, art_points: (68, 2) in the pixels of their images; photo_errors, art_errors: (68,) px.
        content, translated: (68, 2) frontal, in one common frame (px, y down): l_x and l_z.
        style: (68, 2) frontal, px of the artwork, y down: l_y.
        mesh: the fitted head (head space), with topology and UV.
        deformed: (V, 3) vertices of the deformed head.
        photo_texture, texture: (S, S, 3) uint8 RGB, row 0 on top: t_x and t_z.
        surfaces: what the finished portrait consists of, meshes with their textures.
        expressions: panels of a further row; no such row if empty.
        picture: (H, W, 3) uint8 RGB, the photo redrawn, for a last row; None for no such row.
    """

    title: str
    photo: np.ndarray
    art: np.ndarray
    photo_points: np.ndarray
    art_points: np.ndarray
    photo_errors: np.ndarray
    art_errors: np.ndarray
    content: np.ndarray
    translated: np.ndarray
    style: np.ndarray
    mesh: Mesh
    deformed: np.ndarray
    photo_texture: np.ndarray
    texture: np.ndarray
    surfaces: Sequence[tuple[Mesh, np.ndarray]]
    expressions: Sequence[Panel] = ()
    picture: np.ndarray | None = None


def build_contact_sheet(inputs: SheetInputs, width: int = WIDTH) -> np.ndarray:
    """The contact sheet, (H, width, 3) uint8: three rows of five panels, one of expressions, and the picture.

    Both grey heads share one frame, so that their proportions can be compared; so do the five final views.

    Args:
        inputs: see :class:`SheetInputs`.
        width: of the sheet in pixels, at least 600.
    """
    size = width // 5
    head = inputs.mesh.with_vertices(inputs.deformed)
    both = tight_frame(np.concatenate([inputs.mesh.vertices, inputs.deformed]), [View()])
    grey = [render(mesh, None, View(), both, size, CELL) for mesh in (inputs.mesh, head)]
    vertices = np.concatenate([mesh.vertices for mesh, _ in inputs.surfaces])
    around = tight_frame(vertices, [view for _, view in FIVE_VIEWS])
    scene = Scene(inputs.surfaces)
    views = [(name, scene.picture(view, around, size, CELL)) for name, view in FIVE_VIEWS]
    window = window_about([inputs.content, inputs.translated])
    lines = [
        Shape(inputs.content, CONTENT_COLOUR, "photo"),
        Shape(inputs.translated, TRANSLATED_COLOUR, "translated"),
    ]
    rows = [
        [
            ("Photo", inputs.photo),
            ("Photo landmarks", _marked(inputs.photo, inputs.photo_points, inputs.photo_errors, size)),
            ("Fitted head", grey[0]),
            ("Artwork", inputs.art),
            ("Artwork landmarks", _marked(inputs.art, inputs.art_points, inputs.art_errors, size)),
        ],
        [
            ("Translated landmarks", draw_shapes(lines, window, size)),
            (
                "Artwork landmarks, frontal",
                draw_shapes([Shape(inputs.style, STYLE_COLOUR, "artwork")], window_about([inputs.style]), size),
            ),
            ("Deformed head", grey[1]),
            ("Photo texture", inputs.photo_texture),
            ("Stylised texture", inputs.texture),
        ],
        views,
        inputs.expressions,
    ]
    if inputs.picture is not None:
        rows.append([("Photo", inputs.photo), ("The photo redrawn", inputs.picture), ("Artwork", inputs.art)])
    return compose([row for row in rows if row], width, inputs.title)


def write_contact_sheet(path: str | Path, inputs: SheetInputs, width: int = WIDTH) -> None:
    """Build and write the contact sheet as PNG or JPEG by suffix, replaced atomically.

    Raises:
        OutputError: the file cannot be written.
    """
    save_image(path, build_contact_sheet(inputs, width))


def compose(rows: Sequence[Sequence[Panel]], width: int = WIDTH, title: str = "", text: float = 1.0) -> np.ndarray:
    """Set captioned pictures in rows with uniform margins.

    The panels of a row are equally wide and high; each picture is scaled to fit its panel and centred, never
    distorted. A row is as high as its relatively highest picture wants, from 0.6 to 1.3 of a panel's width.

    Args:
        rows: captions and pictures (H, W, 3) uint8; at least one row, each with at least one picture.
        width: of the result in pixels.
        title: heading; none if empty.
        text: size of all letters, 1 being what suits rows of five panels.

    Returns:
        (H, width, 3) uint8 RGB.

    Raises:
        ValueError: no rows or an empty row.
    """
    if not rows or not all(rows):
        raise ValueError("a figure needs at least one row, and each row at least one picture")
    margin, gap, line = round(0.02 * width), round(0.008 * width), round(0.0105 * width * text)
    caption_height = round(2.4 * line)
    title, heading_font = lettering(title, round(1.45 * line), bold=True)
    heading = round(2.6 * line) if title else 0
    heights = [_row_height(row, _panel_width(len(row), width, margin, gap)) for row in rows]
    total = 2 * margin + heading + sum(heights) + caption_height * len(rows) + gap * (len(rows) - 1)
    sheet = Image.new("RGB", (width, total), PAPER)
    pen = ImageDraw.Draw(sheet)
    if title:
        pen.text((margin, margin), _shorten(title, heading_font, width - 2 * margin), INK, heading_font, anchor="la")
    top = margin + heading
    for row, height in zip(rows, heights, strict=True):
        panel = _panel_width(len(row), width, margin, gap)
        for index, (caption, picture) in enumerate(row):
            # rounded from exact positions, so that every row ends at the right margin
            left = round(margin + index * (panel + gap))
            right = round(margin + index * (panel + gap) + panel)
            sheet.paste(_letterbox(picture, (right - left, height)), (left, top))
            caption, font = lettering(caption, line)
            words = _shorten(caption, font, right - left)
            pen.text(((left + right) / 2, top + height + 0.45 * line), words, INK, font, anchor="ma")
        top += height + caption_height + gap
    return np.array(sheet)


def _panel_width(count: int, width: int, margin: int, gap: int) -> float:
    return (width - 2 * margin - gap * (count - 1)) / count


def _row_height(row: Sequence[Panel], panel: float) -> int:
    tallest = max(picture.shape[0] / picture.shape[1] for _, picture in row)
    return round(panel * min(max(tallest, 0.6), 1.3))


def _letterbox(picture: np.ndarray, size: tuple[int, int]) -> Image.Image:
    """The picture scaled to fit (width, height), centred on the colour of an empty panel."""
    height, width = picture.shape[:2]
    factor = min(size[0] / width, size[1] / height)
    fitted = tuple(max(1, round(side * factor)) for side in (width, height))
    # rather two pixels of stretching than a sliver of empty panel beside a picture that should fill it
    fitted = tuple(full if full - side <= 2 else side for full, side in zip(size, fitted, strict=True))
    cell = Image.new("RGB", size, CELL)
    scaled = Image.fromarray(np.ascontiguousarray(picture)).resize(fitted, Image.Resampling.LANCZOS)
    cell.paste(scaled, ((size[0] - fitted[0]) // 2, (size[1] - fitted[1]) // 2))
    return cell


def _shorten(text: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"


def _marked(image: np.ndarray, points: np.ndarray, errors: np.ndarray, size: int) -> np.ndarray:
    """The surroundings of the face with its landmarks, drawn at twice the size they are shown at."""
    low, high = points.min(axis=0), points.max(axis=0)
    limits = np.array([image.shape[1], image.shape[0]])
    extent = np.minimum(round(1.8 * float((high - low).max())), limits)  # square where the image allows it
    left, top = np.clip(np.rint((low + high - extent) / 2), 0, limits - extent).astype(int)
    crop = np.ascontiguousarray(image[top : top + extent[1], left : left + extent[0]])
    factor = 2 * size / max(crop.shape[:2])
    shape = tuple(max(1, round(side * factor)) for side in extent.tolist())
    scaled = np.array(Image.fromarray(crop).resize(shape, Image.Resampling.LANCZOS))
    return draw(scaled, (points - (left, top)) * np.array(shape) / extent, errors * shape[0] / extent[0])


def tight_frame(vertices: np.ndarray, views: Sequence[View], margin: float = 0.05) -> Framing:
    """The smallest centred frame that holds vertices (V, 3) (cm) in each of the given views."""
    centre = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    reach = max(np.abs((vertices - centre) @ view.rotation().T[:, :2]).max() for view in views)
    return Framing(centre, float(reach) * (1 + margin))


def window_about(shapes: Sequence[np.ndarray]) -> tuple[np.ndarray, float]:
    """Centre (2,) and half side of the square about point sets (68, 2), with a border."""
    points = np.concatenate(shapes)
    low, high = points.min(axis=0), points.max(axis=0)
    return (low + high) / 2, max(float((high - low).max()) / 2 * 1.15, 1e-6)


@dataclass(frozen=True)
class Shape:
    """68 points (68, 2) (px, y down), the colour of their lines, a name for the legend (none if empty)."""

    points: np.ndarray
    colour: tuple[int, int, int]
    name: str = ""


def draw_shapes(shapes: Sequence[Shape], window: tuple[np.ndarray, float], size: int) -> np.ndarray:
    """Landmark sets as lines and dots on an empty panel, with their names in the corner.

    Args:
        shapes: drawn in this order.
        window: centre (2,) and half side, in the unit of the points, of the square that is shown.
        size: of the picture in pixels.

    Returns:
        (size, size, 3) uint8 RGB.
    """
    fine = 3  # drawn larger and reduced, because Pillow's lines are not antialiased
    side = size * fine
    panel = Image.new("RGB", (side, side), CELL)
    pen = ImageDraw.Draw(panel)
    centre, half = window
    line, dot, font = max(1, round(0.0065 * side)), 0.0085 * side, label_font(round(0.05 * side))
    for row, shape in enumerate(shapes):
        places = (np.asarray(shape.points, float) - centre) / half * (side / 2) + side / 2
        for ids, closed in POLYLINES:
            chain = [tuple(places[i]) for i in (*ids, *ids[: int(closed)])]
            pen.line(chain, shape.colour, line, joint="curve")
        for x, y in places:
            pen.ellipse((x - dot, y - dot, x + dot, y + dot), shape.colour)
        corner = (0.025 * side, side * (0.98 - 0.065 * (len(shapes) - 1 - row)))
        pen.text(corner, shape.name, shape.colour, font, anchor="ls")
    return np.array(panel.resize((size, size), Image.Resampling.LANCZOS))
