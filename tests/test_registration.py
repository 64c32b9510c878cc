"""Laying the bundled head onto other ones: nearest points, registration, and what is carried over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from model_files import small_head

from portrait_pipeline.base.errors import ModelError
from portrait_pipeline.convert.conversion import (
    Carry,
    carried_contours,
    carried_mirror,
    check_size,
    into_head_space,
    to_head,
    to_native,
)
from portrait_pipeline.convert.formats.foreign import ForeignModel
from portrait_pipeline.convert.registration import (
    Anchors,
    Registration,
    find_similarity,
    outer_triangles,
    register,
    smoothness,
)
from portrait_pipeline.head.model import FaceModel, blend_shape_limits
from portrait_pipeline.head.pose import rotation_from_vector
from portrait_pipeline.mesh.closest import SurfacePoints, TriangleSearch
from portrait_pipeline.mesh.geometry import grow, rim_vertices
from portrait_pipeline.mesh.laplacian import graph_laplacian
from portrait_pipeline.mesh.similarity import Similarity, fit_similarity

PATCHES = (1, 2, 3)


# --- points on surfaces ----------------------------------------------------------------------------


def test_nearest_point_of_a_triangle_against_a_fine_grid():
    rng = np.random.default_rng(0)
    a, b = np.meshgrid(np.linspace(0, 1, 201), np.linspace(0, 1, 201))
    grid = np.stack([1 - a - b, a, b], axis=-1)[(a + b) <= 1 + 1e-12]
    for point, triangle in zip(1.5 * rng.standard_normal((30, 3)), rng.standard_normal((30, 3, 3)), strict=True):
        found, distance, number = TriangleSearch(triangle, np.array([[0, 1, 2]])).nearest(point[None])
        assert (found.weights >= 0).all() and np.allclose(found.weights.sum(), 1.0) and number == 0
        assert np.isclose(np.linalg.norm(found.of(triangle) - point), distance)
        assert distance <= np.linalg.norm(grid @ triangle - point, axis=1).min() + 1e-9


def test_what_lies_on_an_edge_belongs_to_its_first_triangle_whatever_the_rounding():
    square = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0.5, 0.5, 0]])
    flat = np.array([0, 4, 2])  # without area, on the diagonal: no place to be
    search = TriangleSearch(square, np.array([flat, [0, 1, 2], [0, 2, 3]]))
    for shift in (0.0, 1e-15, -1e-15, 1e-13, -1e-13):
        found, _, triangles = search.nearest(np.array([[0.4 + shift, 0.4, 0.3], [0.5 + shift, 0.5 - shift, -0.2]]))
        assert triangles.tolist() == [1, 1]
        assert found.nearest_vertex().tolist() == [0, 0], "half way between two corners, the first"


def test_search_finds_points_of_the_mesh_and_interpolates(model):
    rng = np.random.default_rng(1)
    search = TriangleSearch(model.mean, model.triangles)
    triangles = rng.integers(len(model.triangles), size=300)
    weights = rng.dirichlet(np.ones(3), 300)
    truth = SurfacePoints(model.triangles[triangles], weights)
    places = truth.of(model.mean.astype(float))
    found, distance, _ = search.nearest(places + 0.02 * search.normals[triangles])
    assert np.quantile(distance, 0.9) < 0.0201
    assert np.linalg.norm(found.of(search.vertices) - places, axis=1).max() < 0.1
    values = rng.standard_normal((len(model.mean), 2))
    assert np.allclose(found.matrix(len(values)) @ values, found.of(values))
    assert (found.nearest_vertex() == found.ids[np.arange(300), found.weights.argmax(axis=1)]).all()


def test_rims_rings_and_laplacian_of_a_square():
    triangles = np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])
    assert rim_vertices(triangles, 5).tolist() == [True, True, True, True, False]
    assert grow(np.array([True, False, False, False, False, False]), triangles, 1).tolist() == [
        True, True, False, True, True, False,
    ]  # fmt: skip
    laplacian = graph_laplacian(triangles, 6)
    dense = laplacian.toarray()
    assert np.allclose(dense.sum(axis=1), 0.0) and np.allclose(dense[4], [-0.25, -0.25, -0.25, -0.25, 1, 0])


# --- similarities ----------------------------------------------------------------------------------


def test_similarity_is_recovered_and_inverted():
    rng = np.random.default_rng(2)
    truth = Similarity(0.03, rotation_from_vector(np.array([0.3, -1.0, 0.2])), np.array([5.0, -90.0, 3.0]))
    points = rng.standard_normal((30, 3))
    found = fit_similarity(points, truth.apply(points), rng.uniform(0.5, 1, 30))
    assert np.isclose(found.scale, truth.scale) and np.allclose(found.apply(points), truth.apply(points))
    assert np.allclose(truth.inverse().apply(truth.apply(points)), points)
    assert np.allclose(truth.after(found).apply(points), truth.apply(found.apply(points)))


# --- registration ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def foreign_topology(model) -> tuple[np.ndarray, SurfacePoints, np.ndarray, np.ndarray]:
    """Another mesh of the same surface, without scalp, neck and holes: random points, each the corner of triangles.

    Vertices (N, 3) of a drawn person, where they lie on the bundled topology, triangles, and the person's (V, 3).
    """
    rng = np.random.default_rng(5)
    person = model.vertices(rng.standard_normal(len(model.identity_basis)), np.zeros(len(model.expression_names)))
    face = np.flatnonzero((model.regions[model.triangles] == 0).all(axis=1))
    # Every old triangle is split at a random inner point, and its corners are moved along an edge: no vertex is kept.
    inner = rng.dirichlet(4 * np.ones(3), len(face))
    used, place = np.unique(model.triangles[face], return_inverse=True)
    first = np.zeros(len(model.mean), int)
    first[model.triangles[face]] = np.arange(len(face))[:, None]
    first_faces = face[first[used]]
    ids = model.triangles[first_faces]
    weights = 0.3 * rng.dirichlet(np.ones(3), len(used)) + 0.7 * (ids == used[:, None])
    points = SurfacePoints(np.concatenate([ids, model.triangles[face]]), np.concatenate([weights, inner]))
    corner, centre = place.reshape(-1, 3), len(used) + np.arange(len(face))
    triangles = np.concatenate([np.c_[corner[:, k], corner[:, (k + 1) % 3], centre] for k in range(3)])
    return points.of(person), points, triangles, person


def test_landmarks_are_found_on_another_mesh_of_unknown_size_place_and_turn(model, foreign_topology):
    vertices, points, triangles, person = foreign_topology
    moved = Similarity(0.037, rotation_from_vector(np.array([0.12, -0.2, 0.08])), np.array([3.0, -50.0, 8.0]))
    result = register(model, moved.apply(vertices), outer_triangles(moved.apply(vertices), triangles))
    found = result.points.nearest_vertex()[model.landmarks]
    error = 10.0 * np.linalg.norm(vertices[found] - person[model.landmarks], axis=1)
    spacing = 10.0 * np.linalg.norm(np.diff(vertices[triangles[:, :2]], axis=1), axis=2).mean()
    assert error[17:].mean() < 1.0 and error.mean() < 1.5 and spacing > 1.0  # mm
    assert not result.covered[np.isin(model.regions, PATCHES)].any()
    assert result.covered[model.regions == 0].mean() > 0.9 > 0.1 > result.covered[model.regions > 4].mean()
    # The similarity brings the person back to head space, but for its size, which identity explains as well.
    back = result.similarity.after(moved)
    assert 0.9 < back.scale < 1.1 and np.degrees(np.arccos((np.trace(back.rotation) - 1) / 2)) < 4.0


def test_what_is_no_head_is_refused(model):
    upside_down = model.mean * np.array([-1.0, -1.0, 1.0])
    with pytest.raises(ModelError, match=r"not recognised as a head \(.* mm off.* must stand upright"):
        register(model, upside_down, model.triangles)


def test_four_anchors_find_any_pose(model):
    turned = Similarity(7.0, rotation_from_vector(np.array([0.0, 3.0, 0.0])), np.array([1.0, 2.0, 3.0]))
    ids = model.landmarks[[30, 36, 45, 8, 57]]
    anchors = Anchors(ids, turned.apply(model.mean[ids]))
    found = find_similarity(model, turned.apply(model.mean), model.triangles, anchors)
    assert np.allclose(found.after(turned).apply(model.mean), model.mean, atol=1e-4)


def test_hidden_parts_are_no_skin():
    """Of a box with a ball inside and a second ball beside it, the box is left."""
    trimesh = pytest.importorskip("trimesh")
    box = trimesh.creation.box((10, 10, 10)).subdivide().subdivide().subdivide()
    balls = [trimesh.creation.icosphere(2, 2.0), trimesh.creation.icosphere(2, 2.0).apply_translation([9, 0, 0])]
    joined = trimesh.util.concatenate([box, *balls])
    skin = outer_triangles(np.asarray(joined.vertices), np.asarray(joined.faces))
    assert len(skin) == len(box.faces) and skin.max() < len(box.vertices)


# --- carrying over ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def face_only(model) -> tuple[ForeignModel, Registration, np.ndarray]:
    """The bundled face without scalp, neck, ears and patches, exactly registered, and its origin vertices."""
    head = small_head(model, 4, ("jawOpen",), 7, (1, 2, 3, 4, 5, 6))
    foreign = ForeignModel(
        name="face", mean=head.mean, triangles=head.triangles, identity_basis=head.identity,
        expression_basis=head.expression, expression_names=("opened",), **blend_shape_limits(1),
        cross_basis=0.1 * head.identity[:, None],
    )  # fmt: skip
    search = TriangleSearch(head.mean, head.triangles)
    points, distance, _ = search.nearest(model.mean)
    covered = np.zeros(len(model.mean), bool)
    covered[head.origin] = True
    same = Similarity(1.0, np.eye(3), np.zeros(3))
    return foreign, Registration(same, model.mean.astype(float), points, distance, covered, 0.0), head.origin


def test_a_face_becomes_a_whole_head_whose_components_go_on(model, face_only):
    foreign, registration, _ = face_only
    result, notes = to_head(foreign, model, registration)
    assert result.fits_pipeline and np.abs(result.mean - model.mean).max() < 1e-3
    for k in range(4):
        error = np.linalg.norm(result.identity_basis[k] - model.identity_basis[k], axis=1)
        size = np.linalg.norm(model.identity_basis[k], axis=1)
        assert error[model.regions == 0].max() < 0.02
        assert error.mean() < 0.1 * size.mean()  # scalp, neck, ears, eyes: as the bundled model has them
    jaw = model.expression_basis[model.expression_names.index("jawOpen")]
    assert np.linalg.norm(result.expression_basis[0] - jaw, axis=1).mean() < 0.1 * np.linalg.norm(jaw, axis=1).mean()
    assert result.expression_names[0] == "opened" and set(model.expression_names) <= set(result.expression_names)
    lent = result.expression_spread < 0.01
    assert lent.sum() == 52 and not lent[0]  # lent shapes animate, but do not take part in the fit
    assert np.array_equal(result.expression_basis[1:], model.expression_basis)
    assert result.cross_basis.shape == (4, 53, len(model.mean), 3) and not result.cross_basis[:, 1:].any()
    assert np.abs(result.cross_basis[:, 0, registration.covered] / 0.1).max() > 0.1
    assert any("52 ARKit" in note for note in notes)


def test_what_is_continued_is_smooth_and_fades(model, face_only):
    foreign, registration, _ = face_only
    carry = Carry(foreign, model, registration)
    values = np.where(carry.known[:, None], [1.0, -2.0, 0.0], 0.0)[None]
    result = carry.continued(values)[0]
    assert np.array_equal(result[carry.known], values[0, carry.known])
    edge = grow(carry.known, model.triangles, 1) & ~carry.known
    assert np.abs(result[edge] - [1.0, -2.0, 0.0]).max() < 0.2
    crown = model.mean[:, 1].argmax()
    assert np.abs(result[crown]).max() < 0.6 and np.abs(result).max() < 2.2
    # It solves the equations: the energy's slope is 0 at the free vertices.
    energy = smoothness(len(model.mean), model.triangles) + 1e-4 * sp.identity(len(model.mean))
    assert np.abs((energy @ result)[~carry.known]).max() < 1e-9


def test_a_native_model_takes_over_what_it_lacks(model, face_only, tmp_path):
    foreign, registration, origin = face_only
    result, notes = to_native(foreign, model, registration)
    assert np.array_equal(origin[result.landmarks], model.landmarks)
    assert np.array_equal(result.regions, model.regions[origin])
    paired = result.mirror != np.arange(len(origin))
    assert np.array_equal(result.mirror[result.mirror], np.arange(len(origin)))
    assert np.array_equal(origin[result.mirror[paired]], model.mirror[origin[paired]]) and paired.mean() > 0.95
    assert (result.jaw_contours == result.landmarks[:17, None]).any(axis=1).all()
    assert not result.fits_pipeline and len(result.uv) == 0 and notes
    with pytest.raises(ModelError, match="good for fitting only; the pipeline needs the head's: run .*--topology head"):
        result.require_pipeline("fit.model")
    result.save(tmp_path / "native.h5")
    again = FaceModel.load(tmp_path / "native.h5")
    assert np.array_equal(again.triangles, foreign.triangles) and np.allclose(again.mean, foreign.mean, atol=1e-6)


def test_own_landmarks_win_and_stand_in_their_contours(model, face_only):
    foreign, registration, origin = face_only
    own = np.full(68, -1)
    own[3], own[30] = 17, 23
    result, _ = to_native(replace(foreign, landmarks=own), model, registration)
    assert result.landmarks[3] == 17 and result.landmarks[30] == 23 and 17 in result.jaw_contours[3]
    assert np.array_equal(np.delete(origin[result.landmarks], [3, 30]), np.delete(model.landmarks, [3, 30]))
    rows = carried_contours(model.mean, model.jaw_contours, model.landmarks)
    assert np.array_equal(rows, model.jaw_contours)


def test_the_mirror_of_a_lopsided_mesh_is_still_an_involution(model):
    rng = np.random.default_rng(8)
    some = model.mean[rng.permutation(len(model.mean))[:3000]].astype(float)
    mirror = carried_mirror(some, model, model.mean.astype(float))
    assert np.array_equal(mirror[mirror], np.arange(3000)) and (mirror != np.arange(3000)).mean() > 0.6


def test_head_space_keeps_lengths(model, face_only):
    foreign, registration, _ = face_only
    turn = rotation_from_vector(np.array([0.1, 0.2, 0.0]))
    turned = replace(foreign, mean=1.25 * foreign.mean @ turn.T + 7.0, identity_basis=foreign.identity_basis @ turn.T)
    found = replace(registration, similarity=Similarity(1.25, turn, np.full(3, 7.0)).inverse())
    aligned, scaled = into_head_space(turned, found)
    assert np.allclose(aligned.mean, 1.25 * foreign.mean, atol=1e-6)  # a larger head stays larger
    assert np.allclose(scaled.vertices, 1.25 * registration.vertices) and scaled.similarity.scale == 1.0
    assert np.allclose(aligned.identity_basis, foreign.identity_basis, atol=1e-6)


def test_an_implausible_size_names_the_unit():
    check_size("m.h5", "bfm", 9.0, None)
    with pytest.raises(ModelError, match=r"m.h5: read with 0.1 cm a unit, .* 90 cm apart, .*\(0.01 would make"):
        check_size("m.h5", "bfm", 90.0, None)
    with pytest.raises(ModelError, match="read with 2 cm a unit"):
        check_size("m.h5", "bfm", 4.0, 2.0)
