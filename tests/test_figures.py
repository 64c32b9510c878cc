"""Figures: what they show is what the numbers say, and files are equal from run to run."""

import types

import numpy as np
import pytest
from matplotlib.colors import to_hex

from portrait_pipeline.deform.targets import shrink_ratio
from portrait_pipeline.fit.params import FitParams
from portrait_pipeline.head.camera import Camera
from portrait_pipeline.lab.table1 import faces as faces_of
from portrait_pipeline.lab.table1 import figures, plots
from portrait_pipeline.shapes.generate import generate_art, generate_normal
from portrait_pipeline.shapes.params import ShapeSpaceParams
from portrait_pipeline.shapes.plots import draw_face, frame_faces
from portrait_pipeline.shapes.space import build_shape_space

MODELS = ("ours", "ours_without_class_loss", "cyclegan", "munit", "drit")


@pytest.fixture(scope="module")
def faces(model):
    return generate_normal(model, 120, np.random.default_rng(0)), generate_art(model, 200, np.random.default_rng(1))


@pytest.fixture(scope="module")
def space(faces):
    return build_shape_space(*faces, ShapeSpaceParams(classes=4))[0]


def picture(points, seed=0):
    """A face in a noisy picture that is 200 pixels wide."""
    low, high = points.min(0), points.max(0)
    points = (points - low) / (high - low).max() * 120 + 40
    image = np.random.default_rng(seed).integers(255, size=(200, 200, 3)).astype(np.uint8)
    camera = Camera(np.eye(3), 1.0, np.zeros(2))
    return faces_of.Face(image, points, points, camera.unproject(np.column_stack([points, np.zeros(68)])), camera)


@pytest.fixture(scope="module")
def content(faces):
    return picture(faces[0][0])


@pytest.fixture(scope="module")
def exemplars(faces):
    return [picture(faces[1][k], seed=k) for k in range(2)]


def blend(share):
    """A stand-in for a method: the content aligned to the exemplar, part of the way."""

    def translate(content, style):
        return content + share * (style - style.mean(0) - content + content.mean(0))

    return translate


@pytest.fixture(scope="module")
def methods():
    return {name: blend(share) for name, share in zip(MODELS, (0.5, 0.4, 0.0, 0.2, 0.3), strict=True)}


# --- numbers ----------


@pytest.fixture
def distances():
    values = {"ours": 1.5, "ours_without_class_loss": 2.0, "cyclegan": 5.0, "munit": 4.0, "drit": 3.0}
    return values | {"real_floor": 1.0, "samples": 500, "seeds": 3, "spread": dict.fromkeys(values, 0.1)}


def test_bars_have_the_heights_spreads_colours_and_floor_of_the_table(distances):
    axes = plots.plot_distances(distances).axes[0]
    assert [bar.get_height() for bar in axes.patches] == [5.0, 4.0, 3.0, 2.0, 1.5]
    assert [to_hex(bar.get_facecolor()).upper() for bar in axes.patches] == list(plots.COLOURS.values())
    assert [label.get_text() for label in axes.get_xticklabels()] == list(plots.NAMES.values())
    assert any(set(line.get_ydata()) == {1.0} for line in axes.lines)
    spans = [segment[:, 1] for segment in axes.collections[0].get_segments()]
    np.testing.assert_allclose(spans[0], [4.9, 5.1])
    assert "500" in axes.get_title() and "3 training" in axes.get_title()


def test_measures_have_a_panel_each_and_the_copies_as_lines():
    row = dict.fromkeys(plots.MEASURES, 0.5)
    table = {name: row for name in MODELS} | {"spread": {name: dict.fromkeys(row, 0.0) for name in MODELS}}
    table["exemplar_itself"] = {"class_agreement": 0.9, "diversity": 1.0}
    table["content_itself"] = {"person_direction": 1.0}
    figure = plots.plot_measures(table)
    assert len(figure.axes) == len(plots.MEASURES)
    assert all([bar.get_height() for bar in axes.patches] == [0.5] * 5 for axes in figure.axes)
    lines = {axes.get_title(): [line.get_ydata()[0] for line in axes.lines] for axes in figure.axes}
    assert lines["Class of the exemplar"] == [0.9] and lines["Diversity over exemplars"] == [1.0]
    assert lines["Person kept"] == [1.0] and lines["Content lost"] == []


# --- faces ----------


def test_a_face_that_does_not_move_keeps_its_picture(content):
    same = content.warped(content.frontal)
    np.testing.assert_array_equal(same.image, content.image)
    np.testing.assert_allclose(same.points, content.points)


