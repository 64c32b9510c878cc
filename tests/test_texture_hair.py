"""Unseen hair: strands that follow a flow without a seam, the seen hair's contrast, a hairline, seen texels kept."""

import cv2
import numpy as np
import pytest

from portrait_pipeline.head.model import FaceModel
from portrait_pipeline.head.parts import openness, regions_with_whole_ears
from portrait_pipeline.mesh.laplacian import surface_laplacian
from portrait_pipeline.mesh.render import vertex_normals
from portrait_pipeline.mesh.texels import texel_map
from portrait_pipeline.photo_texture.hair import HairLook, deep_hair, hair_look, matched, plain_look, strands
from portrait_pipeline.photo_texture.unseen import fill_by_region, hairline_distance
from portrait_pipeline.regions.hair_flow import combed, hair_flow, layout_steps, texel_size, turned
from portrait_pipeline.regions.head import head_regions
from portrait_pipeline.regions.labels import HAIR, OUTER

SIZE = 256
BANDS = np.array([1.0, 1.0, 0.6])
BROWN, SKIN_COLOUR = np.array([90.0, 62.0, 45.0]), np.array([215.0, 165.0, 140.0])


@pytest.fixture(scope="module")
def mesh(model):
    return model.mesh()


@pytest.fixture(scope="module")
def laplacian(mesh):
    return surface_laplacian(mesh)


@pytest.fixture(scope="module")
def texels(mesh):
    return texel_map(mesh, SIZE)


@pytest.fixture(scope="module")
def scalp(model, texels):
    is_scalp = regions_with_whole_ears(model) == FaceModel.REGIONS.index("scalp")
    return is_scalp[model.triangles[texels.triangle]].all(axis=-1)


def streaks_along(mesh, texels, relief, flow, where) -> float:
    """Mean squared slope along the flow against that in all directions (0.5: no direction, 0: perfect strands)."""
    across = np.cross(vertex_normals(np.asarray(mesh.vertices, float), mesh.triangles), flow)
    smooth = cv2.GaussianBlur(relief.astype(np.float32), (0, 0), 0.8)
    slope = np.stack([cv2.Scharr(smooth, cv2.CV_32F, 1, 0), cv2.Scharr(smooth, cv2.CV_32F, 0, 1)], axis=-1)
    squares = []
    for direction in (flow, across):
        step = texels.interpolate(mesh.uv_triangles, layout_steps(mesh, direction))
        squares.append(((step * slope).sum(axis=-1)[where] ** 2).mean())
    return squares[0] / sum(squares)


def inside(mask: np.ndarray, width: int) -> np.ndarray:
    mask = cv2.erode(mask.astype(np.uint8), np.ones((width, width)), borderValue=1) > 0
    mask[:, :3] = mask[:, -3:] = mask[:3] = False  # slopes at the layout's border are not defined
    return mask


# -- flow ----------------------------------------------------------------------------------------------------------


def test_a_step_along_a_direction_in_the_layout_is_that_direction_on_the_surface(mesh, texels):
    flow = combed(mesh)
    assert np.allclose(np.linalg.norm(flow, axis=1)[np.unique(mesh.triangles)], 1, atol=1e-6)
    places = texels.interpolate(mesh.triangles, mesh.vertices)
    step = texels.interpolate(mesh.uv_triangles, layout_steps(mesh, flow)) * SIZE
    moved = step[..., :1] * np.gradient(places, axis=1) + step[..., 1:] * np.gradient(places, axis=0)  # first order
    wanted = texels.interpolate(mesh.triangles, flow)
    error = np.linalg.norm(moved - wanted, axis=-1)[8:-8, 8:-8]
    assert np.median(error) < 0.03


