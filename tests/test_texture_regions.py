"""Regions of artwork and head, the first texture's colours, and the measure of what bleeds into the skin."""

import cv2
import numpy as np
import pytest
import torch
from ball import smooth_texture

from portrait_pipeline.base.errors import LandmarkError
from portrait_pipeline.head.model import FaceModel
from portrait_pipeline.head.parts import regions_with_whole_ears
from portrait_pipeline.mesh.render import Framing, View, rasterise
from portrait_pipeline.mesh.texels import texel_map
from portrait_pipeline.perception.part_map import PartMap
from portrait_pipeline.perception.parts import Part
from portrait_pipeline.regions.artwork import portrait_regions
from portrait_pipeline.regions.clothes import clothes_colours
from portrait_pipeline.regions.colours import bleeding, region_colours
from portrait_pipeline.regions.head import head_regions
from portrait_pipeline.regions.labels import (
    BACKGROUND,
    CLOTHES,
    EYES,
    HAIR,
    LIPS,
    OUTER,
    SKIN,
    TEETH,
    TRANSPARENT,
    face_coordinates,
    head_polygon,
    mouth_is_open,
    portrait_mask,
    region_map,
)
from portrait_pipeline.texture.even_light import even_light, soften_relief
from portrait_pipeline.texture.palette import colour_of_luminance, start_by_region
from portrait_pipeline.texture.style import _beside_skin, _pixels
from portrait_pipeline.texture.subject import Subject, prepare

PINK, BLUE, GREEN, RED = (225, 170, 150), (30, 40, 110), (90, 160, 90), (170, 40, 50)
LUMINANCE = np.array([0.299, 0.587, 0.114])


@pytest.fixture(scope="module")
def points(model):
    frontal = model.mean[model.landmarks][:, :2] * [1, -1]
    return (frontal - frontal.mean(axis=0)) * 9 + [120, 150]


def drawn(points: np.ndarray, polygon: np.ndarray, shape=(260, 240)) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.rint((polygon - 0.5) * 16).astype(np.int32)], 1, shift=4)
    return mask > 0


def portrait(points: np.ndarray, hair=BLUE, skin=PINK, around=GREEN) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """A poster of a face: flat colours with a little grain, black lines, and what is what."""
    rng = np.random.default_rng(3)
    face, head = drawn(points, head_polygon(points, 0.55)), drawn(points, head_polygon(points, 1.1))
    art = np.empty((*face.shape, 3))
    art[:] = around
    art[head], art[face] = hair, skin
    art += rng.normal(0, 4, art.shape)
    art = np.clip(np.rint(art), 0, 255).astype(np.uint8)
    for part in (points[17:22], points[22:27], points[27:31]):
        cv2.polylines(art, [np.rint(part).astype(np.int32)], False, (20, 20, 20), 2)
    return art, {"face": face, "hair": head & ~face, "around": ~head & ~face}


def drawn_parts(truth: dict[str, np.ndarray]) -> np.ndarray:
    """(H, W) uint8 parts of a :func:`portrait`."""
    return np.select([truth["face"], truth["hair"]], [Part.SKIN, Part.HAIR], Part.BACKGROUND).astype(np.uint8)


def regions_of(points: np.ndarray, art: np.ndarray | None = None, truth: dict[str, np.ndarray] | None = None):
    """Labels of a :func:`portrait`, its own or another of the same size."""
    own, known = portrait(points)
    art, truth = (own if art is None else art), (known if truth is None else truth)
    return portrait_regions(art, points, PartMap.of_labels(drawn_parts(truth)))


def share(labels: np.ndarray, where: np.ndarray, *wanted: int) -> float:
    return float(np.isin(labels[where], wanted).mean())


