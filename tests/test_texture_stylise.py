"""Views as linear maps, sampling, the artwork's region, and the whole optimisation at tiny settings."""

import cv2
import numpy as np
import pytest
import torch
from ball import ball, smooth_texture

from portrait_pipeline.errors import LandmarkError, ParameterError, TrainingError
from portrait_pipeline.face_model import load_bundled_model
from portrait_pipeline.mesh.render import Framing, View, rasterise, render
from portrait_pipeline.params import TextureParams, validate
from portrait_pipeline.texture import stylise
from portrait_pipeline.texture.exemplar import (
    EYES,
    LIPS,
    OUTER,
    SKIN,
    TEETH,
    face_coordinates,
    foreign,
    head_polygon,
    mouth_is_open,
    portrait_mask,
    region_map,
    without_example,
)
from portrait_pipeline.texture.optimise import make_guide, schedule
from portrait_pipeline.texture.palette import colour_of_luminance, start_colours
from portrait_pipeline.texture.sampling import draw_pixels, inner, pixel_points
from portrait_pipeline.texture.views import (
    crop_framing,
    draw_views,
    linear_view,
    mip_chain,
    surround_views,
    texel_weights,
)

CPU = torch.device("cpu")
FRAME = Framing(np.zeros(3), 12.0)
TINY = TextureParams(scales=[32, 48], iterations=[3, 2], crop=32, views=2, surround=1, points=64, style_points=96)


def to_image(texture: np.ndarray) -> torch.Tensor:
    return torch.tensor(texture.astype(np.float32) / 255).permute(2, 0, 1)[None]


@pytest.fixture(scope="module")
def face():
    """Bundled head, a photo texture, an artwork and its points."""
    model = load_bundled_model()
    frontal = model.mean[model.landmarks][:, :2] * [1, -1]
    points = (frontal - frontal.mean(axis=0)) * 6 + [80, 90]
    art = (smooth_texture(160, seed=9) * 0.4 + [140, 60, 10]).astype(np.uint8)
    return model, smooth_texture(64, seed=2), art, points


# -- views ---------------------------------------------------------------------------------------------------------


def test_linear_view_equals_the_renderer():
    mesh, texture, background = ball(), smooth_texture(64), (10, 200, 60)
    view = linear_view(mesh, View(20, 10), FRAME, 32, 64, 2, CPU)
    image = view.render(mip_chain(to_image(texture)), torch.tensor(background) / 255.0)
    ours = image[0].permute(1, 2, 0).numpy() * 255
    assert np.abs(ours - render(mesh, texture, View(20, 10), FRAME, 32, background, supersample=2)).max() < 1.0


def test_gradient_of_a_view_is_its_transpose():
    view = linear_view(ball(), View(), FRAME, 16, 32, 2, CPU)
    chain = torch.rand(view.matrix.shape[1], 3, requires_grad=True)
    weights = torch.rand(1, 3, 16, 16)
    (view.render(chain, torch.zeros(3)) * weights).sum().backward()
    expected = view.matrix.to_dense().T @ weights[0].reshape(3, -1).T
    assert torch.allclose(chain.grad, expected, atol=1e-5)


def test_a_known_texture_is_recovered_from_its_views():
    mesh, target = ball(), to_image(smooth_texture(32))
    views = [linear_view(mesh, View(a, 0), FRAME, 48, 32, 2, CPU) for a in (-40, 0, 40)]
    background = torch.zeros(3)
    pictures = [view.render(mip_chain(target), background) for view in views]
    texture = torch.full_like(target, 0.5, requires_grad=True)
    optimiser = torch.optim.Adam([texture], lr=0.05)
    for _ in range(150):
        optimiser.zero_grad()
        chain = mip_chain(texture)
        sum((v.render(chain, background) - p).square().sum() for v, p in zip(views, pictures, strict=True)).backward()
        optimiser.step()
    weight = texel_weights(views)
    seen = weight > 0.5 * weight[weight > 0].median()
    assert 0.3 < seen.float().mean() < 0.9
    assert (texture - target).abs().max(dim=1).values[0][seen].mean() < 0.02
    unseen = weight == 0
    assert unseen.any() and torch.all(texture[0][:, unseen] == 0.5), "no gradient where nothing is seen"


