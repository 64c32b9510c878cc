"""The contact sheet: layout by measurement, content by colour."""

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import label

from portrait_pipeline.export import contact_sheet as sheet
from portrait_pipeline.export.lettering import lettering
from portrait_pipeline.mesh.mesh import Mesh
from portrait_pipeline.mesh.render import View, camera_vertices

RED, GREEN, BLUE = (220, 30, 30), (30, 180, 60), (30, 60, 220)


def ellipsoid(radii=(7.0, 11.0, 9.0), rows: int = 16, columns: int = 24) -> Mesh:
    """A closed head-sized ellipsoid (cm), UV seam at the back."""
    v, u = np.meshgrid(np.linspace(0, 1, rows + 1), np.linspace(0, 1, columns + 1), indexing="ij")
    uv = np.stack([u, v], axis=-1).reshape(-1, 2)
    angle, height = 2 * np.pi * (uv[:, 0] - 0.5), np.pi * (uv[:, 1] - 0.5)
    across, up = np.cos(height), np.sin(height)
    places = np.stack([np.sin(angle) * across, up, np.cos(angle) * across], axis=1)
    corner = (np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)).ravel()
    step = columns + 1
    triangles = np.concatenate(
        [np.stack([corner, corner + 1, corner + step + 1], 1), np.stack([corner, corner + step + 1, corner + step], 1)]
    ).astype(np.int32)
    return Mesh(places * radii, triangles, uv, triangles)


def face_points(scale: float = 1.0) -> np.ndarray:
    """68 points on a plausible face in a 200 x 200 image."""
    turn = np.linspace(0, np.pi, 17)
    jaw = np.stack([-60 * np.cos(turn), 75 * np.sin(turn)], axis=1)
    rng = np.random.default_rng(1)
    inner = rng.uniform((-40, -20), (40, 50), (51, 2))
    return 100 + scale * np.concatenate([jaw, inner])


def flat(colour, height: int = 60, width: int = 60) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def inputs(**changes) -> sheet.SheetInputs:
    mesh = ellipsoid()
    values = {
        "title": "ada-engraving",
        "photo": flat(RED, 200, 200),
        "art": flat(GREEN, 200, 200),
        "photo_points": face_points(),
        "art_points": face_points(),
        "photo_errors": np.ones(68),
        "art_errors": np.ones(68),
        "content": face_points(),
        "translated": face_points(1.2),
        "style": face_points(),
        "mesh": mesh,
        "deformed": mesh.vertices * (1.3, 1.0, 1.0),
        "photo_texture": flat(RED),
        "texture": flat(BLUE),
    }
    values |= changes
    portrait = [(mesh.with_vertices(values["deformed"]), values["texture"])]
    return sheet.SheetInputs(**{"surfaces": portrait} | values)


def box(picture: np.ndarray, colour) -> tuple[int, int, int, int]:
    """Top, bottom, left, right (exclusive) of all pixels of about this colour."""
    rows, columns = np.nonzero(np.abs(picture.astype(int) - colour).max(axis=2) < 3)
    return int(rows.min()), int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1


def components(mask: np.ndarray, at_least: int = 100) -> int:
    """Connected areas of at least so many pixels."""
    areas, _ = label(mask)
    return int((np.bincount(areas.ravel())[1:] >= at_least).sum())


def test_pictures_keep_their_aspect():
    for height, width in ((60, 90), (90, 60), (50, 50), (300, 40)):
        picture = sheet.compose([[("one", flat(RED, height, width)), ("two", flat(BLUE, 100, 100))]], 1000)
        top, bottom, left, right = box(picture, RED)
        assert (bottom - top) / (right - left) == pytest.approx(height / width, rel=0.02)


def test_margins_are_uniform_and_panels_equal():
    picture = sheet.compose([[(str(k), flat(c)) for k, c in enumerate((RED, GREEN, BLUE))]], 1000)
    boxes = [box(picture, colour) for colour in (RED, GREEN, BLUE)]
    margin = 20
    assert picture.shape[1] == 1000
    assert boxes[0][2] == margin and boxes[2][3] == 1000 - margin and boxes[0][0] == margin
    widths = [right - left for _, _, left, right in boxes]
    gaps = [second[2] - first[3] for first, second in zip(boxes, boxes[1:], strict=False)]
    assert max(widths) - min(widths) <= 1 and max(gaps) - min(gaps) <= 1
    assert len({one[:2] for one in boxes}) == 1


