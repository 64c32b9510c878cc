"""Measures of stylised textures: seam, noise, palette, test views, regions, and losses in fixed views."""

import numpy as np
import pytest
from ball import smooth_texture
from shown import subject_of

from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.mesh.render import View
from portrait_pipeline.regions.labels import EYES, LIPS, SKIN, region_map
from portrait_pipeline.report.texture_measures import (
    SEAM_LIMIT,
    palette_distance,
    seam_ratio,
    summarise_transfer,
    unseen_noise,
    unseen_views,
)
from portrait_pipeline.report.texture_quality import TextureQuality
from portrait_pipeline.report.view_losses import ViewLosses
from portrait_pipeline.texture.params import TextureParams
from portrait_pipeline.texture.views import draw_views

FEW = TextureParams(views=3, points=64)


# -- seam ----------------------------------------------------------------------------------------------------------


def test_a_periodic_texture_has_no_seam_and_a_step_is_one():
    texture = smooth_texture(512, seed=3)
    assert seam_ratio(texture) == pytest.approx(1.0, abs=0.1)
    stepped = texture.astype(int)
    stepped[:, :256] += np.linspace(20, 0, 256).astype(int)[None, :, None]
    assert seam_ratio(np.clip(stepped, 0, 255).astype(np.uint8)) > 3 * SEAM_LIMIT


def test_seam_ratio_equals_a_naive_loop_over_the_given_rows():
    texture = np.random.default_rng(0).integers(0, 256, (16, 40, 3)).astype(np.uint8)
    rows = np.arange(16) >= 4
    steps = {}
    for column in range(-9, 8):
        differences = [
            abs(int(texture[row, (column + 1) % 40, c]) - int(texture[row, column % 40, c]))
            for row in range(4, 16)
            for c in range(3)
        ]
        steps[column] = np.mean(differences)
    expected = steps.pop(-1) / np.mean(list(steps.values()))
    assert seam_ratio(texture, rows) == pytest.approx(expected)


def test_rounding_in_a_plain_texture_is_no_seam():
    plain = np.full((8, 32, 3), 100, np.uint8)
    assert seam_ratio(plain) == 1.0
    plain[0, 0] = 101
    assert seam_ratio(plain) < SEAM_LIMIT


# -- noise ---------------------------------------------------------------------------------------------------------


def test_noise_counts_where_few_views_look():
    rng = np.random.default_rng(1)
    texture = np.full((64, 64, 3), 128.0) + rng.normal(0, 4, (64, 64, 1))
    weight = np.zeros((64, 64))
    weight[:, 16:48] = 1.0
    even = unseen_noise(texture.astype(np.uint8), weight)
    assert even == pytest.approx(1.0, rel=0.25)
    noisy = texture.copy()
    noisy[:, :16] += rng.normal(0, 12, (64, 16, 1))
    assert unseen_noise(noisy.astype(np.uint8), weight) > 3 * even
    assert unseen_noise(texture.astype(np.uint8), np.ones((64, 64))) == 0.0


# -- palette -------------------------------------------------------------------------------------------------------


def test_palette_distance_is_that_of_lab_and_does_not_trust_single_pixels():
    grey = np.full((500, 3), 119, np.uint8)  # L = 50
    light = np.full((300, 3), 145, np.uint8)  # L = 60
    assert palette_distance(grey, grey) == 0.0
    assert palette_distance(light, grey) == pytest.approx(10.0, abs=0.5)
    with_odd_pixel = np.concatenate([grey, light[:1]])
    assert palette_distance(light, with_odd_pixel) == pytest.approx(10.0, abs=0.5)
    assert palette_distance(light, np.zeros((0, 3), np.uint8)) == 0.0


# -- views ---------------------------------------------------------------------------------------------------------