# -- the artwork ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hair", "skin", "around"), [(BLUE, PINK, GREEN), (RED, (240, 240, 235), (20, 20, 60)), (GREEN, BLUE, PINK)]
)
def test_a_portrait_falls_into_skin_hair_and_surroundings(points, hair, skin, around):
    art, truth = portrait(points, hair, skin, around)
    labels = regions_of(points, art, truth)
    assert labels.dtype == np.uint8 and labels.shape == art.shape[:2]
    assert share(labels, truth["face"], SKIN, EYES, LIPS) > 0.85 and share(labels, truth["face"], HAIR) < 0.01
    assert share(labels, truth["hair"], HAIR) > 0.5 and share(labels, truth["hair"], SKIN) < 0.01
    assert share(labels, truth["around"], BACKGROUND) > 0.97
    at = {index: labels[int(points[index, 1]), int(points[index, 0])] for index in (19, 30, 36, 45, 48, 57)}
    assert at == {19: SKIN, 30: SKIN, 36: EYES, 45: EYES, 48: LIPS, 57: LIPS}, "brows are strokes on skin"


def test_points_that_are_no_face(points):
    art, truth = portrait(points)
    parts = PartMap.of_labels(drawn_parts(truth))
    with pytest.raises(LandmarkError, match=r"face is 0\.0 px wide; it must be at least 8"):
        portrait_regions(art, np.zeros((68, 2)), parts)


def test_hats_are_clothes_and_scraps_of_hair_are_no_example(points):
    art, truth = portrait(points)
    shown = drawn_parts(truth)
    rows = np.arange(art.shape[0])[:, None]
    shown[truth["hair"]] = Part.HAT
    labels = portrait_regions(art, points, PartMap.of_labels(shown))
    assert share(labels, truth["hair"], CLOTHES) > 0.7
    shown[truth["hair"] & (rows < np.flatnonzero(truth["hair"].any(axis=1))[0] + 4)] = Part.HAIR
    assert not (portrait_regions(art, points, PartMap.of_labels(shown)) == HAIR).any()


def test_what_is_transparent_is_no_style(points):
    art, truth = portrait(points)
    alpha = np.full(art.shape[:2], 255, np.uint8)
    alpha[: int(points[33, 1])] = 0
    labels = portrait_regions(art, points, PartMap.of_labels(drawn_parts(truth)).within(alpha), alpha)
    assert (labels[alpha == 0] == TRANSPARENT).all() and share(labels, truth["face"] & (alpha > 0), SKIN, LIPS) > 0.7


def test_transparent_pixels_give_no_colour_to_anything(model, points, painted):
    """A cut-out portrait without clothes: what clothes learn from is neither the white nor what white is near to."""
    art, truth = portrait(points, skin=(150, 110, 90))
    alpha = np.where(truth["around"], 0, 255).astype(np.uint8)
    art[alpha == 0] = 255
    labels = portrait_regions(art, points, PartMap.of_labels(drawn_parts(truth)).within(alpha), alpha)
    for colours in (clothes_colours(art, labels), *region_colours(art, labels).values()):
        assert not (colours == 255).all(axis=1).any()
    assert len(clothes_colours(art, labels))
    dressed = np.where(np.arange(256)[:, None] < 200, SKIN, CLOTHES) * np.ones((256, 256), np.uint8)
    subject = Subject.of(model, model.mean, painted[0], None, dressed.astype(np.uint8), art, points, labels)
    scene = prepare(subject, 20.0, torch.device("cpu"))
    assert scene.clothes and not (scene.art == 255).all(axis=2).any(), "nor does the network see it"
    shown = np.zeros(scene.art_labels.size)
    for index in _pixels(scene, scene.art_labels, 2, 4000, {CLOTHES: 0.5}, torch.Generator(), torch.device("cpu")):
        np.add.at(shown, index.numpy(), 1)
    assert shown.sum() == 4000 and not shown[scene.art_labels.ravel() == TRANSPARENT].any()


def test_portrait_mask_holds_the_face_and_not_the_corners(points):
    mask = portrait_mask(points, (260, 240))
    for index in (27, 30, 36, 45, 48, 54, 57):
        assert mask[int(points[index, 1]), int(points[index, 0])]
    assert not mask[-1, 0] and not mask[-1, -1] and 0.1 < mask.mean() < 0.6
    assert head_polygon(points)[:, 1].min() < points[17:27, 1].min(), "the outline reaches above the brows"
    with pytest.raises(LandmarkError, match="no pixel"):
        portrait_mask(points + 1000, (260, 240))