def test_views_are_seeded_within_range_and_spread():
    views = draw_views(24, 30.0, 20.0, np.random.default_rng(5))
    assert views == draw_views(24, 30.0, 20.0, np.random.default_rng(5))
    azimuth = np.sort([view.azimuth for view in views])
    assert np.abs(azimuth).max() <= 30 and max(abs(view.elevation) for view in views) <= 20
    assert np.diff(azimuth).max() < 6
    around = [view.azimuth for view in surround_views(8, 30.0, 20.0, np.random.default_rng(5))]
    assert all(abs(a) >= 30 for a in around) and max(around) > 120 and min(around) < -120


def test_crop_shows_the_same_place_enlarged():
    mesh, view = ball(), View(15, 5)
    whole = rasterise(mesh, view, FRAME, 64).uv
    part = rasterise(mesh, view, crop_framing(FRAME, view, 0.25, -0.25, 2.0), 64).uv
    # The window's middle is at x = 0.25, y = -0.25: columns 24..56 and rows 24..56 of the whole.
    assert np.abs(part[1::2, 1::2][8:24, 8:24] - whole[24:56, 24:56][8:24, 8:24]).max() < 0.02


# -- sampling ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("guided", [False, True])
def test_samples_never_leave_the_mask(guided):
    rng = np.random.default_rng(0)
    mask = np.zeros((40, 56), bool)
    mask[5:30, 10:50] = True
    labels = np.zeros(mask.shape, np.uint8)
    labels[10:13, 20:24], labels[20:22, 30:35] = EYES, LIPS
    index = draw_pixels(mask, labels, 600, rng, guided)
    points = pixel_points(index, mask.shape, rng)
    assert len(index) == 600 and mask.ravel()[index].all()
    rows, columns = (points[:, 1] * 40).astype(int), (points[:, 0] * 56).astype(int)
    assert mask[rows, columns].all(), "jitter stays inside the pixel"
    share = (labels.ravel()[index] == EYES).mean()
    assert share == pytest.approx(0.10, abs=0.01) if guided else share < 0.06


def test_inner_mask_keeps_off_outlines_but_not_off_the_image_border():
    mask = np.zeros((20, 20), bool)
    mask[:, :10] = True
    smaller = inner(mask, 2)
    assert smaller[:, :8].all() and not smaller[:, 8:].any()
    dot = np.zeros((9, 9), bool)
    dot[4, 4] = True
    assert np.array_equal(inner(dot, 3), dot)


def test_portrait_mask_holds_the_face_and_not_the_corners(face):
    _, _, art, points = face
    mask = portrait_mask(points, art.shape[:2])
    for index in (27, 30, 36, 45, 48, 54, 57):
        assert mask[int(points[index, 1]), int(points[index, 0])]
    assert not mask[-1, 0] and not mask[-1, -1] and 0.1 < mask.mean() < 0.6
    assert head_polygon(points)[:, 1].min() < points[17:27, 1].min(), "the outline reaches above the brows"
    with pytest.raises(LandmarkError, match="no pixel"):
        portrait_mask(points + 1000, art.shape[:2])


def test_regions_lie_on_eyes_and_lips(face):
    model, _, art, points = face
    labels = region_map(points, art.shape[:2], teeth=False)
    at = {index: labels[int(points[index, 1]), int(points[index, 0])] for index in (30, 36, 45, 48, 62)}
    assert at == {30: SKIN, 36: EYES, 45: EYES, 48: LIPS, 62: LIPS}
    guide = make_guide(model.mesh(), model.landmarks, 128)
    assert guide.labels[127, 64] == OUTER and guide.labels[60, 2] in (SKIN, OUTER)
    assert set(np.unique(guide.labels)) == {SKIN, EYES, LIPS, OUTER}