def test_rows_of_different_lengths_end_at_the_same_margin():
    rows = [[("a", flat(RED))] * 2, [("b", flat(BLUE))] * 5, [("c", flat(GREEN))] * 3]
    picture = sheet.compose(rows, 977)
    ends = {colour: box(picture, colour)[2:] for colour in (RED, BLUE, GREEN)}
    assert len(set(ends.values())) == 1


def test_caption_is_below_its_picture_and_never_wider():
    long = sheet.compose([[("word " * 60, flat(RED)), ("b", flat(BLUE))]], 1000)
    _, bottom, left, right = box(long, RED)
    ink = long.astype(int).max(axis=2) < 120
    ink &= np.abs(long.astype(int) - BLUE).max(axis=2) > 60
    ink[:bottom] = False
    columns = np.flatnonzero(ink.any(axis=0))
    first = columns[columns < right + 8]
    assert len(first) and first.min() >= left and first.max() < right


def test_title_makes_room_for_itself():
    plain, titled = (sheet.compose([[("a", flat(RED))]], 800, title) for title in ("", "A title"))
    assert titled.shape[0] > plain.shape[0]
    assert box(titled, RED)[0] > box(plain, RED)[0]


def test_an_empty_figure_is_refused():
    for rows in ([], [[]], [[("a", flat(RED))], []]):
        with pytest.raises(ValueError, match="at least one"):
            sheet.compose(rows)


def test_drawn_shapes_lie_where_their_points_are():
    points = face_points()
    picture = sheet.draw_shapes([sheet.Shape(points, RED)], (np.array([100.0, 100.0]), 100.0), 400)
    for x, y in points:
        assert np.abs(picture[int(2 * y), int(2 * x)].astype(int) - RED).max() < 60
    top, bottom, left, right = box(picture, RED)
    assert abs(left - 2 * points[:, 0].min()) < 8 and abs(right - 2 * points[:, 0].max()) < 8
    assert abs(bottom - 2 * points[:, 1].max()) < 8


def test_the_sheet_shows_three_rows_of_five(tmp_path):
    path = tmp_path / "contact_sheet.png"
    sheet.write_contact_sheet(path, inputs(), 1000)
    picture = np.array(Image.open(path)).astype(int)
    assert picture.shape[1] == 1000 and 650 < picture.shape[0] < 800
    blue = np.abs(picture - BLUE).max(axis=2) < 3
    assert components(blue) == 6  # the stylised texture and five views of the head
    empty = (picture == 255).all(axis=(1, 2))
    assert components(empty, at_least=4) >= 4  # above, below and between the rows


def test_final_views_are_five_different_directions():
    names = [name for name, _ in sheet.FIVE_VIEWS]
    views = [view for _, view in sheet.FIVE_VIEWS]
    assert len(set(names)) == 5
    assert views == [View(0, 0), View(-30, 0), View(30, 0), View(0, -20), View(0, 20)]


def test_tight_frame_holds_every_view_and_no_more():
    mesh = ellipsoid()
    views = [view for _, view in sheet.FIVE_VIEWS]
    framing = sheet.tight_frame(mesh.vertices, views, margin=0.05)
    reach = max(np.abs(camera_vertices(mesh.vertices, view, framing)[:, :2]).max() for view in views)
    assert reach == pytest.approx(1 / 1.05)


def test_landmarks_of_a_small_face_are_enlarged(monkeypatch):
    """A face of 40 pixels in an image of 400 is shown with its surroundings only, points in place."""
    image, points = flat(GREEN, 300, 400), face_points(0.2) + (200, 50)
    drawn = []
    monkeypatch.setattr(sheet, "draw", lambda picture, places, errors: drawn.append((picture, places)) or picture)
    sheet.build_contact_sheet(inputs(photo=image, photo_points=points), 700)
    picture, places = drawn[0]
    assert picture.shape[:2] == (280, 280)
    extent, side = np.ptp(places, axis=0).max(), max(picture.shape[:2])
    assert 0.4 < extent / side < 0.7
    assert (places > 0).all() and (places < np.array(picture.shape[1::-1])).all()
    assert np.ptp(places, axis=0)[0] / np.ptp(places, axis=0)[1] == pytest.approx(
        np.ptp(points, axis=0)[0] / np.ptp(points, axis=0)[1], rel=0.03
    )