def test_an_open_mouth_shows_teeth(points):
    opened = points.copy()
    opened[65:68, 1] += 0.3 * np.linalg.norm(points[54] - points[48])
    assert mouth_is_open(opened) and not mouth_is_open(points)
    art, truth = portrait(points)
    middle = opened[[62, 66]].mean(axis=0).astype(int)
    for labels in (
        region_map(opened, (260, 240), teeth=True),
        portrait_regions(art, opened, PartMap.of_labels(drawn_parts(truth))),
    ):
        assert labels[middle[1], middle[0]] == TEETH


def test_face_coordinates_undo_an_affine_map(points):
    moved = points @ np.array([[1.2, 0.1], [-0.2, 0.9]]) + [5, -3]
    assert np.allclose(face_coordinates(moved, moved, points), points, atol=1e-8)


# -- the head ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def painted(model):
    """A head whose hair line is known: (S, S, 3) texture, hair (S, S) as seen everywhere, (S, S) all seen."""
    size = 256
    texels = texel_map(model.mesh(), size)
    place = texels.interpolate(model.triangles, model.mean)
    scalp = regions_with_whole_ears(model) == FaceModel.REGIONS.index("scalp")
    hair = scalp[model.triangles[texels.triangle]].all(axis=-1)
    brow = model.mean[model.landmarks[17:27], 1].max()
    hair &= place[..., 1] > model.mean[model.regions == FaceModel.REGIONS.index("ear"), 1].mean()  # no nape
    hair &= (place[..., 1] > brow + 4.0) | (place[..., 2] < 3.0)  # starts higher than the model's own hair line
    rng = np.random.default_rng(1)
    texture = np.where(hair[..., None], (60, 45, 40), (215, 165, 140)) + rng.normal(0, 5, (size, size, 3))
    return np.clip(texture, 0, 255).astype(np.uint8), hair.astype(float), np.ones((size, size), bool)


def test_a_head_falls_into_its_regions(model, painted):
    _, hair, seen = painted
    labels = head_regions(model, model.mesh(), 256, hair, seen)
    hair = hair > 0.5
    assert set(np.unique(labels)) == {SKIN, OUTER, HAIR, EYES, LIPS}
    assert share(labels, hair, HAIR) > 0.95
    core = cv2.erode((~hair).astype(np.uint8), np.ones((9, 9))) > 0
    region = model.regions[model.triangles[texel_map(model.mesh(), 256).triangle]].max(axis=-1)
    face, neck = (region == FaceModel.REGIONS.index(name) for name in ("face", "neck"))
    assert share(labels, core & face, HAIR) < 0.01
    assert share(labels, neck, OUTER) > 0.97
    seen = rasterise(model.mesh(), View(), Framing(np.array([0.0, 0.0, -2.0]), 17.0), 64)
    row, column = (((1 - seen.uv[..., 1]) * 256).astype(int), (seen.uv[..., 0] * 256).astype(int))
    middle = labels[row[32, 32], column[32, 32]]
    assert middle == SKIN, "the middle of the frontal view is face"


def test_unseen_scalp_is_hair_and_a_bald_one_is_skin(model, painted):
    _, hair, _ = painted
    front = texel_map(model.mesh(), 256).interpolate(model.triangles, model.mean)[..., 2] > 0
    labels = head_regions(model, model.mesh(), 256, hair, front)
    assert share(labels, (hair > 0.5) & ~front, HAIR) > 0.9
    assert (head_regions(model, model.mesh(), 256) == HAIR).sum() > (labels == HAIR).sum(), "the bare temples"
    labels = head_regions(model, model.mesh(), 256, 0 * hair, front)
    assert not (labels == HAIR).any() and share(labels, (hair > 0.5) & ~front, OUTER) > 0.99


# -- colours -------------------------------------------------------------------------------------------------------


def tensor(texture: np.ndarray) -> torch.Tensor:
    return torch.tensor(texture.astype(np.float32) / 255).permute(2, 0, 1)[None]