def test_an_open_mouth_shows_teeth(face):
    model, _, art, points = face
    opened = points.copy()
    opened[65:68, 1] += 0.3 * np.linalg.norm(points[54] - points[48])
    assert mouth_is_open(opened) and not mouth_is_open(points)
    labels = region_map(opened, art.shape[:2], teeth=True)
    middle = opened[[62, 66]].mean(axis=0).astype(int)
    assert labels[middle[1], middle[0]] == TEETH
    jaw_open = np.zeros(len(model.expression_names))
    jaw_open[model.expression_names.index("jawOpen")] = 0.5
    laughing = model.mesh(model.vertices(np.zeros(1), jaw_open))
    assert (make_guide(laughing, model.landmarks, 128).labels == TEETH).any()


def test_regions_are_matched_with_their_own_kind():
    head = np.array([SKIN, EYES, LIPS, OUTER, TEETH])
    laughing, silent = np.array([SKIN, EYES, LIPS, TEETH]), np.array([SKIN, EYES, LIPS])
    assert (~foreign(head, laughing)).tolist() == [
        [True, False, False, False],
        [False, True, False, False],
        [False, False, True, False],
        [True, False, False, False],
        [False, False, False, True],
    ]
    assert without_example(head, silent).tolist() == [False, False, False, False, True]
    assert not without_example(head, laughing).any()


def test_face_coordinates_undo_an_affine_map(face):
    points = face[3]
    moved = points @ np.array([[1.2, 0.1], [-0.2, 0.9]]) + [5, -3]
    assert np.allclose(face_coordinates(moved, moved, points), points, atol=1e-8)


def test_palette_start_has_the_styles_light_and_only_its_colours():
    texture = to_image(smooth_texture(64, seed=2))
    rng = np.random.default_rng(0)
    share = rng.uniform(size=(4000, 1))
    style = np.rint(share * [250, 230, 150] + (1 - share) * [20, 30, 90]).astype(np.uint8)  # dark blue to light yellow
    weights = np.array([0.299, 0.587, 0.114])
    moved = start_colours(texture, style, "palette")[0].permute(1, 2, 0).numpy() * 255
    assert (moved @ weights).mean() == pytest.approx((style @ weights).mean(), abs=1.0)
    light = (moved @ weights).ravel()
    known, channels = np.sort(style @ weights), np.sort(style, axis=0).T
    expected = np.stack([np.interp(light, known, channel) for channel in channels], axis=1)
    middle = (light > 50) & (light < 200)
    assert np.abs(moved.reshape(-1, 3) - expected)[middle].max() < 8


def test_palette_start_matches_face_to_face_whatever_hair_surrounds_it():
    texture = torch.full((1, 3, 8, 8), 0.2)
    texture[:, :, 2:6, 2:6] = 0.6
    face = np.zeros((8, 8), bool)
    face[2:6, 2:6] = True
    style = np.array([[200, 180, 160]] * 50 + [[10, 10, 40]] * 500, np.uint8)
    moved = start_colours(texture, style, "palette", face, style[:50])[0].permute(1, 2, 0).numpy() * 255
    assert np.abs(moved[face] - [200, 180, 160]).max() < 3


def test_other_starts():
    texture = to_image(smooth_texture(64, seed=2))
    style = smooth_texture(48, seed=9).reshape(-1, 3)
    moved = start_colours(texture, style, "mean")
    assert torch.allclose(moved.mean(dim=(0, 2, 3)), torch.tensor(style.mean(axis=0) / 255).float(), atol=1e-4)
    assert torch.allclose(moved - moved.mean((2, 3), True), texture - texture.mean((2, 3), True), atol=1e-5)
    assert start_colours(texture, style, "photo") is texture
    assert np.allclose(colour_of_luminance(np.full((5, 3), 0.4), np.array([0.2, 1.3])), [[0.2] * 3, [1.3] * 3])


# -- the whole -----------------------------------------------------------------------------------------------------


def test_schedule_halves_the_content_weight_and_scales_it_with_beta():
    stages = schedule(TextureParams(beta=0.5, content_weight=0.4), 512)
    assert [stage.content_weight for stage in stages] == pytest.approx([3.2, 1.6, 0.8, 0.4])
    assert [stage.texture_size for stage in stages] == [128, 256, 512, 512]
    assert stages[-1].learning_rate == pytest.approx(stages[0].learning_rate / 2)