def test_landmarks_outside_their_image_do_no_harm():
    sheet.build_contact_sheet(inputs(photo_points=face_points() + 150, art_points=face_points() - 500), 700)


def test_grey_heads_share_their_frame(monkeypatch):
    """The deformed head is 1.3 times as wide, and must look it."""
    seen = []
    monkeypatch.setattr(sheet, "compose", lambda rows, width, title: seen.extend(rows))
    sheet.build_contact_sheet(inputs(), 1000)
    panels = dict(panel for row in seen for panel in row)

    def width(picture):
        columns = np.flatnonzero((np.abs(picture.astype(int) - sheet.CELL).max(axis=2) > 20).any(axis=0))
        return columns.max() - columns.min()

    assert width(panels["Deformed head"]) / width(panels["Fitted head"]) == pytest.approx(1.3, rel=0.04)
    assert list(panels) == [
        "Photo",
        "Photo landmarks",
        "Fitted head",
        "Artwork",
        "Artwork landmarks",
        "Translated landmarks",
        "Artwork landmarks, frontal",
        "Deformed head",
        "Photo texture",
        "Stylised texture",
        *(name for name, _ in sheet.FIVE_VIEWS),
    ]


def test_odd_images_are_welcome():
    tall, wide = flat(RED, 700, 120), flat(GREEN, 90, 640)
    picture = sheet.build_contact_sheet(inputs(photo=tall, art=wide, title=""), 700)
    assert picture.dtype == np.uint8 and picture.shape[1] == 700


def test_equal_input_gives_an_equal_sheet():
    assert np.array_equal(sheet.build_contact_sheet(inputs(), 700), sheet.build_contact_sheet(inputs(), 700))


def test_expressions_are_a_last_row():
    without, given = (
        sheet.build_contact_sheet(inputs(expressions=row), 800)
        for row in ((), [(str(k), flat((k * 40, 0, 255))) for k in range(5)])
    )
    assert np.array_equal(given[: without.shape[0] - 20], without[:-20])  # the rows above stay
    for k in range(5):
        top, _, left, right = box(given, (k * 40, 0, 255))
        assert top > without.shape[0] - 20 and left >= 16 + k * 150


def drawn_font(path, letters: str) -> None:
    """A font that has these letters and no others, each a triangle."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    names = [".notdef", *(f"u{ord(letter):04X}" for letter in letters)]
    builder, pen = FontBuilder(1000), TTGlyphPen(None)
    pen.moveTo((0, 0))
    pen.lineTo((800, 0))
    pen.lineTo((400, 800))
    pen.closePath()
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(letter): name for letter, name in zip(letters, names[1:], strict=True)})
    builder.setupGlyf(dict.fromkeys(names, pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (900, 0)))
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": "Drawn", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)


def test_a_title_is_drawn_with_a_font_that_has_its_letters_or_left_out(tmp_path, monkeypatch):
    from matplotlib import font_manager

    title = "太郎 as 油絵"
    panels = [[("photo", flat(RED))] * 5]
    untitled = sheet.compose(panels, 900)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [])  # a machine without other fonts
    assert np.array_equal(sheet.compose(panels, 900, title), untitled)  # no boxes, no empty heading
    assert lettering("Jürgen Grün 太", 20)[0] == "Jürgen Grün"
    drawn_font(tmp_path / "LastResort.ttf", title.replace(" ", "") + " ")
    drawn_font(tmp_path / "Han.ttf", "".join(sorted(set(title))))
    fonts = [str(tmp_path / name) for name in ("LastResort.ttf", "Han.ttf", "none.ttf")]
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: fonts)
    words, font = lettering(title, 20)
    assert (words, font.path) == (title, fonts[1])
    titled = sheet.compose(panels, 900, title)
    assert len(titled) > len(untitled) and (titled[: len(titled) - len(untitled)] < 128).any()