def array(texture: torch.Tensor) -> np.ndarray:
    return texture[0].permute(1, 2, 0).numpy() * 255


@pytest.fixture(scope="module")
def scene(model, points, painted):
    art, truth = portrait(points)
    return painted[0], head_regions(model, model.mesh(), 256, *painted[1:]), art, regions_of(points, art, truth)


def test_every_region_starts_in_its_own_colours(scene):
    texture, labels, art, art_labels = scene
    colours = region_colours(art, art_labels)
    start = array(start_by_region(tensor(texture), labels, colours, "palette"))
    for label, wanted in ((SKIN, PINK), (OUTER, PINK), (HAIR, BLUE)):
        part = cv2.erode((labels == label).astype(np.uint8), np.ones((9, 9))) > 0
        assert np.abs(np.median(start[part], axis=0) - wanted).max() < 12
        assert np.percentile(np.abs(start[part] - wanted).max(axis=1), 98) < 45
    assert bleeding(np.clip(start, 0, 255).astype(np.uint8), labels, art, art_labels) < 0.02


def test_the_start_keeps_light_and_dark_and_wraps_round_the_seam(scene):
    texture, labels, art, art_labels = scene
    photo = np.clip(texture.astype(float) + (smooth_texture(256, seed=4).mean(axis=2, keepdims=True) - 128), 0, 255)
    style = region_colours(art, art_labels) | {SKIN: np.linspace(20, 240, 500)[:, None] * [1, 0.9, 0.7]}
    start = array(start_by_region(tensor(photo), labels, style, "palette")) @ LUMINANCE
    skin = cv2.erode((labels == SKIN).astype(np.uint8), np.ones((9, 9))) > 0
    assert np.corrcoef(start[skin], (photo @ LUMINANCE)[skin])[0, 1] > 0.95
    assert np.abs(start[:, 0] - start[:, -1]).max() < 25


def test_other_starts_by_region(scene):
    texture, labels, art, art_labels = scene
    colours, photo = region_colours(art, art_labels), tensor(texture)
    assert start_by_region(photo, labels, colours, "photo") is photo
    moved = array(start_by_region(photo, labels, colours, "mean"))
    assert np.abs(moved[labels == SKIN].mean(axis=0) - colours[SKIN].mean(axis=0)).max() < 3
    small = start_by_region(torch.nn.functional.interpolate(photo, size=(64, 64)), labels, colours, "palette")
    assert small.shape == (1, 3, 64, 64)
    assert np.allclose(colour_of_luminance(np.full((5, 3), 0.4), np.array([0.2, 1.3])), [[0.2] * 3, [1.3] * 3])


def test_colours_without_an_example_come_from_the_portrait():
    art = np.zeros((40, 40, 3), np.uint8)
    art[:] = PINK
    art[:6] = BLUE
    labels = np.full((40, 40), SKIN, np.uint8)
    colours = region_colours(art, labels)
    assert (colours[HAIR] == BLUE).all() and len(colours[BACKGROUND]) == 0
    assert len(colours[EYES]) == len(colours[TEETH]) == 1600 and colours[OUTER] is colours[SKIN]
    nothing = region_colours(art, np.full((40, 40), BACKGROUND, np.uint8))
    assert all(len(nothing[label]) for label in (SKIN, OUTER, HAIR, EYES, LIPS, TEETH))


def test_bleeding_is_the_share_of_foreign_colour(scene):
    _, labels, art, art_labels = scene
    pure = np.empty((256, 256, 3), np.uint8)
    pure[:] = PINK
    pure[labels == HAIR] = BLUE
    assert bleeding(pure, labels, art, art_labels) == 0.0
    skin = np.isin(labels, (SKIN, OUTER))
    stained = pure.copy()
    stained[:, :100][skin[:, :100]] = BLUE
    wanted = skin[:, :100].sum() / skin.sum()
    assert bleeding(stained, labels, art, art_labels) == pytest.approx(wanted, abs=0.05)
    thin = pure.copy()
    thin[::16] = (20, 20, 20)
    assert bleeding(thin, labels, art, art_labels) < 0.02, "lines are strokes"
    green = np.where(skin[..., None], GREEN, pure).astype(np.uint8)
    assert bleeding(green, labels, art, art_labels) == 1.0
    weight = np.zeros((256, 256))
    weight[:, 110:] = 1
    assert bleeding(stained, labels, art, art_labels, weight) == 0.0
    assert bleeding(pure, np.full_like(labels, HAIR), art, art_labels) == 0.0


