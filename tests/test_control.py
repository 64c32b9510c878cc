"""Control over a translation: following the exemplar, scale, styles, validity, warping, the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from shown import located

from portrait_pipeline.base import images
from portrait_pipeline.base.errors import LandmarkError, ParameterError
from portrait_pipeline.commands.portrait import main
from portrait_pipeline.fit.params import FitParams
from portrait_pipeline.fit.step import fit_pair
from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.lab.table1.following import facial_measures, following
from portrait_pipeline.perception.files import read_points, write_points
from portrait_pipeline.picture.warp import face_flow, skull, warp_image
from portrait_pipeline.pipeline import translate as application
from portrait_pipeline.pipeline.params import Params
from portrait_pipeline.shapes.alignment import align, apply
from portrait_pipeline.shapes.easing import SLACK, keep_face, scale_change
from portrait_pipeline.shapes.generate import generate_art, generate_normal
from portrait_pipeline.shapes.params import ShapeSpaceParams
from portrait_pipeline.shapes.points import mirror
from portrait_pipeline.shapes.space import build_shape_space
from portrait_pipeline.shapes.validity import crossing, gaps, tangled
from portrait_pipeline.translation.delivery import deliver, exaggerate, translate
from portrait_pipeline.translation.networks import ArtBranch, Autoencoder, critic, initialise
from portrait_pipeline.translation.params import TranslateParams
from portrait_pipeline.translation.step import translate_pair
from portrait_pipeline.translation.styles import between, class_style, exemplar_style, random_style, style_face
from portrait_pipeline.translation.translator import Translator


class Network:
    """A translation network made of one random layer a part: strong, asymmetric and not linear."""

    def __init__(self, components: int, strength: float) -> None:
        rng = np.random.default_rng(5)
        self.style = rng.normal(0, 1 / np.sqrt(components), (components, 16))
        self.art = rng.normal(0, strength / 4, (16, components))
        self.mixed = rng.normal(0, 0.3 / np.sqrt(components), (components, components))

    def content_code(self, normal: np.ndarray) -> np.ndarray:
        return normal + 0.1 * np.tanh(normal @ self.mixed)

    def style_code(self, art: np.ndarray) -> np.ndarray:
        return 2 * np.tanh(art @ self.style / 2)

    def decode(self, content: np.ndarray, style: np.ndarray) -> np.ndarray:
        return content + style @ self.art * (1 + 0.3 * np.tanh(content @ self.mixed))

    def translate_coefficients(self, normal: np.ndarray, art: np.ndarray) -> np.ndarray:
        return self.decode(self.content_code(normal), self.style_code(art))


def random_networks(components: int) -> Translator:
    """Networks of the real sizes whose weights are random, in their output layers large enough to be seen."""
    generator = torch.Generator().manual_seed(0)
    parts = Autoencoder(components), ArtBranch(components), critic(components, 6)
    for part in parts:
        initialise(part, generator)
        part.requires_grad_(False).eval()
    for weight in parts[1].decoder.layers.parameters():
        weight *= 1.3
    return Translator(*parts)


@pytest.fixture(scope="module")
def pixels():
    """Normal faces and art faces, 512 px."""
    model = load_bundled_model()
    return generate_normal(model, 500, np.random.default_rng(11)), generate_art(model, 500, np.random.default_rng(12))


@pytest.fixture(scope="module")
def faces(pixels):
    """The same, aligned."""
    return align(pixels[0])[0], align(pixels[1])[0]


@pytest.fixture(scope="module")
def built(pixels):
    return build_shape_space(*pixels, ShapeSpaceParams(classes=6))


@pytest.fixture(scope="module")
def network(built):
    return Network(built[0].size, 1.0)


# --- following ----------


def test_measures_are_lengths_between_the_named_points(faces):
    face = faces[0][0]
    measures = facial_measures(face)
    assert measures["mouth_width"] == pytest.approx(np.hypot(*(face[54] - face[48])))
    eyes = face[36:42].mean(0), face[42:48].mean(0)
    assert measures["eye_distance"] == pytest.approx(np.hypot(*(eyes[1] - eyes[0])))
    for name, value in facial_measures(3.0 * faces[1] + 1.0).items():
        assert np.allclose(value, 3.0 * facial_measures(faces[1])[name])


def test_following_recovers_the_share_that_was_put_in(faces):
    x, y = faces
    mean = x.mean(0)
    assert all(value == pytest.approx(1.0) for value in following(mean + 0 * x, y, y, mean).values())
    assert all(value == pytest.approx(0.0, abs=1e-12) for value in following(x, y, x, mean).values())
    # The eyes of a face whose points all move by 0.4 of the exemplar's deviation: exact for lengths along one line.
    z = mean + 0.4 * (y - mean)
    assert following(np.broadcast_to(mean, y.shape), y, z, mean)["mouth_width"] == pytest.approx(0.4, abs=0.02)


def test_following_equals_a_fitted_line(faces):
    x, y = faces
    z = x + 0.5 * (y - x.mean(0)) + np.random.default_rng(0).normal(0, 0.01, x.shape)
    mean = x.mean(0)
    asked = facial_measures(y)["nose_width"] - facial_measures(mean)["nose_width"]
    given = facial_measures(z)["nose_width"] - facial_measures(x)["nose_width"]
    assert following(x, y, z, mean)["nose_width"] == pytest.approx(np.polyfit(asked, given, 1)[0])


def test_following_has_no_nan_and_refuses_other_shapes(faces):
    x, _ = faces
    same = np.broadcast_to(x[0], x.shape)
    assert set(following(x, same, x, x[0]).values()) == {0.0}
    with pytest.raises(ValueError, match="must be the same"):
        following(x, x[:5], x, x[0])
    with pytest.raises(ValueError, match="N at least 2"):
        following(x[:1], x[:1], x[:1], x[0])


# --- keeping the face ----------


def pairs(shapes, count):
    rng = np.random.default_rng(1)
    return rng.integers(len(shapes.normal), size=count), rng.integers(len(shapes.art), size=count)


@pytest.mark.parametrize("strength", [1.0, 2.0])
def test_of_a_thousand_random_pairs_at_most_five_cross(faces, built, strength):
    space, shapes = built
    network = Network(space.size, 3.0)
    rows, exemplars = pairs(shapes, 1000)
    x, y = faces[0][rows], shapes.art[exemplars]
    z = exaggerate(network, space, space.encode(x), y, strength=strength)
    unkept = space.decode(z) + space.residual(x)
    kept = deliver(network, space, x, y, strength=strength)
    assert crossing(unkept).mean() > 0.15  # the network would break that many
    assert np.isfinite(kept).all() and not tangled(x).any()
    assert crossing(kept).mean() <= 0.005 and tangled(kept).mean() <= 0.005


def test_bounds_hold_for_every_pair(built):
    space, shapes = built
    network = Network(space.size, 3.0)
    rows, exemplars = pairs(shapes, 200)
    x = shapes.normal[rows]
    z = exaggerate(network, space, x, shapes.art[exemplars], bound=2.5)
    assert (np.abs(z) <= np.maximum(2.5, np.abs(x)) + 1e-9).all() and (np.abs(z) > 2.4).any()


def test_a_change_that_crosses_nothing_is_kept_to_the_last_bit(faces):
    rng = np.random.default_rng(0)
    bent = faces[0] + rng.normal(0, 0.002, (len(faces[0]), 1, 2)) + 0.2 * (faces[1] - faces[1].mean(0))
    kept = keep_face(faces[0], bent)
    untouched = (kept == bent).all((1, 2))
    assert untouched.mean() > 0.8
    assert np.array_equal(keep_face(faces[1], faces[1]), faces[1])
    assert not tangled(kept).any()


def test_a_mouth_that_would_cross_keeps_its_corners_and_its_form(faces):
    person = faces[0][np.argmax(gaps(faces[0])[:, 4:7].min(1))]  # an open mouth
    asked = person.copy()
    asked[60:68, 1] = 2 * asked[[48, 54], 1].mean() - asked[60:68, 1] * 1.0  # the lips change sides
    asked[48:68] += [0.1, 0.05]
    kept = keep_face(person, asked)
    assert crossing(asked) and not tangled(kept)
    assert np.array_equal(np.delete(kept, range(48, 68), axis=0), np.delete(asked, range(48, 68), axis=0))
    assert np.allclose(kept[[48, 54]], asked[[48, 54]])
    # One share for the whole mouth: a straight way between the two forms.
    own, wanted, got = (face[48:] - face[48] for face in (person, asked, kept))
    share = ((got - own) * (wanted - own)).sum() / ((wanted - own) ** 2).sum()
    assert 0 < share < 1 and np.allclose(got, own + share * (wanted - own), atol=1e-9)
    width = np.linalg.norm(kept[54] - kept[48]) / np.linalg.norm(person[54] - person[48])
    assert np.isclose(gaps(kept)[4:7], 0.2 * width * gaps(person)[4:7] - SLACK, atol=1e-6).any()


def test_a_chin_above_the_mouth_shortens_the_whole_change(faces):
    person = faces[0][0]
    asked = person.copy()
    asked[:17, 1] -= 0.55
    kept = keep_face(person, asked)
    assert tangled(asked) and not tangled(kept)
    share = (kept - person)[8, 1] / -0.55
    assert 0.3 < share < 1 and np.allclose(kept, person + share * (asked - person))


def test_what_crosses_in_the_person_stops_nothing_else(faces):
    person = faces[0][0].copy()
    person[41], person[37] = person[37].copy(), person[41].copy()  # lids the wrong way round
    asked = person.copy()
    asked[31:36] += [0.0, 0.02]
    assert tangled(person) and np.array_equal(keep_face(person, asked), asked)
    person = faces[0][0].copy()
    person[60:68, 1] = person[[48, 54], 1].mean() + 1e-3 * np.array([0, 1, 1, 1, 0, -1, -1, -1])  # shut, with noise
    asked = person + 0.2 * (faces[1][0] - faces[0][0])
    asked[60:68, 1] = asked[[48, 54], 1].mean() + 1.5e-3 * np.array([0, 1, 1, 1, 0, -1, -1, -1])
    assert np.array_equal(keep_face(person, asked), asked)
    assert np.array_equal(keep_face(person, person), person)


def test_keeping_the_face_does_not_depend_on_frame_and_company(faces, built):
    space, shapes = built
    network = Network(space.size, 3.0)
    x = faces[0][:40]
    z = space.decode(exaggerate(network, space, shapes.normal[:40], shapes.art[:40], strength=2.0))
    together = keep_face(x, z)
    assert np.allclose(together, [keep_face(a, b) for a, b in zip(x, z, strict=True)], atol=1e-12)
    frame = np.array([[1.2, -0.7, 30.0], [0.7, 1.2, 5.0]])
    assert np.allclose(keep_face(apply(frame, x), apply(frame, z)), apply(frame, together), atol=2e-3)


def test_tangled_sees_what_crossing_does_not(faces):
    face = faces[0][0]
    wide = face.copy()
    wide[48, 0] -= 0.35  # a corner of the mouth beyond the jaw
    bow = face.copy()
    bow[[49, 59]] = bow[[59, 49]]
    angry = face.copy()
    angry[21] = face[[40, 41]].mean(0) + [0.0, 0.03]  # the inner end of a brow across the eye
    assert not crossing(angry) and tangled(angry)
    assert not tangled(face) and not crossing(wide) and tangled(wide) and not crossing(bow) and tangled(bow)


# --- scale ----------


def test_scale_zero_returns_the_pixels_to_the_last_bit_and_two_doubles(pixels, built, network):
    space, _ = built
    mild = Network(space.size, 0.3)
    doubled = 0
    for content, exemplar in zip(pixels[0][:40], pixels[1][:40], strict=True):
        assert np.array_equal(translate(network, space, content, exemplar, strength=0.0), content)
        once, twice = (translate(mild, space, content, exemplar, strength=k) - content for k in (1.0, 2.0))
        doubled += np.allclose(twice, 2 * once, atol=1e-9)
        assert np.abs(once).max() > 1
    assert doubled >= 30  # in the others, lines would cross


def test_the_scale_multiplies_the_bounded_change(built, network):
    space, shapes = built
    x, y = shapes.normal[:50], shapes.art[:50]
    once, half, twice = (exaggerate(network, space, x, y, strength=k, bound=2.0) - x for k in (1.0, 0.5, 2.0))
    assert np.allclose(half, 0.5 * once) and np.allclose(twice, 2 * once)
    assert (np.abs(x + twice) > 2.5).any()  # the bound is that of the translation, not of its exaggeration


def test_scaling_a_translation_equals_translating_at_that_scale(faces, built):
    space, shapes = built
    network = Network(space.size, 2.0)
    x, y = faces[0][:100], shapes.art[:100]
    once = deliver(network, space, x, y)
    assert np.array_equal(scale_change(x, once, 1.0), once) and np.array_equal(scale_change(x, once, 0.0), x)
    for scale in (0.3, 2.0):
        assert np.allclose(scale_change(x, once, scale), deliver(network, space, x, y, strength=scale), atol=1e-12)


# --- styles ----------


def test_the_code_of_an_exemplar_does_what_the_exemplar_does(pixels, built, network):
    space, shapes = built
    x, y = shapes.normal[:20], shapes.art[:20]
    style = exemplar_style(network, space, y)
    assert style.codes.shape == style.mirrored.shape == (20, 16)
    assert np.allclose(exaggerate(network, space, x, style), exaggerate(network, space, x, y))
    content, exemplar = pixels[0][3], pixels[1][3]
    code = exemplar_style(network, space, space.encode(align(exemplar)[0])[None])
    assert np.allclose(translate(network, space, content, code), translate(network, space, content, exemplar))


def test_interpolation_starts_and_ends_at_the_exemplars_and_goes_evenly(built, network):
    space, shapes = built
    style = exemplar_style(network, space, shapes.art[:3])
    way = between(style, 9)
    assert np.allclose(way.codes[[0, 4, 8]], style.codes) and np.allclose(way.mirrored[[0, 4, 8]], style.mirrored)
    steps = np.diff(way.codes, axis=0)
    assert np.allclose(steps[:4], steps[0]) and np.allclose(steps[4:], steps[4])
    assert np.allclose(between(style, 2).codes, style.codes[[0, 2]])
    with pytest.raises(ParameterError, match="steps is 1, must be at least 2"):
        between(style, 1)
    with pytest.raises(ParameterError, match="at least 2 styles, got 1"):
        between(exemplar_style(network, space, shapes.art[:1]), 5)


def test_a_step_between_two_exemplars_lies_between_their_faces(faces, built, network):
    space, shapes = built
    x = faces[0][:1]
    way = between(exemplar_style(network, space, shapes.art[:2]), 5)
    z = deliver(network, space, np.repeat(x, 5, axis=0), way, strength=0.5)
    lengths = np.linalg.norm(np.diff(z, axis=0), axis=(1, 2))
    assert lengths.max() < 1.6 * lengths.min()
    assert lengths.sum() < 1.05 * np.linalg.norm(z[-1] - z[0])


def test_random_styles_are_standard_normal_and_follow_the_seed(built, network):
    space, _ = built
    style = random_style(network, space, np.random.default_rng(3), 4000)
    assert np.allclose(style.codes.mean(0), 0, atol=0.08) and np.allclose(style.codes.std(0), 1, atol=0.06)
    again = random_style(network, space, np.random.default_rng(3), 4000)
    assert np.array_equal(style.codes, again.codes) and np.array_equal(style.mirrored, again.mirrored)
    assert not np.allclose(style.codes, random_style(network, space, np.random.default_rng(4), 4000).codes)


def test_mirrored_codes_make_mirrored_faces(built, network):
    space, shapes = built
    style = exemplar_style(network, space, shapes.art[:8])
    reflected = exemplar_style(network, space, shapes.art[:8] * space.parity)
    assert np.allclose(style.mirrored, reflected.codes)
    person = space.decode(space.normal_mean)[None].repeat(8, axis=0)
    z = deliver(network, space, person, style)
    assert np.allclose(deliver(network, space, person, reflected), mirror(z), atol=1e-9)


def test_the_style_of_a_class_is_its_members_mean_or_one_of_them(built, network):
    space, shapes = built
    members = shapes.art[(shapes.art_labels == 2) & ~shapes.art_held_out]
    codes = exemplar_style(network, space, members).codes
    assert np.allclose(class_style(network, space, shapes, 2).codes, codes.mean(0))
    one = class_style(network, space, shapes, 2, np.random.default_rng(8))
    assert (np.abs(codes - one.codes).max(1) < 1e-12).sum() == 1
    assert np.array_equal(one.codes, class_style(network, space, shapes, 2, np.random.default_rng(8)).codes)
    for label in (-1, 6):
        with pytest.raises(ParameterError, match=f"style class {label + 1} does not exist; classes are 1 to 6"):
            class_style(network, space, shapes, label)


def test_the_face_of_a_code_is_the_average_person_in_that_style(built, network):
    space, shapes = built
    codes = network.style_code(shapes.art[:3])
    expected = network.translate_coefficients(np.repeat(space.normal_mean[None], 3, axis=0), shapes.art[:3])
    assert np.allclose(style_face(network, space, codes), expected)


# --- warping ----------


def test_an_unchanged_face_leaves_every_pixel(astronaut, pixels):
    assert np.array_equal(warp_image(astronaut, pixels[0][0], pixels[0][0]), astronaut)


def test_the_points_land_where_they_should(pixels):
    for source, target in zip(pixels[0][:4], pixels[1][:4], strict=True):
        flow = face_flow((512, 512), source, target)
        inside = (target > 2).all(1) & (target < 510).all(1)
        at = np.rint(target[inside] - 0.5).astype(int)
        came = flow[at[:, 1], at[:, 0]] + (target[inside] - 0.5 - at)
        distance = np.linalg.norm(came - source[inside], axis=1)
        assert np.median(distance) < 1.0 and distance.max() < 6.0


def determinant(flow: np.ndarray) -> np.ndarray:
    down, right = np.gradient(flow, axis=0), np.gradient(flow, axis=1)
    return right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0]


def test_strong_exaggerations_do_not_fold(pixels, built):
    space, _ = built
    strong = Network(space.size, 2.0)
    for source, exemplar in zip(pixels[0][:5], pixels[1][5:10], strict=True):
        target = translate(strong, space, source, exemplar, strength=2.0)
        assert determinant(face_flow((512, 512), source, target)).min() > 0


def test_far_from_the_face_the_picture_stays(pixels):
    source = pixels[0][0] * 0.2 + 300
    target = source + 0.15 * (source - source.mean(0))
    flow = face_flow((800, 800), source, target)
    y, x = np.mgrid[:800, :800] + 0.5
    moved = np.linalg.norm(flow - np.stack([x, y], axis=-1), axis=-1)
    low, high = source.min(0) - 1.5 * 80, source.max(0) + 1.5 * 80
    far = (x < low[0]) | (x > high[0]) | (y < low[1]) | (y > high[1])
    assert moved[far].max() < 1e-3 and moved.max() > 5 and determinant(flow).min() > 0.5


def test_a_shift_of_everything_shifts_the_face():
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    image = images.Image.fromarray(image).resize((256, 256), images.Image.Resampling.BICUBIC)
    face = generate_normal(load_bundled_model(), 1, np.random.default_rng(0))[0]
    face = (face - face.min(0)) / np.ptp(face, axis=0).max() * 90 + 70
    bent = warp_image(np.array(image), face, face + [8.0, 4.0]).astype(float)
    low, high = np.rint(face.min(0) + 25).astype(int), np.rint(face.max(0) - 25).astype(int)
    before = np.array(image, float)[low[1] : high[1], low[0] : high[0]]
    after = bent[low[1] + 4 : high[1] + 4, low[0] + 8 : high[0] + 8]
    assert np.abs(after - before).mean() < 4 < np.abs(bent[low[1] : high[1], low[0] : high[0]] - before).mean()


def test_the_skull_goes_with_the_face(pixels):
    face = pixels[0][0]
    assert np.allclose(skull(2 * face + 7), 2 * skull(face) + 7)
    assert (skull(face)[:, 1] < face[[0, 16], 1].max()).all() and skull(face)[3, 1] < face[17:27, 1].min()


@pytest.mark.parametrize("bad", [np.zeros((67, 2)), np.full((68, 2), np.nan)])
def test_points_that_cannot_be_warped_are_refused(astronaut, pixels, bad):
    with pytest.raises(LandmarkError, match="expected 68 finite points"):
        warp_image(astronaut, pixels[0][0], bad)


# --- the command ----------


@pytest.fixture
def project(tmp_path, built, network, monkeypatch):
    """A trained project whose networks are the random ones, and three landmark files beside it."""
    space, shapes = built
    folder = tmp_path / "data" / "artifacts"
    space.save(folder / "shape_space" / "shape_space.h5")
    shapes.save(folder / "shape_space" / "shapes.h5")
    (folder / "translation").mkdir()
    (folder / "translation" / "translator.safetensors").touch()
    monkeypatch.setattr(Translator, "load", classmethod(lambda cls, path: network))
    return tmp_path


@pytest.fixture
def files(project, pixels):
    names = {name: project / f"{name}.pts" for name in ("person", "one", "two")}
    for name, points in zip(names, (pixels[0][0], pixels[1][0], pixels[1][1]), strict=True):
        write_points(names[name], points)
    return {name: str(path) for name, path in names.items()}


def run(project: Path, *arguments: str, status: int = 0) -> str:
    command = ["translate", *arguments, "-o", str(project / "out"), "--project", str(project)]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == status, result.output
    assert status == 0 or result.output.count("\n") == 1
    return result.output


def names(project: Path) -> set[str]:
    return {path.name for path in (project / "out").iterdir()}


def test_a_photo_in_the_style_of_an_artwork(project):
    output = run(project, "sample:astronaut", "sample:oil_strokes")
    assert str(project / "out" / "figure.png") in output.splitlines()
    assert names(project) == {
        "figure.png",
        "warped.png",
        "translated.pts",
        "translated_frontal.pts",
        "content_frontal.pts",
        "style_frontal.pts",
    }
    photo = images.load_image(application.resolve("sample:astronaut").path)
    warped = images.load_image(project / "out" / "warped.png")
    assert warped.shape == photo.shape and np.array_equal(warped[-60:, :60], photo[-60:, :60])
    assert 0.01 < (np.abs(warped.astype(int) - photo) > 8).mean() < 0.5
    assert images.load_image(project / "out" / "figure.png").shape[1] == 2000


def test_the_frontal_points_are_those_of_the_pipeline(project, files, built, monkeypatch):
    monkeypatch.undo()  # real networks, from their file
    translator = random_networks(built[0].size)
    translator.save(project / "data" / "artifacts" / "translation" / "translator.safetensors")
    run(project, files["person"], files["one"])
    empty = np.zeros((8, 8, 3), np.uint8)
    pair = located(empty, empty, *(read_points(files[name]) for name in ("person", "one")))
    weak = FitParams(camera="weak")  # files of landmarks tell no image size
    fitted = fit_pair(load_bundled_model(), pair, weak)
    expected = translate_pair(translator, built[0], fitted, TranslateParams()).translated
    result = read_points(project / "out" / "translated_frontal.pts")
    assert np.allclose(result, expected, atol=1e-3) and not np.allclose(result, fitted.content_points, atol=1.0)
    assert np.allclose(read_points(project / "out" / "content_frontal.pts"), fitted.content_points, atol=1e-3)
    assert "warped.png" not in names(project)


def test_scale_zero_writes_the_points_that_were_given(project, files, pixels):
    run(project, files["person"], files["one"], "--scale", "0")
    assert np.allclose(read_points(project / "out" / "translated.pts"), pixels[0][0], atol=1e-3)


def test_the_scale_is_the_parameter_of_the_deformation(project, files):
    run(project, files["person"], files["one"], "--scale", "0.5")
    half = read_points(project / "out" / "translated.pts")
    run(project, files["person"], files["one"], "-S", "deform.scale=0.5")
    assert np.array_equal(read_points(project / "out" / "translated.pts"), half)
    run(project, files["person"], files["one"])
    assert not np.allclose(read_points(project / "out" / "translated.pts"), half, atol=0.1)


def test_interpolation_writes_every_step_from_one_exemplar_to_the_other(project, files):
    run(project, files["person"], files["one"], files["two"], "--interpolate", "--steps", "4")
    steps = [read_points(project / "out" / f"translated_frontal_{k:02d}.pts") for k in range(4)]
    assert "translated_04.pts" not in names(project) and "style_frontal_01.pts" in names(project)
    for k, name in ((0, "one"), (3, "two")):
        run(project, files["person"], files[name])
        assert np.allclose(read_points(project / "out" / "translated_frontal.pts"), steps[k], atol=2e-3)


def test_random_and_class_styles(project, files):
    def result(*arguments):
        run(project, files["person"], *arguments)
        return read_points(project / "out" / "translated.pts")

    assert np.array_equal(result("--random", "7"), result("--random", "7"))
    assert not np.allclose(result("--random", "7"), result("--random", "8"), atol=0.1)
    mean = result("--style-class", "3")
    member = result("--style-class", "3", "--random", "1")
    assert not np.allclose(mean, member, atol=0.1)
    run(project, files["person"], files["one"], "--style-class", "2", "--interpolate")
    assert "translated_06.pts" in names(project)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "STYLE is missing; name an exemplar, or give --random SEED"),
        (("one", "two"), "2 styles given, expected 1; name one, or add --interpolate"),
        (("one", "--interpolate"), "--interpolate needs at least 2 styles, got 1"),
        (("one", "--steps", "5"), "--steps is 5 but there is nothing to interpolate"),
        (("one", "two", "--interpolate", "--steps", "1"), "--steps is 1, must be 2 to 100"),
        (("one", "two", "one", "--interpolate", "--steps", "2"), "--steps is 2 for 3 styles"),
        (("--random", "-1"), "--random is -1, must be 0 to 4294967295"),
        (("--style-class", "9"), "style class 9 does not exist; classes are 1 to 6"),
        (("nothing.pts",), "nothing.pts: missing, no such file"),
        (("nothing.png",), "nothing.png: no such file"),
        (("sample:nobody",), "no such sample"),
    ],
)
def test_mistakes_are_told_in_one_line_and_nothing_is_written(project, files, arguments, message):
    output = run(project, files["person"], *(files.get(word, word) for word in arguments), status=1)
    assert message in output and not (project / "out").exists()


def test_without_a_trained_project_the_bundled_networks_are_used_and_named(files, project, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    assert "networks bundled" in run(elsewhere, files["person"], files["one"])
    assert f"networks {project}" in run(project, files["person"], files["one"])
    (project / "data" / "artifacts" / "shape_space" / "shape_space.h5").unlink()  # half a training is none
    assert "networks bundled" in run(project, files["person"], files["one"])
    assert "--style-class needs the faces" in run(elsewhere, files["person"], "--style-class", "1", status=1)
    assert "no such folder" in run(elsewhere / "nothing", files["person"], files["one"], status=1)


def test_the_pose_is_put_back(project, files):
    model = load_bundled_model()
    vertices = model.vertices(np.zeros(len(model.identity_basis)), np.zeros(len(model.expression_names)))
    turn = np.radians(20)
    rotation = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    points = 20 * (vertices[model.landmarks] @ rotation.T)[:, :2] * [1, -1] + 300
    file = project / "turned.pts"
    write_points(file, points)
    person = application.load_face(model, str(file), Params(pairs={}), False, print)
    assert np.allclose(person.moved(person.frontal), person.points, atol=1e-9)
    # The tip of the nose, moved sideways by 10 px in front, moves by about 10 cos(20) px in the turned face.
    changed = person.frontal.copy()
    changed[27:36] += [10.0, 5.0]
    moved = person.moved(changed) - person.points
    assert np.allclose(moved[27:36], [10 * np.cos(turn), 5.0], atol=0.6) and np.abs(moved[36:]).max() < 0.5