def test_stylise_is_deterministic_reports_and_moves_towards_the_style(face):
    model, photo, art, points = face
    steps: list[tuple[int, int]] = []

    def run(params, progress=lambda *_: None):
        return stylise(model.mesh(), photo, art, points, params, progress, landmarks=model.landmarks)

    first, history = run(TINY, lambda step, total, losses: steps.append((step, total)))
    second, again = run(TINY)
    assert np.array_equal(first, second) and history == again
    assert first.shape == photo.shape and first.dtype == np.uint8
    assert steps == [(i + 1, 5) for i in range(5)] and len(history) == 5
    assert set(history[0]) == {"step", "scale", "loss", "content", "emd", "moments", "colour"}
    assert [record["scale"] for record in history] == [32, 32, 32, 48, 48]
    inside = art[portrait_mask(points, art.shape[:2])].mean(axis=0)
    before, after = (np.abs(texture.reshape(-1, 3).mean(axis=0) - inside).sum() for texture in (photo, first))
    assert after < before
    other, _ = run(TINY.model_copy(update={"seed": 1}))
    assert not np.array_equal(first, other)
    mixed, _ = run(TINY.model_copy(update={"strength": 0.5}))
    assert np.abs(mixed.astype(float) - (first.astype(float) + photo) / 2).max() <= 1.0


def test_teeth_keep_their_first_colours_when_the_artwork_shows_none(face):
    model, photo, art, points = face
    photo = cv2.resize(photo, (256, 256))
    jaw_open = np.zeros(len(model.expression_names))
    jaw_open[model.expression_names.index("jawOpen")] = 0.8
    laughing = model.mesh(model.vertices(np.zeros(1), jaw_open))
    few = TINY.model_copy(update={"scales": [128], "iterations": [6], "crop": 64, "learning_rate": 0.05})
    results = [
        stylise(laughing, photo, art, points, few.model_copy(update={"seed": seed}), landmarks=model.landmarks)[0]
        for seed in (0, 1)
    ]
    changed = np.abs(results[0].astype(int) - results[1]).max(axis=2)
    labels = make_guide(laughing, model.landmarks, len(photo)).labels
    teeth = cv2.erode((labels == TEETH).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert teeth.sum() >= 20
    assert changed[teeth].mean() < 0.2 * changed[labels == LIPS].mean()


def test_optimisation_lowers_the_style_loss(face):
    model, photo, art, points = face
    few = {"iterations": [24], "views": 2, "surround": 0, "points": 128, "style_points": 128, "start": "photo"}
    _, history = stylise(model.mesh(), photo, art, points, TextureParams(scales=[32], beta=0.0, **few))
    losses = [record["loss"] for record in history]
    assert np.mean(losses[-5:]) < 0.8 * losses[0]


def test_strength_zero_is_the_photo_texture(face):
    model, photo, art, points = face
    result, history = stylise(model.mesh(), photo, art, points, TextureParams(strength=0.0))
    assert np.array_equal(result, photo) and history == []


def test_errors_name_the_parameter(face):
    model, photo, art, points = face
    with pytest.raises(ParameterError, match=r"texture\.iterations has 1 entries and texture\.scales 2"):
        stylise(model.mesh(), photo, art, points, TextureParams(scales=[32, 64], iterations=[1]))
    with pytest.raises(ParameterError, match="square uint8"):
        stylise(model.mesh(), photo[:32], art, points, TINY)
    with pytest.raises(LandmarkError, match="no pixel"):
        stylise(model.mesh(), photo, art, points - 900, TINY)
    wild = TINY.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(TrainingError, match=r"not finite at step \d+; lower texture.learning_rate"):
        stylise(model.mesh(), photo, art, points, wild)
    nan = float("nan")
    for bad in ({"beta": -1.0}, {"beta": "1"}, {"beta": nan}, {"scales": []}, {"scales": [8]}, {"strength": 1.5}):
        with pytest.raises(ParameterError, match=f"params: {next(iter(bad))}"):
            validate(TextureParams, bad, "params")
