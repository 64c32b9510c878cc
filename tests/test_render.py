"""Rasteriser, texture sampling and the conventions of views."""

import numpy as np
import pytest
from ball import ball, smooth_texture

from portrait_pipeline.base.errors import ParameterError
from portrait_pipeline.mesh.geometry import vertex_normals
from portrait_pipeline.mesh.render import (
    Framing,
    View,
    bilinear_taps,
    camera_vertices,
    embree_rasterise,
    frame_head,
    mip_chain,
    rasterise,
    render,
    sample_texture,
)


def brute_force(vertices: np.ndarray, triangles: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nearest triangle, its weights, and whether the pixel is clear of every edge."""
    found = np.full((size, size), -1)
    weights = np.zeros((size, size, 3))
    clear = np.ones((size, size), bool)
    for row in range(size):
        for column in range(size):
            x, y = 2 * (column + 0.5) / size - 1, 1 - 2 * (row + 0.5) / size
            nearest = -np.inf
            for number, triangle in enumerate(triangles):
                corners = vertices[triangle]
                system = np.vstack([corners[:, :2].T, np.ones(3)])
                if abs(np.linalg.det(system)) < 1e-9:
                    continue
                weight = np.linalg.solve(system, [x, y, 1.0])
                clear[row, column] &= abs(weight.min()) > 1e-4
                depth = weight @ corners[:, 2]
                if weight.min() >= 0 and depth > nearest:
                    nearest, found[row, column], weights[row, column] = depth, number, weight
    return found, weights, clear


def test_rasteriser_agrees_with_brute_force_on_a_triangle_soup():
    rng = np.random.default_rng(3)
    vertices = rng.uniform(-1.1, 1.1, size=(36, 3))
    triangles = np.arange(36).reshape(12, 3).astype(np.int32)
    triangle, barycentric = embree_rasterise(vertices, triangles, 20)
    found, weights, clear = brute_force(vertices, triangles, 20)
    assert clear.mean() > 0.9
    assert np.array_equal(triangle[clear], found[clear])
    hit = clear & (found >= 0)
    assert np.abs(barycentric[hit] - weights[hit]).max() < 1e-4
    assert np.all(barycentric[triangle < 0] == 0)


def test_rasterised_uv_lies_on_the_seen_surface_point():
    mesh, framing = ball(), Framing(np.zeros(3), 12.0)
    view = View(25.0, -10.0)
    fragments = rasterise(mesh, view, framing, 64)
    rows, columns = np.nonzero(fragments.mask)
    corners = mesh.vertices[mesh.triangles[fragments.triangle[rows, columns]]]
    points = np.einsum("nk,nkx->nx", fragments.barycentric[rows, columns], corners)
    seen = camera_vertices(points, view, framing)
    assert np.abs(seen[:, 0] - (2 * (columns + 0.5) / 64 - 1)).max() < 1e-5
    assert np.abs(seen[:, 1] - (1 - 2 * (rows + 0.5) / 64)).max() < 1e-5
    turn = np.arctan2(points[:, 0], points[:, 2])
    assert np.abs(fragments.uv[rows, columns, 0] - (turn + np.pi) / (2 * np.pi)).max() < 0.01


@pytest.mark.parametrize(("view", "axis", "sign"), [(View(30, 0), 0, 1), (View(-30, 0), 0, -1), (View(0, 20), 1, -1)])
def test_nose_goes_right_for_positive_azimuth_and_down_seen_from_above(view, axis, sign):
    nose = camera_vertices(np.array([[0.0, 0.0, 10.0]]), view, Framing(np.zeros(3), 10.0))[0]
    assert nose[axis] * sign > 0.3
    assert np.allclose(np.linalg.det(view.rotation()), 1.0)


def test_framing_holds_the_head_in_every_view():
    mesh = ball()
    vertices = mesh.vertices * [0.7, 1.3, 0.9] + [3.0, -8.0, 2.0]
    framing = frame_head(vertices, margin=0.0)
    for azimuth in range(-180, 180, 30):
        for elevation in (-30, -15, 0, 15, 30):
            seen = camera_vertices(vertices, View(azimuth, elevation), framing)
            assert np.abs(seen[:, :2]).max() <= 1 + 1e-9


def test_texel_centres_are_exact_columns_wrap_and_rows_are_clamped():
    size = 8
    texture = np.arange(size * size, dtype=float).reshape(size, size, 1)
    rows, columns = np.divmod(np.arange(size * size), size)
    uv = np.stack([(columns + 0.5) / size, 1 - (rows + 0.5) / size], axis=1)
    assert np.array_equal(sample_texture(texture, uv, np.zeros(len(uv)))[:, 0], texture.ravel())
    index, weight = bilinear_taps(np.array([[0.0, 0.5], [0.5, 1.0], [1.0, 0.0]]), size)
    assert set(index[0] % size) == {0, size - 1}, "u = 0 lies between the last and the first column"
    assert set(index[1] // size) == {0} and set(index[2] // size) == {size - 1}
    assert np.allclose(weight.sum(axis=1), 1) and weight.min() >= 0


def test_minified_texture_is_averaged_not_aliased():
    size = 256
    checks = (np.indices((size, size)).sum(axis=0) % 2 * 255).astype(np.uint8)
    texture = np.repeat(checks[..., None], 3, axis=2)
    mesh, framing = ball(), Framing(np.zeros(3), 12.0)
    picture = render(mesh, texture, View(10, 5), framing, 24)
    inside = rasterise(mesh, View(10, 5), framing, 24).mask
    inner = inside & np.roll(inside, 1, 0) & np.roll(inside, -1, 0) & np.roll(inside, 1, 1) & np.roll(inside, -1, 1)
    assert np.abs(picture[inner].astype(float) - 127.5).max() < 8
    assert [level.shape[0] for level in mip_chain(texture.astype(float))] == [256, 128, 64, 32, 16, 8, 4, 2, 1]


def test_plain_texture_background_and_soft_outline():
    texture = np.full((32, 32, 3), (200, 40, 90), np.uint8)
    framing = Framing(np.zeros(3), 16.0)
    picture = render(ball(), texture, View(), framing, 48, background=(0, 255, 0), supersample=4)
    assert tuple(picture[24, 24]) == (200, 40, 90) and tuple(picture[0, 0]) == (0, 255, 0)
    mixed = ~np.isin(picture[..., 0], (0, 200))
    assert 20 < mixed.sum() < 400, "only the outline mixes head and background"


def test_texture_is_upright_and_not_mirrored():
    texture = np.zeros((64, 64, 3), np.uint8)
    texture[:32, :, 0] = 255  # upper half of the texture image: v > 0.5
    texture[:, 32:, 1] = 255  # right half: u > 0.5, head-space +x
    picture = render(ball(), texture, View(), Framing(np.zeros(3), 12.0), 64)
    assert tuple(picture[20, 44]) == (255, 255, 0) and tuple(picture[44, 20]) == (0, 0, 0)


def test_no_line_at_the_seam():
    picture = render(ball(48, 24), smooth_texture(128), View(180, 0), Framing(np.zeros(3), 12.0), 128).astype(float)
    step = np.abs(np.diff(picture[40:88], axis=1)).max(axis=(0, 2))
    assert step[60:68].max() <= step[40:60].max() + 3


def test_grey_head_is_lit_from_above_left():
    picture = render(ball(), None, View(), Framing(np.zeros(3), 12.0), 64)
    assert np.ptp(picture[32, 32]) == 0
    assert picture[20, 22, 0] > picture[44, 42, 0] + 20


def test_vertex_normals_of_a_ball_point_outwards():
    mesh = ball(48, 24)
    normals = vertex_normals(mesh.vertices, mesh.triangles)
    outwards = mesh.vertices / np.linalg.norm(mesh.vertices, axis=1, keepdims=True)
    assert (normals * outwards).sum(axis=1).min() > 0.98


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"size": 0}, "at least 1 pixel"),
        ({"supersample": 0}, "supersample is 0"),
        ({"framing": Framing(np.zeros(3), 0.0)}, "half extent"),
        ({"texture": np.zeros((4, 8, 3), np.uint8)}, "square uint8"),
        ({"texture": np.zeros((4, 4, 3))}, "square uint8"),
    ],
)
def test_bad_arguments_are_named(changes, words):
    arguments = {
        "texture": np.zeros((4, 4, 3), np.uint8),
        "view": View(),
        "framing": Framing(np.zeros(3), 12.0),
        "size": 8,
    } | changes
    with pytest.raises(ParameterError, match=words) as error:
        render(ball(), **arguments)
    assert "\n" not in str(error.value)