def test_unseen_views_lie_beyond_and_between_the_sampled_ones():
    sampled = draw_views(24, 30.0, 20.0, np.random.default_rng(0))
    views = unseen_views(sampled, 30.0, 20.0)
    assert len(views) == 20 == len({(view.azimuth, view.elevation) for view in views})
    assert {View(-40.0, 0.0), View(40.0, 0.0)} <= set(views)
    assert all(abs(view.azimuth) <= 40 and abs(view.elevation) <= 20 for view in views)
    assert 4 <= sum(abs(view.azimuth) > 30 for view in views) <= 10
    gaps = [min(np.hypot(v.azimuth - s.azimuth, v.elevation - s.elevation) for s in sampled) for v in views]
    assert min(gaps) > 2.0, "none is a sampled view"
    assert len(unseen_views([], 30.0, 20.0, 5)) == 5


# -- regions -------------------------------------------------------------------------------------------------------


def test_transfer_compares_the_own_region_with_the_best_other():
    distances = np.array([[0.2, 0.5, 0.3], [0.4, 0.1, np.nan], [np.nan, 0.2, np.nan]])
    found = summarise_transfer(distances, ["skin", "eyes", "lips"])
    assert set(found) == {"skin", "eyes"}, "lips could not be measured"
    assert (found["skin"].own, found["skin"].others) == (0.2, 0.3)
    assert found["eyes"].margin == pytest.approx(4.0)


# -- losses in fixed views -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def subject():
    """A face whose texture is the artwork's colours by region: skin, eyes and lips differ."""
    model = load_bundled_model()
    mesh = model.mesh()
    frontal = model.mean[model.landmarks][:, :2] * [1, -1]
    points = (frontal - frontal.mean(axis=0)) * 7 + [90, 110]
    shape = (200, 180)
    art_labels = region_map(points, shape, teeth=False)
    rng = np.random.default_rng(4)
    colours = {SKIN: (220, 170, 120), EYES: (30, 60, 160), LIPS: (190, 30, 50)}
    size = 128

    def painted(labels):
        picture = np.array([colours.get(label, colours[SKIN]) for label in range(8)], float)[labels]
        return np.clip(picture + rng.normal(0, 6, (*labels.shape, 1)), 0, 255).astype(np.uint8)

    made = subject_of(model, mesh.vertices, smooth_texture(size), painted(art_labels), points)
    return made, painted(made.labels)


def test_view_losses_repeat_and_prefer_the_artworks_colours(subject):
    made, painted = subject
    losses = ViewLosses(made, FEW, [View(), View(40.0, 0.0)], 48)
    terms = losses.terms(painted)
    assert terms.shape == (2, 5) and np.isfinite(terms).all()
    assert np.array_equal(terms, ViewLosses(made, FEW, [View(), View(40.0, 0.0)], 48).terms(painted))
    style, _ = losses.style_and_content(painted)
    other, content = losses.style_and_content(made.photo)
    assert style < 0.8 * other
    assert content < 0.02, "the photo is its own content, but for bfloat16"
    # the same vertices given as moved ones change nothing
    same, _ = losses.style_and_content(painted, np.asarray(made.mesh.vertices))
    assert same == pytest.approx(style, rel=1e-6)


def test_regions_are_told_apart_where_they_are_painted_so(subject):
    made, painted = subject
    losses = ViewLosses(made, FEW, [View()], 96)
    found = summarise_transfer(losses.region_distances(painted), ["skin", "eyes", "lips"])
    assert found["eyes"].margin > 1.05 and found["skin"].margin > 1.05


def test_quality_gathers_finite_numbers(subject):
    made, painted = subject
    measures = TextureQuality(made, FEW, 32, unseen=3).measure(painted)
    assert {
        "style_sampled",
        "style_unseen_ratio",
        "content",
        "seam_ratio",
        "unseen_noise",
        "palette_outer",
        "bleeding",
    } <= set(measures)
    assert all(np.isfinite(value) for value in measures.values())
    assert measures["style_unseen_ratio"] == pytest.approx(measures["style_unseen"] / measures["style_sampled"])