def test_hair_is_combed_down_at_the_back_and_mirrored(model, mesh):
    flow = combed(mesh)
    back = (model.mean[:, 2] < -11) & (np.abs(model.mean[:, 1]) < 3)
    assert (flow[back, 1] < -0.8).all()
    distance = np.linalg.norm(model.mean[:, None] * [-1, 1, 1] - model.mean[None, back], axis=2)
    twin = distance.argmin(axis=0)
    assert np.abs(flow[twin] * [-1, 1, 1] - flow[back]).max() < 0.15


@pytest.mark.parametrize("angle", [0.0, 0.7, -1.1])
def test_strands_follow_a_given_flow(mesh, texels, scalp, angle):
    normals = vertex_normals(np.asarray(mesh.vertices, float), mesh.triangles)
    flow = turned(combed(mesh), normals, np.full(len(mesh.vertices), angle))
    relief = strands(mesh, texels, flow, BANDS)
    assert streaks_along(mesh, texels, relief, flow, inside(scalp, 5)) < 0.15
    aside = turned(flow, normals, np.full(len(flow), np.pi / 2))
    assert streaks_along(mesh, texels, relief, aside, inside(scalp, 5)) > 0.85


def test_the_flow_takes_the_seen_hairs_direction(mesh, laplacian, texels, scalp):
    normals = vertex_normals(np.asarray(mesh.vertices, float), mesh.triangles)
    truth = turned(combed(mesh), normals, np.full(len(mesh.vertices), 0.8))
    light = 40 + 8 * strands(mesh, texels, truth, BANDS, seed=3)
    front = np.asarray(mesh.vertices)[:, 2] > -3
    shown = scalp & front[mesh.triangles[texels.triangle]].all(axis=-1)
    flow = hair_flow(mesh, laplacian, texels, light, shown.astype(np.float32))
    there = shown.ravel().nonzero()[0]
    vertex = np.unique(mesh.triangles[texels.triangle.ravel()[there[::7]], 0])
    agreement = np.abs((flow * truth).sum(axis=1))
    assert np.median(agreement[vertex]) > 0.95
    far = (np.asarray(mesh.vertices)[:, 2] < -12) & (np.asarray(mesh.vertices)[:, 1] < 4)
    assert np.median(np.abs((flow * combed(mesh)).sum(axis=1))[far]) > 0.9, "far from what is seen hair is combed"
    plain = hair_flow(mesh, laplacian, texels, np.full((SIZE, SIZE), 40.0), shown.astype(np.float32))
    assert np.abs((plain * combed(mesh)).sum(axis=1))[np.unique(mesh.triangles)].min() > 0.99


# -- strands -------------------------------------------------------------------------------------------------------


def test_strands_repeat_with_the_seed(mesh, texels, scalp):
    flow = combed(mesh)
    relief = strands(mesh, texels, flow, BANDS)
    assert np.array_equal(relief, strands(mesh, texels, flow, BANDS))
    assert np.abs(relief - strands(mesh, texels, flow, BANDS, seed=1)).mean() > 0.5
    assert abs(relief[scalp].mean()) < 0.3 and 0.5 < relief[scalp].std() < 1.5