def test_points_move_as_the_turned_face_does(model):
    """A change in the plane of the face, seen by the camera, is what the frontal change becomes."""
    angle = np.deg2rad([10.0, 25.0])
    nod = np.array([[1, 0, 0], [0, np.cos(angle[0]), -np.sin(angle[0])], [0, np.sin(angle[0]), np.cos(angle[0])]])
    turn = np.array([[np.cos(angle[1]), 0, np.sin(angle[1])], [0, 1, 0], [-np.sin(angle[1]), 0, np.cos(angle[1])]])
    camera = Camera(nod @ turn, 30.0, np.array([100.0, 120.0]))
    rng = np.random.default_rng(0)
    head = rng.normal(size=(68, 3))
    moved = head + np.column_stack([rng.normal(size=(68, 2)), np.zeros(68)])
    front = camera.frontal()
    content, wanted = front.project(head)[:, :2], front.project(moved)[:, :2]
    face = faces_of.Face(np.zeros((9, 9, 3), np.uint8), camera.project(head)[:, :2], content, head, camera)
    moved[:, 2] = head[:, 2] * shrink_ratio(content, wanted)  # a face that gets smaller gets flatter
    np.testing.assert_allclose(face.moved(wanted), camera.project(moved)[:, :2])


def test_an_artwork_is_seen_from_the_front(model, faces):
    points = faces[1][3]
    face = faces_of.art_face(model, np.zeros((9, 9, 3), np.uint8), points, FitParams())
    assert face.frontal.shape == (68, 2)
    np.testing.assert_array_equal(face.moved(face.frontal), points)


def test_plain_output_of_a_method_keeps_what_the_pca_does_not_hold(space, content, exemplars, monkeypatch):
    answer = types.SimpleNamespace(translate=lambda x, y: x)
    monkeypatch.setattr("portrait_pipeline.lab.table1.faces.answers", lambda method: answer)
    translate = faces_of.method_translate(None, space, 4.0)
    np.testing.assert_allclose(translate(content.frontal, exemplars[0].frontal), content.frontal, atol=1e-9)
    seen = []
    answer.translate = lambda x, y: seen.append(y) or y
    faces_of.method_translate(None, space, 0.5)(content.frontal, exemplars[0].frontal)
    assert np.abs(seen[0]).max() == 0.5


def panels(figure):
    """Axes with a picture, and axes with lines."""
    return [a for a in figure.axes if a.images], [a for a in figure.axes if a.collections and not a.images]


def test_comparison_has_a_cell_for_every_content_exemplar_and_method(content, exemplars, methods):
    figure = figures.plot_comparison([content], exemplars, methods)
    pictures, drawings = panels(figure)
    assert len(pictures) == len(drawings) == 2 * (2 + 5)
    assert [axes.get_title() for axes in pictures[:7:1] if axes.get_title()][:2] == ["content", "style"]
    cyclegan = pictures[4]
    np.testing.assert_array_equal(cyclegan.images[0].get_array(), content.image)  # share 0: does not move
    assert not np.array_equal(pictures[6].images[0].get_array(), content.image)
    left, right = cyclegan.get_xlim()
    assert left < content.points[:, 0].min() and right > content.points[:, 0].max()


def test_interpolation_starts_and_ends_at_the_exemplars(space, content, exemplars, monkeypatch):
    from portrait_pipeline.translation import styles

    monkeypatch.setattr(
        figures, "exemplar_style", lambda translator, space, art, bound: styles.Style(art[:, :16], art[:, :16])
    )
    asked = []
    monkeypatch.setattr(
        figures, "translate", lambda translator, space, face, style, bound: asked.append(style.codes) or face
    )
    figure = figures.plot_interpolation([content], (exemplars[0], exemplars[1]), None, space, 3, 4.0)
    assert len(panels(figure)[0]) == 5
    codes = [space.encode(space.align(face.frontal)[0])[:16] for face in exemplars]
    np.testing.assert_allclose(np.concatenate(asked), [codes[0], (codes[0] + codes[1]) / 2, codes[1]])


def test_faces_are_drawn_whole(faces):
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    draw_face(axes, faces[0][:3])
    assert len(axes.collections[0].get_segments()) == 3 * 9
    frame_faces(axes, faces[0][:3])
    low, high = faces[0][:3].min((0, 1)), faces[0][:3].max((0, 1))
    assert axes.get_xlim()[0] < low[0] and axes.get_xlim()[1] > high[0]
    assert axes.get_ylim()[0] > high[1] and axes.get_ylim()[1] < low[1]