def test_light_from_one_side_becomes_light_from_both_and_features_stay():
    rng = np.random.default_rng(0)
    grain = cv2.GaussianBlur(rng.normal(0, 60, (256, 256)), (0, 0), 1.0)
    mole = np.hypot(*(np.indices((256, 256)) - np.array([150, 60])[:, None, None])) < 2
    face = np.clip(150 + grain, 0, 255) - 90 * mole
    side = np.linspace(30, -30, 256)[None]
    labels = np.full((256, 256), SKIN, np.uint8)
    labels[:40], labels[100:120, 60:90] = HAIR, EYES
    lit = np.repeat(np.clip(face + side, 0, 255)[..., None], 3, axis=2).astype(np.uint8)
    even = even_light(lit, labels).astype(float)[..., 0]
    skin = np.s_[130:, :]
    halves = [even[skin][:, :110].mean(), even[skin][:, 146:].mean()]
    assert abs(halves[0] - halves[1]) < 8 < abs(lit[skin][:, :110].mean() - lit[skin][:, 146:].mean()) / 3
    assert np.array_equal(even[:40], lit[:40, :, 0]) and np.array_equal(even[105:115, 65:85], lit[105:115, 65:85, 0])
    assert even[140:160, 50:70].mean() - even[mole].mean() > 60, "what is narrow is the face"
    twice = even_light(np.repeat(even[..., None], 3, axis=2).astype(np.uint8), labels)[..., 0]
    assert np.abs(twice - even)[skin].mean() < 4, "what is even stays about as it is"


def test_folds_and_glare_are_held_within_bounds_and_features_and_grain_are_kept():
    size = 256
    labels = np.full((size, size), SKIN, np.uint8)
    labels[60:70, 150:190] = EYES
    places = np.full((68, 2), 0.9)
    places[17:27] = 0.1
    photo = np.full((size, size, 3), 150, np.uint8)
    photo[:, ::2] += 4  # grain
    photo[100:200, 100:106] = 70  # a fold
    photo[140:150, 40:50] = 250  # the sun
    photo[60:70, 150:190] = 30
    photo[20:30, 20:30] = 30  # a brow
    soft = soften_relief(photo, labels, places).astype(float)[..., 0]
    fold, sun, skin = soft[140:160, 101:105].mean(), soft[142:148, 42:48].mean(), soft[225:240, 60:200]
    assert 5 < skin.mean() - fold < 40, "of 82"
    assert 0 < sun - skin.mean() < 60, "of 98"
    assert abs(np.diff(skin, axis=1)).mean() > 3.5
    assert np.array_equal(soft[60:70, 150:190], photo[60:70, 150:190, 0])
    assert soft[22:28, 22:28].mean() < 40
    sun = soft[136:154, 36:54]
    steepest = max(abs(np.diff(sun, axis=axis)).max() for axis in (0, 1))
    assert steepest < 2 * abs(np.diff(skin, axis=1)).max(), "no outline about it"
    turned = soften_relief(photo[:, ::-1], labels[:, ::-1], np.array([1, 0]) + places * [-1, 1])
    assert np.abs(turned[:, ::-1, 0].astype(float) - soft).max() <= 1


def test_skin_beside_hair_and_surroundings_is_no_example():
    labels = np.full((60, 60), BACKGROUND, np.uint8)
    labels[10:50, 10:50] = SKIN
    labels[10:20, 10:50] = HAIR
    labels[30:34, 20:28] = EYES
    beside = _beside_skin(labels, 3)
    expected = (labels == SKIN).copy()
    expected[23:47, 13:47] = False
    assert np.array_equal(beside, expected), "beside eyes skin stays"