def test_strands_have_no_seam(mesh):
    size = 512
    texels, flow = texel_map(mesh, size), combed(mesh)
    back, crown = [], []
    for seed in range(4):  # few strands cross a seam
        relief = strands(mesh, texels, flow, BANDS, seed)
        round_the_back = np.concatenate([relief[:, -8:], relief[:, :8]], axis=1)[size // 8 : size // 2]
        back.append(np.abs(np.diff(round_the_back, axis=1)).mean(axis=0))
        over_the_crown = np.concatenate([relief[7::-1, ::-1], relief[:8]], axis=0)  # (u, 1) is (1 - u, 1)
        crown.append(np.abs(np.diff(over_the_crown, axis=0)).mean(axis=1))
    for steps, bound in ((np.mean(back, axis=0), 1.2), (np.mean(crown, axis=0), 1.35)):  # hair parts on the crown
        assert steps[7] < bound * np.delete(steps, 7).mean()


def test_strength_of_the_octaves_sets_the_width(mesh, texels, scalp):
    flow = combed(mesh)
    fine, coarse = (strands(mesh, texels, flow, np.array(bands)) for bands in ([1.0, 0, 0], [0, 0, 1.0]))
    rough = [np.abs(np.diff(relief, axis=1))[:, :40][scalp[:, :40]].mean() for relief in (fine, coarse)]
    assert rough[0] > 1.5 * rough[1]


def test_contrast_and_colours_are_the_seen_hairs():
    rng = np.random.default_rng(0)
    texel = 0.05
    for contrast in (0.5, 6.0):
        light = 40 + contrast * cv2.GaussianBlur(rng.normal(0, 4, (120, 120)), (0, 0), 1.5)
        lab = np.stack([light, 10 + 0.3 * (light - 40), 15 - 0.2 * (light - 40)], axis=-1).astype(np.float32)
        shown = np.zeros((120, 120), bool)
        shown[10:110, 10:110] = True
        look = hair_look(lab, shown, shown, texel)
        assert look is not None and np.abs(look.colour - np.median(lab[shown], axis=0)).max() < 0.5
        relief = matched(rng.normal(size=20000), look)
        smooth = light - cv2.GaussianBlur(light, (0, 0), 1.1 / texel)
        assert 0.6 * smooth.std() < relief.std() < 1.2 * smooth.std()
        base = np.tile(look.colour, (5, 1))
        coloured = look.coloured(base, np.linspace(-1, 1, 5) * relief.std())
        slope = np.polyfit(coloured[:, 0], coloured[:, 1], 1)[0]
        assert slope == pytest.approx(0.3, abs=0.12)
    assert hair_look(lab, np.zeros_like(shown), shown, texel) is None


def test_deep_hair_leaves_out_the_edge_unless_there_is_little_else():
    shown = np.zeros((100, 100), bool)
    shown[:60] = True
    deep = deep_hair(shown, 0.05)
    assert deep[:49].all() and not deep[51:].any()
    thin = np.zeros((100, 100), bool)
    thin[40:52] = True
    assert np.array_equal(deep_hair(thin, 0.05), thin)


def test_hair_of_which_only_a_colour_is_known_has_that_colour():
    look = plain_look(BROWN)
    lab = look.coloured(np.tile(look.colour, (500, 1)), matched(np.random.default_rng(0).normal(size=500), look))
    assert np.abs(np.median(lab, axis=0) - look.colour).max() < 0.5 and 2 < lab[:, 0].std() < 4


def test_relief_is_limited_where_a_few_texels_are_unlike_hair():
    rng = np.random.default_rng(0)
    lab = np.tile(np.float32([15, 0, 0]), (90, 90, 1))
    lab[..., 0] += rng.normal(0, 1, (90, 90))
    lab[40:50, 40:55] = (90, 0, 60)
    look = hair_look(lab, np.ones((90, 90), bool), np.ones((90, 90), bool), 0.04)
    assert isinstance(look, HairLook) and np.abs(look.relief).max() < 6


# -- the filled texture --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def half_seen(model, mesh, texels, scalp):
    """A head with streaky hair, seen from the front: colours, weight, labels."""
    flow = combed(mesh)
    relief = strands(mesh, texels, flow, BANDS, seed=5)
    rng = np.random.default_rng(2)
    colour = np.where(scalp[..., None], BROWN + 14 * relief[..., None], SKIN_COLOUR + rng.normal(0, 3, (SIZE, SIZE, 1)))
    front = (np.asarray(mesh.vertices)[:, 2] > -4)[mesh.triangles[texels.triangle]].all(axis=-1)
    weight = cv2.GaussianBlur(cv2.erode(front.astype(np.float32), np.ones((5, 5))), (0, 0), 1.5)
    weight = np.where(weight > 0.98, 1.0, np.where(weight < 0.02, 0.0, weight))
    colour = np.clip(np.where(front[..., None], colour, 0), 0, 255)
    labels = np.where(scalp, HAIR, head_regions(model, mesh, SIZE))
    labels = np.where((labels == HAIR) & ~scalp, OUTER, labels)
    return colour, weight, labels


@pytest.fixture(scope="module")
def filled(model, mesh, laplacian, texels, half_seen):
    return fill_by_region(model, mesh, laplacian, texels, *half_seen)


def test_seen_texels_stay_as_they_are(model, mesh, laplacian, texels, half_seen, filled):
    colour, weight, _ = half_seen
    assert np.array_equal(filled[weight == 1], colour[weight == 1])
    assert np.array_equal(filled, fill_by_region(model, mesh, laplacian, texels, *half_seen))


def test_unseen_hair_and_skin_follow_the_labels(half_seen, filled, scalp):
    _, weight, labels = half_seen
    hair, skin = inside(labels == HAIR, 7) & (weight == 0), inside(labels == OUTER, 7) & (weight == 0)
    assert hair.sum() > 1000 and skin.sum() > 1000
    assert np.abs(np.median(filled[hair], axis=0) - BROWN).max() < 12
    hue = filled[skin] / filled[skin].sum(axis=1, keepdims=True)
    assert np.abs(hue - SKIN_COLOUR / SKIN_COLOUR.sum()).max() < 0.03, "no hair on ears and neck"
    seen = half_seen[0][inside(scalp, 5) & (weight == 1)].mean(axis=1)
    assert 0.5 * seen.std() < filled[hair].mean(axis=1).std() < 1.5 * seen.std()
    assert np.abs(filled[:, 0] - filled[:, -1]).mean() < 1.2 * np.abs(np.diff(filled, axis=1))[:, :6].mean() + 1


def test_a_plain_head_of_hair_stays_plain(model, mesh, laplacian, texels, half_seen):
    colour, weight, labels = half_seen
    flat = np.where((labels == HAIR)[..., None], BROWN, colour)
    hair = inside(labels == HAIR, 7) & (weight == 0)
    result = fill_by_region(model, mesh, laplacian, texels, flat, weight, labels)
    assert result[hair].std(axis=0).max() < 2


def test_a_head_without_hair_has_none(model, mesh, laplacian, texels, half_seen):
    _, weight, labels = half_seen
    bald = np.where(labels == HAIR, OUTER, labels)
    result = fill_by_region(model, mesh, laplacian, texels, np.tile(SKIN_COLOUR, (SIZE, SIZE, 1)), weight, bald)
    hue = result / result.sum(axis=-1, keepdims=True)
    assert np.abs(hue - SKIN_COLOUR / SKIN_COLOUR.sum()).max() < 0.025, "the ears' hollows are a little redder"


def test_distance_from_the_hairline_is_in_centimetres(mesh, laplacian, texels):
    height = np.asarray(mesh.vertices)[:, 1]
    distance = hairline_distance(mesh, laplacian, texels.interpolate(mesh.triangles, height[:, None])[..., 0] > 2.0)
    back = np.asarray(mesh.vertices)[:, 2] < -11  # nearly upright there
    near = back & (np.abs(height - 2) < 3)
    assert np.abs(distance - (height - 2))[near].max() < 0.8
    assert (hairline_distance(mesh, laplacian, np.ones((SIZE, SIZE), bool)) > 100).all()


def test_openness_of_some_vertices_only(mesh):
    asked = np.zeros(len(mesh.vertices), bool)
    asked[::50] = True
    some, everything = openness(mesh, asked), openness(mesh)
    assert np.allclose(some[asked], everything[asked]) and (some[~asked] == 1).all()


def test_a_texel_has_the_size_of_its_share_of_the_surface(mesh, texels):
    places = texels.interpolate(mesh.triangles, mesh.vertices)
    side = np.sqrt(np.linalg.norm(np.cross(np.gradient(places, axis=0), np.gradient(places, axis=1)), axis=-1))
    assert texel_size(mesh, texels) == pytest.approx(np.median(side), rel=0.25)
